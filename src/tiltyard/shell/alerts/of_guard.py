"""The expression by which Prometheus judges as a guard does.

Where the series that the desk shows say all that the guard goes by, Prometheus compares them
itself: the limit in the unit of the series, ``only_if`` as ``and``, the other metric of a
comparison matched by desk and policy, ``confirm = "for …"`` as ``for``. Where the desk says that
the guard is ``unknown`` or in ``error`` it does not fire: a series goes on with the last number,
however old it is, and nobody should be told that an old number is of now. That is told as
GuardUnknown.

About an arm that waits to be admitted, or is halted, no guard is asked, so there is no alert; but
that of the guard by which it is halted lasts until a person re-arms it.

What is not shown cannot be compared: how many samples there were, which of the last answers were
breaches, how much evidence there is. Such a guard's alert goes by ``tiltyard_guard_state``, which
is the desk's own word that it has tripped; :func:`why_by_state` says which are so and why.

A way back that compares the guard's own number, and wants nothing else, is repeated: the alert
goes on, once it fires, until the number is there. Any other way back is the desk's alone: its
alert ends when the breach does.

``up`` is what Prometheus knows better than anybody: the guard on it asks whether the desk answers.

A scrape that fails ends every series, and with them the alerts, which the next scrape begins anew.
A desk that is restarted is such a gap. So a critical alert goes on through :data:`GAP`, and ends so
much later; but the one on ``up``, which is about gaps.
"""

from collections.abc import Iterator
from decimal import Decimal

from tiltyard.checklist.comparison import Comparison
from tiltyard.checklist.guard import Guard
from tiltyard.metrics.catalogue import spec_of
from tiltyard.shell.alerts.sight import JOB, Sight, subject
from tiltyard.shell.alerts.yaml_text import quoted
from tiltyard.shell.exporter.series import Series, series_of

UP = "up"
GAP = 120
"""Seconds without a series, or without a breach, through which a critical alert goes on."""
LOST = ("unknown", "error")
_OPPOSITES = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_RISING = frozenset({">", ">=", "=="})


def expression(guard: Guard, sight: Sight) -> str:
    """What the guard's alert fires by.

    Args:
        guard: It has an alert.
        sight: Of the desk.
    """
    if asks_whether_up(guard):
        return _does_not_answer(sight)
    if why_by_state(guard):
        return sight.state(guard.name, guard.scope, "tripped")
    breach = _compared(guard, guard.metric, guard.when, sight)
    if still := _not_cleared(guard, sight):
        breach = f"({breach}\nor {still})"
    if guard.only_if is not None:
        breach = f"{breach}\nand {_compared(guard, *guard.only_if, sight)}"
    if guard.scope == "arm":
        breach = f"{breach}\nunless {_nobody_asks(guard, sight)}"
    return f"{breach}\nunless {sight.state(guard.name, guard.scope, *LOST)}"


def _nobody_asks(guard: Guard, sight: Sight) -> str:
    """The arms about which it is not asked; who is halted by it is told of until re-armed."""
    if guard.effect != "halt":
        return sight.idle()
    return f"({sight.idle()}\n  unless {sight.state(guard.name, guard.scope, 'tripped')})"


def seconds(guard: Guard) -> int:
    """How long it has to be so; a desk may be silent as long as the guard's value may be old."""
    return guard.stale_after if asks_whether_up(guard) else guard.confirm.seconds


def seconds_kept(guard: Guard) -> int:
    """How long it goes on when it is so no more."""
    is_critical = guard.severity == "critical" and guard.mode == "enforce"
    return GAP if is_critical and not asks_whether_up(guard) else 0


def asks_whether_up(guard: Guard) -> bool:
    """Whether it is about the desk not answering, and nothing else."""
    return (
        guard.metric == UP
        and guard.scope == "account"
        and guard.only_if is None
        and not guard.when.metric
        and guard.when.holds(0)
        and not guard.when.holds(1)
    )


