"""Judging: a guard, a measured value and what the guard remembers give a verdict.

Pure: the memory goes in and the next memory comes out. The rules are short. An unknown
value is neither a breach nor a pass. A breach *trips* once it is confirmed and not
again until it has ended. A value that used to be known and has gone, for 15 minutes,
*escalates*: a guard that wants it then acts as if breached, and a breach that is seen
when the value is back trips anew. Having too few trades, or no loss yet, is unknown too,
but never escalates: nothing has been lost sight of. Every number that takes part is held
to this: the value, a limit made of another metric, a second condition, a way back.
"""

from datetime import datetime, timedelta
from math import isfinite
from typing import NamedTuple

from tiltyard.checklist.comparison import Comparison
from tiltyard.checklist.guard import UNKNOWN_PATIENCE_SECONDS, Guard
from tiltyard.facts.verdict import Answer, Verdict
from tiltyard.kernel.undefined import Reading, Undefined, Value
from tiltyard.metrics.catalogue import spec_of
from tiltyard.metrics.panel import Measured, Panel


class Memory(NamedTuple):
    """What a guard remembers of one subject.

    Attributes:
        recent: The last known answers, newest last; True is a breach.
        breach_since: Start of the present unbroken breach.
        lost_since: When a known value went stale.
        tripped_at: When the present breach episode was confirmed.
    """

    recent: tuple[bool, ...] = ()
    breach_since: datetime | None = None
    lost_since: datetime | None = None
    tripped_at: datetime | None = None


FRESH = Memory()


def judge(
    guard: Guard, panel: Panel, policy: str, subject: str, memory: Memory, now: datetime
) -> tuple[Verdict, Memory]:
    """A verdict on one subject, and what to remember for the next.

    Args:
        guard: What is watched, and when it trips.
        panel: The measurements.
        policy: The arm to read; empty for the account.
        subject: Who the verdict is about, for people.
        memory: From the verdict before this one.
        now: UTC.
    """
    measured = panel.read(guard.metric, policy, now)
    reading = _with_enough_samples(guard, _unless_stale(guard, measured, now))
    answer, limit, reason = _answer(guard, reading, panel, policy, now)
    memory = _remember(memory, guard, answer, reading, now)
    confirmed = answer == "breach" and guard.confirm.confirmed(
        memory.recent, memory.breach_since, now
    )
    escalated = _lost_too_long(guard, memory, now)
    tripped = (confirmed or escalated) and memory.tripped_at is None
    cleared = _is_clear(guard, answer, panel, policy, now)
    if tripped:
        memory = memory._replace(tripped_at=now)
    elif answer == "pass" and (cleared or guard.clear is None):
        memory = memory._replace(tripped_at=None)
    verdict = Verdict(
        guard.name, guard.scope, subject, answer, measured.reading, limit,
        confirmed, tripped, cleared, escalated, reason, now, panel.up_to_seq,
    )  # fmt: skip
    return verdict, memory


