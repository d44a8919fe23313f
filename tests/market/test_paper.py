"""The venue on paper against a slow one that counts in fractions, and its laws."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from math import inf, nan
from typing import Literal, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import Money, money
from tiltyard.market.bar import HOUR, Bar
from tiltyard.market.costs import Costs, FundingRates
from tiltyard.market.paper import Closed, Direction, Entry, Lane, PaperVenue

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
SOL, BTC = "SOL/USDT", "BTC/USDT"
LANES = [Lane(policy, symbol) for policy in ("one", "other") for symbol in (SOL, BTC)]
UNIT = 10**8


def bar(hours: int, opened: float, low: float, high: float, close: float, symbol: str = SOL) -> Bar:
    return Bar(symbol, NOON + hours * HOUR, opened, high, low, close, 1.0)


def level(hours: int, price: float) -> dict[str, Bar]:
    return {SOL: bar(hours, price, price, price, price)}


def passed(venue: PaperVenue, bars: Mapping[str, Bar]) -> list[Closed]:
    """What closes while an interval passes."""
    return venue.open_bars(bars) + venue.close_bars(bars)


def entry(
    direction: Direction = "long", notional: float = 1000.0, stop: float | None = None,
    lane: Lane = LANES[0], name: str = "e",
) -> Entry:  # fmt: skip
    return Entry(lane, name, direction, money(notional), stop)


@pytest.mark.parametrize("finer", [10**6, 10**9, 10**11])
def test_a_market_of_small_prices_makes_what_one_of_large_prices_makes(finer: int) -> None:
    """As one in which a coin is worth a millionth of the other."""
    made = []
    for scale in (1, finer):
        venue = PaperVenue(Costs(fee_bps=5, half_spread_bps=1), HOUR)
        venue.enter(entry(stop=178.25 / scale))
        opened, closed = (level(hour, price / scale) for hour, price in ((1, 186.59), (2, 184.85)))
        assert passed(venue, opened) == []
        venue.leave(LANES[0])
        (left,) = passed(venue, closed)
        made.append((left.pnl, left.position.risk, left.fees))
    for one, other in zip(*made, strict=True):
        assert one is not None
        assert other is not None
        assert abs(one - other) < 1000, "a thousandth of a cent"


def test_a_price_too_small_to_be_told_apart_from_nothing_is_not_entered_at() -> None:
    venue = PaperVenue(Costs(), HOUR)
    venue.enter(entry())
    assert passed(venue, level(1, 1e-22)) == []
    assert venue.positions == {}


Verb = Literal["long", "short", "leave", "flatten", "nothing"]
Action = tuple[Verb, int, float | None]


@st.composite
def hours(draw: st.DrawFn) -> list[tuple[dict[str, Bar], list[Action]]]:
    """Hours of two markets that go stale now and then, and what is asked after each."""
    day = []
    for number in range(draw(st.integers(2, 12))):
        bars = {}
        for symbol in (SOL, BTC):
            prices = sorted(draw(st.lists(st.integers(90, 110), min_size=4, max_size=4)))
            opened, close = draw(st.permutations(prices[1:3]))
            if draw(st.integers(0, 4)):
                bars[symbol] = bar(number, opened, prices[0], prices[3], close, symbol)
        verbs: st.SearchStrategy[Verb] = st.sampled_from(get_args(Verb))
        stop = st.sampled_from([None, 0.97, 0.9])
        asked = st.lists(st.tuples(verbs, st.integers(0, 3), stop), max_size=3)
        day.append((bars, draw(asked)))
    return day


@dataclass
class SlowLane:
    """One lane, in fractions."""

    wants: Entry | None = None
    leaves: str | None = None
    held: tuple[Entry, int, Fraction, Fraction, datetime] | None = None
    closed: list[tuple[str, datetime, str, Fraction]] = field(default_factory=list)

    def hour(self, bar: Bar | None, fee: Fraction, spread: Fraction) -> None:
        if bar is None:
            self.wants = None
            return
        if self.held and self.leaves:
            self.out(Fraction(bar.open), bar.opened_at, self.leaves, fee, spread)
        if self.wants and not self.held:
            sign = 1 if self.wants.direction == "long" else -1
            price = Fraction(bar.open) * (1 + sign * spread)
            quantity = int(Fraction(self.wants.notional) / price)
            cost = Fraction(quantity) * price * fee
            self.held = (self.wants, quantity, price, cost, bar.opened_at)
        self.wants = None
        if self.held and self.held[0].stop is not None:
            stop = Fraction(self.held[0].stop)
            if self.held[0].direction == "long" and Fraction(bar.low) <= stop:
                self.out(min(stop, Fraction(bar.open)), bar.opened_at + HOUR, "stop", fee, spread)
            elif self.held[0].direction == "short" and Fraction(bar.high) >= stop:
                self.out(max(stop, Fraction(bar.open)), bar.opened_at + HOUR, "stop", fee, spread)

    def out(self, price: Fraction, at: datetime, why: str, fee: Fraction, spread: Fraction) -> None:
        assert self.held is not None
        order, quantity, paid, cost, _ = self.held
        sign = 1 if order.direction == "long" else -1
        filled = price * (1 - sign * spread)
        pnl = sign * quantity * (filled - paid) - cost - quantity * filled * fee
        self.closed.append((order.episode_id, at, why, pnl))
        self.held = self.leaves = None


def played(
    day: list[tuple[dict[str, Bar], list[Action]]], fee_bps: float, spread_bps: float
) -> tuple[list[Closed], dict[Lane, SlowLane], PaperVenue]:
    venue = PaperVenue(Costs(fee_bps, spread_bps), HOUR)
    slow = {lane: SlowLane() for lane in LANES}
    fee, spread = Fraction(str(fee_bps)) / 10_000, Fraction(str(spread_bps)) / 10_000
    closed: list[Closed] = []
    names = iter(range(10_000))
    last: dict[str, float] = {}
    for bars, asked in day:
        closed += passed(venue, bars)
        for lane, one in slow.items():
            one.hour(bars.get(lane.symbol), fee, spread)
        last |= {symbol: one.close for symbol, one in bars.items()}
        for verb, which, away in asked:
            ask(venue, slow, LANES[which], verb, away, last, str(next(names)))
    return closed, slow, venue


def ask(
    venue: PaperVenue, slow: Mapping[Lane, SlowLane], lane: Lane, verb: str, away: float | None,
    last: Mapping[str, float], name: str,
) -> None:  # fmt: skip
    one = slow[lane]
    if verb == "leave":
        venue.leave(lane)
        one.wants, one.leaves = None, "signal" if one.held else None
    elif verb == "flatten":
        venue.flatten(lane.policy)
        for other, held in slow.items():
            if other.policy == lane.policy and held.held:
                held.wants, held.leaves = None, "flatten"
    elif verb in ("long", "short") and lane.symbol in last and (not one.held or one.leaves):
        direction: Direction = "long" if verb == "long" else "short"
        factor = None if away is None else (away if verb == "long" else 2 - away)
        stop = None if factor is None else round(last[lane.symbol] * factor, 2)
        order = Entry(lane, name, direction, money(1000), stop)
        venue.enter(order)
        one.wants = order


COSTS = st.sampled_from([(0.0, 0.0), (5.0, 0.0), (0.0, 2.0), (7.5, 1.25)])


@given(hours(), COSTS)
def test_the_venue_equals_a_slow_one_that_counts_in_fractions(
    day: list[tuple[dict[str, Bar], list[Action]]], costs: tuple[float, float]
) -> None:
    closed, slow, venue = played(day, *costs)
    for lane, one in slow.items():
        mine = [trade for trade in closed if trade.position.entry.lane == lane]
        assert [(t.position.entry.episode_id, t.closed_at, t.why) for t in mine] == [
            told[:3] for told in one.closed
        ]
        for trade, told in zip(mine, one.closed, strict=True):
            # prices are rounded to 1e-8 before they are multiplied by some 10 units
            assert abs(trade.pnl - told[3]) <= 60, (trade, float(told[3]))
        assert (lane in venue.positions) == (one.held is not None)


@given(hours(), st.floats(0, 50), st.floats(0, 50))
def test_what_is_earned_never_rises_with_the_fee(
    day: list[tuple[dict[str, Bar], list[Action]]], one: float, other: float
) -> None:
    cheap, dear = (played(day, fee, 1.0)[0] for fee in sorted((one, other)))
    for less, more in zip(cheap, dear, strict=True):
        assert less.pnl >= more.pnl
        assert less.position.entry.episode_id == more.position.entry.episode_id


@given(hours(), st.integers(0, 11))
def test_what_one_lane_does_changes_nothing_in_another(
    day: list[tuple[dict[str, Bar], list[Action]]], which: int
) -> None:
    lane = LANES[which % 4]
    kept = [
        (bars, [a for a in asked if a[0] == "nothing" or LANES[a[1]] != lane])
        for bars, asked in day
    ]
    kept = [(bars, [a for a in asked if a[0] != "flatten"]) for bars, asked in kept]
    every = [(bars, [a for a in asked if a[0] != "flatten"]) for bars, asked in day]

    def others(closed: list[Closed]) -> list[tuple[Lane, datetime, Money]]:
        found = [(t.position.entry.lane, t.closed_at, t.pnl) for t in closed]
        return [one for one in found if one[0] != lane]

    assert others(played(every, 5.0, 1.0)[0]) == others(played(kept, 5.0, 1.0)[0])


class TestFills:
    def venue(self, costs: Costs | None = None) -> PaperVenue:
        return PaperVenue(costs or Costs(), HOUR)

    def test_an_order_fills_at_the_next_open_and_not_at_the_close_it_was_decided_on(self) -> None:
        venue = self.venue()
        passed(venue, {SOL: bar(0, 100, 100, 100, 100)})
        venue.enter(entry())
        passed(venue, {SOL: bar(1, 125, 120, 130, 110)})
        assert venue.positions[LANES[0]].price == 125
        assert venue.positions[LANES[0]].quantity == 8 * UNIT
        assert venue.positions[LANES[0]].opened_at == NOON + HOUR

    def test_a_stop_inside_the_bar_of_the_entry_takes_the_position_out(self) -> None:
        venue = self.venue()
        venue.enter(entry(stop=95))
        (closed,) = passed(venue, {SOL: bar(0, 100, 94, 120, 119)})
        assert (closed.price, closed.why, closed.pnl) == (95, "stop", money(-50))
        assert closed.position.risk == money(50)

    def test_a_stop_that_the_open_has_passed_fills_at_the_open(self) -> None:
        venue = self.venue()
        venue.enter(entry(stop=95))
        passed(venue, level(0, 100))
        (closed,) = passed(venue, {SOL: bar(1, 90, 89, 91, 90)})
        assert (closed.price, closed.closed_at) == (90, NOON + 2 * HOUR)

    def test_a_stale_market_fills_nothing_and_stops_nobody(self) -> None:
        venue = self.venue()
        venue.enter(entry(stop=95))
        passed(venue, level(0, 100))
        venue.leave(LANES[0])
        venue.enter(entry(name="missed", lane=LANES[1]))
        assert passed(venue, {}) == []
        (closed,) = passed(venue, level(2, 99))
        assert (closed.price, closed.closed_at, closed.why) == (99, NOON + 2 * HOUR, "signal")
        assert not venue.positions

    def test_who_turns_leaves_and_enters_at_one_open(self) -> None:
        venue = self.venue()
        venue.enter(entry(name="first"))
        passed(venue, level(0, 100))
        venue.leave(LANES[0])
        venue.enter(entry("short", name="second"))
        (closed,) = passed(venue, level(1, 110))
        assert closed.position.entry.episode_id == "first"
        assert venue.positions[LANES[0]].entry.episode_id == "second"
        assert venue.positions[LANES[0]].price == 110

    def test_reduce_only_drops_what_was_ordered_and_lets_positions_be_left(self) -> None:
        venue = self.venue()
        venue.enter(entry())
        passed(venue, level(0, 100))
        venue.enter(entry(lane=LANES[1]))
        venue.reduce_only("one", is_so=True)
        passed(venue, level(1, 100) | {BTC: bar(1, 100, 100, 100, 100, BTC)})
        assert list(venue.positions) == [LANES[0]]
        with pytest.raises(TiltyardError, match="REDUCE_ONLY one"):
            venue.enter(entry(lane=LANES[1]))
        venue.flatten("one")
        (closed,) = passed(venue, level(2, 105))
        assert closed.why == "flatten"
        venue.reduce_only("one", is_so=False)
        venue.enter(entry())

    def test_a_lane_holds_one_position_at_a_time(self) -> None:
        venue = self.venue()
        venue.enter(entry(name="held"))
        passed(venue, level(0, 100))
        with pytest.raises(TiltyardError, match="LANE_TAKEN one: it holds SOL/USDT in held"):
            venue.enter(entry(name="second"))

    @pytest.mark.parametrize(
        ("notional", "stop"),
        [(0.0, None), (-5.0, None), (10.0, 0.0), (10.0, inf), (10.0, nan), (10.0, 1e305)],
    )
    def test_an_order_without_size_or_with_a_senseless_stop_is_refused(
        self, notional: float, stop: float | None
    ) -> None:
        with pytest.raises(TiltyardError, match="ORDER_INVALID"):
            self.venue().enter(entry(notional=notional, stop=stop))

    def test_an_order_whose_risk_nobody_can_write_down_is_not_filled(self) -> None:
        venue = self.venue()
        venue.enter(entry(direction="short", stop=1e30))
        passed(venue, level(0, 100))
        assert not venue.positions


class TestFunding:
    RATES = FundingRates([(NOON + n * 8 * HOUR, 0.001) for n in (0, 1, 3, 4)])

    @pytest.mark.parametrize(
        ("opened", "closed", "rates"),
        [
            (0, 7, []), (0, 8, [0.001]), (8, 9, []), (-1, 8, [0.001, 0.001]),
            (8, 17, None), (24, 32, [0.001]), (32, 41, None), (-9, 1, None),
        ],
    )  # fmt: skip
    def test_a_position_meets_the_rates_after_its_opening_and_at_its_close(
        self, opened: int, closed: int, rates: list[float] | None
    ) -> None:
        assert self.RATES.between(NOON + opened * HOUR, NOON + closed * HOUR) == rates

    @pytest.mark.parametrize(("direction", "received"), [("long", -1.0), ("short", 1.0)])
    def test_the_long_side_pays_a_rate_above_zero(
        self, direction: Direction, received: float
    ) -> None:
        venue = PaperVenue(Costs(funding={SOL: self.RATES}, has_funding=True), HOUR)
        venue.enter(entry(direction))
        passed(venue, level(1, 100))
        venue.leave(LANES[0])
        (closed,) = passed(venue, level(9, 100))
        assert closed.funding == money(received)
        assert closed.pnl == money(received)

    def test_a_rate_that_nobody_recorded_is_unknown_and_not_zero(self) -> None:
        venue = PaperVenue(Costs(funding={SOL: self.RATES}, has_funding=True), HOUR)
        venue.enter(entry())
        passed(venue, level(9, 100))
        venue.leave(LANES[0])
        (closed,) = passed(venue, level(17, 101))
        assert closed.funding is None
        assert closed.pnl == money(10)

    def test_no_rates_at_all_are_unknown_and_a_venue_without_funding_has_none_to_pay(self) -> None:
        lacking, spot = Costs(has_funding=True), Costs()
        for costs, received in ((lacking, None), (spot, 0)):
            found = costs.funding_of(
                SOL, notional=money(100), is_long=True, since=NOON, until=NOON + HOUR
            )
            assert found == received
