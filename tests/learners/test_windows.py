"""Windows against a plain search for bars in a row, and what they are standardised with."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltyard.features.channels import CHANNELS, channels_of
from tiltyard.learners.windows import ChannelScaler, windows_of
from tiltyard.market.bar import HOUR, Bar
from tiltyard.market.candles import candles_of
from tiltyard.market.simulated import DEFAULT, simulated_hours

START = datetime(2025, 7, 7, tzinfo=UTC)
AT_START = round(START.timestamp())
HOURS = 160
MADE = simulated_hours(DEFAULT, START, HOURS, np.random.default_rng(3))
BARS = {name: [bars[name] for bars in MADE] for name in ("BTC/USDT", "SOL/USDT")}
CANDLES = [candles_of(bars, HOUR) for bars in BARS.values()]
SCALER = ChannelScaler.fit(CANDLES)
holes = st.sets(st.integers(0, 39), max_size=6)
times = st.none() | st.integers(-2, 42).map(lambda hour: AT_START + hour * 3600)


def without(bars: Sequence[Bar], missing: set[int]) -> list[Bar]:
    return [bar for number, bar in enumerate(bars) if number not in missing]


def closed(bar: Bar) -> int:
    return round(bar.closes_at(HOUR).timestamp())


@settings(max_examples=60, deadline=None)
@given(
    holes=st.tuples(holes, holes), length=st.integers(1, 45), stride=st.integers(1, 5),
    since=times, until=times,
)  # fmt: skip
def test_windows_are_all_bars_in_a_row_on_one_clock_in_time_order(
    holes: tuple[set[int], set[int]], length: int, stride: int,
    since: int | None, until: int | None,
) -> None:  # fmt: skip
    kept = [without(BARS[name][:40], hole) for name, hole in zip(BARS, holes, strict=True)]
    found = windows_of(
        [candles_of(bars, HOUR) for bars in reversed(kept)], length, SCALER,
        since=since, until=until, stride=stride,
    )  # fmt: skip
    expected = []
    for number, bars in enumerate(kept):
        for last in range(length, len(bars)):
            row, at = bars[last - length : last + 1], closed(bars[last])
            in_a_row = row[-1].opened_at - row[0].opened_at == length * HOUR
            wanted = (since is None or at >= since) and (until is None or at < until)
            if in_a_row and wanted and at // 3600 % stride == 0:
                expected.append((at, number, row))
    expected.sort(key=lambda one: one[:2])
    assert found.symbols == ("BTC/USDT", "SOL/USDT")
    assert list(zip(found.as_of.tolist(), found.symbol.tolist(), strict=True)) == [
        one[:2] for one in expected
    ]
    assert found.data.dtype == np.float32
    assert found.data.shape == (len(expected), length, len(CHANNELS))
    for window, (_, number, row) in zip(found.data, expected, strict=True):
        live = SCALER.scaled(found.symbols[number], channels_of(row))
        assert np.array_equal(window, live), "as it is made of recent bars, to the last bit"


def test_what_is_fitted_on_is_standard_afterwards_each_symbol_by_itself() -> None:
    windows = windows_of(CANDLES, 1, SCALER)
    for number in range(2):
        rows = windows.data[windows.symbol == number, 0]
        assert rows.mean(axis=0) == pytest.approx(0, abs=1e-5)
        assert rows.std(axis=0) == pytest.approx(1, abs=1e-5)


def test_a_scaler_does_not_see_the_range_that_is_tested_on() -> None:
    cut = 100
    until = closed(BARS["SOL/USDT"][cut])
    other = [
        candles_of(
            [*bars[:cut], *(bar._replace(volume=9 * bar.volume) for bar in bars[cut:])], HOUR
        )
        for bars in BARS.values()
    ]
    fitted, again = (ChannelScaler.fit(one, until=until).to_json() for one in (CANDLES, other))
    assert fitted == again
    later = ChannelScaler.fit(other, until=until + 3600).to_json()
    assert fitted != later, "the bar that closed then is seen from then on"
    assert ChannelScaler.fit(CANDLES, since=until).to_json() != SCALER.to_json()


def test_a_scaler_does_not_see_what_lies_across_a_hole() -> None:
    bars = BARS["SOL/USDT"]
    jumped = [bar._replace(close=5 * bar.close, high=5 * bar.high) for bar in bars[61:]]
    parts = [*bars[:60], *jumped]
    fitted = ChannelScaler.fit([candles_of(parts, HOUR)]).to_json()
    (scale,) = fitted.values()
    assert scale["sd"][0] < 0.05, "a return of log 5 is none of one hour"


def test_a_scaler_is_the_same_after_a_snapshot_has_kept_it() -> None:
    told = json.loads(json.dumps(SCALER.to_json()))
    again = ChannelScaler.from_json(told)
    assert again.symbols == SCALER.symbols
    rows = channels_of(BARS["SOL/USDT"])
    assert np.array_equal(again.scaled("SOL/USDT", rows), SCALER.scaled("SOL/USDT", rows))
    assert set(told["SOL/USDT"]) == {"mean", "sd"}


def test_a_symbol_that_the_scaler_does_not_know_has_no_windows() -> None:
    known = ChannelScaler.fit([CANDLES[1]])
    windows = windows_of(CANDLES, 10, known)
    assert windows.symbols == ("SOL/USDT",)
    assert len(windows) == HOURS - 10
    lone = candles_of([BARS["BTC/USDT"][0]], HOUR)
    assert ChannelScaler.fit([lone]).symbols == (), "nothing can be told of one bar"
    assert windows_of([lone], 10, SCALER).data.shape == (0, 10, len(CHANNELS))


def test_a_channel_that_never_changes_is_left_at_nothing() -> None:
    still = [bar._replace(volume=3.0) for bar in BARS["SOL/USDT"]]
    candles = [candles_of(still, HOUR)]
    windows = windows_of(candles, 4, ChannelScaler.fit(candles))
    assert np.all(windows.data[:, :, CHANNELS.index("volume_change")] == 0)
    assert np.isfinite(windows.data).all()
