"""A venue on paper: orders that are decided after a bar has closed fill at the next one's open.

One clock for all symbols: the venue is told the bars of one interval, as far as they are
prices. What was ordered before fills at their opens, costs included. When they have closed,
what happened inside them is looked at, worst first: a stop that could have been hit was hit,
no better than at its price. Where a market is stale nothing fills: who wants out waits for
the next price, who wants in has missed it.

A position belongs to an episode and to the lane it was opened in. A lane has one position in
a symbol at a time, and what one lane does changes nothing in another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from math import isfinite
from typing import Literal, NamedTuple

from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import LARGEST, UNITS, Money
from tiltyard.market.bar import Bar
from tiltyard.market.costs import Costs, Side

FINENESS = 10**20
"""A price is taken to so many parts of one: some markets trade at a billionth."""

Direction = Literal["long", "short"]
Exit = Literal["signal", "stop", "flatten"]


class Lane(NamedTuple):
    """Where positions are kept apart: an arm's, in one symbol."""

    policy: str
    symbol: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An order to open a position.

    Attributes:
        lane: Whose, and in what.
        episode_id: What the position is called from entry to exit.
        direction: ``long`` or ``short``.
        notional: How much of the quote currency it is to be worth at entry.
        stop: Price at which it is left, on the losing side; None for none.
        capital: Equity that its notional was measured by; None when that is not known.
        size: What its notional is of a whole position's.
    """

    lane: Lane
    episode_id: str
    direction: Direction
    notional: Money
    stop: float | None = None
    capital: Money | None = None
    size: float = 1.0

    def check(self) -> None:
        """Whether it can be an order.

        Raises:
            TiltyardError: ``ORDER_INVALID``.
        """
        stop = 1.0 if self.stop is None else self.stop
        if self.notional <= 0 or stop <= 0 or not isfinite(stop * UNITS):
            raise TiltyardError(
                "ORDER_INVALID", self.episode_id, f"notional {self.notional}, stop {self.stop}",
                "expected both above zero, and to be numbers",
            )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Position:
    """What is held.

    Attributes:
        entry: The order that opened it.
        opened_at: When it was filled.
        quantity: Base units, in 1e-8.
        price: Paid or received for a unit, half the spread included.
        fee: Paid at entry.
        risk: What is lost between the entry and the stop; None without a stop.
    """

    entry: Entry
    opened_at: datetime
    quantity: int
    price: float
    fee: Money
    risk: Money | None

    @property
    def is_long(self) -> bool:
        """Whether it gains when the price rises."""
        return self.entry.direction == "long"

    def value(self, price: float) -> Money:
        """What it has gained at a price, without costs."""
        gained = _worth(self.quantity, price) - _worth(self.quantity, self.price)
        return Money(gained if self.is_long else -gained)


@dataclass(frozen=True, slots=True)
class Closed:
    """A position that was left.

    Attributes:
        position: As it was held.
        closed_at: When.
        price: Received or paid for a unit, half the spread included.
        fees: Of both ways.
        funding: Received or paid; None when a rate was not known, and nothing is counted for it.
        pnl: After fees, and after funding where that is known.
        why: ``signal``, ``stop`` or ``flatten``.
    """

    position: Position
    closed_at: datetime
    price: float
    fees: Money
    funding: Money | None
    pnl: Money
    why: Exit


class Holdings(NamedTuple):
    """All that a venue has to know to go on, in the order in which it came about.

    Attributes:
        entries: Orders to open a position.
        exits: Lanes that are to be left at the next price, and why.
        positions: What is held.
    """

    entries: tuple[Entry, ...] = ()
    exits: tuple[tuple[Lane, Exit], ...] = ()
    positions: tuple[Position, ...] = ()


class PaperVenue:
    """Positions and orders of every lane.

    Args:
        costs: Of trading here.
        interval: How long a bar lasts.
    """

    def __init__(self, costs: Costs, interval: timedelta) -> None:
        self._costs = costs
        self._interval = interval
        self._entries: dict[Lane, Entry] = {}
        self._exits: dict[Lane, Exit] = {}
        self._positions: dict[Lane, Position] = {}
        self._reduce_only: set[str] = set()

    @property
    def positions(self) -> Mapping[Lane, Position]:
        """What is held, by lane."""
        return self._positions

    def snapshot(self) -> Holdings:
        """What is held and ordered; who may only leave is not part of it."""
        positions = tuple(self._positions.values())
        return Holdings(tuple(self._entries.values()), tuple(self._exits.items()), positions)

    def restore(self, holdings: Holdings) -> None:
        """Go on from what was held and ordered then, and from nothing else."""
        self._entries = {entry.lane: entry for entry in holdings.entries}
        self._exits = dict(holdings.exits)
        self._positions = {position.entry.lane: position for position in holdings.positions}

    def enter(self, entry: Entry) -> None:
        """Open a position at the next price of its symbol.

        Raises:
            TiltyardError: ``REDUCE_ONLY`` when its policy may only leave; ``LANE_TAKEN`` when the
                lane holds a position that nobody has asked to leave; ``ORDER_INVALID``.
        """
        lane = entry.lane
        if lane.policy in self._reduce_only:
            raise TiltyardError("REDUCE_ONLY", lane.policy, "it may only leave positions")
        if lane in self._positions and lane not in self._exits:
            held = self._positions[lane].entry.episode_id
            raise TiltyardError("LANE_TAKEN", lane.policy, f"it holds {lane.symbol} in {held}")
        entry.check()
        self._entries[lane] = entry

    def leave(self, lane: Lane, why: Exit = "signal") -> None:
        """Close a lane's position at the next price; nothing when it holds none."""
        self._entries.pop(lane, None)
        if lane in self._positions:
            self._exits[lane] = why

    def withdraw(self, episode_id: str) -> None:
        """Drop what was ordered to enter in an episode."""
        self._entries = {
            lane: one for lane, one in self._entries.items() if one.episode_id != episode_id
        }

    def reduce_only(self, policy: str, *, is_so: bool) -> None:
        """Whether a policy may only leave positions; orders of it to enter are dropped."""
        if not is_so:
            self._reduce_only.discard(policy)
            return
        self._reduce_only.add(policy)
        for lane in [lane for lane in self._entries if lane.policy == policy]:
            del self._entries[lane]

    def forget(self, policy: str) -> None:
        """Drop whatever a policy holds and has ordered, as if it had never been there."""
        for kept in (self._entries, self._exits, self._positions):
            for lane in [lane for lane in kept if lane.policy == policy]:
                del kept[lane]

    def flatten(self, policy: str) -> None:
        """Leave everything that a policy holds, at the next prices."""
        for lane in self._positions:
            if lane.policy == policy:
                self.leave(lane, "flatten")

    def open_bars(self, bars: Mapping[str, Bar]) -> list[Closed]:
        """An interval begins: fill what was ordered.

        Args:
            bars: By symbol; a symbol that is not there is stale.
        """
        closed: list[Closed] = []
        for lane in list(self._exits):
            bar = bars.get(lane.symbol)
            if bar is not None:
                closed.append(self._close(lane, bar.open, bar.opened_at, self._exits[lane]))
        entries, self._entries = self._entries, {}
        for lane, entry in entries.items():
            bar = bars.get(lane.symbol)
            if bar is not None and lane not in self._positions:
                self._open(entry, bar)
        return closed

    def close_bars(self, bars: Mapping[str, Bar]) -> list[Closed]:
        """The interval ends: what happened inside the bars that :meth:`open_bars` was told."""
        closed: list[Closed] = []
        for lane in list(self._positions):
            bar = bars.get(lane.symbol)
            if bar is not None and (price := _stopped_at(self._positions[lane], bar)) is not None:
                closed.append(self._close(lane, price, bar.closes_at(self._interval), "stop"))
        return closed

    def _open(self, entry: Entry, bar: Bar) -> None:
        is_long = entry.direction == "long"
        price = self._costs.price("buy" if is_long else "sell", bar.open)
        parts = _parts(price)
        quantity = entry.notional * FINENESS // parts if parts else 0
        if not quantity:
            return
        fee = self._costs.fee(_worth(quantity, price))
        risk = None
        if entry.stop is not None:
            risk = Money(abs(_worth(quantity, price) - _worth(quantity, entry.stop)))
            if risk > LARGEST:
                return  # more than anybody can write down, by a stop that no price gets to
        self._positions[entry.lane] = Position(entry, bar.opened_at, quantity, price, fee, risk)

    def _close(self, lane: Lane, price: float, at: datetime, why: Exit) -> Closed:
        position = self._positions.pop(lane)
        self._exits.pop(lane, None)
        side: Side = "sell" if position.is_long else "buy"
        filled = self._costs.price(side, price)
        fees = Money(position.fee + self._costs.fee(_worth(position.quantity, filled)))
        funding = self._costs.funding_of(
            lane.symbol, notional=_worth(position.quantity, position.price),
            is_long=position.is_long, since=position.opened_at, until=at,
        )  # fmt: skip
        pnl = Money(position.value(filled) - fees + (funding or 0))
        return Closed(position, at, filled, fees, funding, pnl, why)


def _worth(quantity: int, price: float) -> Money:
    """What so many units are worth, rounded to the unit of money."""
    return Money((quantity * _parts(price) + FINENESS // 2) // FINENESS)


def _parts(price: float) -> int:
    """A price in its shortest decimal form, as a whole number of its finest parts."""
    units = round(price * UNITS)
    if units / UNITS == price:
        return units * (FINENESS // UNITS)
    return round(Decimal(repr(price)) * FINENESS)


def _stopped_at(position: Position, bar: Bar) -> float | None:
    """The price at which a bar takes a position out; None when it does not reach the stop."""
    stop = position.entry.stop
    if stop is None:
        return None
    if position.is_long:
        return min(bar.open, stop) if bar.low <= stop else None
    return max(bar.open, stop) if bar.high >= stop else None
