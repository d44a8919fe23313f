"""What a past would have made: by the venue that the desk fills on, and never by the future."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltyard.facts.trade import Trade
from tiltyard.features.technical import Indicators
from tiltyard.features.vector import Features
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import UNITS, Money
from tiltyard.kernel.undefined import Undefined
from tiltyard.learners.acting import Acting, intent_of
from tiltyard.learners.performance import Result
from tiltyard.learners.walk_forward import (
    DAY,
    NOTIONAL,
    Floats,
    Market,
    Range,
    baselines,
    folds,
    play,
    simulate,
)
from tiltyard.market.bar import HOUR, Bar
from tiltyard.market.candles import Candles, candles_of
from tiltyard.market.costs import Costs, FundingRates
from tiltyard.market.paper import PaperVenue
from tiltyard.market.simulated import DEFAULT, simulated_hours
from tiltyard.metrics.profit_factor import ProfitFactor
from tiltyard.policies.policy import Intent, Observation, Policy
from tiltyard.policies.trend import Trend
from tiltyard.router.floor import Floor, Reporter, Seat

START = datetime(2025, 1, 1, tzinfo=UTC)
SINCE = round(START.timestamp())
HOURS = 24 * 30
COSTS = Costs(fee_bps=5, half_spread_bps=1)
WHOLE = Range(SINCE + DAY, SINCE + HOURS * 3600)


@cache
def bars_of(symbol: str) -> tuple[Bar, ...]:
    hours = simulated_hours(DEFAULT, START, HOURS, np.random.default_rng(11))
    return tuple(one[symbol] for one in hours)


def market_of(*symbols: str, without: range = range(0)) -> Market:
    return {
        symbol: candles_of([bar for n, bar in enumerate(bars_of(symbol)) if n not in without], HOUR)
        for symbol in symbols
    }


TWO = market_of("BTC/USDT", "SOL/USDT")


def noise(market: Market, seed: int, size: float = 0.004) -> dict[str, Floats]:
    rng = np.random.default_rng(seed)
    return {symbol: rng.normal(0, size, len(one)) for symbol, one in market.items()}


class Foretold:
    """A policy that is told its moves, by symbol and time of the decision."""

    needs = ("close", "range_14")
    looks_back = 0

    def __init__(self, moves: Mapping[tuple[str, datetime], float], acting: Acting) -> None:
        self._moves, self._acting = moves, acting

    def act(self, observation: Observation, rng: Random) -> Intent:  # noqa: ARG002 nothing is drawn
        features = observation.features
        return intent_of(
            self._acting, self._moves[features.symbol, features.as_of], observation.holding,
            features.values["close"], features.values.get("range_14"),
        )  # fmt: skip


def on_the_floor(policy: Policy, market: Market, within: Range) -> list[Trade]:
    """The trades of one arm on the desk's own floor, told bar by bar."""
    floor = Floor(PaperVenue(COSTS, HOUR), PaperVenue(COSTS, HOUR), Reporter(), Random(1))  # noqa: S311 nothing is drawn
    floor.seat("arm", Seat(policy, Money(NOTIONAL), 1.0))
    indicators = {symbol: Indicators(symbol, policy.needs, HOUR) for symbol in market}
    bars: dict[datetime, dict[str, Bar]] = {}
    for symbol in market:
        for bar in bars_of(symbol):
            bars.setdefault(bar.opened_at, {})[symbol] = bar
    trades = []
    until = datetime.fromtimestamp(within.until, UTC)
    for at, there in sorted(bars.items()):
        if at > until - HOUR:
            break
        trades += floor.open_bars(there) + floor.close_bars(there)
        known: dict[str, Features] = {s: indicators[s].see(bar) for s, bar in there.items()}
        if at + HOUR >= datetime.fromtimestamp(within.since, UTC):
            floor.decide(known, None, dict.fromkeys(known, 1))
    return trades


