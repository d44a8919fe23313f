"""From verdicts to ordered actions.

Only a *tripped* verdict causes an action, so a breach that lasts acts once. What
protects goes before everything else; among those the guard's priority decides; an arm
that is halted is not throttled as well. A hold ends when its guard clears, also when the
guard has been set to observe since: what it did while it enforced is not left behind.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from tiltyard.checklist.guard import Checklist, Guard
from tiltyard.facts.action import PROTECTIVE, Action, Kind
from tiltyard.facts.arm import Roster
from tiltyard.facts.verdict import Verdict
from tiltyard.kernel.undefined import Value
from tiltyard.router.lifecycle import ONLY_LEAVES, TRADING
from tiltyard.scaling.ladder import ShareRules, Step, fits, was_scaled

ASKS_AGAIN = timedelta(days=7)


def plan(verdicts: Iterable[Verdict], roster: Roster, checklist: Checklist) -> list[Action]:
    """The actions that these verdicts call for now, in the order in which to do them.

    Args:
        verdicts: The latest, of any guards and subjects.
        roster: As it is before any of the actions.
        checklist: Where the guards' effects are declared.
    """
    actions: list[Action] = []
    for verdict in verdicts:
        if verdict.tripped:
            actions.extend(_effect(checklist.guard(verdict.guard), verdict, roster))
        elif verdict.cleared and verdict.guard in roster.ramp_frozen_by:
            lifted = _action("unfreeze_ramp", "", checklist.guard(verdict.guard), verdict)
            actions.append(replace(lifted, mode="enforce"))
    actions.sort(key=lambda action: (action.kind not in PROTECTIVE, action.priority, action.policy))
    return _strongest(actions)


def plan_admissions(
    roster: Roster, ready: Iterable[str], rules: ShareRules, now: datetime
) -> list[Action]:
    """Put candidates whose capital is known on trial, as far as there is room.

    Strictly in this order: one for which there is no room holds up those behind it. While
    anything is on hold nobody joins.
    """
    if roster.holds():
        return []
    actions: list[Action] = []
    room = rules.room(roster)
    for name in ready:
        arm = roster.arms[name]
        if arm.state != "candidate":
            continue
        share = rules.begins_with(arm)
        if not fits(share, room):
            break
        room -= share
        actions.append(
            Action(
                "admit", name, "registration", "enforce", now, before=0.0, after=share,
                ceiling=rules.ceiling(share), reason="its capital is known",
            )
        )  # fmt: skip
    return actions


def plan_night(
    steps: Sequence[Step], roster: Roster, now: datetime, rule: str = "ladder"
) -> list[Action]:
    """A rule's steps as actions; a skipped arm is an action too, with its reason.

    Whoever has earned it may be proposed as champion, once at a time. Whether one is retired that
    the rule has done with, a person is asked, and not more than once in a week.
    """
    actions = [
        Action(
            "skip_scale" if step.after == step.before else "scale",
            step.policy, rule, "enforce", now,
            before=step.before, after=step.after, ceiling=step.ceiling, reason=step.reason,
        )
        for step in steps
    ]  # fmt: skip
    actions += [
        Action("review", step.policy, rule, "enforce", now, reason=step.asks)
        for step in steps
        if step.asks
        and not any(
            review.guard == rule
            and (review.acknowledged_at is None or now - review.opened_at < ASKS_AGAIN)
            for review in roster.reviews_of(step.policy)
        )
    ]
    actions += [
        Action("propose_promotion", step.policy, rule, "enforce", now, reason=step.proposes)
        for step in steps
        if step.proposes
        and roster.arms[step.policy].state == "live"
        and roster.open_proposal("promotion", step.policy) is None
    ]
    return actions


def plan_ceilings(
    roster: Roster, rules: ShareRules, now: datetime, day_of: Callable[[datetime], date]
) -> list[Action]:
    """Room for one multiplication for every arm that had none on the trading day of ``now``."""
    actions = []
    for arm in roster.challengers():
        if arm.state not in TRADING or not arm.share or was_scaled(arm, now, day_of):
            continue
        ceiling = rules.ceiling(arm.share)
        if ceiling != arm.ceiling:
            actions.append(
                Action("raise_ceiling", arm.name, "ladder", "enforce", now, before=arm.share,
                       after=arm.share, ceiling=ceiling, reason="a new trading day")
            )  # fmt: skip
    return actions


def plan_expiry(roster: Roster, now: datetime) -> list[Action]:
    """Proposals that nobody has settled in time."""
    return [
        Action("expire_proposal", one.policy, one.kind, "enforce", now, number=one.number,
               reason="nobody approved it within 48 h")
        for one in roster.proposals
        if one.closed_at is None and now >= one.expires_at
    ]  # fmt: skip


def _effect(guard: Guard, verdict: Verdict, roster: Roster) -> list[Action]:
    if verdict.escalated and guard.hard:
        return _take_traffic(guard, verdict, roster)
    if verdict.escalated and guard.on_unknown == "page":
        return [
            _action("page", "" if guard.scope == "account" else verdict.subject, guard, verdict)
        ]
    if guard.effect in ("halt", "throttle"):
        return _take_traffic(guard, verdict, roster)
    subject = "" if guard.scope == "account" else verdict.subject
    if guard.effect == "propose_rollback":
        subject = roster.champion().name
    actions = [_action(guard.effect, subject, guard, verdict)]
    if guard.scope == "champion" and guard.severity == "critical":
        actions.append(_action("page", verdict.subject, guard, verdict))
    return actions


def _take_traffic(guard: Guard, verdict: Verdict, roster: Roster) -> list[Action]:
    arm = roster.arms.get(verdict.subject)
    if arm is None:
        return []
    kind: Kind = "throttle" if guard.effect == "throttle" or verdict.escalated else "halt"
    if kind == "throttle" and arm.state not in TRADING:
        return []
    if kind == "halt" and arm.state in ONLY_LEAVES:
        return []
    return [_action(kind, arm.name, guard, verdict, before=arm.share, after=0.0)]


def _action(
    kind: Kind,
    policy: str,
    guard: Guard,
    verdict: Verdict,
    *,
    before: float | None = None,
    after: float | None = None,
) -> Action:
    reading = verdict.reading
    return Action(
        kind, policy, guard.name, guard.mode, verdict.at,
        before=before, after=after,
        value=reading.number if isinstance(reading, Value) else None,
        limit=verdict.limit, samples=reading.samples,
        reason=verdict.reason or f"{guard.metric} {guard.when}",
        priority=guard.priority, up_to_seq=verdict.up_to_seq,
    )  # fmt: skip


def _strongest(actions: list[Action]) -> list[Action]:
    """An arm loses its traffic once: by the first halt, else by the first throttle."""
    enforced = [action for action in reversed(actions) if action.mode == "enforce"]
    taken = {action.policy: action for action in enforced if action.kind == "throttle"}
    taken |= {action.policy: action for action in enforced if action.kind == "halt"}
    return [
        action
        for action in actions
        if action.mode == "observe"
        or action.kind not in ("halt", "throttle")
        or action is taken[action.policy]
    ]
