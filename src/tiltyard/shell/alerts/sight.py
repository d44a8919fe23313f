"""What Prometheus sees of a desk: its series, as expressions.

Every expression is of one desk, and gives one series for each subject, with the labels ``desk``
and, for arms, ``policy``: so that expressions match one another, an alert has the labels that
routes go by, and two desks of which one stands by are one.

>>> sight = Sight("tiltyard")
>>> sight.state("challenger_drawdown_high", "arm", "tripped")  # doctest: +ELLIPSIS
'max by (desk, policy) (tiltyard_guard_state{desk="tiltyard",guard="challenger_drawdown_high",...
"""

from dataclasses import dataclass

from tiltyard.facts.verdict import Scope
from tiltyard.shell.exporter.series import Series

JOB = "tiltyard"
"""What Prometheus calls the desk it scrapes."""
IDLE = "candidate|halted"
"""States of challengers that nobody judges: they wait to be admitted, or for a person."""
ROLES = {"arm": "challenger", "champion": "champion"}


@dataclass(frozen=True, slots=True)
class Sight:
    """One desk as Prometheus sees it.

    Attributes:
        desk: The label of everything that is scraped from it.
    """

    desk: str

    def selector(self, family: str, **labels: str) -> str:
        """A family of the desk."""
        return Series(family, "").selector(desk=self.desk, **labels)

    def series(self, series: Series, scope: Scope) -> str:
        """The series of a metric, of the arms that a guard of this scope is asked about."""
        role = {"role": ROLES[scope]} if series.of_arms and scope in ROLES else {}
        return series.selector(desk=self.desk, **role)

    def most(self, family: str, by: str, **labels: str) -> str:
        """The largest of a family.

        Args:
            family: Its name.
            by: ``desk``, or ``desk, policy``.
            labels: Further ones.
        """
        return f"max by ({by}) ({self.selector(family, **labels)})"

    def state(self, guard: str, scope: Scope, *states: str) -> str:
        """The subjects about whom a guard is in one of some states."""
        sign = "=" if len(states) == 1 else "=~"
        labels = f'desk="{self.desk}",guard="{guard}",state{sign}"{"|".join(states)}"'
        return f"max by ({subject(scope)}) (tiltyard_guard_state{{{labels}}})"

    def idle(self, by: str = "desk, policy") -> str:
        """The challengers that nobody judges; an arm whose state is not shown is none."""
        labels = f'desk="{self.desk}",role="{ROLES["arm"]}",state=~"{IDLE}"'
        return f"max by ({by}) (tiltyard_arm_state{{{labels}}})"


def subject(scope: Scope) -> str:
    """The labels that tell subjects of a scope apart."""
    return "desk" if scope == "account" else "desk, policy"
