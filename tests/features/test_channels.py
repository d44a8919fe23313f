"""A bar as an encoder sees it, against its definition, live and in training."""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltyard.features.channels import CHANNELS, channels, channels_of
from tiltyard.market.bar import HOUR, Bar
from tiltyard.market.candles import candles_of
from tiltyard.market.simulated import DEFAULT, simulated_hours

START = datetime(2025, 7, 7, tzinfo=UTC)
reaches = st.sampled_from([0.0, 2.0]) | st.floats(0, 20)
rows = st.tuples(st.floats(50, 150), reaches, reaches, st.floats(1e-3, 1e6))


def bar_of(number: int, row: tuple[float, float, float, float]) -> Bar:
    close, above, below, volume = row
    at = START + number * HOUR
    return Bar("SOL/USDT", at, close, close + above, close - below, close, volume)


def by_definition(before: Bar, bar: Bar) -> Sequence[float]:
    width = bar.high - bar.low
    inside = (bar.close - bar.low) / width - 0.5 if width else 0.0
    gained, grown = log(bar.close / before.close), log(bar.volume / before.volume)
    return gained, log(bar.high / bar.low), inside, grown


@settings(max_examples=50, deadline=None)
@given(st.lists(rows, min_size=1, max_size=20))
def test_the_channels_are_what_their_definitions_say(
    made: list[tuple[float, float, float, float]],
) -> None:
    bars = [bar_of(number, row) for number, row in enumerate(made)]
    found = channels(candles_of(bars, HOUR))
    assert found.shape == (len(bars) - 1, len(CHANNELS))
    for row, before, bar in zip(found, bars, bars[1:], strict=False):
        assert row == pytest.approx(by_definition(before, bar), abs=1e-12)


def test_recent_bars_have_the_channels_that_were_learnt_from_bit_for_bit() -> None:
    made = simulated_hours(DEFAULT, START, 600, np.random.default_rng(7))
    bars = [bars["SOL/USDT"] for bars in made]
    whole = channels(candles_of(bars, HOUR))
    for length in (1, 2, 7, 8, 96):
        for last in range(length, len(bars), 5):
            recent = channels_of(bars[last - length : last + 1])
            assert np.array_equal(recent, whole[last - length : last])


@pytest.mark.parametrize("count", [0, 1])
def test_a_bar_without_one_before_it_has_no_channels(count: int) -> None:
    bars = [bar_of(number, (100.0, 1.0, 1.0, 1.0)) for number in range(count)]
    assert channels_of(bars).shape == (0, len(CHANNELS))
