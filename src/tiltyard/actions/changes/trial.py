"""How an arm goes on trial, graduates, loses its traffic, comes back and leaves."""

from dataclasses import replace

from tiltyard.actions.changes.champion import crown_flat
from tiltyard.actions.changes.change import arm_of
from tiltyard.actions.changes.questions import open_review, settle
from tiltyard.facts.action import Action
from tiltyard.facts.arm import Arm, Roster
from tiltyard.router.lifecycle import next_state


def admit(roster: Roster, action: Action) -> Roster:
    """A candidate receives traffic for the first time."""
    arm = arm_of(roster, action)
    return roster.with_arm(
        replace(
            arm, state=next_state(arm.name, arm.state, "admit"),
            share=action.after or 0.0, ceiling=action.ceiling or 0.0,
        )
    )  # fmt: skip


def graduate(roster: Roster, action: Action) -> Roster:
    """Probation is over."""
    arm = arm_of(roster, action)
    return roster.with_arm(replace(arm, state=next_state(arm.name, arm.state, "graduate")))


def take_traffic(roster: Roster, action: Action) -> Roster:
    """A throttle or a halt: share 0, and a review; ``flat`` takes over from a champion.

    The proposal that the action names is approved by it, others about the arm are withdrawn.
    A halt repeated only takes back what has come to a halted arm since.
    """
    arm = arm_of(roster, action)
    if (arm.state, action.kind) == ("halted", "halt"):
        return roster.with_arm(replace(arm, share=0.0, ceiling=0.0, held_share=0.0))
    state = next_state(arm.name, arm.state, action.kind)
    if arm.role == "champion":
        roster = crown_flat(roster, arm)
    roster = roster.with_arm(
        replace(arm, role="challenger", state=state, share=0.0, ceiling=0.0, held_share=0.0,
                throttled_by=action.cause, deposed_at=None)
    )  # fmt: skip
    roster = settle(roster, arm.name, action.at, approved=action.number)
    return open_review(roster, action, advisory=False)


def resume(roster: Roster, action: Action) -> Roster:
    """Back by itself, which is counted."""
    arm = arm_of(roster, action)
    return _on_trial_again(roster, replace(arm, resumed_at=(*arm.resumed_at, action.at)), action)


def rearm(roster: Roster, action: Action) -> Roster:
    """Back because a person said so: what it came back by itself is forgotten.

    It restarts with what the person was told, now and later: a former champion was
    registered with everything.
    """
    arm = replace(arm_of(roster, action), resumed_at=(), start_share=action.after or 0.0)
    return _on_trial_again(roster, arm, action)


def retire(roster: Roster, action: Action) -> Roster:
    """Out for good; nothing of it is deleted."""
    arm = arm_of(roster, action)
    state = next_state(arm.name, arm.state, "retire")
    roster = settle(roster, arm.name, action.at)
    return roster.with_arm(
        replace(arm, state=state, share=0.0, ceiling=0.0, held_share=0.0, deposed_at=None)
    )


def begin_now(roster: Roster, action: Action) -> Roster:
    """A trial that was to begin in a far future has begun, or the account's path has.

    Until then no guard would have seen a trade of it.
    """
    if not action.policy:
        return replace(roster, account_since=action.at)
    return roster.with_arm(replace(arm_of(roster, action), trial_started_at=action.at))


def _on_trial_again(roster: Roster, arm: Arm, action: Action) -> Roster:
    return roster.with_arm(
        replace(
            arm, state=next_state(arm.name, arm.state, action.kind), share=action.after or 0.0,
            ceiling=action.ceiling or 0.0, throttled_by="", trial_started_at=action.at,
            deposed_at=None,
        )
    )  # fmt: skip
