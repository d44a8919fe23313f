"""Which verb is planned how."""

from collections.abc import Callable

from tiltyard.actions.verbs.giving import acknowledge, rearm, resume
from tiltyard.actions.verbs.situation import Obeyed, Situation
from tiltyard.actions.verbs.succession import approve, rollback
from tiltyard.actions.verbs.taking import freeze, halt, retire, stop_all, throttle
from tiltyard.facts.command import Command, Verb
from tiltyard.kernel.errors import TiltyardError


def obey(command: Command, situation: Situation) -> Obeyed:
    """The actions of a command: of any verb but ``register`` and ``scale``.

    Raises:
        TiltyardError: What the verb refuses; ``POLICY_UNKNOWN``, ``TRANSITION_REFUSED`` …
    """
    planner = PLANNERS.get(command.verb)
    if planner is None:
        raise TiltyardError("VERB_UNKNOWN", command.verb, "no such verb", "upgrade tiltyard")
    return planner(command, situation)


PLANNERS: dict[Verb, Callable[[Command, Situation], Obeyed]] = {
    "halt": halt,
    "throttle": throttle,
    "freeze": freeze,
    "stop_all": stop_all,
    "rollback": rollback,
    "rearm": rearm,
    "resume": resume,
    "retire": retire,
    "acknowledge": acknowledge,
    "approve": approve,
}
"""Verbs that need nothing but the roster; ``register`` and ``scale`` need the ledger."""
