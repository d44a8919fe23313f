"""The lines of the benchmark's table, from runs that anyone can add up."""

from math import isnan

import numpy as np
import pytest

from tiltyard.scaling.benchmark import score
from tiltyard.simulation.arena import OUTCOME


def test_a_line_pools_challengers_over_runs_and_says_its_errors() -> None:
    runs = np.zeros(4, OUTCOME)
    runs["champion_earned"] = 100
    runs["earned"] = [110, 90, 120, 100]
    runs["bad"], runs["bad_trades"], runs["bad_lost"] = [1, 3, 0, 1], [10, 30, 0, 20], [1, 3, 0, 6]
    runs["better"], runs["better_killed"], runs["better_halted"] = 1, [1, 0, 0, 0], [1, 1, 0, 0]
    runs["wrong_promotions"], runs["right_promotions"] = [0, 1, 0, 0], [2, 0, 0, 0]
    runs["against_limits"] = [0, 0, 2, 0]
    found = score(runs)
    assert found.uplift_pct == pytest.approx(5)
    assert found.uplift_se == pytest.approx(np.std([10, -10, 20, 0], ddof=1) / 2)
    assert found.p5_pct == pytest.approx(np.quantile([10, -10, 20, 0], 0.05))
    assert found.better_killed_150 == 0.25
    assert found.better_killed_se == pytest.approx(0.25)
    assert found.better_halted == 0.5
    assert found.real_trades_per_bad == pytest.approx(12)
    assert found.r_lost_per_bad == pytest.approx(2)
    assert (found.wrong_promotions, found.right_promotions) == (0.25, 0.5)
    assert found.against_limits == 2


def test_where_nobody_is_better_or_bad_there_is_no_rate() -> None:
    runs = np.zeros(2, OUTCOME)
    runs["champion_earned"] = runs["earned"] = 100
    found = score(runs)
    assert found.uplift_pct == 0
    assert isnan(found.better_killed_150)
    assert isnan(found.real_trades_per_bad)
