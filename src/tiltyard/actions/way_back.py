"""The way back of a throttled arm that no person has to open.

It comes back when what its guard asks for holds: a level beyond the one that tripped it,
so many further trades, a cool-down, and not too often. And not into the arms of another
guard, which would take its traffic again at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tiltyard.checklist.guard import TAKES_TRAFFIC, Checklist, Guard, WayBack
from tiltyard.facts.action import Action
from tiltyard.facts.arm import Arm, Roster
from tiltyard.facts.verdict import Verdict
from tiltyard.kernel.undefined import Reading, Value
from tiltyard.metrics.catalogue import GAUGES
from tiltyard.scaling.ladder import ShareRules, fits


@dataclass(frozen=True, slots=True)
class ThrottledArm:
    """What decides whether a throttled arm comes back by itself.

    Attributes:
        arm: The arm, throttled.
        guard: What throttled it.
        cleared: The guard's way back is satisfied by the latest value.
        value: That value.
        trades: Trades of either book since the throttle.
        throttled_at: When it was throttled.
        scaled_today: Its share was multiplied on this trading day already.
    """

    arm: Arm
    guard: Guard
    cleared: bool
    value: Reading
    trades: int
    throttled_at: datetime
    scaled_today: bool = False


def plan_resume(
    throttled: ThrottledArm, roster: Roster, rules: ShareRules, now: datetime
) -> Action | None:
    """The way back of a throttled arm, once all its conditions hold; else None.

    While anything is on hold nobody comes back: that would be growing past the hold.
    """
    if roster.holds():
        return None
    arm, guard = throttled.arm, throttled.guard
    if guard.clear is None or not _has_earned(throttled, guard.clear, now):
        return None
    share = rules.begins_with(arm)
    if not fits(share, rules.room(roster)):
        return None
    return Action(
        "resume", arm.name, guard.name, guard.mode, now,
        before=arm.share, after=share,
        ceiling=share if throttled.scaled_today else rules.ceiling(share),
        value=throttled.value.number if isinstance(throttled.value, Value) else None,
        limit=None if guard.clear.when.metric else guard.clear.when.number,
        samples=throttled.value.samples,
        reason=f"{guard.clear.metric or guard.metric} {guard.clear.when} "
        f"after {throttled.trades:,} further trades",
        priority=guard.priority,
    )  # fmt: skip


def _has_earned(throttled: ThrottledArm, way_back: WayBack, now: datetime) -> bool:
    cool_down = timedelta(seconds=throttled.guard.cool_down)
    span = timedelta(seconds=way_back.within_seconds)
    lately = [time for time in throttled.arm.resumed_at if not span or now - time < span]
    return (
        throttled.arm.state == "throttled"
        and throttled.cleared
        and throttled.trades >= way_back.trades
        and now - throttled.throttled_at >= cool_down
        and (not way_back.at_most or len(lately) < way_back.at_most)
    )


def would_lose_again(arm: Arm, verdicts: Iterable[Verdict], checklist: Checklist) -> bool:
    """Whether another guard that takes traffic is in breach, new trial or not."""
    return any(
        verdict.answer == "breach"
        and verdict.subject == arm.name
        and verdict.guard != arm.throttled_by
        and _outlasts_a_trial(checklist.guard(verdict.guard))
        for verdict in verdicts
    )


def _outlasts_a_trial(guard: Guard) -> bool:
    return guard.mode == "enforce" and guard.effect in TAKES_TRAFFIC and guard.metric in GAUGES
