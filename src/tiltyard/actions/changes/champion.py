"""Who is the champion: always exactly one, and ``flat`` when there is nobody better.

A champion that makes way is kept as known-good (``deposed``), and can be rolled back to.
"""

from dataclasses import replace
from datetime import datetime

from tiltyard.actions.changes.change import arm_of
from tiltyard.actions.changes.questions import settle
from tiltyard.facts.action import Action
from tiltyard.facts.arm import FLAT, Arm, Roster
from tiltyard.kernel.errors import TiltyardError
from tiltyard.router.lifecycle import TRADING, next_state


def crown(roster: Roster, action: Action) -> Roster:
    """A new champion; the proposal that the action names is approved by it.

    Whoever is on trial may follow ``flat``, when a person names it.
    """
    arm = arm_of(roster, action)
    is_named = action.cause == "rollback" and roster.champion().name == FLAT
    if not (is_named and arm.state in TRADING):
        next_state(arm.name, arm.state, "crown")
    roster = settle(roster, arm.name, action.at, approved=action.number)
    roster = _put_on_throne(depose(roster, action.at), arm)
    return roster.with_arm(roster.arms[arm.name])


def depose(roster: Roster, at: datetime) -> Roster:
    """The roster without a champion; the former one is kept as known-good."""
    for arm in roster.arms.values():
        if arm.role == "champion":
            former = replace(
                arm, role="challenger", state="deposed", share=0.0, ceiling=0.0, deposed_at=at
            )
            roster = settle(roster, arm.name, at)
            roster = replace(roster, arms={**roster.arms, arm.name: former})
    return roster


def crown_flat(roster: Roster, former: Arm) -> Roster:
    """``flat`` on the throne, before ``former`` is put elsewhere.

    Raises:
        TiltyardError: ``CHAMPION_MISSING`` when ``flat`` is not there, or is ``former``.
    """
    flat = roster.arms.get(FLAT)
    if flat is None or former.name == FLAT:
        raise TiltyardError("CHAMPION_MISSING", former.name, "no flat policy to fall back on")
    return _put_on_throne(roster, flat)


def _put_on_throne(roster: Roster, arm: Arm) -> Roster:
    crowned = replace(
        arm, role="champion", state="champion", ceiling=1.0, held_share=0.0, throttled_by="",
        deposed_at=None,
    )  # fmt: skip
    return replace(roster, arms={**roster.arms, arm.name: crowned})