@pytest.mark.parametrize("acting", [Acting(margin=1.5), Acting(stop_ranges=1.5)])
def test_moves_in_a_batch_trade_as_a_policy_does_bar_by_bar_on_the_desks_floor(
    acting: Acting,
) -> None:
    moves = noise(TWO, 3)
    ranges = {}
    for symbol, candles in TWO.items():
        indicators = Indicators(symbol, ["range_14"], HOUR)
        seen = [indicators.see(bar).values.get("range_14", np.nan) for bar in bars_of(symbol)]
        ranges[symbol] = np.array(seen)
        assert len(seen) == len(candles)
    told = {
        (symbol, bar.closes_at(HOUR)): float(moves[symbol][number])
        for symbol in TWO
        for number, bar in enumerate(bars_of(symbol))
    }
    within = Range(WHOLE.since, WHOLE.until - 3 * DAY)
    batch = simulate(TWO, moves, acting, COSTS, within, ranges)
    apart = on_the_floor(Foretold(told, acting), TWO, within)
    assert len(apart) > 300
    left_at_the_end = batch.trades[len(apart) :]
    assert [
        (one.position.entry.lane.symbol, one.position.opened_at, one.closed_at, one.pnl, one.fees)
        for one in batch.trades[: len(apart)]
    ] == [(one.symbol, one.opened_at, one.closed_at, one.pnl, one.fees) for one in apart]
    assert len(left_at_the_end) <= len(TWO)
    assert ("stop" in {one.why for one in batch.trades}) == bool(acting.stop_ranges)


def test_trend_as_a_baseline_is_the_trend_that_the_desk_knows() -> None:
    within = Range(WHOLE.since + 5 * DAY, WHOLE.until - 3 * DAY)
    baseline = baselines(TWO, COSTS, within)["trend_20_100"]
    apart = on_the_floor(Trend(20, 100), TWO, within)
    assert len(apart) > 7
    assert [one.pnl for one in baseline.trades[: len(apart)]] == [one.pnl for one in apart]


def test_flat_makes_nothing_and_holding_makes_the_move_less_two_fills() -> None:
    market = market_of("SOL/USDT")
    results = baselines(market, COSTS, WHOLE)
    flat, held = results["flat"], results["buy_and_hold"]
    assert not flat.trades
    assert not flat.equity.any()
    assert flat.profit_factor == Undefined("warming", "no trade has closed")
    assert len(held.trades) == 1
    candles = market["SOL/USDT"]
    bought, sold = candles.open[24] * 1.0001, candles.open[-1] * 0.9999
    fees = 0.0005 * (1 + sold / bought)
    assert held.equity[-1] == pytest.approx(sold / bought - 1 - fees, abs=1e-7)
    assert held.time_in_market == pytest.approx(1, abs=0.01)


def test_a_constant_policy_is_called_one() -> None:
    results = baselines(TWO, COSTS, WHOLE)
    assert results["flat"].constant == "nothing"
    assert results["buy_and_hold"].constant == "long"
    assert results["trend_20_100"].constant is None
    always_down = {symbol: np.full(len(one), -0.01) for symbol, one in TWO.items()}
    assert simulate(TWO, always_down, Acting(), COSTS, WHOLE).constant == "short"
    assert simulate(TWO, noise(TWO, 1), Acting(), COSTS, WHOLE).constant is None


def next_moves(market: Market, late: int) -> dict[str, Floats]:
    """What each bar's fill earns until the next open; told so many bars late."""
    told = {}
    for symbol, one in market.items():
        moves = np.full(len(one), np.nan)
        moves[:-2] = np.log(one.open[2:] / one.open[1:-1])
        told[symbol] = np.concatenate([np.full(late, np.nan), moves[: len(moves) - late]])
    return told


