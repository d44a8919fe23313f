"""What a declaration may say and nobody means: a guard that never trips, or always.

Comes in: a checklist without a fault. Goes out: a line for each guard whose limit its metric
cannot reach, or cannot avoid, and for each that trips where its value is expected to be, as
one whose sign is turned round does. Where a limit moves with another metric nothing is said.
"""

from collections.abc import Iterator

from tiltyard.checklist.comparison import Comparison
from tiltyard.checklist.guard import Checklist, Guard
from tiltyard.metrics.catalogue import spec_of


def warnings(checklist: Checklist) -> list[str]:
    """A line for everything that is surely not meant; none for a checklist that is in order.

    >>> from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
    >>> warnings(DEFAULT_CHECKLIST)
    []
    """
    return [f"{guard.name}: {said}" for guard in checklist.guards for said in _of(guard)]


def _of(guard: Guard) -> Iterator[str]:
    said = f'when "{guard.when}"'
    if not _may_hold(guard.metric, guard.when):
        yield f"{said} never trips: {_lies_in(guard.metric)}"
    elif _must_hold(guard.metric, guard.when):
        yield f"{said} always trips: {_lies_in(guard.metric)}"
    elif _is_expected(guard):
        yield f"{said} trips while the value is as expected ({guard.band()})"
    if guard.only_if is not None and not _may_hold(*guard.only_if):
        metric, comparison = guard.only_if
        yield f'only_if "{metric} {comparison}" never holds: {_lies_in(metric)}'
    if guard.clear is not None:
        metric = guard.clear.metric or guard.metric
        if not _may_hold(metric, guard.clear.when):
            yield f'clear "{guard.clear}" never comes: {_lies_in(metric)}'


def _lies_in(metric: str) -> str:
    return f"{metric} is {spec_of(metric).range}"


def _may_hold(metric: str, comparison: Comparison) -> bool:
    """Whether some value of the metric stands in this relation to the limit."""
    if comparison.metric:
        return True
    spec = spec_of(metric)
    if comparison.sign == "==":
        return spec.least <= comparison.number <= spec.most
    return comparison.holds(spec.least) or comparison.holds(spec.most)


def _must_hold(metric: str, comparison: Comparison) -> bool:
    """Whether every value of the metric does."""
    if comparison.metric:
        return False
    spec = spec_of(metric)
    return comparison.holds(spec.least) and comparison.holds(spec.most)


def _is_expected(guard: Guard) -> bool:
    """Whether it trips all over the band in which its value is expected."""
    if guard.when.metric or guard.expected == (None, None):
        return False
    low, high = guard.expected
    spec = spec_of(guard.metric)
    ends = (spec.least if low is None else low, spec.most if high is None else high)
    return all(guard.when.holds(end) for end in ends)
