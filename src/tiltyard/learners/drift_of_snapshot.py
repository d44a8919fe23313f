"""How far the encoder in a snapshot has drifted, by the bars of lately.

In come a snapshot and bars; out goes the divergence of what its encoder makes of the windows of
lately from what it makes of its own baseline windows. Both are cut at the same hours of the
clock, and of the same symbols: one of which there are no bars now is left out of the baseline,
too, since a mixture of fewer symbols is another one. The estimator is
:mod:`~tiltyard.learners.drift`.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiltyard.kernel.undefined import Undefined
from tiltyard.learners.drift import Drift, kl_divergence
from tiltyard.learners.snapshot import Snapshot
from tiltyard.learners.timesnet import Encoder
from tiltyard.learners.windows import ChannelScaler, Windows, windows_of
from tiltyard.market.candles import Candles

SEED = 1
"""Of the blocks that are drawn again for the interval: the same windows give the same drift."""

Embeddings = NDArray[np.float32]


class Found(NamedTuple):
    """What was found.

    Attributes:
        drift: Or why there is none.
        as_of: When the last bar had closed that it goes by, seconds since 1970; of several
            symbols the one that is behind the others. 0 where there are no windows.
    """

    drift: Drift | Undefined
    as_of: int


def drift_of(
    snapshot: Snapshot,
    encoder: Encoder,
    baseline: Embeddings,
    candles: Sequence[Candles],
    *,
    span: timedelta,
    until: int,
) -> Found:
    """How far it has drifted.

    Args:
        snapshot: With an encoder, and its baseline.
        encoder: The one in it.
        baseline: What that makes of the baseline windows; shape (n, d).
        candles: One each symbol, of its interval.
        span: So long before the newest window the windows of lately begin.
        until: Windows that were known by then, seconds since 1970.
    """
    scaler = ChannelScaler.from_json(snapshot.scalers["channels"])
    length, arrays = int(snapshot.settings["encoder"]["length"]), snapshot.arrays
    stride = _stride(arrays["baseline_as_of"], candles)
    known = windows_of(candles, length, scaler, until=until + 1, stride=stride)
    if not len(known):
        return Found(Undefined("unobserved", "no window of its symbols without a hole"), 0)
    recent = known.as_of > known.as_of.max() - round(span.total_seconds())
    lately = _only(known, recent)
    symbols = {lately.symbols[place] for place in set(lately.symbol.tolist())}
    theirs = [name in symbols for name in snapshot.settings["symbols"]]
    kept = np.array(theirs, dtype=np.bool_)[arrays["baseline_symbol"]]
    drift = kl_divergence(
        baseline[kept], encoder.embed(lately.data), baseline_at=arrays["baseline_as_of"][kept],
        current_at=lately.as_of, seed=SEED,
    )  # fmt: skip
    return Found(drift, _behind(lately))


def _stride(baseline_as_of: NDArray[Any], candles: Sequence[Candles]) -> int:
    """Every so many bars a window of the baseline ended; so do those that are compared with it."""
    interval = round(candles[0].interval.total_seconds()) if candles else 1
    apart = int(np.gcd.reduce(np.diff(np.unique(baseline_as_of)), initial=0))
    return max(1, apart // interval)


def _only(windows: Windows, some: NDArray[np.bool_]) -> Windows:
    return Windows(windows.data[some], windows.symbol[some], windows.as_of[some], windows.symbols)


def _behind(windows: Windows) -> int:
    """When the last window was known of the symbol that is behind the others."""
    places = set(windows.symbol.tolist())
    return min(int(windows.as_of[windows.symbol == place].max()) for place in places)
