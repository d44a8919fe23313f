"""Verbs that change the champion: approve a promotion, roll back to a known-good one."""

from tiltyard.actions.verbs.situation import (
    Obeyed,
    Situation,
    action_for,
    asked_for,
    refuse_holds,
    refuse_reviews,
)
from tiltyard.facts.arm import FLAT, Arm, Roster
from tiltyard.facts.command import Command
from tiltyard.kernel.errors import TiltyardError
from tiltyard.policies.name import select
from tiltyard.router.lifecycle import TRADING, next_state


def approve(command: Command, situation: Situation) -> Obeyed:
    """The proposed challenger is the champion; the former one is kept as known-good."""
    arm, roster = asked_for(command, situation), situation.roster
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
    next_state(arm.name, arm.state, "crown")
    refuse_holds(arm.name, roster)
    refuse_reviews(arm.name, roster)
    former = roster.champion()
    action = action_for("crown", arm.name, command, situation, before=arm.share, after=1.0,
                        cause="promotion", number=proposal.number)  # fmt: skip
    return Obeyed(
        (action,), f"{arm.name}: champion, approved by {command.actor}; {former.name} is kept as "
        "known-good",
    )  # fmt: skip


def rollback(command: Command, situation: Situation) -> Obeyed:
    """The champion is halted, and the last known-good one, or ``flat``, takes over.

    The champion is named, so that asking twice does not roll back twice. A proposal to do
    so is approved by it. ``flat`` makes way for a known-good one without being halted, and
    for anybody on trial whom a person names: so a champion that was halted by mistake comes back.
    """
    arm, roster = asked_for(command, situation), situation.roster
    if arm.role != "champion":
        is_not = f"not the champion; {roster.champion().name} is"
        if arm.state in ("halted", "deposed"):
            return Obeyed((), f"{arm.name} is {is_not}")
        raise TiltyardError(
            "TRANSITION_REFUSED", arm.name, is_not, "name the champion that is to go"
        )
    target = _known_good(command, roster)
    if target.name == arm.name:
        return Obeyed((), f"{arm.name} is the champion, and nobody known-good could follow it")
    digest = command.arguments.get("digest", "")
    if digest and digest != target.digest:
        raise TiltyardError(
            "DIGEST_DIFFERS", target.name, f"it is registered with digest "
            f"{target.digest or 'none'}, and {digest} was asked for", "see: tiltyard policy list",
        )  # fmt: skip
    proposal = roster.open_proposal("rollback", arm.name)
    actions = []
    if arm.name != FLAT:
        actions.append(action_for("halt", arm.name, command, situation, before=arm.share,
                                  after=0.0, cause="rollback",
                                  number=proposal.number if proposal else 0))  # fmt: skip
    if target.name != FLAT:
        actions.append(action_for("crown", target.name, command, situation, before=target.share,
                                  after=1.0, cause="rollback"))  # fmt: skip
    pinned = f", digest {target.digest}" if target.digest else ""
    gone = f"; {arm.name} is halted" if arm.name != FLAT else ""
    return Obeyed(tuple(actions), f"{target.name}: champion{pinned}{gone}")


def _known_good(command: Command, roster: Roster) -> Arm:
    if FLAT not in roster.arms:
        raise TiltyardError("CHAMPION_MISSING", FLAT, "no flat policy to fall back on")
    wanted = command.arguments.get("to", "")
    good = {arm.name: arm for arm in roster.arms.values() if arm.state == "deposed"}
    if wanted:
        name = select(wanted, list(roster.arms))
        if roster.champion().name == FLAT and roster.arms[name].state in TRADING:
            return roster.arms[name]
        if name not in good:
            raise TiltyardError(
                "NOT_KNOWN_GOOD", name, f"it is {roster.arms[name].state}, and was no champion in "
                "good standing", f"roll back to one of: {', '.join(good) or 'none'}",
            )  # fmt: skip
        return good[name]
    real = [(arm.deposed_at, arm.name) for arm in good.values()
            if arm.name != FLAT and arm.deposed_at]  # fmt: skip
    return roster.arms[max(real)[1] if real else FLAT]
