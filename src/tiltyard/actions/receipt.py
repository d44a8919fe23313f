"""A receipt: what an action that moved traffic was worth, by what the arms did afterwards.

Comes in: the movement, and the trades that begin after it. Goes out: its worth in R, with an
interval of 95 %, or why there is none. An opportunity counts when an arm that gained or lost
traffic began an episode there; what an arm made there is the R-multiple of its trade on paper plus
its measured gap (live less paper), of its live trade where it has none on paper, and 0 where it
began none. The worth is the sum, over arms and opportunities, of the share that an arm gained
times what it made.

**Which opportunities.** Of the first 125 that have closed, the 100 that began first. Were it the
first 100 that close, what runs long would be missing, and winners run longer than losers.

**The interval** is made from ten blocks of neighbouring opportunities, since what follows one
another is alike, and from how well the gap of each arm is known. A gap that nobody has measured
is taken for 0, give or take as much as paper may flatter.

**No worth without a book on paper.** Where an arm was given its episodes one by one, its live
trades say nothing of those that it was not given. Then the receipt only describes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import sqrt
from typing import Literal, NamedTuple

from tiltyard.actions.movement import Movement
from tiltyard.facts.trade import Trade
from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.shadow_gap import SIGMAS, Gap

OPPORTUNITIES = 100
"""By which an action is scored."""
BEHIND = 25
"""So many more have closed, before those that began first are taken to be all there are."""
FEWEST = 20
"""Of the opportunities must say what was risked."""
BLOCKS = 10
STUDENT = 2.262157
"""Of 95 % and nine degrees of freedom."""
GAP_SPREAD = 0.12
"""How far paper may flatter before there are pairs, R a trade: the evidence rule's prior."""

Word = Literal[
    "right",  # the interval lies wholly on the saving or earning side
    "false alarm",  # a stop whose interval lies wholly on the costing side
    "mistake",  # the same of what gave traffic
    "undecided",
    "pending",
    "descriptive",
    "undefined",
]


class Worth(NamedTuple):
    """What an action was worth.

    Attributes:
        number: R-multiples; positive when it was good to do it.
        low: Lower end of the interval of 95 %.
        high: Upper end.
    """

    number: float
    low: float
    high: float


