"""What a verb is planned on, what it comes to, and how its actions are made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from tiltyard.actions.on_hold import on_hold
from tiltyard.facts.action import PERSON, Action, Kind
from tiltyard.facts.arm import FLAT, Arm, Roster
from tiltyard.facts.command import Command
from tiltyard.kernel.errors import TiltyardError
from tiltyard.policies.name import select
from tiltyard.scaling.ladder import ShareRules


@dataclass(frozen=True, slots=True)
class Situation:
    """What a verb is planned on.

    Attributes:
        roster: As it is.
        rules: The bounds of shares.
        now: UTC.
        open_positions: Of each arm, how many are open; None, or nothing, where nobody knows.
        knows_capital: Whether somebody said what equity an arm has.
        day_of: The trading day that a time lies in.
    """

    roster: Roster
    rules: ShareRules
    now: datetime
    open_positions: Mapping[str, int | None] = field(default_factory=dict)
    knows_capital: Callable[[Arm], bool] = lambda _: True
    day_of: Callable[[datetime], date] = datetime.date


@dataclass(frozen=True, slots=True)
class Obeyed:
    """What a verb comes to.

    Attributes:
        actions: In the order in which to do them; none when it is so already.
        text: For the person who asked.
    """

    actions: tuple[Action, ...]
    text: str


def asked_for(command: Command, situation: Situation) -> Arm:
    """The arm that a command names.

    Raises:
        TiltyardError: ``POLICY_UNKNOWN`` or ``POLICY_AMBIGUOUS``.
    """
    arms = situation.roster.arms
    return arms[select(command.policy, list(arms))]


def action_for(
    kind: Kind,
    policy: str,
    command: Command,
    situation: Situation,
    *,
    cause: str = PERSON,
    before: float | None = None,
    after: float | None = None,
    ceiling: float | None = None,
    number: int = 0,
) -> Action:
    """An action that a command calls for, with the actor's reason."""
    return Action(
        kind, policy, cause, "enforce", situation.now,
        before=before, after=after, ceiling=ceiling, number=number,
        reason=command.reason or f"asked for by {command.actor}",
    )  # fmt: skip


def percent(share: float) -> str:
    """A share as people read it.

    >>> percent(0.1)
    '10.0 %'
    """
    return f"{100 * share:.1f} %"


def refuse_flat(arm: Arm) -> None:
    """``flat`` neither goes nor comes: it is there when nobody else is."""
    if arm.name == FLAT:
        raise TiltyardError(
            "TRANSITION_REFUSED", FLAT, "it is the champion of last resort, and trades nothing"
        )


def refuse_holds(policy: str, roster: Roster) -> None:
    """Nobody is given anything while anything is on hold."""
    if roster.holds():
        held = ", ".join(sorted(roster.holds()))
        ends = ", ".join(dict.fromkeys(hold.command for hold in on_hold(roster)))
        raise TiltyardError("ON_HOLD", policy, f"on hold by {held}", f"first: {ends}")


def refuse_reviews(policy: str, roster: Roster) -> None:
    """Somebody has to have looked at why traffic was taken."""
    reviews = roster.blocking_reviews(policy)
    if reviews:
        numbers = " ".join(str(review.number) for review in reviews)
        raise TiltyardError(
            "REVIEW_OPEN", policy, f"review {numbers} of it is not acknowledged",
            f"first: tiltyard review ack {reviews[0].number}",
        )  # fmt: skip
