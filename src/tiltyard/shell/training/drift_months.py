"""How far each month after the baseline lies from it, by the encoder that was trained.

A month is judged as a desk would have at its end, by the days before it that a desk goes by if
nobody says otherwise: a month alone is never enough.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.undefined import Undefined
from tiltyard.learners.drift import Drift
from tiltyard.learners.drift_of_snapshot import Lately
from tiltyard.learners.encoder import encoder_from
from tiltyard.learners.examples import MarketData
from tiltyard.learners.snapshot import Snapshot
from tiltyard.shell.sections.drift import DriftSettings

MOST_MONTHS = 60
"""The last ones, where there are more."""


class MonthDrift(NamedTuple):
    """How far a month lies from the baseline.

    Attributes:
        until: Its end, or that of the bars; UTC.
        reading: In nats, or why there is none.
    """

    until: datetime
    reading: Drift | Undefined


def drift_months(snapshot: Snapshot, data: MarketData) -> Sequence[MonthDrift]:
    """Every month that ends after the baseline does, in the order of time.

    Args:
        snapshot: Of an encoder, or of a candidate that has one.
        data: Bars from the baseline on.
    """
    baseline_at = snapshot.arrays["baseline_as_of"]
    candles = list(data.known.values())
    if not len(baseline_at) or not candles:
        return []
    ends = _ends(int(baseline_at[-1]), max(int(one.closed_at[-1]) for one in candles))
    encoder = encoder_from(snapshot)
    lately = Lately(
        snapshot, encoder, encoder.embed(snapshot.arrays["baseline"]), candles,
        span=DriftSettings().current_span, since=ends[0], until=ends[-1],
    )  # fmt: skip
    return [MonthDrift(datetime.fromtimestamp(end, UTC), _reading(lately, end)) for end in ends]


def _reading(lately: Lately, end: int) -> Drift | Undefined:
    try:
        return lately.drift(end).drift
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
