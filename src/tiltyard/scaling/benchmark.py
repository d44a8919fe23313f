"""What a rule is worth, in numbers: the outcomes of many runs in one line.

Comes in: what each run came to. Goes out: a line of the benchmark's table. Uplift is what the
routed trades were truly worth beyond all of them given to the first champion, in percent, so luck
of the draws plays no part in it. Rates over challengers are pooled over all runs; a standard
error says how much of a number is chance.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

WORST = 0.05

Outcomes = npt.NDArray[Any]
"""Lines of ``simulation.arena.OUTCOME``, one a run."""


@dataclass(frozen=True, slots=True)
class Score:
    """A line of the table.

    Attributes:
        runs: How many.
        uplift_pct: Mean over runs, percent of what the first champion would have made.
        uplift_se: Its standard error.
        p5_pct: The uplift that 5 % of runs stay below.
        better_killed_150: Share of better challengers that were retired, throttled or halted
            within 150 live trades while still better.
        better_killed_se: Its standard error.
        better_halted: Share of better challengers that were ever halted.
        real_trades_per_bad: Live trades given to a bad challenger.
        real_trades_se: Its standard error.
        r_lost_per_bad: What these lost against the champion, R.
        wrong_promotions: Of arms not truly better than the champion, per run.
        wrong_promotions_se: Its standard error.
        right_promotions: Of arms that were, per run.
        against_limits: Real trades that were routed against a hard limit, in all runs.
    """

    runs: int
    uplift_pct: float
    uplift_se: float
    p5_pct: float
    better_killed_150: float
    better_killed_se: float
    better_halted: float
    real_trades_per_bad: float
    real_trades_se: float
    r_lost_per_bad: float
    wrong_promotions: float
    wrong_promotions_se: float
    right_promotions: float
    against_limits: int


def score(outcomes: Outcomes) -> Score:
    """The line of so many runs.

    Args:
        outcomes: Of at least two runs.
    """
    uplift = 100 * (outcomes["earned"] / outcomes["champion_earned"] - 1)
    better, bad = outcomes["better"], outcomes["bad"]
    killed, killed_se = _ratio(outcomes["better_killed"], better)
    trades, trades_se = _ratio(outcomes["bad_trades"], bad)
    wrong = outcomes["wrong_promotions"]
    return Score(
        runs=len(outcomes),
        uplift_pct=float(uplift.mean()),
        uplift_se=_error(uplift),
        p5_pct=float(np.quantile(uplift, WORST)),
        better_killed_150=killed,
        better_killed_se=killed_se,
        better_halted=_ratio(outcomes["better_halted"], better)[0],
        real_trades_per_bad=trades,
        real_trades_se=trades_se,
        r_lost_per_bad=_ratio(outcomes["bad_lost"], bad)[0],
        wrong_promotions=float(wrong.mean()),
        wrong_promotions_se=_error(wrong),
        right_promotions=float(outcomes["right_promotions"].mean()),
        against_limits=int(outcomes["against_limits"].sum()),
    )


def _error(values: npt.NDArray[np.float64]) -> float:
    return float(values.std(ddof=1)) / sqrt(len(values))


def _ratio(parts: npt.NDArray[np.float64], wholes: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Of the sums over runs, with its standard error; NaN where there is no whole."""
    whole = float(wholes.sum())
    if not whole:
        return float("nan"), float("nan")
    ratio = float(parts.sum()) / whole
    off = parts - ratio * wholes
    return ratio, float(off.std(ddof=1)) * sqrt(len(parts)) / whole
