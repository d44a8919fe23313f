"""Judging: a guard, a measured value and what the guard remembers give a verdict.

Pure: the memory goes in and the next memory comes out. The rules are short. An unknown
value is neither a breach nor a pass. A breach *trips* once it is confirmed and not
again until it has ended. A reading that is judged twice counts once, by its latest
answer. A value that used to be known and has gone *escalates*: at once for a guard that
pages, after 15 minutes for one that takes traffic, which then acts as if breached; and a
breach that is seen when the value is back trips anew. Having too few trades, or no loss
yet, is unknown too, but never escalates: nothing has been lost sight of. Every number
that takes part is held to this: the value, a limit made of another metric, a second
condition, a way back. A clock that is set back gives nobody more time: what has lasted
until then has lasted since now. A guard that wants evidence trips on a breach once there is enough;
where there can be none, because trades do not say what they risked, the answer is unknown.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from tiltyard.checklist.comparison import Comparison
from tiltyard.checklist.guard import Guard
from tiltyard.checklist.sight import Blind, Sight
from tiltyard.facts.verdict import Answer, Verdict
from tiltyard.metrics.panel import Panel


class Memory(NamedTuple):
    """What a guard remembers of one subject.

    Attributes:
        recent: The answers to the last known readings, newest last; True is a breach.
        evidence: What the newest of them was made from (``Measured.evidence``).
        breach_since: Start of the present unbroken breach.
        lost_since: When a known value went out of sight.
        tripped_at: When the present breach episode began to count.
        tripped_blindly: It counts because the value was lost, not because it was bad.
    """

    recent: tuple[bool, ...] = ()
    evidence: int = -1
    breach_since: datetime | None = None
    lost_since: datetime | None = None
    tripped_at: datetime | None = None
    tripped_blindly: bool = False


FRESH = Memory()


class _Answered(NamedTuple):
    """An answer and the limit it was made with; why, and since when something is lost.

    A breach is ``proven`` when there is as much evidence for it as the guard wants.
    """

    answer: Answer
    limit: float | None
    reason: str = ""
    lost_since: datetime | None = None
    proven: bool = True


def judge(
    guard: Guard,
    panel: Panel,
    policy: str,
    subject: str,
    memory: Memory,
    now: datetime,
    *,
    read_at: datetime | None = None,
) -> tuple[Verdict, Memory]:
    """A verdict on one subject, and what to remember for the next.

    Args:
        guard: What is watched, and when it trips.
        panel: The measurements.
        policy: The arm to read; empty for the account.
        subject: Who the verdict is about, for people.
        memory: From the verdict before this one.
        now: UTC.
        read_at: As of when numbers are read; None is now.
    """
    sight = Sight(guard, panel, policy, now, read_at or now)
    measured = panel.read(guard.metric, policy, read_at or now)
    answer, limit, reason, lost_since, proven = _answer(guard, sight.own(measured), sight)
    recent, breach_since = memory.recent, None
    tripped_at, blindly = memory.tripped_at, memory.tripped_blindly
    if lost_since is not None:
        lost_since = min(memory.lost_since or lost_since, now)
    elif blindly:
        tripped_at, blindly = None, False
    if answer in ("pass", "breach"):
        known = recent if measured.evidence != memory.evidence else recent[:-1]
        recent = (*known, answer == "breach")[-guard.confirm.answers :]
    if answer == "breach":
        breach_since = min(memory.breach_since or now, now)
    lasts = answer == "breach" and guard.confirm.confirmed(recent, breach_since, now)
    confirmed = lasts and proven
    escalated = _lost_too_long(guard, lost_since, now)
    tripped = (confirmed or escalated) and tripped_at is None
    if tripped:
        tripped_at, blindly = now, not confirmed
    cleared = _is_clear(guard, answer, sight) and _has_cooled_down(guard, tripped_at, now)
    if answer == "pass" and (cleared or guard.clear is None):
        tripped_at = None
    verdict = Verdict(
        guard.name, guard.scope, subject, answer, measured.reading, limit,
        confirmed, tripped, cleared, escalated, reason, now, panel.up_to_seq,
    )  # fmt: skip
    evidence = measured.evidence if answer in ("pass", "breach") else memory.evidence
    return verdict, Memory(recent, evidence, breach_since, lost_since, tripped_at, blindly)


def _answer(guard: Guard, number: float | Blind, sight: Sight) -> _Answered:
    limit = sight.limit(guard.when)
    if isinstance(number, Blind):
        known = None if isinstance(limit, Blind) else limit
        answer: Answer = "error" if number.broken else "unknown"
        return _Answered(answer, known, number.reason, number.lost_since)
    if isinstance(limit, Blind):
        return _Answered("unknown", None, limit.reason, limit.lost_since)
    if not Comparison.SIGNS[guard.when.sign](number, limit):
        return _Answered("pass", limit)
    return _second_answer(guard, limit, sight)


def _second_answer(guard: Guard, limit: float, sight: Sight) -> _Answered:
    if guard.only_if is None:
        return _breach(guard, limit, sight)
    metric, comparison = guard.only_if
    second, second_limit = sight.number(metric), sight.limit(comparison)
    if isinstance(second, Blind):
        return _Answered("unknown", limit, second.reason, second.lost_since)
    if isinstance(second_limit, Blind):
        return _Answered("unknown", limit, second_limit.reason, second_limit.lost_since)
    if not Comparison.SIGNS[comparison.sign](second, second_limit):
        return _Answered("pass", limit, f"{metric} is {second:g}")
    return _breach(guard, limit, sight)


def _breach(guard: Guard, limit: float, sight: Sight) -> _Answered:
    """A breach, and whether what speaks for it is enough for a guard that wants evidence."""
    if not guard.confirm.trades:
        return _Answered("breach", limit)
    doubt = sight.doubt()
    if isinstance(doubt, Blind):
        return _Answered("unknown", limit, doubt.reason, doubt.lost_since)
    confirm = guard.confirm
    if doubt.number >= confirm.threshold:
        proven = f"confirmed by {doubt.samples} trades, {confirm.share:g} % in {confirm.trades}"
        return _Answered("breach", limit, f"{guard.metric} {guard.when}, {proven}")
    reason = f"evidence {doubt.number:.2f}, wanted {confirm.threshold:.2f}"
    return _Answered("breach", limit, reason, proven=False)


def _lost_too_long(guard: Guard, lost_since: datetime | None, now: datetime) -> bool:
    patience = guard.patience_when_lost
    return (
        lost_since is not None
        and patience is not None
        and now - lost_since >= timedelta(seconds=patience)
    )


def _is_clear(guard: Guard, answer: Answer, sight: Sight) -> bool:
    way_back = guard.clear
    if way_back is None or (not way_back.metric and answer != "pass"):
        return False
    number, limit = sight.number(way_back.metric or guard.metric), sight.limit(way_back.when)
    if isinstance(number, Blind) or isinstance(limit, Blind):
        return False
    return Comparison.SIGNS[way_back.when.sign](number, limit)


def _has_cooled_down(guard: Guard, tripped_at: datetime | None, now: datetime) -> bool:
    return tripped_at is None or now - tripped_at >= timedelta(seconds=guard.cool_down)
