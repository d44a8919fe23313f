"""Verbs that give back: acknowledge a review, re-arm an arm, resume after a hold."""

from collections.abc import Iterable, Sequence

from tiltyard.actions.on_hold import Hold, ended, on_hold
from tiltyard.actions.silence import DEADMAN
from tiltyard.actions.verbs.situation import (
    Obeyed,
    Situation,
    action_for,
    asked_for,
    percent,
    refuse_flat,
    refuse_holds,
    refuse_reviews,
)
from tiltyard.facts.action import PERSON, PERSONS_HOLDS
from tiltyard.facts.command import Command
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.router.lifecycle import TRADING, next_state
from tiltyard.scaling.ladder import fits, was_scaled


def acknowledge(command: Command, situation: Situation) -> Obeyed:
    """A person has looked at a review."""
    text, roster = command.arguments.get("number", ""), situation.roster
    review = next((one for one in roster.reviews if str(one.number) == text), None)
    if review is None and text in map(str, range(1, roster.last_review)):
        return Obeyed((), f"review {text} is acknowledged already")  # and so is not read again
    if review is None:
        raise TiltyardError("REVIEW_UNKNOWN", text or "review", "no review has this number",
                            "see: tiltyard review list")  # fmt: skip
    if review.opened_at > command.asked_at:
        raise TiltyardError(
            "REVIEW_NEWER", text, f"it was opened at {time_text(review.opened_at)}, after this was "
            f"asked at {time_text(command.asked_at)}", f"look first: tiltyard review ack {text}",
        )  # fmt: skip
    if review.acknowledged_at is not None:
        return Obeyed((), f"review {text} of {review.policy} is acknowledged already")
    action = action_for(
        "acknowledge", review.policy, command, situation, cause=review.guard, number=review.number
    )
    return Obeyed((action,), f"review {text} of {review.policy} ({review.guard}): acknowledged")


def rearm(command: Command, situation: Situation) -> Obeyed:
    """A new trial at the start share, once its reviews are acknowledged and there is room."""
    arm = asked_for(command, situation)
    if arm.state in TRADING:
        return Obeyed((), f"{arm.name} is on trial already ({arm.state})")
    refuse_flat(arm)
    next_state(arm.name, arm.state, "rearm")
    refuse_holds(arm.name, situation.roster)
    refuse_reviews(arm.name, situation.roster)
    if not situation.knows_capital(arm):
        raise TiltyardError(
            "CAPITAL_UNKNOWN", arm.name, "nobody said what equity it has, so its drawdown would be "
            "undefined", "report its capital with its trades, or set policies.capital",
        )  # fmt: skip
    rules = situation.rules
    share, room = rules.begins_with(arm), rules.room(situation.roster)
    if not fits(share, room):
        raise TiltyardError(
            "NO_ROOM", arm.name, f"it starts with {percent(share)}, and above the champion's "
            f"floor {percent(room)} is left", "throttle or retire another one first",
        )  # fmt: skip
    scaled_today = was_scaled(arm, situation.now, situation.day_of)
    action = action_for(
        "rearm", arm.name, command, situation,
        before=arm.share, after=share,
        ceiling=share if scaled_today else rules.ceiling(share),
    )  # fmt: skip
    return Obeyed((action,), f"{arm.name}: on trial again, traffic {percent(share)}")


def resume(command: Command, situation: Situation) -> Obeyed:
    """An end to the holds of one name, or to the one thing that a person has put on hold.

    Whoever gives no name never ends more than was meant: not a guard's hold, and not one of
    two. Challengers get back what there is room for.
    """
    holds, wanted = on_hold(situation.roster), command.arguments.get("hold", "")
    if not holds:
        return Obeyed((), "nothing is on hold")
    ending = _named(wanted, holds)
    staying = [hold for hold in holds if hold not in ending]
    if not ending:
        return Obeyed((), _with_rest(f"nothing is on hold by {wanted}", staying))
    actions = tuple(
        action_for(
            hold.end, "", command, situation, cause=hold.cause,
            ceiling=situation.rules.most() if hold.end == "unfreeze_challengers" else None,
        )
        for hold in ending
    )  # fmt: skip
    return Obeyed(actions, _with_rest(ended(ending), staying))


def _named(wanted: str, holds: Sequence[Hold]) -> list[Hold]:
    """The holds that end by a name; none when it has ended already.

    Raises:
        TiltyardError: ``HOLD_UNNAMED`` when it must be said which, ``HOLD_UNKNOWN``.
    """
    if wanted in ("", PERSON):
        own = [hold for hold in holds if hold.cause == PERSON]
        if len(own) > 1 or not (own or wanted):
            raise TiltyardError(
                "HOLD_UNNAMED", "resume", "; ".join(f"{one.what}, by {one.cause}" for one in holds),
                "say which ends: " + ", ".join(dict.fromkeys(one.command for one in holds)),
            )  # fmt: skip
        return own
    ending = [hold for hold in holds if hold.name == wanted]
    if not ending and wanted not in (*PERSONS_HOLDS, DEADMAN):
        held = ", ".join(dict.fromkeys(hold.name for hold in holds))
        raise TiltyardError("HOLD_UNKNOWN", wanted, "it holds nothing", f"on hold by: {held}")
    return ending


def _with_rest(text: str, staying: Iterable[Hold]) -> str:
    return "\n".join([text, *(f"  still on hold: {hold}" for hold in staying)])
