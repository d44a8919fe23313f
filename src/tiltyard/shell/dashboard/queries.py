"""The expressions of the dashboard, over the series that the exporter writes.

The desk is one, the policies are those that the reader has chosen. Every expression is aggregated
to the labels that are shown, so that a desk that moves to another machine goes on as the same line.

>>> each_arm(family("open_positions"))
'max by (policy) (tiltyard_open_positions{desk="$desk",policy=~"$policy"})'
>>> account(family("gpu_available"))
'max (tiltyard_gpu_available{desk="$desk"})'
"""

from collections.abc import Iterator, Mapping

from tiltyard.checklist.comparison import Comparison
from tiltyard.checklist.guard import Guard
from tiltyard.facts.verdict import Scope
from tiltyard.kernel.undefined import twelve_digits
from tiltyard.shell.alerts.of_guard import decimal
from tiltyard.shell.alerts.sight import JOB, ROLES, Sight
from tiltyard.shell.exporter.series import PREFIX, Series, series_of

DESK, POLICY = "$desk", "$policy"
RATE_SPAN = "$__rate_interval"
STATES = ("pass", "warming", "breach", "unknown", "error", "tripped")
"""Of a guard, from what asks for nothing to what asks for most."""


def family(name: str) -> Series:
    """A family that is no metric of the catalogue, by its name without the prefix."""
    return Series(PREFIX + name, "")


def chosen(series: Series, **labels: str) -> str:
    """The series of the chosen policies, whatever else they are told apart by."""
    return f'{series.selector(desk=DESK, **labels)[:-1]},policy=~"{POLICY}"}}'


def each_arm(series: Series, by: str = "policy", pick: str = "max", **labels: str) -> str:
    """One number for each chosen policy."""
    return f"{pick} by ({by}) ({chosen(series, **labels)})"


def account(series: Series, pick: str = "max", **labels: str) -> str:
    """One number for the desk."""
    return f"{pick} ({series.selector(desk=DESK, **labels)})"


def each(series: Series, by: str, pick: str = "max", **labels: str) -> str:
    """One number of the desk for each value of a label that is no policy's."""
    return f"{pick} by ({by}) ({series.selector(desk=DESK, **labels)})"


def age(expression: str) -> str:
    """Seconds since a time."""
    return f"time() - {expression}"


def overdue(series: Series, by: str, limits: Mapping[str, int]) -> str:
    """1 for each of some whose time lies further back than its limit in seconds, 0 for others."""
    return " or ".join(
        f"({age(each(series, by, **{by: name}))}) > bool {seconds}"
        for name, seconds in limits.items()
    )


def growth(series: Series, by: str, span: str, **labels: str) -> str:
    """By how much a counter of the ledger has grown in a span; it falls with no restart.

    One that began within the span, as the desk was seen before, began with 0, which nobody has
    scraped; where nobody saw the desk, with the least that is known of it.
    """
    shown = series.selector(desk=DESK, **labels)
    now, seen = f"max by ({by}) ({shown})", account(family("heartbeat_timestamp_seconds"))
    return (
        f"{now} - (\n  max by ({by}) ({shown} offset {span})"
        f"\n  or 0 * {now} and on () {seen[:-1]} offset {span})"
        f"\n  or min by ({by}) (min_over_time({shown}[{span}])))"
    )


def rate(series: Series) -> str:
    """How often a second something happens."""
    return f"sum (rate({series.selector(desk=DESK)}[{RATE_SPAN}]))"


def quantile(share: float, histogram: str) -> str:
    """What so large a share of the durations stays below."""
    buckets = family(f"{histogram}_bucket").selector(desk=DESK)
    return f"histogram_quantile({share}, sum by (le) (rate({buckets}[{RATE_SPAN}])))"


def watched(guard: Guard) -> str:
    """The numbers that a guard compares; of several for one subject, that nearest to a breach."""
    return _of_scope(guard.metric, guard.scope, _nearest(guard.when))


def limit(guard: Guard) -> str:
    """The limit of a guard that compares with another metric, in the unit of its own."""
    shown, other = series_of(guard.metric), series_of(guard.when.metric)
    factor = decimal(twelve_digits(shown.number(guard.when.number) / other.factor))
    return f"{factor} * {_of_scope(guard.when.metric, guard.scope, 'max')}"


def how_many(states: str) -> str:
    """How many guards are in one of some states; none is 0 while the desk is seen.

    Of arms that nobody judges only what has tripped counts: it is why they are halted.
    """
    found = f'{family("guard_state").selector(desk=DESK)[:-1]},state=~"{states}"}}'
    if states != "tripped":
        found += f"\n  unless on (policy) {Sight(DESK).idle('policy')}"
    return f"count ({found})\nor 0 * {account(family('heartbeat_timestamp_seconds'))}"


def state(guard: Guard) -> str:
    """In which state a guard is with each subject; the word is the label ``state``."""
    series = family("guard_state")
    if guard.scope == "account":
        return each(series, "state", guard=guard.name)
    return each_arm(series, "policy, state", guard=guard.name)


def alerts() -> str:
    """What fires and what is pending, as Prometheus writes it down itself."""
    return f'max by (alertname, policy, severity, alertstate) (ALERTS{{desk="{DESK}"}})'


def state_numbers() -> str:
    """The states of all guards as their places in :data:`STATES`."""
    return f"max by (guard, policy) (\n  {_by_number()}\n)"


def _by_number() -> str:
    return "\n  or ".join(_numbered())


def _numbered() -> Iterator[str]:
    for number, name in enumerate(STATES):
        of_arms_and_account = f'policy=~"|{POLICY}"'
        series = family("guard_state").selector(desk=DESK, state=name)
        yield f"{number} * {series[:-1]},{of_arms_and_account}}}"


def _of_scope(metric: str, scope: Scope, pick: str) -> str:
    if metric == "up":  # Prometheus, which scrapes the desk, knows that better than anybody
        return f'{pick} (up{{job="{JOB}",desk="{DESK}"}})'
    series = series_of(metric)
    if scope == "account" or not series.of_arms:
        return account(series, pick)
    return each_arm(series, pick=pick, role=ROLES[scope])


def _nearest(when: Comparison) -> str:
    return "max" if when.sign in (">", ">=", "==") else "min"