def test_a_leak_is_exploited_and_the_same_a_bar_late_is_not() -> None:
    acting = Acting(margin=1.0, round_trip_bps=12, horizon=1)
    leaked = simulate(TWO, next_moves(TWO, 0), acting, COSTS, WHOLE)
    late = simulate(TWO, next_moves(TWO, 1), acting, COSTS, WHOLE)
    later = simulate(TWO, next_moves(TWO, 2), acting, COSTS, WHOLE)
    oracle = sum(
        np.abs(moves[24:-2]).sum() / len(TWO) for moves in next_moves(TWO, 0).values()
    )  # nobody who trades can make more than every move, without costs
    assert 0.4 * oracle < leaked.equity[-1] < oracle
    assert sum(one.pnl > 0 for one in leaked.trades) > 0.95 * len(leaked.trades) > 100
    assert late.equity[-1] < 0.05 * leaked.equity[-1]
    assert later.equity[-1] < 0.05 * leaked.equity[-1]


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.floats(0, 20), st.floats(0, 20))
def test_profit_never_rises_with_the_fee_for_the_same_moves(
    seed: int, fee: float, more: float
) -> None:
    market = market_of("SOL/USDT")
    within = Range(WHOLE.since, WHOLE.since + 6 * DAY)
    moves = noise(market, seed)
    cheap = simulate(market, moves, Acting(), Costs(fee, 1), within)
    dear = simulate(market, moves, Acting(), Costs(fee + more, 1), within)
    assert len(cheap.trades) == len(dear.trades) > 10
    assert all(a.pnl >= b.pnl for a, b in zip(cheap.trades, dear.trades, strict=True))
    assert (cheap.equity >= dear.equity).all()


def test_profit_factor_is_the_one_that_arms_are_judged_by() -> None:
    result = simulate(TWO, noise(TWO, 5), Acting(), COSTS, WHOLE)
    metric = ProfitFactor()
    total = metric.empty
    for one in result.trades:
        total = metric.merge(total, metric.element((one.pnl, 0, 0)))
    assert result.profit_factor == metric.value(total)
    only_gains = replace(result, trades=tuple(one for one in result.trades if one.pnl > 0))
    assert only_gains.profit_factor == metric.value((1, 0, len(only_gains.trades), 0))


def test_equity_in_the_end_is_what_all_trades_made() -> None:
    result = simulate(TWO, noise(TWO, 6), Acting(), COSTS, WHOLE)
    assert result.capital == 2 * NOTIONAL
    assert result.equity[-1] == pytest.approx(
        sum(one.pnl for one in result.trades) / result.capital
    )
    assert len(result.days) == 29
    assert result.daily.sum() == pytest.approx(result.equity[-1])
    falls = np.maximum.accumulate(np.append(0, result.equity)) - np.append(0, result.equity)
    assert result.drawdown >= falls.max() > 0, "bars see at least what days see"


def test_stretches_of_a_result_add_up_to_it() -> None:
    result = simulate(TWO, noise(TWO, 6), Acting(), COSTS, WHOLE)
    middle = int(result.days[10])
    early = result.within(int(result.days[0]), middle - 1)
    late = result.within(middle, int(result.days[-1]))
    assert early.trades + late.trades == result.trades
    assert np.append(early.daily, late.daily) == pytest.approx(result.daily)
    assert len(early.days) == 10


def test_what_comes_after_a_range_changes_nothing_in_it() -> None:
    until = SINCE + 20 * DAY
    moves = noise(TWO, 8)
    expected = simulate(TWO, moves, Acting(), COSTS, Range(WHOLE.since, until))
    changed, other = {}, {}
    for symbol, one in TWO.items():
        later = one.opened_at > until
        factor = np.where(later, 3.0, 1.0)
        changed[symbol] = replace(
            one, open=one.open * factor, high=one.high * factor, low=one.low * factor,
            close=one.close * factor,
        )  # fmt: skip
        other[symbol] = np.where(one.closed_at >= until, -moves[symbol], moves[symbol])
    found = simulate(changed, other, Acting(), COSTS, Range(WHOLE.since, until))
    assert found.trades == expected.trades
    assert found.equity.tolist() == expected.equity.tolist()


def test_nothing_is_filled_before_it_was_decided() -> None:
    result = simulate(TWO, noise(TWO, 9), Acting(), COSTS, WHOLE)
    for one in result.trades:
        number = int(one.position.entry.episode_id.split()[1])
        decided_at = bars_of(one.position.entry.lane.symbol)[number].closes_at(HOUR)
        assert decided_at == one.position.opened_at < one.closed_at


