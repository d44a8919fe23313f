"""How wild a market is, against a plain sort."""

from collections import Counter
from datetime import UTC, datetime

import numpy as np

from tiltyard.features.price import mean_range
from tiltyard.features.wildness import LOOKS_BACK, NEEDED, RANGE_BARS, Wildness
from tiltyard.market.simulated import DEFAULT, simulated_hours

START = datetime(2025, 1, 1, tzinfo=UTC)


def test_a_third_of_the_last_thousand_bars_is_calm_a_third_usual_a_third_wild() -> None:
    hours = simulated_hours(DEFAULT, START, 4_000, np.random.default_rng(1))
    bars = [bars["SOL/USDT"] for bars in hours]
    wildness, reach = Wildness(), mean_range(RANGE_BARS)
    past: list[float] = []
    found: list[int | None] = []
    for bar in bars:
        wildness.see(bar)
        found.append(wildness.tercile)
        value = reach(bar)
        if value is None:
            continue
        past = [*past, value / bar.close][-LOOKS_BACK:]
        if len(past) >= NEEDED:
            calmer = sum(one < past[-1] for one in past) / len(past)
            assert wildness.tercile == (0 if calmer < 1 / 3 else 1 if calmer < 2 / 3 else 2)
    unknown = RANGE_BARS + NEEDED - 2
    assert found[:unknown] == [None] * unknown, "too little is known"
    assert min(Counter(found[unknown:]).values()) > 800
    assert None not in found[unknown:]
