"""Arms and an action give arms: pure, total over the transition table, idempotent.

An action in ``observe`` mode leaves the roster as it was. Whatever a challenger loses
goes to the champion in the same step, so shares always add up to one.
"""

from collections.abc import Callable
from dataclasses import replace

from tiltyard.facts.action import Action, Kind
from tiltyard.facts.arm import FLAT, Arm, Review, Roster
from tiltyard.kernel.errors import TiltyardError
from tiltyard.router.lifecycle import next_state

Change = Callable[[Roster, Action], Roster]


def apply(roster: Roster, action: Action) -> Roster:
    """The roster after ``action``.

    Raises:
        TiltyardError: ``TRANSITION_REFUSED`` for a step that the arm's state does not
            allow, ``POLICY_UNKNOWN`` for an arm that is not there.
    """
    if action.mode == "observe":
        return roster
    change = CHANGES.get(action.kind)
    return roster if change is None else change(roster, action)


def _arm(roster: Roster, action: Action) -> Arm:
    arm = roster.arms.get(action.policy)
    if arm is None:
        raise TiltyardError("POLICY_UNKNOWN", action.policy, f"cannot {action.kind}: no such arm")
    return arm


def _take_traffic(roster: Roster, action: Action) -> Roster:
    arm = _arm(roster, action)
    if (arm.state, action.kind) == ("halted", "halt"):
        return roster.with_arm(replace(arm, share=0.0, ceiling=0.0))
    state = next_state(arm.name, arm.state, action.kind)
    if arm.role == "champion":
        roster = _crown_flat(roster, arm)
    roster = roster.with_arm(
        replace(arm, role="challenger", state=state, share=0.0, ceiling=0.0,
                throttled_by=action.cause)
    )  # fmt: skip
    review = Review(len(roster.reviews) + 1, arm.name, action.cause, action.at)
    return replace(roster, reviews=(*roster.reviews, review))


def _crown_flat(roster: Roster, former: Arm) -> Roster:
    flat = roster.arms.get(FLAT)
    if flat is None or former.name == FLAT:
        raise TiltyardError("CHAMPION_MISSING", former.name, "no flat policy to fall back on")
    crowned = replace(flat, role="champion", state="champion", ceiling=1.0, throttled_by="")
    return replace(roster, arms={**roster.arms, FLAT: crowned})


def _resume(roster: Roster, action: Action) -> Roster:
    arm = _arm(roster, action)
    share = action.after or 0.0
    return roster.with_arm(
        replace(
            arm, state=next_state(arm.name, arm.state, "resume"), share=share,
            ceiling=action.ceiling or 0.0, throttled_by="", trial_started_at=action.at,
            resumed_at=(*arm.resumed_at, action.at),
        )
    )  # fmt: skip


def _admit(roster: Roster, action: Action) -> Roster:
    arm = _arm(roster, action)
    return roster.with_arm(
        replace(
            arm, state=next_state(arm.name, arm.state, "admit"),
            share=action.after or 0.0, ceiling=action.ceiling or 0.0,
        )
    )  # fmt: skip


def _graduate(roster: Roster, action: Action) -> Roster:
    arm = _arm(roster, action)
    return roster.with_arm(replace(arm, state=next_state(arm.name, arm.state, "graduate")))


def _scale(roster: Roster, action: Action) -> Roster:
    arm = _arm(roster, action)
    return roster.with_arm(replace(arm, share=min(action.after or 0.0, arm.ceiling)))


def _freeze_challengers(roster: Roster, action: Action) -> Roster:
    for arm in roster.challengers():
        roster = roster.with_arm(replace(arm, share=0.0, ceiling=0.0))
    return replace(roster, challengers_frozen_by=roster.challengers_frozen_by | {action.cause})


def _freeze_ramp(roster: Roster, action: Action) -> Roster:
    return replace(roster, ramp_frozen_by=roster.ramp_frozen_by | {action.cause})


def _unfreeze_ramp(roster: Roster, action: Action) -> Roster:
    return replace(roster, ramp_frozen_by=roster.ramp_frozen_by - {action.cause})


def _stop_entries(roster: Roster, action: Action) -> Roster:
    return replace(roster, entries_stopped_by=roster.entries_stopped_by | {action.cause})


CHANGES: dict[Kind, Change] = {
    "halt": _take_traffic,
    "throttle": _take_traffic,
    "resume": _resume,
    "admit": _admit,
    "graduate": _graduate,
    "scale": _scale,
    "freeze_challengers": _freeze_challengers,
    "freeze_ramp": _freeze_ramp,
    "unfreeze_ramp": _unfreeze_ramp,
    "stop_entries": _stop_entries,
}
"""What each kind of action changes; kinds that are missing change nothing."""
