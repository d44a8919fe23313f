"""Nobody earns by knowing the future, and who does know it is found out.

Decisions are made after a bar has closed and filled at the next one's open. A planted leak,
the next bar's return as a feature, has to be worth a lot, else the test could not see one;
the same feature a bar late, when it can be known, has to be worth nothing.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import numpy as np
import polars as pl
import pytest

from tiltyard.features.technical import Indicators
from tiltyard.kernel.money import money
from tiltyard.market.bar import HOUR, Bar
from tiltyard.market.costs import Costs
from tiltyard.market.paper import Closed, Entry, Lane, PaperVenue
from tiltyard.market.quality import Inspected, inspect
from tiltyard.market.simulated import DEFAULT, simulated_hours
from tiltyard.policies.policy import Holding, Intent, Observation, Policy
from tiltyard.policies.trend import Trend

START = datetime(2024, 1, 1, tzinfo=UTC)
SEED = 20250707
NOTIONAL = money(1000)
LANE = Lane("policy", "SOL/USDT")
BY_YEAR = {2021: 1.26, 2022: 1.38, 2023: 1.65, 2024: 1.04}

Decide = Callable[[int, Bar, Holding], Intent]


def traded(bars: Sequence[Bar], decide: Decide, costs: Costs) -> list[Closed]:
    """What one lane closes when it is asked after every bar."""
    venue = PaperVenue(costs, HOUR)
    closed: list[Closed] = []
    for number, bar in enumerate(bars):
        closed += venue.open_bars({bar.symbol: bar}) + venue.close_bars({bar.symbol: bar})
        position = venue.positions.get(LANE)
        holding: Holding = "nothing" if position is None else position.entry.direction
        intent = decide(number, bar, holding)
        if intent.hold == holding:
            continue
        venue.leave(LANE)
        if intent.hold != "nothing":
            venue.enter(Entry(LANE, str(number), intent.hold, NOTIONAL, intent.stop))
    return closed


def by_policy(policy: Policy) -> Decide:
    indicators, rng = Indicators(LANE.symbol, policy.needs, HOUR), Random(SEED)  # noqa: S311

    def decide(_: int, bar: Bar, holding: Holding) -> Intent:
        return policy.act(Observation(indicators.see(bar), holding), rng)

    return decide


def profit_factor(closed: Sequence[Closed]) -> float:
    gains = sum(trade.pnl for trade in closed if trade.pnl > 0)
    return gains / -sum(trade.pnl for trade in closed if trade.pnl < 0)


def simulated(seed: int, hours: int) -> list[Bar]:
    made = simulated_hours(DEFAULT, START, hours, np.random.default_rng(seed))
    return [bars[LANE.symbol] for bars in made]


def by_return_of(bars: Sequence[Bar], ahead: int) -> Decide:
    """Long before a bar that rises and short before one that falls, as far as one can know."""

    def decide(number: int, _: Bar, __: Holding) -> Intent:
        known = min(number + ahead, len(bars) - 1)
        return Intent("long" if bars[known].close > bars[known].open else "short")

    return decide


def test_a_planted_leak_is_worth_a_lot_and_a_bar_later_nothing() -> None:
    bars = simulated(SEED, 8_000)
    leak = traded(bars, by_return_of(bars, ahead=1), Costs(fee_bps=5))
    late = traded(bars, by_return_of(bars, ahead=0), Costs())
    assert profit_factor(leak) > 10
    assert 0.85 < profit_factor(late) < 1.15


@pytest.mark.parametrize("seed", [1, 2])
def test_the_future_changes_nothing_that_was_decided_before(seed: int) -> None:
    bars = simulated(seed, 1_500)
    other = [*bars[:1_000], *(bar._replace(close=bar.open) for bar in bars[1_000:])]
    cut = bars[1_000].opened_at
    first, second = (
        [t for t in traded(b, by_policy(Trend()), Costs(5)) if t.closed_at <= cut]
        for b in (bars, other)
    )
    assert first == second
    assert first


def real(data: Path, symbol: str, file: str, interval: timedelta) -> Inspected:
    rows = pl.read_parquet(data / file).iter_rows()
    return inspect((Bar(symbol, *row) for row in rows), interval)


def test_following_the_trend_of_sol_earned_what_is_known_of_it(real_data: Path) -> None:
    """Always in the market, next open, 5 bp a side, no funding, by the year of the entry."""
    found = real(real_data, LANE.symbol, "sol_usdt-1h.parquet", HOUR)
    assert found.flaws == []
    closed = traded(found.bars, by_policy(Trend()), Costs(fee_bps=5))
    for year, expected in BY_YEAR.items():
        own = [trade for trade in closed if trade.position.opened_at.year == year]
        assert profit_factor(own) == pytest.approx(expected, abs=0.03), year


def test_the_hour_in_which_the_feed_stood_still_is_stale_and_the_hourly_file_has_it(
    real_data: Path,
) -> None:
    still, quarter = datetime(2024, 10, 28, 20, tzinfo=UTC), timedelta(minutes=15)
    quarters = real(real_data, "BTC/USDT", "btc_usdt-15m.parquet", quarter)
    assert [str(flaw) for flaw in quarters.flaws] == [
        "BTC/USDT frozen 2024-10-28T20:00:00Z: 4 bars, no volume, every price 69566.1"
    ]
    hours = real(real_data, "BTC/USDT", "btc_usdt-1h.parquet", HOUR)
    assert hours.flaws == []
    for found, bars in ((quarters, 0), (hours, 1)):
        within = [bar for bar in found.bars if still <= bar.opened_at < still + HOUR]
        assert len(within) == bars
