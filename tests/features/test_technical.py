"""Indicators against their definitions, over windows of the whole past."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.features.technical import Indicators, indicator
from tiltyard.kernel.errors import TiltyardError
from tiltyard.market.bar import HOUR, Bar

START = datetime(2025, 7, 7, tzinfo=UTC)


def bars(closes: Sequence[float]) -> list[Bar]:
    return [
        Bar("SOL/USDT", START + n * HOUR, close, close + 1, close - 1.5, close, 1.0)
        for n, close in enumerate(closes)
    ]


def true_ranges(past: Sequence[Bar]) -> list[float]:
    before = [past[0].close, *(bar.close for bar in past[:-1])]
    return [
        max(bar.high, close) - min(bar.low, close) for bar, close in zip(past, before, strict=True)
    ]


Definition = Callable[[Sequence[Bar], int], float]
DEFINITIONS: dict[str, tuple[Definition, int]] = {
    "average": (lambda past, n: fmean(bar.close for bar in past[-n:]), 0),
    "deviation": (lambda past, n: pstdev([bar.close for bar in past[-n:]]), 0),
    "range": (lambda past, n: fmean(true_ranges(past)[-n:]), 0),
    "highest": (lambda past, n: max(bar.high for bar in past[-n - 1 : -1]), 1),
    "lowest": (lambda past, n: min(bar.low for bar in past[-n - 1 : -1]), 1),
}
closes = st.lists(st.floats(50, 150), min_size=1, max_size=40)


@pytest.mark.parametrize("kind", DEFINITIONS)
@given(closes=closes, length=st.integers(1, 12))
def test_an_indicator_is_what_its_definition_says(
    kind: str, closes: list[float], length: int
) -> None:
    definition, more = DEFINITIONS[kind]
    see = indicator(f"{kind}_{length}")
    past: list[Bar] = []
    for bar in bars(closes):
        past.append(bar)
        value = see(bar)
        if len(past) < length + more:
            assert value is None
        else:
            assert value == pytest.approx(definition(past, length), abs=1e-9)


def test_a_sum_over_a_window_does_not_drift() -> None:
    see = indicator("average_20")
    value = None
    for n, bar in enumerate(bars([1e9, *([0.1] * 5_000)])):
        value = see(bar)
        assert n < 20 or value == pytest.approx(0.1, abs=1e-12) or n < 40
    assert value == pytest.approx(0.1, abs=1e-15)


def test_features_are_known_when_the_bar_has_closed_and_not_earlier() -> None:
    features = Indicators("SOL/USDT", ["close", "average_3"], HOUR).see(bars([100.0])[0])
    assert features.as_of == START + HOUR
    assert features.values == {"close": 100.0}


@pytest.mark.parametrize("name", ["rsi_14", "average", "average_", "average_0", "average_x", ""])
def test_an_indicator_that_nobody_knows_is_refused(name: str) -> None:
    with pytest.raises(TiltyardError, match="FEATURE_UNKNOWN"):
        indicator(name)
