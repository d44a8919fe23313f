"""What people may ask for by name, as actions.

A verb is planned like a verdict: the roster as it is and the command give actions, which
are then applied and audited like any other. Asked twice, a verb does once what it says:
what is so already needs no action, and says so. What must not be is refused with the
reason, and nothing is done.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tiltyard.facts.action import Action, Kind
from tiltyard.facts.arm import FLAT, Arm, Roster
from tiltyard.facts.command import Command, Verb
from tiltyard.kernel.errors import TiltyardError
from tiltyard.policies.name import select
from tiltyard.router.lifecycle import TRADING, next_state
from tiltyard.scaling.ladder import ShareRules, fits

PERSON = "person"
"""The cause of what a person asked for."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What a verb is planned on.

    Attributes:
        roster: As it is.
        rules: The bounds of shares.
        now: UTC.
        open_positions: Of each arm, how many its last mark told of.
    """

    roster: Roster
    rules: ShareRules
    now: datetime
    open_positions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Obeyed:
    """What a verb comes to.

    Attributes:
        actions: In the order in which to do them; none when it is so already.
        text: For the person who asked.
    """

    actions: tuple[Action, ...]
    text: str


def obey(command: Command, situation: Situation) -> Obeyed:
    """The actions of a command.

    Raises:
        TiltyardError: What the verb refuses; ``POLICY_UNKNOWN``, ``TRANSITION_REFUSED`` …
    """
    return PLANNERS[command.verb](command, situation)


def _arm(command: Command, situation: Situation) -> Arm:
    arms = situation.roster.arms
    return arms[select(command.policy, list(arms))]


def _action(
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
    return Action(
        kind, policy, cause, "enforce", situation.now,
        before=before, after=after, ceiling=ceiling, number=number,
        reason=command.reason or f"asked for by {command.actor}",
    )  # fmt: skip


def _throttle(command: Command, situation: Situation) -> Obeyed:
    arm = _arm(command, situation)
    if arm.state in ("throttled", "halted"):
        return Obeyed((), f"{arm.name} is {arm.state} already")
    next_state(arm.name, arm.state, "throttle")
    action = _action("throttle", arm.name, command, situation, before=arm.share, after=0.0)
    return Obeyed((action,), f"{arm.name}: throttled, traffic {100 * arm.share:.1f} % to 0 %")


def _halt(command: Command, situation: Situation) -> Obeyed:
    arm = _arm(command, situation)
    if arm.state in ("halted", "retired"):
        return Obeyed((), f"{arm.name} is {arm.state} already")
    _refuse_flat(arm)
    action = _action("halt", arm.name, command, situation, before=arm.share, after=0.0)
    crowned = f"; {FLAT} is the champion" if arm.role == "champion" else ""
    return Obeyed((action,), f"{arm.name}: halted, traffic {100 * arm.share:.1f} % to 0 %{crowned}")


def _rearm(command: Command, situation: Situation) -> Obeyed:
    arm = _arm(command, situation)
    if arm.state in TRADING:
        return Obeyed((), f"{arm.name} is on trial already ({arm.state})")
    next_state(arm.name, arm.state, "rearm")
    _refuse_holds(arm.name, situation.roster)
    _refuse_reviews(arm.name, situation.roster)
    rules = situation.rules
    room = rules.room(situation.roster)
    if not fits(arm.start_share, room):
        raise TiltyardError(
            "NO_ROOM", arm.name, f"it starts with {100 * arm.start_share:.1f} %, and above the champion's "
            f"floor {100 * room:.1f} % is left", "throttle or retire another one first",
        )  # fmt: skip
    share = arm.start_share
    action = _action(
        "rearm", arm.name, command, situation,
        before=arm.share, after=share, ceiling=rules.ceiling(share),
    )  # fmt: skip
    return Obeyed((action,), f"{arm.name}: on trial again, traffic {100 * share:.1f} %")


def _retire(command: Command, situation: Situation) -> Obeyed:
    arm = _arm(command, situation)
    if arm.state == "retired":
        return Obeyed((), f"{arm.name} is retired already")
    _refuse_flat(arm)
    if arm.role == "champion":
        raise TiltyardError(
            "TRANSITION_REFUSED", arm.name, "it is the champion", "roll back or promote first"
        )
    held = situation.open_positions.get(arm.name, 0)
    if held:
        raise TiltyardError(
            "POSITIONS_OPEN", arm.name, f"its last mark tells of {held} open positions",
            "halt it, and retire it when they are closed",
        )  # fmt: skip
    action = _action("retire", arm.name, command, situation, before=arm.share, after=0.0)
    return Obeyed((action,), f"{arm.name}: retired")


def _freeze(command: Command, situation: Situation) -> Obeyed:
    if PERSON in situation.roster.challengers_frozen_by:
        return Obeyed((), "the challengers are frozen already")
    action = _action("freeze_challengers", "", command, situation)
    return Obeyed((action,), "every challenger: traffic to 0 %, until tiltyard resume")


def _stop_all(command: Command, situation: Situation) -> Obeyed:
    if PERSON in situation.roster.entries_stopped_by:
        return Obeyed((), "entries are stopped already")
    action = _action("stop_entries", "", command, situation)
    return Obeyed((action,), "no entries for anyone, until tiltyard resume")


def _resume(command: Command, situation: Situation) -> Obeyed:
    roster, wanted = situation.roster, command.arguments.get("hold", "")
    ends: tuple[tuple[Kind, frozenset[str]], ...] = (
        ("allow_entries", roster.entries_stopped_by),
        ("unfreeze_challengers", roster.challengers_frozen_by),
        ("unfreeze_ramp", roster.ramp_frozen_by),
    )
    if wanted and wanted not in roster.holds():
        held = ", ".join(sorted(roster.holds())) or "nothing"
        raise TiltyardError("HOLD_UNKNOWN", wanted, "it holds nothing", f"on hold by: {held}")
    actions = tuple(
        _action(kind, "", command, situation, cause=cause)
        for kind, causes in ends
        for cause in sorted(causes)
        if wanted in ("", cause)
    )
    if not actions:
        return Obeyed((), "nothing is on hold")
    lifted = ", ".join(dict.fromkeys(action.cause for action in actions))
    return Obeyed(actions, f"no longer on hold by {lifted}")


def _acknowledge(command: Command, situation: Situation) -> Obeyed:
    text = command.arguments.get("number", "")
    reviews = {str(review.number): review for review in situation.roster.reviews}
    if text not in reviews:
        raise TiltyardError("REVIEW_UNKNOWN", text or "review", "no review has this number",
                            "see: tiltyard review list")  # fmt: skip
    review = reviews[text]
    if review.acknowledged_at is not None:
        return Obeyed((), f"review {text} of {review.policy} is acknowledged already")
    action = _action(
        "acknowledge", review.policy, command, situation, cause=review.guard, number=review.number
    )
    return Obeyed((action,), f"review {text} of {review.policy} ({review.guard}): acknowledged")


def _approve(command: Command, situation: Situation) -> Obeyed:
    arm, roster = _arm(command, situation), situation.roster
    proposal = roster.open_proposal("promotion", arm.name)
    if proposal is None:
        if arm.role == "champion":
            return Obeyed((), f"{arm.name} is the champion already")
        raise TiltyardError(
            "PROPOSAL_MISSING", arm.name, "nobody has proposed it as champion, or the proposal has "
            "expired", "a night proposes what has earned it: see tiltyard report",
        )  # fmt: skip
    if situation.now >= proposal.expires_at:
        raise TiltyardError(
            "PROPOSAL_EXPIRED", arm.name, f"it was to be approved by {proposal.expires_at}",
            "wait for the next night's proposal",
        )  # fmt: skip
    _refuse_holds(arm.name, roster)
    _refuse_reviews(arm.name, roster)
    former = roster.champion()
    action = _action("crown", arm.name, command, situation, before=arm.share, after=1.0,
                     cause="promotion", number=proposal.number)  # fmt: skip
    return Obeyed(
        (action,), f"{arm.name}: champion, approved by {command.actor}; {former.name} is kept as "
        "known-good",
    )  # fmt: skip


def _rollback(command: Command, situation: Situation) -> Obeyed:
    arm, roster = _arm(command, situation), situation.roster
    if arm.role != "champion":
        champion = roster.champion()
        return Obeyed((), f"{arm.name} is not the champion; {champion.name} is")
    _refuse_flat(arm)
    target = _known_good(command, roster)
    digest = command.arguments.get("digest", "")
    if digest and digest != target.digest:
        raise TiltyardError(
            "DIGEST_DIFFERS", target.name, f"it is registered with digest "
            f"{target.digest or 'none'}, and {digest} was asked for", "see: tiltyard policy list",
        )  # fmt: skip
    actions = [_action("halt", arm.name, command, situation, before=arm.share, after=0.0,
                       cause="rollback")]  # fmt: skip
    if target.name != FLAT:
        actions.append(_action("crown", target.name, command, situation, before=target.share,
                               after=1.0, cause="rollback"))  # fmt: skip
    pinned = f", digest {target.digest}" if target.digest else ""
    return Obeyed(tuple(actions), f"{target.name}: champion{pinned}; {arm.name} is halted")


def _known_good(command: Command, roster: Roster) -> Arm:
    wanted = command.arguments.get("to", "")
    good = [arm for arm in roster.arms.values() if arm.state == "deposed"]
    if wanted:
        name = select(wanted, [arm.name for arm in roster.arms.values()])
        if name not in [arm.name for arm in good]:
            raise TiltyardError(
                "NOT_KNOWN_GOOD", name, f"it is {roster.arms[name].state}, and was no champion in "
                "good standing",
                f"roll back to one of: {', '.join(arm.name for arm in good) or 'none'}",
            )  # fmt: skip
        return roster.arms[name]
    real = [(arm.deposed_at, arm.name) for arm in good if arm.name != FLAT and arm.deposed_at]
    return roster.arms[max(real)[1] if real else FLAT]


def _refuse_flat(arm: Arm) -> None:
    if arm.name == FLAT:
        raise TiltyardError(
            "TRANSITION_REFUSED", FLAT, "it is the champion of last resort, and trades nothing"
        )


def _refuse_holds(policy: str, roster: Roster) -> None:
    if roster.holds():
        held = ", ".join(sorted(roster.holds()))
        raise TiltyardError("ON_HOLD", policy, f"on hold by {held}", "first: tiltyard resume")


def _refuse_reviews(policy: str, roster: Roster) -> None:
    reviews = roster.blocking_reviews(policy)
    if reviews:
        numbers = " ".join(str(review.number) for review in reviews)
        raise TiltyardError(
            "REVIEW_OPEN", policy, f"review {numbers} of it is not acknowledged",
            f"first: tiltyard review ack {reviews[0].number}",
        )  # fmt: skip


PLANNERS: dict[Verb, Callable[[Command, Situation], Obeyed]] = {
    "halt": _halt,
    "throttle": _throttle,
    "freeze": _freeze,
    "stop_all": _stop_all,
    "rollback": _rollback,
    "rearm": _rearm,
    "resume": _resume,
    "retire": _retire,
    "acknowledge": _acknowledge,
    "approve": _approve,
}
"""Verbs that need nothing but the roster; ``register`` and ``scale`` need the ledger."""
