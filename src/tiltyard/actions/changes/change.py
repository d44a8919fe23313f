"""A change: a roster and an action give the next roster."""

from collections.abc import Callable

from tiltyard.facts.action import Action
from tiltyard.facts.arm import Arm, Roster
from tiltyard.kernel.errors import TiltyardError

Change = Callable[[Roster, Action], Roster]


def arm_of(roster: Roster, action: Action) -> Arm:
    """The arm that an action is about.

    Raises:
        TiltyardError: ``POLICY_UNKNOWN`` for an arm that is not there.
    """
    arm = roster.arms.get(action.policy)
    if arm is None:
        raise TiltyardError("POLICY_UNKNOWN", action.policy, f"cannot {action.kind}: no such arm")
    return arm
