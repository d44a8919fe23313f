"""Verbs that give back: acknowledge a review, re-arm an arm, resume after a hold."""

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
from tiltyard.facts.action import Kind
from tiltyard.facts.command import Command
from tiltyard.kernel.errors import TiltyardError
from tiltyard.router.lifecycle import TRADING, next_state
from tiltyard.scaling.ladder import fits, was_scaled


def acknowledge(command: Command, situation: Situation) -> Obeyed:
    """A person has looked at a review."""
    text = command.arguments.get("number", "")
    reviews = {str(review.number): review for review in situation.roster.reviews}
    if text not in reviews:
        raise TiltyardError("REVIEW_UNKNOWN", text or "review", "no review has this number",
                            "see: tiltyard review list")  # fmt: skip
    review = reviews[text]
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
    if not situation.is_sized(arm):
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
    """An end to all holds, or to those of one name; challengers get back what there is room for."""
    roster, wanted = situation.roster, command.arguments.get("hold", "")
    if not roster.holds():
        return Obeyed((), "nothing is on hold")
    if wanted and wanted not in roster.holds():
        held = ", ".join(sorted(roster.holds()))
        raise TiltyardError("HOLD_UNKNOWN", wanted, "it holds nothing", f"on hold by: {held}")
    ends: tuple[tuple[Kind, frozenset[str], float | None], ...] = (
        ("allow_entries", roster.entries_stopped_by, None),
        ("unfreeze_challengers", roster.challengers_frozen_by, situation.rules.most()),
        ("unfreeze_ramp", roster.ramp_frozen_by, None),
    )
    actions = tuple(
        action_for(kind, "", command, situation, cause=cause, ceiling=ceiling)
        for kind, causes, ceiling in ends
        for cause in sorted(causes)
        if wanted in ("", cause)
    )
    lifted = ", ".join(dict.fromkeys(action.cause for action in actions))
    return Obeyed(actions, f"no longer on hold by {lifted}")
