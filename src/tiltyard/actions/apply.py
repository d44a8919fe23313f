"""Arms and an action give arms: pure, total over the transition table, idempotent.

An action in ``observe`` mode leaves the roster as it was. Whatever a challenger loses
goes to the champion in the same step, so shares always add up to one.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from tiltyard.facts.action import Action, Kind
from tiltyard.facts.arm import (
    FLAT,
    Arm,
    Proposal,
    ProposalKind,
    ProposalOutcome,
    Review,
    Roster,
)
from tiltyard.kernel.errors import TiltyardError
from tiltyard.router.lifecycle import TRADING, next_state

Change = Callable[[Roster, Action], Roster]


def apply(roster: Roster, action: Action) -> Roster:
    """The roster after ``action``.

    Raises:
        TiltyardError: ``TRANSITION_REFUSED`` for a step that the arm's state does not
            allow, ``POLICY_UNKNOWN`` for an arm that is not there.
    """
    if action.mode == "observe":
        return roster
    change = CHANGES.get(action.kind)
    return roster if change is None else change(roster, action)


def _arm(roster: Roster, action: Action) -> Arm:
    arm = roster.arms.get(action.policy)
    if arm is None:
        raise TiltyardError("POLICY_UNKNOWN", action.policy, f"cannot {action.kind}: no such arm")
    return arm


def depose(roster: Roster, at: datetime) -> Roster:
    """The roster without a champion; the former one is kept as known-good."""
    arms = {
        name: replace(
            arm, role="challenger", state="deposed", share=0.0, ceiling=0.0, deposed_at=at
        )
        if arm.role == "champion"
        else arm
        for name, arm in roster.arms.items()
    }
    return replace(roster, arms=arms)


def _take_traffic(roster: Roster, action: Action) -> Roster:
    arm = _arm(roster, action)
    if (arm.state, action.kind) == ("halted", "halt"):
        return roster.with_arm(replace(arm, share=0.0, ceiling=0.0, held_share=0.0))
    state = next_state(arm.name, arm.state, action.kind)
    if arm.role == "champion":
        roster = _crown_flat(roster, arm)
    roster = roster.with_arm(
        replace(arm, role="challenger", state=state, share=0.0, ceiling=0.0, held_share=0.0,
                throttled_by=action.cause, deposed_at=None)
    )  # fmt: skip
    roster = _withdraw(roster, arm.name, action.at)
    return _open_review(roster, action, advisory=False)


def _crown_flat(roster: Roster, former: Arm) -> Roster:
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


def _crown(roster: Roster, action: Action) -> Roster:
    arm = _arm(roster, action)
    next_state(arm.name, arm.state, "crown")
    former = roster.champion()
    roster = _put_on_throne(depose(roster, action.at), arm)
    for proposal in roster.proposals:
        if proposal.closed_at is None and proposal.policy in (arm.name, former.name):
            ended: ProposalOutcome = "approved" if proposal.policy == arm.name else "withdrawn"
            roster = _close(roster, proposal, ended, action.at)
    return roster.with_arm(roster.arms[arm.name])


def _resume(roster: Roster, action: Action) -> Roster:
    arm = _arm(roster, action)
    return _on_trial_again(roster, replace(arm, resumed_at=(*arm.resumed_at, action.at)), action)


def _rearm(roster: Roster, action: Action) -> Roster:
    return _on_trial_again(roster, replace(_arm(roster, action), resumed_at=()), action)


def _on_trial_again(roster: Roster, arm: Arm, action: Action) -> Roster:
    return roster.with_arm(
        replace(
            arm, state=next_state(arm.name, arm.state, action.kind), share=action.after or 0.0,
            ceiling=action.ceiling or 0.0, throttled_by="", trial_started_at=action.at,
            deposed_at=None,
        )
    )  # fmt: skip


def _admit(roster: Roster, action: Action) -> Roster:
    arm = _arm(roster, action)
    return roster.with_arm(
        replace(
            arm, state=next_state(arm.name, arm.state, "admit"),
            share=action.after or 0.0, ceiling=action.ceiling or 0.0,
        )
    )  # fmt: skip


def _graduate(roster: Roster, action: Action) -> Roster:
    arm = _arm(roster, action)
    return roster.with_arm(replace(arm, state=next_state(arm.name, arm.state, "graduate")))


def _retire(roster: Roster, action: Action) -> Roster:
    arm = _arm(roster, action)
    state = next_state(arm.name, arm.state, "retire")
    roster = _withdraw(roster, arm.name, action.at)
    return roster.with_arm(
        replace(arm, state=state, share=0.0, ceiling=0.0, held_share=0.0, deposed_at=None)
    )


def _scale(roster: Roster, action: Action) -> Roster:
    arm = _arm(roster, action)
    if arm.state not in TRADING:
        return roster
    share = action.after or 0.0
    return roster.with_arm(replace(arm, share=share, ceiling=share, scaled_at=action.at))


def _raise_ceiling(roster: Roster, action: Action) -> Roster:
    arm = _arm(roster, action)
    return roster.with_arm(replace(arm, ceiling=action.ceiling or 0.0))


def _edit(roster: Roster, action: Action) -> Roster:
    """What the database made of a share that somebody changed by SQL."""
    arm = _arm(roster, action)
    if arm.role == "champion":
        return roster
    share, ceiling = action.after or 0.0, action.ceiling or 0.0
    scaled_at = action.at if share > (action.before or 0.0) else arm.scaled_at
    return roster.with_arm(replace(arm, share=share, ceiling=ceiling, scaled_at=scaled_at))


def _freeze_challengers(roster: Roster, action: Action) -> Roster:
    for arm in roster.challengers():
        held = arm.share or arm.held_share
        roster = roster.with_arm(replace(arm, share=0.0, ceiling=0.0, held_share=held))
    return replace(roster, challengers_frozen_by=roster.challengers_frozen_by | {action.cause})


def _unfreeze_challengers(roster: Roster, action: Action) -> Roster:
    """The last hold that ends gives the challengers back what they had."""
    roster = replace(roster, challengers_frozen_by=roster.challengers_frozen_by - {action.cause})
    if roster.challengers_frozen_by:
        return roster
    for arm in roster.challengers():
        if arm.held_share:
            share = arm.held_share if arm.state in TRADING else 0.0
            roster = roster.with_arm(replace(arm, share=share, ceiling=share, held_share=0.0))
    return roster


def _freeze_ramp(roster: Roster, action: Action) -> Roster:
    return replace(roster, ramp_frozen_by=roster.ramp_frozen_by | {action.cause})


def _unfreeze_ramp(roster: Roster, action: Action) -> Roster:
    return replace(roster, ramp_frozen_by=roster.ramp_frozen_by - {action.cause})


def _stop_entries(roster: Roster, action: Action) -> Roster:
    return replace(roster, entries_stopped_by=roster.entries_stopped_by | {action.cause})


def _allow_entries(roster: Roster, action: Action) -> Roster:
    """Entries go on, and what the account has lost until now is no reason to stop them again."""
    left = roster.entries_stopped_by - {action.cause}
    return replace(roster, entries_stopped_by=left, account_since=action.at)


def _ask(roster: Roster, action: Action) -> Roster:
    for review in roster.open_reviews(action.policy):
        if review.guard == action.cause:
            return roster
    return _open_review(roster, action, advisory=True)


def _open_review(roster: Roster, action: Action, *, advisory: bool) -> Roster:
    number = len(roster.reviews) + 1
    review = Review(number, action.policy, action.cause, action.at, advisory=advisory)
    return replace(roster, reviews=(*roster.reviews, review))


def _acknowledge(roster: Roster, action: Action) -> Roster:
    reviews = tuple(
        replace(review, acknowledged_at=review.acknowledged_at or action.at)
        if review.number == action.number
        else review
        for review in roster.reviews
    )
    return replace(roster, reviews=reviews)


def _proposing(kind: ProposalKind) -> Change:
    def propose(roster: Roster, action: Action) -> Roster:
        if roster.open_proposal(kind, action.policy):
            return roster
        number = len(roster.proposals) + 1
        proposal = Proposal(number, kind, action.policy, action.at, action.reason)
        return replace(roster, proposals=(*roster.proposals, proposal))

    return propose


def _expire(roster: Roster, action: Action) -> Roster:
    for proposal in roster.proposals:
        if proposal.number == action.number and proposal.closed_at is None:
            return _close(roster, proposal, "expired", action.at)
    return roster


def _withdraw(roster: Roster, policy: str, at: datetime) -> Roster:
    for proposal in roster.proposals:
        if proposal.policy == policy and proposal.closed_at is None:
            roster = _close(roster, proposal, "withdrawn", at)
    return roster


def _close(roster: Roster, proposal: Proposal, outcome: ProposalOutcome, at: datetime) -> Roster:
    closed = replace(proposal, closed_at=at, outcome=outcome)
    proposals = tuple(closed if one.number == closed.number else one for one in roster.proposals)
    return replace(roster, proposals=proposals)


CHANGES: dict[Kind, Change] = {
    "halt": _take_traffic,
    "throttle": _take_traffic,
    "resume": _resume,
    "rearm": _rearm,
    "retire": _retire,
    "crown": _crown,
    "admit": _admit,
    "graduate": _graduate,
    "scale": _scale,
    "raise_ceiling": _raise_ceiling,
    "external_edit": _edit,
    "freeze_challengers": _freeze_challengers,
    "unfreeze_challengers": _unfreeze_challengers,
    "freeze_ramp": _freeze_ramp,
    "unfreeze_ramp": _unfreeze_ramp,
    "stop_entries": _stop_entries,
    "allow_entries": _allow_entries,
    "review": _ask,
    "acknowledge": _acknowledge,
    "propose_promotion": _proposing("promotion"),
    "propose_rollback": _proposing("rollback"),
    "expire_proposal": _expire,
}
"""What each kind of action changes; kinds that are missing change nothing."""
