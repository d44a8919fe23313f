"""What a desk tells a trained policy, bar by bar."""

from collections.abc import Sequence
from datetime import UTC, datetime

from tiltyard.features.technical import Indicators
from tiltyard.features.vector import Features
from tiltyard.market.bar import HOUR, Bar
from trained_policies import FEATURES, LENGTH, wavy

START = datetime(2025, 5, 1, tzinfo=UTC)
BARS = wavy(START, 120)


def told(bars: Sequence[Bar], *, looks_back: int = LENGTH + 1) -> list[Features]:
    """What a desk tells after each bar."""
    indicators = Indicators(bars[0].symbol, [*FEATURES, "close", "range_14"], HOUR)
    return [
        indicators.see(bar)._replace(recent=tuple(bars[max(0, n + 1 - looks_back) : n + 1]))
        for n, bar in enumerate(bars)
    ]
