"""A spike and a frozen price are found by their neighbours, and no real market is taken for one."""

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.market.bar import HOUR, Bar
from tiltyard.market.implausible import APART, STILL_BARS, look
from tiltyard.shell.feeds.files import read_feed

NOON = datetime(2024, 10, 28, 12, tzinfo=UTC)


def bars(*closes: float, since: int = 0) -> list[Bar]:
    return [
        Bar("BTC/USDT", NOON + n * HOUR, close, close + 1, close - 1, close, 5.0)
        for n, close in enumerate(closes, since)
    ]


def wick(hour: int, low: float, high: float, close: float = 100.0) -> Bar:
    return Bar("BTC/USDT", NOON + hour * HOUR, close, high, low, close, 5.0)


def hours(some: object) -> list[float]:
    return [(one.opened_at - NOON) / HOUR for one in some]  # type: ignore[attr-defined] # bars


@pytest.mark.parametrize(
    ("spike", "told"),
    [
        (wick(2, 99.0, 100_000.0), "high 100,000 between closes of 101 and 103"),
        (wick(2, 0.1, 101.0), "low 0.1 between closes of 101 and 103"),
        (wick(2, 99_000.0, 101_000.0, 1e5), "high 101,000 between closes of 101 and 103"),
        (wick(2, 99.0, 515.0), "high 515 between closes of 101 and 103"),
    ],
    ids=["a high", "a low", "every price", "five times the higher of the two"],
)
def test_a_bar_that_leaps_away_and_is_back_is_named_and_left_out(spike: Bar, told: str) -> None:
    one, two, _, four, five = bars(100.0, 101.0, 0.0, 103.0, 104.0)
    found = look([one, two, spike, four, five], HOUR)
    assert [str(flaw) for flaw in found.flaws] == [
        f"BTC/USDT spike 2024-10-28T14:00:00Z: 1 bar, {told}"
    ]
    assert found.bars == [one, two, four, five]
    assert not found.leaps


def test_every_other_bar_may_be_a_spike_and_those_between_are_none() -> None:
    found = look(bars(100.0, 1e5, 101.0, 1e5, 102.0), HOUR)
    assert hours(found.bars) == [0, 2, 4]


def test_a_crash_that_stays_is_kept_and_told() -> None:
    crash = bars(100.0, 101.0, 8.0, 9.0, 8.5)
    found = look(crash, HOUR)
    assert (found.bars, found.flaws) == (crash, [])
    (leap,) = found.leaps
    assert (leap.symbol, leap.at, leap.before, leap.after) == (
        "BTC/USDT", NOON + 2 * HOUR, 101.0, 8.0
    )  # fmt: skip


def test_a_spike_that_lasts_is_two_leaps_and_so_is_one_at_an_end_one() -> None:
    found = look(bars(100.0, 1e5, 1e5, 100.0, 101.0, 1e5), HOUR)
    assert [(leap.at - NOON) / HOUR for leap in found.leaps] == [1, 3, 5]
    assert not found.flaws


def test_what_lies_apart_in_time_does_not_leap() -> None:
    assert not look([*bars(100.0, 101.0), *bars(900.0, 901.0, since=900)], HOUR).leaps


@pytest.mark.parametrize("alike", [STILL_BARS - 1, STILL_BARS])
def test_so_many_closes_alike_in_a_row_stand_still_and_the_first_is_kept(alike: int) -> None:
    some = bars(99.0, *[100.0] * alike, 101.0)
    found = look(some, HOUR)
    if alike < STILL_BARS:
        assert (found.bars, found.flaws) == (some, [])
        return
    assert [str(flaw) for flaw in found.flaws] == [
        f"BTC/USDT still 2024-10-28T14:00:00Z: {alike - 1} bars, every close 100"
    ]
    assert found.bars == [some[0], some[1], some[-1]]


def test_a_hole_does_not_move_a_price_and_is_no_part_of_a_stretch() -> None:
    some = [*bars(*[100.0] * 12), *bars(*[100.0] * 12, since=20)]
    found = look(some, HOUR)
    assert [((flaw.at - NOON) / HOUR, flaw.bars) for flaw in found.flaws] == [(1, 11), (20, 12)]


@given(st.lists(st.sampled_from([100.0, 101.0, 20.0, 9_000.0]), max_size=80), st.integers(1, 9))
def test_every_bar_is_kept_in_order_or_blamed_once(closes: list[float], times: int) -> None:
    some = bars(*(close for close in closes for _ in range(times)))
    found = look(some, HOUR)
    blamed = [
        flaw.at + n * HOUR for flaw in found.flaws for n in range(flaw.bars)
    ]  # fmt: skip
    kept = [bar.opened_at for bar in found.bars]
    assert kept == sorted(kept)
    assert sorted([*kept, *blamed]) == [bar.opened_at for bar in some]


def test_what_was_left_is_as_it_should_be() -> None:
    nothing = look([], HOUR)
    assert (nothing.bars, nothing.flaws, nothing.leaps) == ([], [], [])
    (one,) = bars(100.0)
    assert look([one], HOUR).bars == [one]


@pytest.mark.parametrize("symbol", ["btc", "eth", "sol"])
def test_no_real_hour_is_a_spike_and_none_stands_still(real_data: Path, symbol: str) -> None:
    """Crashes and all: 2021-05-19 is among them, of which the limit is more than twice as far."""
    feed = read_feed(real_data / f"{symbol}_usdt-1h.parquet")
    found = look(feed.bars, HOUR)
    assert (found.bars, found.flaws, found.leaps) == (feed.bars, [], [])
    beyond = max(
        max(bar.high / max(before.close, after.close), min(before.close, after.close) / bar.low)
        for before, bar, after in zip(feed.bars, feed.bars[1:], feed.bars[2:], strict=False)
    )
    closes = [bar.close for bar in feed.bars]
    apart = max(max(a / b, b / a) for a, b in pairwise(closes))
    assert max(beyond, apart) < APART / 2
    assert round(beyond, 2) == {"btc": 1.27, "eth": 1.67, "sol": 1.63}[symbol]
    assert round(apart, 2) == {"btc": 1.13, "eth": 1.17, "sol": 1.40}[symbol]
