"""Judging: a guard, a measured value and what the guard remembers give a verdict.

Pure: the memory goes in and the next memory comes out. The rules are short. An unknown
value is neither a breach nor a pass. A breach *trips* once it is confirmed and not
again until it has ended. A value that used to be known and has gone, for longer than
15 minutes, *escalates*: a guard that wants it then acts as if breached. Having too few
trades, or no loss yet, is unknown too, but never escalates: nothing has been lost sight
of.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import isfinite

from tiltyard.checklist.comparison import Comparison
from tiltyard.checklist.guard import UNKNOWN_PATIENCE_SECONDS, Guard
from tiltyard.facts.verdict import Answer, Verdict
from tiltyard.kernel.undefined import Reading, Undefined, Value
from tiltyard.metrics.panel import Measured, Panel


@dataclass(frozen=True, slots=True)
class Memory:
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
    reading = _judgeable(guard, measured, now)
    answer, limit, reason = _answer(guard, reading, panel, policy, now)
    memory = _remember(memory, guard, answer, reading, now)
    confirmed = answer == "breach" and guard.confirm.confirmed(
        memory.recent, memory.breach_since, now
    )
    escalated = _lost_too_long(guard, memory, now)
    tripped = (confirmed or escalated) and memory.tripped_at is None
    cleared = _is_clear(guard, answer, reading, panel, policy, now)
    if tripped:
        memory = replace(memory, tripped_at=now)
    elif answer == "pass" and not confirmed and (cleared or guard.clear is None):
        memory = replace(memory, tripped_at=None)
    verdict = Verdict(
        guard.name, guard.scope, subject, answer, measured.reading, limit,
        confirmed, tripped, cleared, escalated, reason, now, panel.up_to_seq,
    )  # fmt: skip
    return verdict, memory


def _judgeable(guard: Guard, measured: Measured, now: datetime) -> Reading:
    reading, as_of = measured.reading, measured.as_of
    if guard.stale_after and as_of is not None:
        age = now - as_of
        if age > timedelta(seconds=guard.stale_after):
            minutes = int(age.total_seconds() // 60)
            return Undefined("stale", f"last seen {minutes} min ago", reading.samples)
    if isinstance(reading, Value) and reading.samples < guard.min_samples:
        return Undefined(
            "warming", f"{reading.samples} of {guard.min_samples} samples", reading.samples
        )
    return reading


def _answer(
    guard: Guard, reading: Reading, panel: Panel, policy: str, now: datetime
) -> tuple[Answer, float | None, str]:
    limit, missing = _limit(guard.when, panel, policy, now)
    if isinstance(reading, Undefined):
        return "unknown", limit, str(reading)
    if limit is None:
        return "unknown", None, missing
    if not isfinite(reading.number):
        return "error", limit, f"{guard.metric} is not a finite number"
    if not Comparison.SIGNS[guard.when.sign](reading.number, limit):
        return "pass", limit, ""
    return _with_second(guard, panel, policy, now, limit)


def _with_second(
    guard: Guard, panel: Panel, policy: str, now: datetime, limit: float
) -> tuple[Answer, float | None, str]:
    if guard.only_if is None:
        return "breach", limit, ""
    metric, comparison = guard.only_if
    second = panel.read(metric, policy, now).reading
    if isinstance(second, Undefined):
        return "unknown", limit, f"{metric} is {second}"
    if not comparison.holds(second.number):
        return "pass", limit, f"{metric} is {second.number:g}"
    return "breach", limit, ""


def _limit(when: Comparison, panel: Panel, policy: str, now: datetime) -> tuple[float | None, str]:
    if not when.metric:
        return when.number, ""
    other = panel.read(when.metric, policy, now).reading
    if isinstance(other, Undefined):
        return None, f"{when.metric} is {other}"
    return when.limit(other.number), ""


def _remember(
    memory: Memory, guard: Guard, answer: Answer, reading: Reading, now: datetime
) -> Memory:
    if answer in ("unknown", "error"):
        lost = answer == "error" or (isinstance(reading, Undefined) and reading.state == "stale")
        since = (memory.lost_since or now) if lost else None
        return replace(memory, breach_since=None, lost_since=since)
    breach = answer == "breach"
    return replace(
        memory,
        recent=(*memory.recent, breach)[-guard.confirm.answers :],
        breach_since=(memory.breach_since or now) if breach else None,
        lost_since=None,
    )


def _lost_too_long(guard: Guard, memory: Memory, now: datetime) -> bool:
    return (
        guard.hard
        and memory.lost_since is not None
        and (now - memory.lost_since).total_seconds() >= UNKNOWN_PATIENCE_SECONDS
    )


def _is_clear(
    guard: Guard, answer: Answer, reading: Reading, panel: Panel, policy: str, now: datetime
) -> bool:
    way_back = guard.clear
    if way_back is None:
        return False
    if way_back.metric:
        reading = panel.read(way_back.metric, policy, now).reading
    elif answer != "pass":
        return False
    if isinstance(reading, Undefined):
        return False
    limit, _ = _limit(way_back.when, panel, policy, now)
    return limit is not None and Comparison.SIGNS[way_back.when.sign](reading.number, limit)
