"""A receipt: what an action that moved traffic was worth, by what the arms did afterwards.

Comes in: the movement, and the trades that begin after it. Goes out: its worth, with an interval
of 95 %, or why there is none. An opportunity counts when an arm that gained or lost
traffic began an episode there; what an arm made there is what its trade on paper made plus
its measured gap (live less paper), of its live trade where it has none on paper, and 0 where it
began none. The worth is the sum, over arms and opportunities, of the share that an arm gained
times what it made.

**One unit.** A receipt counts in R, where its opportunities say what was risked. Where an arm never
says it, or fewer than twenty of them do, it counts in percent of each arm's capital, and says so.

**Which opportunities.** The 100 that began first, and all that began at the moment of the
hundredth: who of those closed first is no reason to count it. Were it the first 100 that close,
what runs long would be missing, and winners run longer than losers. So a receipt waits until 25
more have closed, and until the hundredth began longer ago than the longest trade of its arms has
ever lasted: nothing that began in it is open any more, unless it lasts longer than any before. A
trade counts there as 60 days at most: one whose opening was told wrong, or that was forgotten,
keeps nobody waiting for years. Nobody has to trade any more for a receipt to be over. What some arm
began with the action or before is no opportunity of it, whoever begins there later.

**The interval** is made from ten :mod:`stretches <tiltyard.actions.stretches>` of neighbouring
opportunities, since what follows one another is alike, and from how well the gap of each arm is
known. A gap that nobody has measured is taken for 0, give or take as much as paper may flatter; one
of pairs on fewer than ten days for its mean, give or take the same.
Where most opportunities began at the same few moments there is no interval, and no worth.

**No worth without a book on paper.** Where an arm was given its episodes one by one, its live
trades and their twins say nothing of those that it was not given. Only an arm that tells shadow
trades has such a book, and one that is given no episodes needs none. Who has everything, as a
champion after a halt, tells no shadow trade for a while, so it is enough that it ever told one.
Otherwise the receipt only describes.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import fsum, hypot
from typing import Literal, NamedTuple

from tiltyard.actions.movement import Movement
from tiltyard.actions.opportunity import Cell, Opportunity, Result
from tiltyard.actions.stretches import Part, half_of
from tiltyard.facts.trade import Trade
from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.blocks import SIGMAS
from tiltyard.metrics.shadow_gap import Gap, ShadowGap
from tiltyard.metrics.unit import SAYS, UNITS, Unit
from tiltyard.scaling.optimism import GAP_SPREAD

OPPORTUNITIES = 100
"""By which an action is scored."""
BEHIND = 25
"""So many more have closed, at least, before those that began first are taken to be all."""
LONGEST = timedelta(days=60)
"""A receipt waits no longer for what may still be open."""
FEWEST = 20
"""Of the opportunities must say enough."""
_ASKED: Mapping[Unit, str] = {"R": "what was risked", "%": "their capital"}
GAP_PART = 0.1
"""In percent, how far paper may flatter before there are pairs, of what a trade makes or loses on
average: in the benchmark's model that is 1.2 R."""

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
        number: Positive when it was good to do it.
        low: Lower end of the interval of 95 %.
        high: Upper end.
        unit: In what.
    """

    number: float
    low: float
    high: float
    unit: Unit = "R"


class Made(NamedTuple):
    """What one arm made at the opportunities of a receipt.

    Attributes:
        policy: The arm.
        shift: By how much its share rose.
        trades: That count, once the receipt is final.
        total: What they made, the gap included, in the unit of the receipt; None without one. A
            worth is the sum of what all arms made, each times its shift.
        live_trades: Among everything that has closed.
        live_total: What those made for real.
    """

    policy: str
    shift: float
    trades: int
    total: float | None
    live_trades: int
    live_total: float | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an action was worth, as far as it is known.

    Attributes:
        movement: What was done, and whose share it moved.
        worth: Or why there is none.
        unit: In what it counts; None while it is pending, and where trades do not say enough.
        opportunities: How many have closed, at most 100; of one that is final, how many it is
            made from: 100, and those that began with the hundredth.
        left_out: How many of them count for nothing: a trade does not say enough.
        clipped: So many trades made more than counts, or lost more.
        made: By each arm whose share was moved.
    """

    movement: Movement
    worth: Worth | Undefined
    unit: Unit | None
    opportunities: int
    left_out: int
    clipped: int
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
        allowances: By arm, by how much the worth moves with its gap, and half of the interval of
            that.
    """

    receipt: Receipt
    parts: Sequence[Part]
    allowances: Mapping[str, tuple[float, float]]


class OpenReceipt:
    """A receipt that is being written.

    Args:
        movement: What it is for.
    """

    def __init__(self, movement: Movement) -> None:
        self.movement = movement
        self._seen: dict[str | tuple[str, str], Opportunity] = {}
        self._over_at: datetime | None = None

    def see(self, trade: Trade, result: Result, began: datetime) -> None:
        """One more trade of an arm whose share was moved.

        Args:
            trade: The next in judged order.
            result: What it made.
            began: When somebody first began there. With the action or before is passed over: of
                what begins at the same moment nobody knows which came first.
        """
        key = trade.episode_id or (trade.source, trade.trade_id)
        if began <= self.movement.action.at:
            self._seen.pop(key, None)
            return
        found = self._seen.get(key)
        if found is None:
            found = self._seen[key] = Opportunity(trade.opened_at, {})
        elif trade.opened_at < found.began:
            found.began = trade.opened_at
        cell = found.cells.get(trade.policy)
        if cell is None:
            cell = found.cells[trade.policy] = Cell()
        cell.add(trade, result)

    def is_over(self, now: datetime, longest: Mapping[str, timedelta]) -> bool:
        """Whether everything that began in it has closed, as far as anybody can know.

        Args:
            now: UTC; everything that has closed earlier was seen.
            longest: By arm, how long its longest trade has lasted.
        """
        if len(self._seen) < OPPORTUNITIES + BEHIND:
            return False
        if self._over_at is None or now > self._over_at:
            lasts = max(longest.get(name, timedelta(0)) for name in self.movement.shifts)
            self._over_at = self._chosen()[-1].began + min(lasts, LONGEST)
        return now > self._over_at

    def pending(self) -> Receipt:
        """As it stands while it is too early."""
        seen = len(self._seen)
        said = f"{min(seen, OPPORTUNITIES)} of {OPPORTUNITIES} opportunities"
        if seen >= OPPORTUNITIES:
            said += f", {min(seen - OPPORTUNITIES, BEHIND)} of {BEHIND} behind them"
        if self._over_at is not None:
            said += f"; what began there may be open until {self._over_at:%Y-%m-%d %H:%M}Z"
        waiting = Undefined("warming", said, seen)
        return self._receipt(waiting, None, list(self._seen.values())[:OPPORTUNITIES], {})

    def settle(self, gaps: Mapping[str, ShadowGap], on_paper: Container[str]) -> Settled:
        """The final receipt.

        Args:
            gaps: Live less paper of each arm whose share was moved.
            on_paper: Arms that have ever told a shadow trade.
        """
        chosen = self._chosen()
        lacks = {unit: self._lack(chosen, unit) for unit in UNITS}
        unit = next((unit for unit in UNITS if not lacks[unit]), None)
        unobserved = self._unobserved(chosen, on_paper)
        if unit is None or unobserved is not None:
            why = unobserved or Undefined("no_risk", "; ".join(lacks.values()))
            return Settled(self._receipt(why, unit, chosen, {}), (), {})
        counted = [one for one in chosen if not one.is_bare(unit)]
        known = {name: _known(gap, name, unit, counted) for name, gap in gaps.items()}
        means = {name: mean for name, (mean, _) in known.items()}
        shifts = self.movement.shifts
        parts = [
            (
                one.began,
                sum(shifts[name] * c.made(unit, means[name]) for name, c in one.cells.items()),
            )
            for one in counted
        ]
        allowances = {
            name: (
                shifts[name]
                * sum(len(one.cells[name].paper) for one in counted if name in one.cells),
                half,
            )
            for name, (_, half) in known.items()
        }
        worth = _worth(parts, allowances, unit)
        if isinstance(worth, Undefined):
            parts, allowances = [], {}
        return Settled(self._receipt(worth, unit, chosen, means), parts, allowances)

    def _chosen(self) -> Sequence[Opportunity]:
        """Those that began first."""
        ordered = sorted(self._seen.values(), key=lambda one: one.began)
        last = ordered[OPPORTUNITIES - 1].began
        return [one for one in ordered if one.began <= last]

    def _unobserved(
        self, chosen: Sequence[Opportunity], on_paper: Container[str]
    ) -> Undefined | None:
        """That nobody knows what an arm would have made; None when it is known of all."""
        for name in self.movement.shifts:
            cells = [one.cells[name] for one in chosen if name in one.cells]
            is_known = cells and name in on_paper
            if not is_known and not any(cell.is_unrouted for cell in cells):
                return Undefined("unobserved", f"no trade of {name} on paper", len(chosen))
        return None

    def _lack(self, chosen: Sequence[Opportunity], unit: Unit) -> str:
        """Why nothing can be counted in a unit; empty when it can."""
        for name in self.movement.shifts:
            cells = [one.cells[name] for one in chosen if name in one.cells]
            if cells and all(cell.is_bare(unit) for cell in cells):
                return f"no trade of {name} {SAYS[unit]}"
        counted = sum(not one.is_bare(unit) for one in chosen)
        if counted < FEWEST:
            return f"only {counted} of {len(chosen)} opportunities say {_ASKED[unit]}"
        return ""

    def _receipt(
        self,
        worth: Worth | Undefined,
        unit: Unit | None,
        chosen: Sequence[Opportunity],
        gaps: Mapping[str, float],
    ) -> Receipt:
        made = []
        counted = chosen if unit is None else [one for one in chosen if not one.is_bare(unit)]
        for name, shift in self.movement.shifts.items():
            cells = [o.cells[name] for o in counted if name in o.cells]
            lives = [o.cells[name] for o in self._seen.values() if name in o.cells]
            made.append(
                Made(
                    name, shift,
                    sum(len(c.paper or c.live) for c in cells),
                    None
                    if unit is None
                    else round(sum(c.made(unit, gaps.get(name, 0.0)) for c in cells), 6),
                    sum(len(c.live) for c in lives),
                    None if unit is None else round(sum(c.live_made(unit) for c in lives), 6),
                )
            )  # fmt: skip
        return Receipt(
            self.movement, worth, unit, len(chosen),
            len(chosen) - len(counted),
            0 if unit is None else sum(c.clipped(unit) for o in counted for c in o.cells.values()),
            tuple(made),
        )  # fmt: skip


def _known(
    gap: ShadowGap, name: str, unit: Unit, counted: Iterable[Opportunity]
) -> tuple[float, float]:
    """The gap of an arm, and half of its interval; for its prior, what the arm usually makes.

    Pairs of a few days say a mean, and not how sure it is.
    """
    reading = gap.read(unit=unit)
    if isinstance(reading, Gap):
        return reading.mean, (reading.high - reading.low) / 2
    mean = gap.mean(unit) or 0.0
    if unit == "R":
        return mean, SIGMAS * GAP_SPREAD
    sizes = [
        abs(made.counted(unit))
        for one in counted
        if name in one.cells
        for made in one.cells[name].paper
    ]
    return mean, SIGMAS * GAP_PART * sum(sizes) / max(1, len(sizes))


def _worth(
    parts: Sequence[Part], allowances: Mapping[str, tuple[float, float]], unit: Unit
) -> Worth | Undefined:
    """The sum of what follows one another, and how far it may be off."""
    half = half_of(parts)
    if half is None:
        moments = len({began for began, _ in parts})
        said = f"{len(parts)} opportunities began at {moments} moments"
        return Undefined(
            "few_moments", f"{said}, too few or too uneven for an interval", len(parts)
        )
    total = fsum(part for _, part in parts)
    away = hypot(half, *(much * gap for much, gap in allowances.values()))
    return Worth(round(total, 6), round(total - away, 6), round(total + away, 6), unit)
