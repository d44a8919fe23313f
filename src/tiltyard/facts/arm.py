"""Arms and the roster: who receives how much traffic, and what is on hold.

The roster is a value. Actions turn one roster into the next
(:func:`tiltyard.actions.apply.apply`); the database holds its latest state.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import Money

Role = Literal["champion", "challenger"]
State = Literal[
    "candidate", "probation", "live", "champion", "throttled", "halted", "deposed", "retired"
]
GONE: frozenset[State] = frozenset({"deposed", "retired"})
"""States of an arm that trades no more."""

ProposalKind = Literal["promotion", "rollback"]
ProposalOutcome = Literal["", "approved", "withdrawn", "expired"]

PROPOSAL_LASTS = timedelta(hours=48)

FLAT = "flat"
"""The champion of last resort: it trades nothing."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A policy in its role as receiver of traffic.

    Attributes:
        name: Full policy name.
        role: ``champion`` or ``challenger``.
        state: Where it stands in its life (``router.lifecycle``).
        share: Traffic allocation, 0..1.
        start_share: What it was registered with, and restarts with.
        ceiling: The most it may be given now: 0 when throttled or halted.
        capital: Equity allotted to the policy; None when nobody said.
        created_at: When it was registered, UTC.
        trial_started_at: Trades closing after it count; None counts from the first.
        throttled_by: The guard or person that throttled or halted it; empty otherwise.
        resumed_at: When it came back from throttles by itself, newest last.
        kind: What sort of policy it is, when the name does not say.
        digest: SHA-256 of what serves; empty when nobody said.
        held_share: What it had when all challengers were frozen, and gets back.
        scaled_at: When its share was last multiplied.
        deposed_at: When it ceased to be the champion in good standing.
        revision: Rises with every change in the database; 0 for one that is not from there.
    """

    name: str
    role: Role
    state: State
    share: float
    start_share: float
    ceiling: float
    capital: Money | None
    created_at: datetime
    trial_started_at: datetime | None = None
    throttled_by: str = ""
    resumed_at: tuple[datetime, ...] = ()
    kind: str = ""
    digest: str = ""
    held_share: float = 0.0
    scaled_at: datetime | None = None
    deposed_at: datetime | None = None
    revision: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Review:
    """A question that a throttle, a halt or an advisory guard leaves for a person.

    Attributes:
        number: 1, 2, 3 … in the order they were opened.
        policy: The arm.
        guard: What tripped.
        opened_at: UTC.
        acknowledged_at: When a person looked; None while open.
        advisory: Nothing was taken from the arm, and its ramp goes on.
    """

    number: int
    policy: str
    guard: str
    opened_at: datetime
    acknowledged_at: datetime | None = None
    advisory: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """A step that only a named person takes, while it is open.

    Attributes:
        number: 1, 2, 3 … in the order they were made.
        kind: ``promotion`` of a challenger, or ``rollback`` of the champion.
        policy: Whom it is about.
        opened_at: UTC.
        evidence: One sentence part for people: what speaks for it.
        closed_at: When it was settled; None while open.
        outcome: How it ended.
    """

    number: int
    kind: ProposalKind
    policy: str
    opened_at: datetime
    evidence: str
    closed_at: datetime | None = None
    outcome: ProposalOutcome = ""

    @property
    def expires_at(self) -> datetime:
        """From when on it can no longer be approved."""
        return self.opened_at + PROPOSAL_LASTS


@dataclass(frozen=True, slots=True)
class Roster:
    """All arms, and what is on hold.

    Attributes:
        arms: By name.
        reviews: All that were ever opened, or those that matter: the open ones, the last of each
            arm by which traffic was taken, and the newest. In the order of their numbers.
        ramp_frozen_by: Guards because of which nobody's share may grow.
        challengers_frozen_by: Guards because of which challengers get nothing.
        entries_stopped_by: Guards because of which nobody may enter.
        proposals: All that were ever made, or those that are open, and the newest.
        account_since: Trades that close after it count for the account; None counts all.
    """

    arms: Mapping[str, Arm] = field(default_factory=dict)
    reviews: tuple[Review, ...] = ()
    ramp_frozen_by: frozenset[str] = frozenset()
    challengers_frozen_by: frozenset[str] = frozenset()
    entries_stopped_by: frozenset[str] = frozenset()
    proposals: tuple[Proposal, ...] = ()
    account_since: datetime | None = None

    def champion(self) -> Arm:
        """The one champion.

        Raises:
            TiltyardError: ``CHAMPION_MISSING`` when there is none, or more than one.
        """
        champions = [arm for arm in self.arms.values() if arm.role == "champion"]
        if len(champions) != 1:
            raise TiltyardError(
                "CHAMPION_MISSING",
                ", ".join(arm.name for arm in champions) or "roster",
                f"{len(champions)} champions, expected exactly one",
                "register one: tiltyard policy register NAME --role champion",
            )
        return champions[0]

    def challengers(self) -> list[Arm]:
        """Every arm but the champion, in order of registration."""
        return [arm for arm in self.arms.values() if arm.role == "challenger"]

    def with_arm(self, arm: Arm) -> "Roster":
        """The same roster with ``arm`` put in, and the champion given what is left over.

        Raises:
            TiltyardError: ``SHARES_EXCEED_ONE`` when the challengers have more than there is.
        """
        arms = {**self.arms, arm.name: arm}
        champion = next((a for a in arms.values() if a.role == "champion"), None)
        if champion is not None:
            given = sum(a.share for a in arms.values() if a.role == "challenger")
            left = round(1.0 - given, 12)
            if left < 0:
                raise TiltyardError(
                    "SHARES_EXCEED_ONE", arm.name,
                    f"with its {arm.share:g} the challengers have {given:g} of the traffic, "
                    "and the champion less than none", "give it a smaller share",
                )  # fmt: skip
            arms[champion.name] = replace(champion, share=left)
        return replace(self, arms=arms)

    def holds(self) -> frozenset[str]:
        """Guards because of which nobody's share grows, joins or comes back."""
        return self.ramp_frozen_by | self.challengers_frozen_by | self.entries_stopped_by

    @property
    def last_review(self) -> int:
        """Number of the newest review; 0 for none."""
        return self.reviews[-1].number if self.reviews else 0

    @property
    def last_proposal(self) -> int:
        """Number of the newest proposal; 0 for none."""
        return self.proposals[-1].number if self.proposals else 0

    def reviews_of(self, policy: str) -> list[Review]:
        """The reviews of one arm, oldest first."""
        return [review for review in self.reviews if review.policy == policy]

    def open_reviews(self, policy: str | None = None) -> list[Review]:
        """Reviews nobody has acknowledged, of one arm or of all."""
        return [
            review
            for review in self.reviews
            if review.acknowledged_at is None and policy in (None, review.policy)
        ]

    def blocking_reviews(self, policy: str) -> list[Review]:
        """Open reviews of one arm because of which it may not grow or come back."""
        return [review for review in self.open_reviews(policy) if not review.advisory]

    def taken_at(self, policy: str) -> datetime | None:
        """When traffic was last taken from an arm; None for never."""
        taken = [review for review in self.reviews_of(policy) if not review.advisory]
        return taken[-1].opened_at if taken else None

    def open_proposal(self, kind: ProposalKind, policy: str) -> Proposal | None:
        """The proposal of this kind about this arm that waits for a person."""
        for proposal in self.proposals:
            if (proposal.kind, proposal.policy, proposal.closed_at) == (kind, policy, None):
                return proposal
        return None
