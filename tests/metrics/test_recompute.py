"""Recomputing a whole ledger says of every trade what the streaming metric said then."""

import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import money
from tiltyard.kernel.undefined import Value
from tiltyard.metrics import recompute
from tiltyard.metrics.drawdown import Drawdown
from tiltyard.metrics.metric import Outcome
from tiltyard.metrics.profit_factor import ProfitFactor
from tiltyard.metrics.recompute import drawdowns, profit_factors
from tiltyard.metrics.rolling import Rolling

Amounts = NDArray[np.int64]
Series = NDArray[np.float64]

CAPITAL = 100 * 10**8
NAN = float("nan")


@pytest.mark.parametrize(
    ("pnl", "starts", "window", "expected"),
    [
        ([3, -1, 1, -2], [0], 2, [NAN, 3, 1, 0.5]),
        ([3, -1, 1, -2], [0, 2], 2, [NAN, 3, NAN, 0.5]),
        ([3, -1, 1, -2], [0], 1, [NAN, 0, NAN, 0]),
        ([3, 1, 0, 0], [0], 2, [NAN, NAN, NAN, NAN]),
        ([3, -1], [0], 3, [NAN, NAN]),
        ([3, -1, 7], [0, 1, 2], 2, [NAN, NAN, NAN]),
        ([], [0], 30, []),
    ],
    ids=[
        "warming, then gains over losses",
        "a window never reaches into another policy",
        "of a single trade",
        "undefined without losses",
        "undefined in a ledger below the window",
        "undefined in policies below the window",
        "nothing of an empty ledger",
    ],
)
def test_profit_factors_by_example(
    pnl: list[int], starts: list[int], window: int, expected: list[float]
) -> None:
    series = profit_factors(whole(pnl), whole(starts), window)
    np.testing.assert_array_equal(series, expected)


@pytest.mark.parametrize(
    ("pnl", "capital", "starts", "expected"),
    [
        ([10, -22, 5, 5], [100] * 4, [0], [NAN, 22, 22, 0]),
        ([-10, -10, -10, -10], [100] * 4, [0, 2], [NAN, 19, NAN, 19]),
        ([-300, 50, 50, -50], [100] * 4, [0], [NAN, 100, 0, 50]),
        ([-10, 0, 0, -10], [100, 0, 100, 100], [0], [NAN, NAN, NAN, 10]),
        ([-10, -10], [100, 1000], [0], [NAN, 10.9]),
        ([], [], [0], []),
    ],
    ids=[
        "the peak may be the point before the window or inside it",
        "a window never reaches into another policy",
        "ruin is absorbing, until it has left the window",
        "undefined while a trade without capital is in the window",
        "each trade is measured against its own capital",
        "nothing of an empty ledger",
    ],
)
def test_drawdowns_by_example(
    pnl: list[int], capital: list[int], starts: list[int], expected: list[float]
) -> None:
    series = drawdowns(whole(pnl), whole(capital), whole(starts), 2)
    np.testing.assert_allclose(series, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("window", [1, 2, 7, 30, 150])
@pytest.mark.parametrize("at_once", [1, 13, 16_384], ids="{} at once".format)
@pytest.mark.parametrize("sizes", [[700], [0, 29, 30, 31, 0, 149, 150, 151, 300, 1]], ids=str)
def test_random_ledgers_agree_with_the_streaming_metrics(
    monkeypatch: pytest.MonkeyPatch, window: int, at_once: int, sizes: list[int]
) -> None:
    monkeypatch.setattr(recompute, "_FACTORS_AT_ONCE", at_once)
    monkeypatch.setattr(recompute, "_FALLS_AT_ONCE", at_once)
    rng = np.random.default_rng(window + at_once)
    starts, count = whole([0, *np.cumsum(sizes[:-1]).tolist()]), sum(sizes)
    pnl = np.rint(rng.normal(0, 2 * 10**8, count)).astype(np.int64)
    pnl[rng.random(count) < 0.1] = 0
    pnl[rng.random(count) < 0.01] = -2 * CAPITAL
    capital = rng.choice([CAPITAL, 3 * CAPITAL], count)
    capital[rng.random(count) < 0.01] = 0
    assert_as_streamed(pnl, capital, starts, window)


def test_real_logs_agree_with_the_streaming_metrics(real_data: Path) -> None:
    logs = [
        [money(pnl) for pnl in pl.read_parquet(path).sort("close_ts")["pnl_abs"]]
        for path in sorted(real_data.glob("trades-*.parquet"))
    ]
    starts = whole([0, *np.cumsum([len(log) for log in logs[:-1]]).tolist()])
    pnl = whole([pnl for log in logs for pnl in log])
    capital = np.full(len(pnl), money(1000))
    for window in (30, 150):
        assert_as_streamed(pnl, capital, starts, window)


def test_the_input_is_left_as_it_was() -> None:
    pnl, capital, starts = whole([3, -1, 1, -2]), whole([9, 9, 9, 9]), whole([0, 2])
    for array in (pnl, capital, starts):
        array.setflags(write=False)
    profit_factors(pnl, starts, 2)
    drawdowns(pnl, capital, starts, 2)
    assert pnl.tolist() == [3, -1, 1, -2]


def test_sums_stay_exact_where_floats_and_the_whole_ledgers_sum_would_not() -> None:
    nearly = (2**63 - 1) // 2
    pnl = whole([nearly, -nearly] * 50 + [1, -3])
    series = profit_factors(pnl, whole([0]), 2)
    assert series[-1] == 1 / 3
    assert set(series[1:100].tolist()) == {1.0}


def test_a_window_too_large_for_an_exact_sum_is_refused() -> None:
    with pytest.raises(TiltyardError) as refused:
        profit_factors(whole([-(2**62), 1]), whole([0]), 2)
    assert refused.value.code == "MONEY_INVALID"


@pytest.mark.parametrize("policies", [1, 1000], ids="{} policies".format)
def test_memory_beyond_input_and_result_stays_flat(policies: int) -> None:
    count = 1_000_000
    rng = np.random.default_rng(5)
    pnl = rng.integers(-(10**9), 10**9, count)
    capital = np.full(count, CAPITAL)
    starts = np.arange(policies) * (count // policies)
    recomputed: list[Callable[[], Series]] = [
        lambda: profit_factors(pnl, starts, 30),
        lambda: drawdowns(pnl, capital, starts, 150),
    ]
    for series in recomputed:
        tracemalloc.start()
        result = series()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak - result.nbytes < 10 * 2**20


def assert_as_streamed(pnl: Amounts, capital: Amounts, starts: Amounts, window: int) -> None:
    assert len(pnl) == len(capital)
    factors, falls = [], []
    for start, end in pairwise([*starts.tolist(), len(pnl)]):
        outcomes = [
            (result, base, 0)
            for result, base in zip(
                pnl[start:end].tolist(), capital[start:end].tolist(), strict=True
            )
        ]
        factors += streamed(Rolling(ProfitFactor(), trades=window), outcomes)
        falls += streamed(Rolling(Drawdown(), trades=window), outcomes)
    np.testing.assert_allclose(profit_factors(pnl, starts, window), factors, rtol=1e-9, atol=0)
    np.testing.assert_allclose(drawdowns(pnl, capital, starts, window), falls, 1e-9, 1e-11)


def streamed(meter: Rolling[Any], outcomes: list[Outcome]) -> list[float]:
    series = []
    for outcome in outcomes:
        meter.push(outcome)
        reading = meter.value()
        series.append(reading.number if isinstance(reading, Value) else NAN)
    return series


def whole(numbers: list[int]) -> Amounts:
    return np.array(numbers, dtype=np.int64)