def test_who_wants_in_misses_a_price_that_is_not_there_and_who_wants_out_waits() -> None:
    gap = range(100, 103)
    market = market_of("SOL/USDT", without=gap)
    candles = market["SOL/USDT"]
    enters, leaves = np.full(len(candles), np.nan), np.full(len(candles), np.nan)
    enters[99], enters[110] = 0.1, -0.001
    leaves[90], leaves[99] = 0.1, -0.001
    acting = Acting()
    assert not simulate(market, {"SOL/USDT": enters}, acting, COSTS, WHOLE).trades
    (trade,) = simulate(market, {"SOL/USDT": leaves}, acting, COSTS, WHOLE).trades
    assert trade.closed_at == START + 103 * HOUR
    both = {**market, "BTC/USDT": TWO["BTC/USDT"]}
    still = {"SOL/USDT": leaves, "BTC/USDT": np.full(len(TWO["BTC/USDT"]), np.nan)}
    (same,) = simulate(both, still, acting, COSTS, WHOLE).trades
    assert same == trade


def test_trades_whose_funding_nobody_knows_are_counted() -> None:
    rates = [(START + 8 * n * HOUR, 0.001) for n in range(30)]
    costs = replace(COSTS, has_funding=True, funding={"SOL/USDT": FundingRates(rates)})
    market = market_of("SOL/USDT")
    held = baselines(market, costs, Range(WHOLE.since, SINCE + 5 * DAY))["buy_and_hold"]
    free = baselines(market, COSTS, Range(WHOLE.since, SINCE + 5 * DAY))["buy_and_hold"]
    assert held.funding_unknown == 0
    assert held.equity[-1] == pytest.approx(free.equity[-1] - 12 * 0.001, abs=1e-6)
    unknown = baselines(TWO, costs, Range(WHOLE.since, SINCE + 5 * DAY))["buy_and_hold"]
    assert unknown.funding_unknown == 1, "BTC has none"


def test_a_range_without_bars_names_those_there_are() -> None:
    with pytest.raises(TiltyardError, match="RANGE_EMPTY") as caught:
        baselines(TWO, COSTS, Range(SINCE - 9 * DAY, SINCE - 5 * DAY))
    assert "2024-12-23 00:00 to 2024-12-27 00:00" in str(caught.value)
    assert "SOL/USDT 2025-01-01 00:00 to 2025-01-31 00:00" in str(caught.value)


@given(
    st.integers(0, 2_000_000_000), st.integers(40, 2_000), st.integers(1, 8),
    st.integers(1, 5 * DAY), st.floats(0.2, 0.8),
)  # fmt: skip
def test_no_training_range_reaches_a_test_and_tests_follow_each_other(
    first: int, days: int, count: int, embargo: int, initial: float
) -> None:
    last = first + days * DAY
    try:
        made = folds(first, last, count, embargo, initial)
    except TiltyardError as error:
        assert error.code == "DATA_INSUFFICIENT"  # noqa: PT017 either is right
        assert days * (1 - initial) < count + 2 or initial * days * DAY < embargo + 2 * DAY
        return
    assert len(made) == count
    for one in made:
        assert one.train_since == first
        assert one.test_since - one.train_until == embargo
        assert one.train_until < one.test_since < one.test_until <= last
        assert one.test_since % DAY == 0
    for one, after in pairwise(made):
        assert one.test_until == after.test_since
        assert one.train_until < after.train_until
    assert last - made[-1].test_until < DAY


def test_the_same_moves_are_the_same_result() -> None:
    one = simulate(TWO, noise(TWO, 2), Acting(), COSTS, WHOLE)
    other = simulate(TWO, noise(TWO, 2), Acting(), COSTS, WHOLE)
    assert one.trades == other.trades
    assert one.equity.tobytes() == other.equity.tobytes()


def test_a_quarter_of_an_hour_is_a_bar_like_any_other() -> None:
    opens = np.full(300, 100.0)
    at = SINCE + 900 * np.arange(300)
    candles = Candles("SOL", timedelta(minutes=15), at, opens, opens, opens, opens, opens)
    within = Range(SINCE + 3600, SINCE + 200 * 900)
    result: Result = play({"SOL": candles}, lambda *_: Intent("long"), COSTS, within)
    assert result.wanted["long"] == 196
    assert result.trades[0].closed_at - result.trades[0].position.opened_at == timedelta(
        minutes=15 * 196
    )
    assert result.turnover == pytest.approx(2.0 / len(result.days), rel=1e-3)
    assert result.capital == UNITS * 1_000
