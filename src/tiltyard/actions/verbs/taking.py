"""Verbs that take: throttle, halt, retire, freeze, stop-all.

They need no review, no room and no end of a hold.
"""

from shlex import quote

from tiltyard.actions.purge import PURGE, why_it_stays
from tiltyard.actions.verbs.situation import (
    Obeyed,
    Situation,
    action_for,
    asked_for,
    percent,
    refuse_flat,
)
from tiltyard.facts.action import PERSON
from tiltyard.facts.arm import FLAT, Arm
from tiltyard.facts.command import Command
from tiltyard.kernel.errors import TiltyardError
from tiltyard.router.lifecycle import ONLY_LEAVES, next_state


def throttle(command: Command, situation: Situation) -> Obeyed:
    """Share 0; the arm stays active, and its shadow book goes on."""
    arm = asked_for(command, situation)
    if arm.state in ("throttled", "halted", "retired"):
        return _already(arm)
    next_state(arm.name, arm.state, "throttle")
    _refuse_needed(arm, command, situation)
    action = action_for("throttle", arm.name, command, situation, before=arm.share, after=0.0,
                        cause=_cause(command))  # fmt: skip
    return Obeyed((action,), f"{arm.name}: throttled, traffic {percent(arm.share)} to 0 %")


def halt(command: Command, situation: Situation) -> Obeyed:
    """Share 0 and positions reduce-only; of the champion too, and then ``flat`` takes over."""
    arm = asked_for(command, situation)
    if arm.state in ONLY_LEAVES:
        return _already(arm)
    refuse_flat(arm)
    action = action_for("halt", arm.name, command, situation, before=arm.share, after=0.0)
    text = f"{arm.name}: halted, traffic {percent(arm.share)} to 0 %"
    if arm.role == "champion":
        text += f"; {FLAT} is the champion\n  to undo it: acknowledge the review, re-arm, and "
        text += f"tiltyard policy rollback {FLAT} --to {quote(arm.name)}"
    return Obeyed((action,), text)


def retire(command: Command, situation: Situation) -> Obeyed:
    """Out for good; not the champion, and not while positions are open.

    Where nobody knows whether any are, a person has to say how they know that none is. A
    candidate had no traffic, and so has none. The purge does not know more than the marks, and
    takes nobody who is needed.
    """
    arm = asked_for(command, situation)
    if arm.state == "retired":
        return _already(arm)
    refuse_flat(arm)
    if arm.role == "champion":
        raise TiltyardError(
            "TRANSITION_REFUSED", arm.name, "it is the champion", "roll back or promote first"
        )
    held = situation.open_positions.get(arm.name)
    if held:
        raise TiltyardError(
            "POSITIONS_OPEN", arm.name, f"open positions: {held}, by its last mark and its trades "
            "since", "halt it, and retire it when a mark says that nothing is open",
        )  # fmt: skip
    is_vouched = bool(command.reason.strip()) and PURGE not in command.arguments
    if held is None and arm.state != "candidate" and not is_vouched:
        raise TiltyardError(
            "POSITIONS_UNKNOWN", arm.name, "no mark since it lost its traffic, and since its last "
            "trade, says what is open", "look, and say how you know that nothing is: --reason TEXT",
        )  # fmt: skip
    _refuse_needed(arm, command, situation)
    action = action_for("retire", arm.name, command, situation, before=arm.share, after=0.0,
                        cause=_cause(command))  # fmt: skip
    return Obeyed((action,), f"{arm.name}: retired")


def freeze(command: Command, situation: Situation) -> Obeyed:
    """Share 0 for every challenger."""
    if PERSON in situation.roster.challengers_frozen_by:
        return Obeyed((), "the challengers are frozen already")
    action = action_for("freeze_challengers", "", command, situation)
    return Obeyed((action,), "every challenger: traffic to 0 %, until tiltyard resume freeze")


def stop_all(command: Command, situation: Situation) -> Obeyed:
    """No entries for anyone, the champion included."""
    if PERSON in situation.roster.entries_stopped_by:
        return Obeyed((), "entries are stopped already")
    action = action_for("stop_entries", "", command, situation)
    return Obeyed((action,), "no entries for anyone, until tiltyard resume stop-all")


def _refuse_needed(arm: Arm, command: Command, situation: Situation) -> None:
    """The purge has looked before it asked; this is how things stand as it is carried out."""
    minimum = command.arguments.get(PURGE)
    stays = why_it_stays(arm, situation.roster, int(minimum)) if minimum is not None else ""
    if stays:
        raise TiltyardError("PURGE_REFUSED", arm.name, stays, "see: tiltyard policy list")


def _cause(command: Command) -> str:
    return PURGE if PURGE in command.arguments else PERSON


def _already(arm: Arm) -> Obeyed:
    whose = f", by {arm.throttled_by}" if arm.state != "retired" else ""
    return Obeyed((), f"{arm.name} is {arm.state} already{whose}")
