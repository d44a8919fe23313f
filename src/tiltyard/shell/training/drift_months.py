"""How far each month after the baseline lies from it, by the encoder that was trained.

A month is judged by the ninety days up to its end: a month alone is never enough.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.undefined import Undefined
from tiltyard.learners.candidate import encoder_in
from tiltyard.learners.drift import Drift, kl_divergence
from tiltyard.learners.examples import MarketData
from tiltyard.learners.snapshot import Snapshot
from tiltyard.learners.timesnet import KIND, encoder_from
from tiltyard.learners.windows import ChannelScaler, windows_of

DAYS, STRIDE = 90, 3
DAY = 86_400
MOST_MONTHS = 60
"""The last ones, where there are more."""
Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


class MonthDrift(NamedTuple):
    """How far a month lies from the baseline.

    Attributes:
        until: Its end, or that of the bars; UTC.
        reading: In nats, or why there is none.
    """

    until: datetime
    reading: Drift | Undefined


def drift_months(snapshot: Snapshot, data: MarketData, seed: int) -> Sequence[MonthDrift]:
    """Every month that ends after the baseline does, in the order of time.

    Args:
        snapshot: Of an encoder, or of a candidate that has one.
        data: Bars from the baseline on.
        seed: Of the intervals.
    """
    own = snapshot if snapshot.kind == KIND else encoder_in(snapshot)
    baseline_at = own.arrays["baseline_as_of"]
    known = list(data.known.values())
    if not len(baseline_at) or not known:
        return []
    encoder, scaler = encoder_from(own), ChannelScaler.from_json(own.scalers["channels"])
    first = int(baseline_at[-1])
    windows = windows_of(
        known, encoder.settings.length, scaler, since=first + 1, stride=STRIDE
    )  # fmt: skip
    baseline, current = encoder.embed(own.arrays["baseline"]), encoder.embed(windows.data)
    found = []
    for until in _ends(first, max(int(one.closed_at[-1]) for one in known)):
        mine = (windows.as_of > until - DAYS * DAY) & (windows.as_of <= until)
        reading = _reading(baseline, baseline_at, current[mine], windows.as_of[mine], seed)
        found.append(MonthDrift(datetime.fromtimestamp(until, UTC), reading))
    return found


def _reading(
    baseline: Floats, baseline_at: Integers, current: Floats, current_at: Integers, seed: int
) -> Drift | Undefined:
    if not len(current):
        return Undefined("warming", "no window of bars")
    try:
        return kl_divergence(
            baseline, current, baseline_at=baseline_at, current_at=current_at, seed=seed
        )
    except TiltyardError as error:  # of an encoder that says the same of everything
        return Undefined("warming", error.facts)


def _ends(first: int, last: int) -> Sequence[int]:
    """Ends of months after a moment, and the last moment of all; seconds since 1970."""
    months = np.arange(
        np.datetime64(first, "s").astype("datetime64[M]") + 1,
        np.datetime64(last, "s").astype("datetime64[M]") + 1,
    )
    ends = [int(one) for one in months.astype("datetime64[s]").astype(np.int64)]
    return [*(end for end in ends if first < end < last), last][-MOST_MONTHS:]
