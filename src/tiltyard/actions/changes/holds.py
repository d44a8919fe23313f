"""Holds: what is kept from everybody, each by the names of those who want it so.

A hold ends when the last of them lets go.
"""

from dataclasses import replace

from tiltyard.facts.action import PERSON, Action
from tiltyard.facts.arm import Arm, Roster
from tiltyard.router.lifecycle import TRADING


def freeze_challengers(roster: Roster, action: Action) -> Roster:
    """Challengers get nothing; what they had is kept for them."""
    for arm in roster.challengers():
        held = arm.share or arm.held_share
        roster = roster.with_arm(replace(arm, share=0.0, ceiling=0.0, held_share=held))
    return replace(roster, challengers_frozen_by=roster.challengers_frozen_by | {action.cause})


def unfreeze_challengers(roster: Roster, action: Action) -> Roster:
    """The last hold that ends gives back what challengers had, as far as there is room.

    Room is what the action's ceiling leaves them, or all there is; whoever was registered
    first comes first.
    """
    if action.cause not in roster.challengers_frozen_by:
        return roster
    roster = replace(roster, challengers_frozen_by=roster.challengers_frozen_by - {action.cause})
    if roster.challengers_frozen_by:
        return roster
    most = 1.0 if action.ceiling is None else min(1.0, action.ceiling)
    for arm in roster.challengers():
        if arm.held_share:
            roster = roster.with_arm(_given_back(roster, arm, most))
    return roster


def _given_back(roster: Roster, arm: Arm, most: float) -> Arm:
    if arm.state not in TRADING:
        return replace(arm, held_share=0.0)
    room = round(most - sum(other.share for other in roster.challengers()), 12)
    share = max(0.0, min(arm.held_share, room))
    return replace(arm, share=share, ceiling=share, held_share=0.0)


def freeze_ramp(roster: Roster, action: Action) -> Roster:
    """Nobody's share grows, joins or comes back."""
    return replace(roster, ramp_frozen_by=roster.ramp_frozen_by | {action.cause})


def unfreeze_ramp(roster: Roster, action: Action) -> Roster:
    """One of them lets go."""
    return replace(roster, ramp_frozen_by=roster.ramp_frozen_by - {action.cause})


def stop_entries(roster: Roster, action: Action) -> Roster:
    """Nobody enters; shares stay as they are."""
    return replace(roster, entries_stopped_by=roster.entries_stopped_by | {action.cause})


def allow_entries(roster: Roster, action: Action) -> Roster:
    """One of them lets go.

    What the account has lost until now is no reason for the same guard to stop it again. What
    a person stopped and allowed has nothing to do with losses, and leaves the account's
    drawdown as it is.
    """
    if action.cause not in roster.entries_stopped_by:
        return roster
    since = roster.account_since if action.cause == PERSON else action.at
    left = roster.entries_stopped_by - {action.cause}
    return replace(roster, entries_stopped_by=left, account_since=since)