def _unless_stale(guard: Guard, measured: Measured, now: datetime) -> Reading:
    reading, as_of = measured.reading, measured.as_of
    if not guard.stale_after or as_of is None:
        return reading
    age = now - as_of
    if age <= timedelta(seconds=guard.stale_after):
        return reading
    if spec_of(guard.metric).never_falls and _beyond_limit(guard, reading):
        return reading
    minutes = int(age.total_seconds() // 60)
    return Undefined("stale", f"last seen {minutes} min ago", reading.samples)


def _beyond_limit(guard: Guard, reading: Reading) -> bool:
    """Whether a number that can only rise has passed the limit already: then age is no excuse."""
    return (
        isinstance(reading, Value)
        and not guard.when.metric
        and isfinite(reading.number)
        and guard.when.holds(reading.number)
    )


def _with_enough_samples(guard: Guard, reading: Reading) -> Reading:
    if isinstance(reading, Value) and reading.samples < guard.min_samples:
        return Undefined(
            "warming", f"{reading.samples} of {guard.min_samples} samples", reading.samples
        )
    return reading


def _answer(
    guard: Guard, reading: Reading, panel: Panel, policy: str, now: datetime
) -> tuple[Answer, float | None, str]:
    limit = _limit(guard, guard.when, panel, policy, now)
    if isinstance(reading, Undefined):
        return "unknown", None if isinstance(limit, str) else limit, str(reading)
    if isinstance(limit, str):
        return "unknown", None, limit
    if not isfinite(reading.number):
        return "error", limit, f"{guard.metric} is not a finite number"
    if not Comparison.SIGNS[guard.when.sign](reading.number, limit):
        return "pass", limit, ""
    answer, reason = _second_answer(guard, panel, policy, now)
    return answer, limit, reason


def _second_answer(guard: Guard, panel: Panel, policy: str, now: datetime) -> tuple[Answer, str]:
    if guard.only_if is None:
        return "breach", ""
    metric, comparison = guard.only_if
    number = _number(guard, metric, panel, policy, now)
    limit = _limit(guard, comparison, panel, policy, now)
    if isinstance(number, str):
        return "unknown", number
    if isinstance(limit, str):
        return "unknown", limit
    if not Comparison.SIGNS[comparison.sign](number, limit):
        return "pass", f"{metric} is {number:g}"
    return "breach", ""


def _limit(
    guard: Guard, comparison: Comparison, panel: Panel, policy: str, now: datetime
) -> float | str:
    """What the comparison compares with, or why that is not known."""
    if not comparison.metric:
        return comparison.number
    other = _number(guard, comparison.metric, panel, policy, now)
    return other if isinstance(other, str) else comparison.limit(other)


def _number(guard: Guard, metric: str, panel: Panel, policy: str, now: datetime) -> float | str:
    """A number besides the guard's own, or why there is none; as fresh as its own must be."""
    reading = _unless_stale(guard, panel.read(metric, policy, now), now)
    if isinstance(reading, Undefined):
        return f"{metric} is {reading}"
    return reading.number if isfinite(reading.number) else f"{metric} is not a finite number"


def _remember(
    memory: Memory, guard: Guard, answer: Answer, reading: Reading, now: datetime
) -> Memory:
    if answer == "error" or (isinstance(reading, Undefined) and reading.state == "stale"):
        return memory._replace(breach_since=None, lost_since=memory.lost_since or now)
    memory = memory._replace(lost_since=None, tripped_at=_tripped_on_sight(memory))
    if answer == "unknown":
        return memory._replace(breach_since=None)
    breach = answer == "breach"
    return memory._replace(
        recent=(*memory.recent, breach)[-guard.confirm.answers :],
        breach_since=(memory.breach_since or now) if breach else None,
    )


def _tripped_on_sight(memory: Memory) -> datetime | None:
    """When the episode tripped, unless only because the value was lost, which is over."""
    tripped_at, lost_since = memory.tripped_at, memory.lost_since
    if tripped_at is not None and lost_since is not None and tripped_at > lost_since:
        return None
    return tripped_at


def _lost_too_long(guard: Guard, memory: Memory, now: datetime) -> bool:
    if not guard.escalates or memory.lost_since is None:
        return False
    return now - memory.lost_since >= timedelta(seconds=UNKNOWN_PATIENCE_SECONDS)


def _is_clear(guard: Guard, answer: Answer, panel: Panel, policy: str, now: datetime) -> bool:
    way_back = guard.clear
    if way_back is None or (not way_back.metric and answer != "pass"):
        return False
    number = _number(guard, way_back.metric or guard.metric, panel, policy, now)
    limit = _limit(guard, way_back.when, panel, policy, now)
    if isinstance(number, str) or isinstance(limit, str):
        return False
    return Comparison.SIGNS[way_back.when.sign](number, limit)
