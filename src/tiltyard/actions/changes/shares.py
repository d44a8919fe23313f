"""How much of the traffic an arm on trial gets, and the most it may be given today."""

from dataclasses import replace

from tiltyard.actions.changes.change import arm_of
from tiltyard.facts.action import Action
from tiltyard.facts.arm import Roster
from tiltyard.router.lifecycle import TRADING


def scale(roster: Roster, action: Action) -> Roster:
    """The night's change; it was the day's only one, so the ceiling comes with it.

    Whom a rule has paused keeps what it had as its ceiling, and comes back with that.
    """
    arm = arm_of(roster, action)
    if arm.state not in TRADING:
        return roster
    share = action.after or 0.0
    had = action.ceiling if action.after == 0 else None
    ceiling = share or had or 0.0
    return roster.with_arm(replace(arm, share=share, ceiling=ceiling, scaled_at=action.at))


def raise_ceiling(roster: Roster, action: Action) -> Roster:
    """Room for one multiplication; nobody else than an arm on trial has any."""
    arm = arm_of(roster, action)
    if arm.state not in TRADING:
        return roster
    return roster.with_arm(replace(arm, ceiling=action.ceiling or 0.0))


def edit(roster: Roster, action: Action) -> Roster:
    """What the database made of a share that somebody changed by SQL.

    It gives the champion the rest and everybody else who is not on trial nothing, whatever
    was asked.
    """
    arm = arm_of(roster, action)
    if arm.state not in TRADING:
        return roster
    share, ceiling = action.after or 0.0, action.ceiling or 0.0
    scaled_at = action.at if share > (action.before or 0.0) else arm.scaled_at
    return roster.with_arm(replace(arm, share=share, ceiling=ceiling, scaled_at=scaled_at))
