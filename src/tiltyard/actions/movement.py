"""What an action moved: whose share of the opportunities it changed, and by how much.

Comes in: the roster before an action, and the action. Goes out: by how much each arm's share
of what may be entered rose or fell, nothing where nobody's did. Shares add up to one, so what
one arm loses others gain, most often the champion. While entries are stopped nobody has any, and
a halt moves nothing. What was only observed has moved what it would have moved. ``flat`` trades
nothing, whatever it has, so it is left out.

>>> from datetime import UTC, datetime
>>> from tiltyard.facts.arm import Arm
>>> noon = datetime(2025, 7, 7, 12, tzinfo=UTC)
>>> roster = Roster().with_arm(Arm("good", "champion", "champion", 1, 1, 1, None, noon))
>>> roster = roster.with_arm(Arm("new", "challenger", "live", 0.1, 0.1, 0.15, None, noon))
>>> halt = Action("halt", "new", "person", "enforce", noon, before=0.1, after=0.0)
>>> dict(movement(17, roster, halt).shifts)
{'good': 0.1, 'new': -0.1}
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tiltyard.actions.apply import apply
from tiltyard.facts.action import Action, Kind
from tiltyard.facts.arm import FLAT, Roster
from tiltyard.kernel.errors import TiltyardError

STOPS: frozenset[Kind] = frozenset(
    {"throttle", "halt", "retire", "freeze_challengers", "stop_entries"}
)
"""These take traffic away."""

GIFTS: frozenset[Kind] = frozenset(
    {"admit", "resume", "rearm", "crown", "unfreeze_challengers", "allow_entries"}
)
"""These give traffic to somebody."""

EITHER: frozenset[Kind] = frozenset({"scale", "external_edit"})
"""These may do the one or the other."""

ON_EVERYBODY: frozenset[Kind] = frozenset(
    {"freeze_challengers", "unfreeze_challengers", "stop_entries", "allow_entries"}
)
"""These are about everybody, also when they follow from what one arm did."""

MOVING = STOPS | GIFTS | EITHER

NOT_MOVING: frozenset[Kind] = frozenset(
    {"register",  # joining is no judgement: who joins as a challenger has nothing yet
     "graduate", "raise_ceiling", "begin_now", "skip_scale",  # what an arm has stays the same
     "freeze_ramp", "unfreeze_ramp",  # what nobody got is not known
     "refresh_encoder", "restart_learner", "page", "review", "acknowledge", "propose_rollback",
     "propose_promotion", "expire_proposal"}
)  # fmt: skip
"""These leave every share as it is, and get no receipt."""


@dataclass(frozen=True, slots=True)
class Movement:
    """An action that moved traffic, or would have.

    Attributes:
        number: Its position in the record.
        action: What was done, or observed.
        before: Share of the arm before, or of all arms that an action on everybody was about: of
            a stop those that lose, of a gift those that gain.
        after: The same after.
        shifts: By arm, its share after less its share before; nobody whose share stayed.
    """

    number: int
    action: Action
    before: float
    after: float
    shifts: Mapping[str, float]

    @property
    def subject(self) -> str:
        """The arm that it was done to; empty for everybody."""
        return "" if self.action.kind in ON_EVERYBODY else self.action.policy

    def concerns(self, policy: str) -> bool:
        """Whether it was done to an arm, or to everybody and moved the share of that arm."""
        return policy == self.subject or (not self.subject and policy in self.shifts)

    @property
    def is_stop(self) -> bool:
        """Whether it took traffic away."""
        return self.action.kind not in GIFTS and self.after < self.before


def movement(number: int, roster: Roster, action: Action) -> Movement | None:
    """What an action moves, or would move; None for nothing.

    Args:
        number: Its position in the record.
        roster: As it is before.
        action: Also one that is only observed.
    """
    if action.kind not in MOVING:
        return None
    try:
        then = apply(roster, replace(action, mode="enforce"))
    except TiltyardError:
        return None  # it was observed, and could not have been done
    before, after = _entering(roster), _entering(then)
    shifts = {
        name: round(after[name] - before[name], 12)
        for name, arm in roster.arms.items()
        if FLAT not in (name, arm.kind) and round(after[name] - before[name], 9)
    }
    if not shifts:
        return None
    is_stop = action.kind in STOPS
    about = (
        [name for name, shift in shifts.items() if (shift < 0) == is_stop]
        if action.kind in ON_EVERYBODY or not action.policy
        else [action.policy]
    )
    had, has = (round(sum(shares[name] for name in about), 12) for shares in (before, after))
    return Movement(number, action, had, has, shifts)


def _entering(roster: Roster) -> Mapping[str, float]:
    """The share of each arm in what may be entered."""
    stopped = bool(roster.entries_stopped_by)
    return {name: 0.0 if stopped else arm.share for name, arm in roster.arms.items()}
