"""Arms and an action give arms: pure, total over the transition table, idempotent.

An action in ``observe`` mode leaves the roster as it was. Whatever a challenger loses
goes to the champion in the same step, so shares always add up to one.
"""

from tiltyard.actions.changes.champion import crown
from tiltyard.actions.changes.change import Change
from tiltyard.actions.changes.holds import (
    allow_entries,
    freeze_challengers,
    freeze_ramp,
    stop_entries,
    unfreeze_challengers,
    unfreeze_ramp,
)
from tiltyard.actions.changes.questions import acknowledge, ask, expire, proposing
from tiltyard.actions.changes.shares import edit, raise_ceiling, scale
from tiltyard.actions.changes.trial import (
    admit,
    begin_now,
    graduate,
    rearm,
    resume,
    retire,
    take_traffic,
)
from tiltyard.facts.action import Action, Kind
from tiltyard.facts.arm import Roster


def apply(roster: Roster, action: Action) -> Roster:
    """The roster after ``action``.

    Raises:
        TiltyardError: ``TRANSITION_REFUSED`` for a step that the arm's state does not
            allow, ``POLICY_UNKNOWN`` for an arm that is not there, ``SHARES_EXCEED_ONE``
            for a share that there is not, ``CHAMPION_MISSING`` for a champion that is
            halted without ``flat`` to take over.
    """
    if action.mode == "observe":
        return roster
    change = CHANGES.get(action.kind)
    return roster if change is None else change(roster, action)


CHANGES: dict[Kind, Change] = {
    "halt": take_traffic,
    "throttle": take_traffic,
    "resume": resume,
    "rearm": rearm,
    "retire": retire,
    "crown": crown,
    "admit": admit,
    "graduate": graduate,
    "scale": scale,
    "raise_ceiling": raise_ceiling,
    "external_edit": edit,
    "begin_now": begin_now,
    "freeze_challengers": freeze_challengers,
    "unfreeze_challengers": unfreeze_challengers,
    "freeze_ramp": freeze_ramp,
    "unfreeze_ramp": unfreeze_ramp,
    "stop_entries": stop_entries,
    "allow_entries": allow_entries,
    "review": ask,
    "acknowledge": acknowledge,
    "propose_promotion": proposing("promotion"),
    "propose_rollback": proposing("rollback"),
    "expire_proposal": expire,
}
"""What each kind of action changes; kinds that are missing change nothing."""
