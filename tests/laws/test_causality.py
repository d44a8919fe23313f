"""Nobody earns by knowing the future, and who does know it is found out.

Decisions are made after a bar has closed and filled at the next one's open. A planted leak,
the next bar's return as a feature, has to be worth a lot, else the test could not see one;
the same feature a bar late, when it can be known, has to be worth nothing.

What a learner is given stands before that: whatever comes after a bar has closed, its row of
features, its channels and the windows that end with it stay as they were, to the last bit.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltyard.features.channels import channels
from tiltyard.features.learned import FUNDING, TECHNICAL, TIME
from tiltyard.features.table import table_of
from tiltyard.features.technical import COUNTED, Indicators
from tiltyard.kernel.money import money
from tiltyard.learners.windows import ChannelScaler, windows_of
from tiltyard.market.bar import HOUR, Bar
from tiltyard.market.candles import candles_of
from tiltyard.market.costs import EVERY, Costs, FundingRates
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


KNOWN = tuple(dict.fromkeys((*TECHNICAL, *TIME, *FUNDING, *(f"{kind}_5" for kind in COUNTED))))
CUT, LENGTH = 220, 24
OTHERWISE: dict[str, Callable[[Bar], Bar]] = {
    "higher": lambda bar: bar._replace(high=2 * bar.high, close=2 * bar.high),
    "lower": lambda bar: bar._replace(low=bar.low / 2, close=bar.low / 2, open=bar.low / 2),
    "louder": lambda bar: bar._replace(volume=50 * bar.volume),
}
"""What may come instead of a bar."""


class Learned(NamedTuple):
    """What a learner is given that was known when bar ``CUT`` had closed."""

    features: list[bytes]
    channels: bytes
    windows: bytes
    scaler: object


def learned(bars: Sequence[Bar], funding: FundingRates, *, ahead: int = 0) -> Learned:
    """Of bars; who looks ahead is told so many bars more."""
    until = round((START + (CUT + 1 + ahead) * HOUR).timestamp()) + 1
    table = table_of(bars, KNOWN, HOUR, funding)
    assert table.as_of.tolist() == [round(bar.closes_at(HOUR).timestamp()) for bar in bars]
    candles = candles_of(bars, HOUR)
    scaler = ChannelScaler.fit([candles], until=until)
    windows = windows_of([candles], LENGTH, scaler, until=until)
    assert windows.as_of[-1] == until - 1
    return Learned(
        [row.tobytes() for row in table.values[table.as_of < until]],
        channels(candles)[candles.closed_at[1:] < until].tobytes(),
        windows.data.tobytes(),
        scaler.to_json(),
    )


def rates_after(bar: int, factor: float) -> FundingRates:
    """A rate each eight hours; those that come after a bar has closed may be others."""
    known_until = START + (bar + 1) * HOUR
    times = [START + n * EVERY for n in range(60)]
    return FundingRates([(at, 1e-4 * (factor if at > known_until else 1.0)) for at in times])


@settings(max_examples=15, deadline=None)
@given(
    changed=st.dictionaries(st.integers(CUT + 1, 299), st.sampled_from(sorted(OTHERWISE))),
    missing=st.sets(st.integers(CUT + 1, 299)),
    factor=st.sampled_from([1.0, -3.0]),
)
def test_whatever_comes_later_a_learner_is_given_the_same(
    changed: dict[int, str], missing: set[int], factor: float
) -> None:
    bars = simulated(SEED, 300)
    later = [
        OTHERWISE[changed[number]](bar) if number in changed else bar
        for number, bar in enumerate(bars)
        if number not in missing
    ]
    before = learned(bars, rates_after(CUT, 1.0))
    assert learned(later, rates_after(CUT, factor)) == before


@pytest.mark.parametrize("change", sorted(OTHERWISE))
def test_who_is_told_of_the_next_bar_is_found_out(change: str) -> None:
    bars = simulated(SEED, 300)
    later = [*bars[: CUT + 1], OTHERWISE[change](bars[CUT + 1]), *bars[CUT + 2 :]]
    funding = rates_after(CUT, 1.0)
    found, other = (learned(one, funding, ahead=1) for one in (bars, later))
    assert found.features[:-1] == other.features[:-1]
    for part, otherwise in zip(found, other, strict=True):
        assert part != otherwise


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
