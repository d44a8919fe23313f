"""How far the encoder in a snapshot has drifted, by the bars of lately.

In come a snapshot and bars; out goes the divergence of what its encoder makes of the windows of
lately from what it makes of its own baseline windows. Both are cut at the same hours of the
clock, and of the same symbols: one of which there are no bars now is left out of the baseline,
too, since a mixture of fewer symbols is another one. No window of the baseline's own time is one
of lately. The estimator is :mod:`~tiltyard.learners.drift`.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiltyard.kernel.undefined import Undefined
from tiltyard.learners.drift import Drift, kl_divergence
from tiltyard.learners.encoder import Encoder
from tiltyard.learners.snapshot import Snapshot
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


class Lately:
    """What an encoder makes of windows after its baseline, compared with that at one time or many.

    Args:
        snapshot: With an encoder, and its baseline; of an encoder alone, or of a head with one.
        encoder: The one in it.
        baseline: What that makes of the baseline windows; shape (n, d).
        candles: One each symbol, of its interval.
        span: So long before the newest window the windows of lately begin.
        since: The first time that it is asked of, seconds since 1970.
        until: The last one.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        encoder: Encoder,
        baseline: Embeddings,
        candles: Sequence[Candles],
        *,
        span: timedelta,
        since: int,
        until: int,
    ) -> None:
        self._baseline, self._arrays = baseline, snapshot.arrays
        self._theirs: Sequence[str] = snapshot.settings["symbols"]
        self._span = round(span.total_seconds())
        known = windows_of(
            [one for one in candles if one.symbol in self._theirs],
            int(snapshot.settings["encoder"]["length"]),
            ChannelScaler.from_json(snapshot.scalers["channels"]),
            since=int(self._arrays["baseline_as_of"].max()) + 1, until=until + 1,
            stride=_stride(self._arrays["baseline_as_of"], candles),
        )  # fmt: skip
        self._windows = _only(known, known.as_of > _newest(known, since) - self._span)
        self._embedded = encoder.embed(self._windows.data)

    def drift(self, until: int) -> Found:
        """How far it had drifted.

        Args:
            until: By windows that were known by then, seconds since 1970.

        Raises:
            TiltyardError: ``EMBEDDING_INVALID``.
        """
        newest = _newest(self._windows, until)
        as_of = self._windows.as_of
        some = (as_of <= until) & (as_of > newest - self._span)
        if not some.any():
            why = "no window of its symbols without a hole after its baseline"
            return Found(Undefined("unobserved", why), 0)
        lately = _only(self._windows, some)
        symbols = {lately.symbols[place] for place in set(lately.symbol.tolist())}
        theirs = np.array([name in symbols for name in self._theirs], dtype=np.bool_)
        kept = theirs[self._arrays["baseline_symbol"]]
        drift = kl_divergence(
            self._baseline[kept], self._embedded[some],
            baseline_at=self._arrays["baseline_as_of"][kept], current_at=lately.as_of, seed=SEED,
        )  # fmt: skip
        return Found(drift, _behind(lately))


def _newest(windows: Windows, until: int) -> int:
    """When the last window was known of those that were by then; then, where there is none."""
    return int(windows.as_of[windows.as_of <= until].max(initial=0)) or until


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
