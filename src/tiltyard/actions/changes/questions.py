"""Questions to people: reviews of what was taken from an arm, and proposals.

A review is acknowledged, a proposal is approved, withdrawn or expires; neither is ever
removed.
"""

from dataclasses import replace
from datetime import datetime

from tiltyard.actions.changes.change import Change, arm_of
from tiltyard.facts.action import Action
from tiltyard.facts.arm import Proposal, ProposalKind, ProposalOutcome, Review, Roster


def ask(roster: Roster, action: Action) -> Roster:
    """An advisory review, one at a time of an arm and a guard.

    What is asked about the account is an alert and no more: a review is of an arm.
    """
    if not action.policy:
        return roster
    for review in roster.open_reviews(arm_of(roster, action).name):
        if review.guard == action.cause:
            return roster
    return open_review(roster, action, advisory=True)


def open_review(roster: Roster, action: Action, *, advisory: bool) -> Roster:
    """The roster with one more review, of the arm that the action is about."""
    number = roster.last_review + 1
    review = Review(number, action.policy, action.cause, action.at, advisory=advisory)
    return replace(roster, reviews=(*roster.reviews, review))


def acknowledge(roster: Roster, action: Action) -> Roster:
    """A person has looked; the first time counts."""
    reviews = tuple(
        replace(review, acknowledged_at=review.acknowledged_at or action.at)
        if review.number == action.number
        else review
        for review in roster.reviews
    )
    return replace(roster, reviews=reviews)


def proposing(kind: ProposalKind) -> Change:
    """The change that makes a proposal of this kind, one at a time about an arm."""

    def propose(roster: Roster, action: Action) -> Roster:
        policy = arm_of(roster, action).name
        if roster.open_proposal(kind, policy):
            return roster
        number = roster.last_proposal + 1
        proposal = Proposal(number, kind, policy, action.at, action.reason)
        return replace(roster, proposals=(*roster.proposals, proposal))

    return propose


def expire(roster: Roster, action: Action) -> Roster:
    """Nobody approved it in time."""
    for proposal in roster.proposals:
        if proposal.number == action.number and proposal.closed_at is None:
            return _close(roster, proposal, "expired", action.at)
    return roster


def settle(roster: Roster, policy: str, at: datetime, *, approved: int = 0) -> Roster:
    """No proposal about an arm stays open: one may be approved, the others are withdrawn."""
    for proposal in roster.proposals:
        if proposal.policy == policy and proposal.closed_at is None:
            outcome: ProposalOutcome = "approved" if proposal.number == approved else "withdrawn"
            roster = _close(roster, proposal, outcome, at)
    return roster


def _close(roster: Roster, proposal: Proposal, outcome: ProposalOutcome, at: datetime) -> Roster:
    closed = replace(proposal, closed_at=at, outcome=outcome)
    proposals = tuple(closed if one.number == closed.number else one for one in roster.proposals)
    return replace(roster, proposals=proposals)
