"""Candidates that are trained in a second: a small market, and small networks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from tiltyard.learners.acting import Acting
from tiltyard.learners.candidate import CandidateSettings, MarketData
from tiltyard.learners.head import TabNetSettings
from tiltyard.learners.labels import moves_of
from tiltyard.learners.timesnet import TimesNetSettings
from tiltyard.market.bar import HOUR
from tiltyard.market.candles import Candles, candles_of
from tiltyard.market.simulated import DEFAULT, simulated_hours

START = datetime(2025, 1, 1, tzinfo=UTC)
HOURS = 24 * 110

SETTINGS = CandidateSettings(
    encoder=TimesNetSettings(
        length=8, d_model=4, d_ff=4, layers=1, top_k=1, kernels=2, embedding=2, epochs=2, batch=128
    ),
    head=TabNetSettings(
        inputs=0, classes=5, n_d=4, n_a=4, steps=1, shared=1, own=1, epochs=3, batch=1024,
        virtual_batch=256, rate=0.03, patience=3,
    ),
    features=("return_4", "volume_ratio_24"),
    acting=Acting(margin=1.0, round_trip_bps=4.0, horizon=1),
    folds=2,
    hold_out_days=10,
    stride=6,
    baseline_days=20,
    fee_bps=2.0,
    half_spread_bps=0.0,
)  # fmt: skip


def market(*symbols: str, hours: int = HOURS, seed: int = 5) -> dict[str, Candles]:
    bars = simulated_hours(DEFAULT, START, hours, np.random.default_rng(seed))
    return {symbol: candles_of([one[symbol] for one in bars], HOUR) for symbol in symbols}


def lasting(candles: Candles, interval: timedelta) -> Candles:
    """The same prices, in bars that last otherwise."""
    times = candles.opened_at[0] + round(interval.total_seconds()) * np.arange(len(candles))
    return replace(candles, interval=interval, opened_at=times)


def true_moves(candles: Candles, horizon: int = 1) -> np.ndarray:
    """Log returns from the next open to the one after, NaN at the end."""
    return moves_of(candles, np.full(len(candles), horizon**-0.5), horizon)


def with_leak(candles: Candles, late: int) -> Candles:
    """The same prices, with volumes that tell of each move, so many bars late."""
    moves = true_moves(candles)
    told = np.nan_to_num(moves / np.nanstd(moves))
    told = np.concatenate([np.zeros(late), told[: len(told) - late]])
    return Candles(
        candles.symbol, candles.interval, candles.opened_at, candles.open, candles.high,
        candles.low, candles.close, np.exp(np.clip(told, -4, 4)),
    )  # fmt: skip


DATA = MarketData(market("BTC/USDT", "SOL/USDT"))
