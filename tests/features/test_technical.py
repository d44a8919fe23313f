"""Indicators against their definitions, over windows of the whole past."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from math import log, pi, sin

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltyard.features.technical import ALONE, OF_BARS, Indicators, indicator
from tiltyard.kernel.errors import TiltyardError
from tiltyard.market.bar import HOUR, Bar
from tiltyard.market.costs import FundingRates

START = datetime(2025, 7, 7, tzinfo=UTC)
"""A Monday."""


def bar_of(number: int, row: tuple[float, float, float, float]) -> Bar:
    """Where a bar closes, how far it reaches above and below, and its volume."""
    close, above, below, volume = row
    at = START + number * HOUR
    return Bar("SOL/USDT", at, close, close + above, close - below, close, volume)


prices = st.floats(50, 150)
reaches = st.sampled_from([0.0, 0.5, 1.0, 7.25]) | st.floats(0, 20)
volumes = st.floats(1e-3, 1e6)
rows = st.tuples(prices, reaches, reaches, volumes)
many_bars = st.lists(rows, min_size=1, max_size=40).map(
    lambda made: [bar_of(number, row) for number, row in enumerate(made)]
)


class Columns:
    """The last bars as arrays, and one close more before them."""

    def __init__(self, past: Sequence[Bar], length: int) -> None:
        values = np.array([bar[2:] for bar in past[-length:]])
        self.high, self.low, self.close, self.volume = values.T[1:]
        self.before = np.array([bar.close for bar in past[-length - 1 : -1]])
        """The close before each; of the first bar of all there is none."""


def true_range(its: Columns) -> float:
    before = its.before if len(its.before) == len(its.close) else [its.close[0], *its.before]
    return float(np.mean(np.maximum(its.high, before) - np.minimum(its.low, before)))


def deviation_of(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean((values - np.mean(values)) ** 2)))


def share_gained(changes: np.ndarray) -> float:
    moved = np.abs(changes).sum()
    return float(changes[changes > 0].sum() / moved) if moved else 0.5


def place_of(its: Columns) -> float:
    lowest, highest = its.low.min(), its.high.max()
    return float((its.close[-1] - lowest) / (highest - lowest)) if highest > lowest else 0.5


Definition = Callable[[Columns], float]
DEFINITIONS: dict[str, tuple[Definition, int]] = {
    "average": (lambda its: float(its.close.mean()), 0),
    "deviation": (lambda its: deviation_of(its.close), 0),
    "range": (true_range, 0),
    "return": (lambda its: float(np.log(its.close[-1] / its.before[0])), 1),
    "volatility": (lambda its: deviation_of(np.log(its.close / its.before)), 1),
    "distance": (lambda its: float(np.log(its.close[-1] / its.close.mean())), 0),
    "rsi": (lambda its: share_gained(its.close - its.before), 1),
    "place": (place_of, 0),
    "relative_range": (lambda its: true_range(its) / float(its.close[-1]), 1),
    "volume_ratio": (lambda its: float(np.log(its.volume[-1] / its.volume.mean())), 0),
}
"""What each is of the last bars, and how many it needs before them."""
BEFORE_THIS: dict[str, Definition] = {
    "highest": lambda its: float(its.high.max()),
    "lowest": lambda its: float(its.low.min()),
}
"""Of the bars before this one."""
ANEW = ("return", "volatility", "distance", "rsi", "place", "relative_range", "volume_ratio")
"""Made anew from the last bars."""


@pytest.mark.parametrize("kind", OF_BARS)
@settings(max_examples=40, deadline=None)
@given(bars=many_bars, length=st.integers(1, 12))
def test_an_indicator_is_what_its_definition_says(kind: str, bars: list[Bar], length: int) -> None:
    see = indicator(f"{kind}_{length}", HOUR)
    for count, bar in enumerate(bars, start=1):
        value = see(bar)
        if kind in BEFORE_THIS:
            definition, more, past = BEFORE_THIS[kind], 1, bars[: count - 1]
        else:
            (definition, more), past = DEFINITIONS[kind], bars[:count]
        if count < length + more:
            assert value is None
        else:
            assert value == pytest.approx(definition(Columns(past, length)), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("kind", ANEW)
@settings(max_examples=30, deadline=None)
@given(
    bars=many_bars, length=st.integers(1, 12), before=st.lists(rows, max_size=15),
    giant=st.sampled_from([1.0, 1e9]),
)  # fmt: skip
def test_a_value_is_the_same_wherever_the_bars_began(
    kind: str, bars: list[Bar], length: int, before: list[tuple[float, ...]], giant: float
) -> None:
    """To the last bit, however large the numbers were that have left its window."""
    late, early = (indicator(f"{kind}_{length}", HOUR) for _ in range(2))
    for number, (close, above, below, volume) in enumerate(before, start=-len(before)):
        early(bar_of(number, (close * giant, above, below, volume * giant)))
    for bar in bars:
        value, other = late(bar), early(bar)
        assert value is None or value == other


def test_a_sum_over_a_window_does_not_drift() -> None:
    see = indicator("average_20", HOUR)
    value = None
    for n, close in enumerate([1e9, *([0.1] * 5_000)]):
        value = see(bar_of(n, (close, 0.0, 0.0, 1.0)))
        assert n < 20 or value == pytest.approx(0.1, abs=1e-12) or n < 40
    assert value == pytest.approx(0.1, abs=1e-15)


@pytest.mark.parametrize(("kind", "value"), [("rsi", 0.5), ("place", 0.5), ("volatility", 0.0)])
def test_where_nothing_moves_nothing_is_said_of_the_direction(kind: str, value: float) -> None:
    see = indicator(f"{kind}_3", HOUR)
    assert [see(bar_of(n, (100.0, 0.0, 0.0, 1.0))) for n in range(4)][-1] == value


@pytest.mark.parametrize("kind", ANEW)
@settings(max_examples=20, deadline=None)
@given(bars=many_bars, length=st.integers(1, 8), scale=st.sampled_from([2.0**-20, 2.0**20]))
def test_a_learner_sees_the_same_in_another_unit_of_price_and_volume(
    kind: str, bars: list[Bar], length: int, scale: float
) -> None:
    """Powers of two, since other units round the smallest moves away."""
    one, other = (indicator(f"{kind}_{length}", HOUR) for _ in range(2))
    for bar in bars:
        scaled = Bar(bar.symbol, bar.opened_at, *(scale * value for value in bar[2:]))
        value, again = one(bar), other(scaled)
        assert (value is None) == (again is None)
        assert value is None or again == pytest.approx(value, rel=1e-12, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(number=st.integers(0, 10_000), minutes=st.sampled_from([15, 60, 240]))
def test_the_time_of_day_and_week_is_that_of_the_close(number: int, minutes: int) -> None:
    interval = timedelta(minutes=minutes)
    bar = bar_of(0, (100.0, 1.0, 1.0, 1.0))._replace(opened_at=START + number * interval)
    closed = bar.opened_at + interval
    day = (closed.hour + closed.minute / 60) / 24
    week = (closed.weekday() + day) / 7
    for name, turned in (("hour", day), ("weekday", week)):
        east, north = (indicator(f"{name}_{wave}", interval)(bar) for wave in ("sin", "cos"))
        assert east == pytest.approx(sin(2 * pi * turned), abs=1e-12)
        assert north == pytest.approx(sin(2 * pi * turned + pi / 2), abs=1e-12)


def test_features_are_known_when_the_bar_has_closed_and_not_earlier() -> None:
    bar = bar_of(0, (100.0, 1.0, 1.5, 1.0))
    features = Indicators("SOL/USDT", ["close", "average_3"], HOUR).see(bar)
    assert features.as_of == START + HOUR
    assert features.values == {"close": 100.0}


def test_a_funding_rate_is_known_from_its_time_on_and_until_the_next_is_due() -> None:
    rates = FundingRates([(START + n * 8 * HOUR, rate) for n, rate in ((1, 0.1), (2, 0.3))])
    indicators = Indicators("SOL/USDT", ["funding", "funding_2"], HOUR, rates)
    told = [dict(indicators.see(bar_of(n, (100.0, 1.0, 1.0, 1.0))).values) for n in range(26)]
    assert told[:7] == [{}] * 7
    assert told[7:15] == [{"funding": 0.1}] * 8
    assert told[15:24] == [{"funding": 0.3, "funding_2": pytest.approx(0.2)}] * 9
    assert told[24:] == [{}] * 2, "what is old is not carried on"


def test_without_funding_rates_nothing_is_known_of_funding() -> None:
    indicators = Indicators("SOL/USDT", ["funding", "funding_3", "close"], HOUR)
    assert set(indicators.see(bar_of(0, (100.0, 1.0, 1.0, 1.0))).values) == {"close"}


@pytest.mark.parametrize(
    "name", ["rsi", "macd_14", "average", "average_", "average_0", "average_x", "funding_0", ""]
)
def test_an_indicator_that_nobody_knows_is_refused_with_those_that_there_are(name: str) -> None:
    with pytest.raises(TiltyardError, match="FEATURE_UNKNOWN") as refused:
        indicator(name, HOUR)
    for known in (*ALONE, *(f"{kind}_N" for kind in (*OF_BARS, "funding"))):
        assert known in refused.value.remedy


def test_a_return_is_what_the_logs_say() -> None:
    see = indicator("return_2", HOUR)
    values = [see(bar_of(n, (close, 0.0, 0.0, 1.0))) for n, close in enumerate((100, 90, 121))]
    assert values == [None, None, pytest.approx(log(1.21))]
