"""Arms and the roster: who receives how much traffic, and what is on hold.

The roster is a value. Actions turn one roster into the next
(:func:`tiltyard.actions.apply.apply`); the database holds its latest state.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import Money

Role = Literal["champion", "challenger"]
State = Literal[
    "candidate", "probation", "live", "champion", "throttled", "halted", "deposed", "retired"
]

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
        throttled_by: The guard that throttled or halted it; empty otherwise.
        resumed_at: When it came back from throttles by itself, newest last.
        kind: What sort of policy it is, when the name does not say.
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


@dataclass(frozen=True, slots=True)
class Review:
    """A question that a throttle or a halt leaves for a person.

    Attributes:
        number: 1, 2, 3 … in the order they were opened.
        policy: The arm.
        guard: What tripped.
        opened_at: UTC.
        acknowledged_at: When a person looked; None while open.
    """

    number: int
    policy: str
    guard: str
    opened_at: datetime
    acknowledged_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Roster:
    """All arms, and what is on hold.

    Attributes:
        arms: By name.
        reviews: All that were ever opened.
        ramp_frozen_by: Guards because of which nobody's share may grow.
        challengers_frozen_by: Guards because of which challengers get nothing.
        entries_stopped_by: Guards because of which nobody may enter.
    """

    arms: Mapping[str, Arm] = field(default_factory=dict)
    reviews: tuple[Review, ...] = ()
    ramp_frozen_by: frozenset[str] = frozenset()
    challengers_frozen_by: frozenset[str] = frozenset()
    entries_stopped_by: frozenset[str] = frozenset()

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

    def reviews_of(self, policy: str) -> list[Review]:
        """Every review of one arm, oldest first."""
        return [review for review in self.reviews if review.policy == policy]

    def open_reviews(self, policy: str | None = None) -> list[Review]:
        """Reviews nobody has acknowledged, of one arm or of all."""
        return [
            review
            for review in self.reviews
            if review.acknowledged_at is None and policy in (None, review.policy)
        ]