def why_by_state(guard: Guard) -> str:
    """Why Prometheus takes the desk's word for it; empty where it judges by itself.

    >>> from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
    >>> why_by_state(DEFAULT_CHECKLIST.guard("api_error_rate_high"))
    'it wants 20 samples, and how many there are is not shown'
    """
    return next(_hidden(guard), "")


def _hidden(guard: Guard) -> Iterator[str]:
    if asks_whether_up(guard):
        return
    if guard.confirm.trades:
        yield "how much evidence there is is not shown"
    if guard.confirm.answers > 1:
        yield f"{guard.confirm} answers are counted by what comes in, not by time"
    if guard.min_samples > max(spec_of(guard.metric).window, 1):
        yield f"it wants {guard.min_samples} samples, and how many there are is not shown"
    for metric in _metrics(guard):
        if series_of(metric).of_arms != (guard.scope != "account"):
            whose = "each arm" if series_of(metric).of_arms else "the account"
            yield f"{metric} is shown for {whose}, and the guard is of scope {guard.scope}"


def _metrics(guard: Guard) -> Iterator[str]:
    yield guard.metric
    if guard.when.metric:
        yield guard.when.metric
    if guard.only_if is not None:
        metric, comparison = guard.only_if
        yield metric
        if comparison.metric:
            yield comparison.metric


def worst(guard: Guard, sight: Sight, metric: str = "", sign: str = "") -> str:
    """A number of each subject; where several desks show one, that nearest to a breach."""
    pick = "max" if (sign or guard.when.sign) in _RISING else "min"
    series = sight.series(series_of(metric or guard.metric), guard.scope)
    return f"{pick} by ({subject(guard.scope)}) ({series})"


def _compared(guard: Guard, metric: str, comparison: Comparison, sight: Sight) -> str:
    number = worst(guard, sight, metric, comparison.sign)
    sign = comparison.sign
    shown = series_of(metric)
    if not comparison.metric:
        return f"{number} {sign} {decimal(shown.number(comparison.number))}"
    other = series_of(comparison.metric)
    pick = "min" if sign in _RISING else "max"
    limit = f"{pick} by ({subject(guard.scope)}) ({sight.series(other, guard.scope)})"
    factor = decimal(_factor(comparison.number, shown, other))
    return f"{number} {sign} on ({subject(guard.scope)}) {factor} * {limit}"


def _factor(number: float, shown: Series, other: Series) -> float:
    return shown.number(number) / other.factor


def _not_cleared(guard: Guard, sight: Sight) -> str:
    """It fires already, and is not at the level that ends it; empty where that is not repeated."""
    back = guard.clear
    if (
        back is None
        or back.metric not in ("", guard.metric)
        or back.trades
        or back.at_most
        or back.when.metric
        or guard.cool_down
        or guard.only_if is not None
        or back.when.sign not in _OPPOSITES
    ):
        return ""
    remains = Comparison(_OPPOSITES[back.when.sign], back.when.number)
    by = subject(guard.scope)
    firing = (
        f"alertname={quoted(guard.alert)},"
        f'alertstate="firing",desk="{sight.desk}",guard="{guard.name}"'
    )
    was = f"max by ({by}) (ALERTS{{{firing}}})"
    return f"{_compared(guard, guard.metric, remains, sight)}\nand on ({by}) {was}"


def _does_not_answer(sight: Sight) -> str:
    up = f'up{{job="{JOB}",desk="{sight.desk}"}}'
    return f"max by (desk) ({up}) == 0\nor 0 * max by (desk) (absent({up}))"


def decimal(number: float) -> str:
    """A number without an exponent, as Prometheus writes it back.

    >>> decimal(4.0), decimal(1e-05)
    ('4', '0.00001')
    """
    text = format(Decimal(repr(number)), "f")
    return text.removesuffix(".0")
