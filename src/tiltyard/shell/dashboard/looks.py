"""Units, expected bands and flags, as the checklist has them.

>>> from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
>>> [(step.start, step.colour) for step in steps(DEFAULT_CHECKLIST.guard("api_error_rate_high"))]
[(None, 'green'), (0.01, 'yellow'), (0.05, 'red')]
>>> in_words(DEFAULT_CHECKLIST.guard("challenger_drawdown_high"))
'expected 0 – 3 %, flag > 4 %'
>>> in_words(DEFAULT_CHECKLIST.guard("model_unhealthy"))
'flag when no'
"""

import math
from collections.abc import Iterator, Mapping

from tiltyard.checklist.guard import Checklist, Guard
from tiltyard.metrics.catalogue import BEHIND_A_NUMBER, spec_of
from tiltyard.shell.dashboard.panel import Colour, Look, Step
from tiltyard.shell.exporter.series import series_of

STATE_COLOURS: Mapping[str, Colour] = {
    "pass": "green",
    "warming": "blue",
    "breach": "orange",
    "unknown": "purple",
    "error": "purple",
    "tripped": "red",
}
_YES_OR_NO: Mapping[str, tuple[str, Colour]] = {"1": ("yes", "green"), "0": ("no", "red")}


def unit_of(metric: str) -> str:
    """What Grafana calls the unit of the series of a metric."""
    name = series_of(metric).family
    if name.endswith("_ratio"):
        return "percentunit"
    return "s" if name.endswith("_seconds") else "none"


def look_of(metric: str, guard: Guard | None = None) -> Look:
    """How a metric is written, with the band and flag of a guard that watches it."""
    spec = spec_of(metric)
    if spec.unit == "flag":
        return Look(words=_YES_OR_NO, least=0, most=1)
    least = 0 if spec.least == 0 else None
    return Look(unit_of(metric), () if guard is None else tuple(steps(guard)), least=least)


def watched_as(checklist: Checklist, metric: str) -> Look:
    """How a metric is written, with the band and flag of the most urgent guard on it."""
    return look_of(metric, checklist.watching(metric))


def state_look() -> Look:
    """How the word for a state is written."""
    return Look(words={name: (name, colour) for name, colour in STATE_COLOURS.items()})


def steps(guard: Guard) -> Iterator[Step]:
    """Colours by number: as expected, beyond the band, beyond the flag.

    A limit that moves with another metric has none, and neither has one that is met exactly. A
    colour begins at its number: of what is counted, the flag of ``> 4`` is at 5.
    """
    when, number = guard.when, series_of(guard.metric).number
    if when.metric or when.sign == "==":
        return
    low, high = guard.expected
    is_beyond = when.sign in (">", "<=") and spec_of(guard.metric).unit == "trades"
    flag = number(math.floor(when.number) + 1 if is_beyond else when.number)
    if when.sign.startswith(">"):
        yield Step(None, "green")
        if high is not None and number(high) < flag:
            yield Step(number(high), "yellow")
        yield Step(flag, "red")
        return
    yield Step(None, "red")
    if low is not None and number(low) > flag:
        yield Step(flag, "yellow")
        flag = number(low)
    yield Step(flag, "green")


def in_words(guard: Guard) -> str:
    """The band and the flag as people read them, in the unit of the checklist."""
    if is_plain_flag(guard):
        return "flag when no" if guard.when.holds(0) else "flag when yes"
    unit = BEHIND_A_NUMBER.get(spec_of(guard.metric).unit, "")
    flag = f"flag {guard.when}{'' if guard.when.metric else unit}"
    return f"expected {guard.band()}{unit}, {flag}" if guard.band() else flag


def is_plain_flag(guard: Guard) -> bool:
    """Whether it watches what is yes or no, and flags one of the two."""
    of_flag = spec_of(guard.metric).unit == "flag" and not guard.when.metric
    return of_flag and guard.when.holds(0) is not guard.when.holds(1)


def older_than(seconds: float) -> Look:
    """An age that is bad from so many seconds on; 0 is never."""
    if not seconds:
        return Look("s", least=0)
    return Look("s", (Step(None, "green"), Step(seconds, "red")), least=0)