class Made(NamedTuple):
    """What one arm made at the opportunities of a receipt.

    Attributes:
        policy: The arm.
        shift: By how much its share rose.
        trades: That count.
        total: What they made, R, the gap included.
        live_trades: Among everything that has closed.
        live_total: What those made for real, R.
    """

    policy: str
    shift: float
    trades: int
    total: float
    live_trades: int
    live_total: float


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an action was worth, as far as it is known.

    Attributes:
        movement: What was done, and whose share it moved.
        worth: In R, or why there is none.
        opportunities: How many have closed, at most 100.
        left_out: How many of them count for nothing: a trade does not say what it risked.
        made: By each arm whose share was moved.
    """

    movement: Movement
    worth: Worth | Undefined
    opportunities: int
    left_out: int
    made: Sequence[Made]

    @property
    def word(self) -> Word:
        """The verdict on the action."""
        worth = self.worth
        if isinstance(worth, Undefined):
            words: dict[str, Word] = {"warming": "pending", "unobserved": "descriptive"}
            return words.get(worth.state, "undefined")
        if worth.low > 0:
            return "right"
        if worth.high < 0:
            return "false alarm" if self.movement.is_stop else "mistake"
        return "undecided"


class Settled(NamedTuple):
    """A receipt that is final, and what a sum over several is made from.

    Attributes:
        receipt: The receipt.
        parts: When each opportunity that counts began, and what it added; in time order.
        allowances: By arm, by how much the worth moves with its gap, and how well that is known.
    """

    receipt: Receipt
    parts: Sequence[tuple[datetime, float]]
    allowances: Mapping[str, tuple[float, float]]


@dataclass(slots=True)
class _Cell:
    """What one arm did at one opportunity."""

    paper: float = 0.0
    papers: int = 0
    live: float = 0.0
    lives: int = 0
    is_course: bool = False
    is_bare: bool = False

    def add(self, trade: Trade, made: float | None) -> None:
        self.is_bare |= made is None
        if trade.book == "live":
            self.live += made or 0.0
            self.lives += 1
            self.is_course |= trade.episode_id is None
        else:
            self.paper += made or 0.0
            self.papers += 1
            self.is_course = True


@dataclass(slots=True)
class _Opportunity:
    began: datetime
    cells: dict[str, _Cell]


class OpenReceipt:
    """A receipt that is being written.

    Args:
        movement: What it is for.
    """

    def __init__(self, movement: Movement) -> None:
        self.movement = movement
        self._seen: dict[str | tuple[str, str], _Opportunity] = {}

    def see(self, trade: Trade, made: float | None) -> bool:
        """One more trade of an arm whose share was moved; whether the receipt can be settled.

        Args:
            trade: The next in judged order. What began with the action or before is passed over:
                of what begins at the same moment nobody knows which came first.
            made: Its R-multiple; None when it does not say what it risked.
        """
        if trade.opened_at <= self.movement.action.at:
            return False
        key = trade.episode_id or (trade.source, trade.trade_id)
        found = self._seen.get(key)
        if found is None:
            found = self._seen[key] = _Opportunity(trade.opened_at, {})
        elif trade.opened_at < found.began:
            found.began = trade.opened_at
        cell = found.cells.get(trade.policy)
        if cell is None:
            cell = found.cells[trade.policy] = _Cell()
        cell.add(trade, made)
        return len(self._seen) >= OPPORTUNITIES + BEHIND

    def pending(self) -> Receipt:
        """As it stands while it is too early."""
        seen = len(self._seen)
        said = f"{min(seen, OPPORTUNITIES)} of {OPPORTUNITIES} opportunities"
        if seen >= OPPORTUNITIES:
            said += f", {seen - OPPORTUNITIES} of {BEHIND} behind them"
        waiting = Undefined("warming", said, seen)
        return self._receipt(waiting, self._seen.values(), {}, 0)

    def settle(self, gaps: Mapping[str, Gap | Undefined]) -> Settled:
        """The final receipt.

        Args:
            gaps: Live less paper of each arm whose share was moved.
        """
        chosen = sorted(self._seen.values(), key=lambda one: one.began)[:OPPORTUNITIES]
        known = {name: _known(gap) for name, gap in gaps.items()}
        means = {name: mean for name, (mean, _) in known.items()}
        counted = [one for one in chosen if not any(c.is_bare for c in one.cells.values())]
        left_out = len(chosen) - len(counted)
        if (why := self._silence(chosen, counted)) is not None:
            return Settled(self._receipt(why, chosen, means, left_out), (), {})
        shifts = self.movement.shifts
        parts = [
            (
                one.began,
                sum(shifts[name] * _made(c, means[name]) for name, c in one.cells.items()),
            )
            for one in counted
        ]
        allowances = {
            name: (
                shifts[name] * sum(one.cells[name].papers for one in counted if name in one.cells),
                spread,
            )
            for name, (_, spread) in known.items()
        }
        worth = _worth([part for _, part in parts], allowances)
        return Settled(self._receipt(worth, chosen, means, left_out), parts, allowances)

    def _silence(
        self, chosen: Sequence[_Opportunity], counted: Sequence[_Opportunity]
    ) -> Undefined | None:
        """Why no worth can be claimed; None when it can."""
        for name in self.movement.shifts:
            cells = [one.cells[name] for one in chosen if name in one.cells]
            if not any(cell.is_course for cell in cells):
                return Undefined("unobserved", f"no trade of {name} on paper", len(counted))
            if all(cell.is_bare for cell in cells):
                return Undefined("no_risk", f"no trade of {name} says what it risked", len(counted))
        if len(counted) < FEWEST:
            why = f"only {len(counted)} of {len(chosen)} opportunities say what was risked"
            return Undefined("no_risk", why, len(counted))
        return None

    def _receipt(
        self,
        worth: Worth | Undefined,
        chosen: Iterable[_Opportunity],
        gaps: Mapping[str, float],
        left_out: int,
    ) -> Receipt:
        chosen = list(chosen)
        made = []
        for name, shift in self.movement.shifts.items():
            cells = [o.cells[name] for o in chosen if name in o.cells]
            lives = [o.cells[name] for o in self._seen.values() if name in o.cells]
            made.append(
                Made(
                    name, shift,
                    sum(c.papers or c.lives for c in cells),
                    round(sum(_made(c, gaps.get(name, 0.0)) for c in cells), 6),
                    sum(c.lives for c in lives),
                    round(sum(c.live for c in lives), 6),
                )
            )  # fmt: skip
        seen = min(len(self._seen), OPPORTUNITIES)
        return Receipt(self.movement, worth, seen, left_out, tuple(made))


def _made(cell: _Cell, gap: float) -> float:
    """What an arm made, or would have made, for real."""
    return cell.paper + cell.papers * gap if cell.papers else cell.live


def _known(gap: Gap | Undefined) -> tuple[float, float]:
    """The gap, and how well it is known."""
    if isinstance(gap, Undefined):
        return 0.0, GAP_SPREAD
    return gap.mean, (gap.high - gap.low) / (2 * SIGMAS)


def _worth(parts: Sequence[float], allowances: Mapping[str, tuple[float, float]]) -> Worth:
    """The sum of what follows one another, and how far it may be off."""
    total, count = sum(parts), len(parts)
    blocks = [0.0] * BLOCKS
    for index, part in enumerate(parts):
        blocks[index * BLOCKS // count] += part - total / count
    chance = BLOCKS / (BLOCKS - 1) * sum(block * block for block in blocks)
    away = half_width(chance, allowances.values())
    return Worth(round(total, 6), round(total - away, 6), round(total + away, 6))


def half_width(chance: float, allowances: Iterable[tuple[float, float]]) -> float:
    """Half of an interval of 95 %, from the variance of what was made, and what each gap adds.

    Args:
        chance: A variance that ten blocks have said.
        allowances: By how much a sum moves with a gap, and how well that is known.
    """
    gaps = sum((much * spread) ** 2 for much, spread in allowances)
    return sqrt(STUDENT**2 * chance + SIGMAS**2 * gaps)
