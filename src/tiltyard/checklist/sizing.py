"""What a policy's sizing means for its drawdown, and how small it would have to be.

How deep an equity falls depends on two things: what a policy makes in units of what it risks,
and how large a part of its capital that is. The first is its skill, the second is a choice. In
come an arm's closed trades; out comes in how many lives of its own returns of capital, drawn in
blocks (:mod:`~tiltyard.checklist.lives`), NAV falls by more than a limit, and with what part of
capital at risk that happens in no more than 5 % of lives of 500 trades, were every trade larger or
smaller by one factor. A trade multiplies NAV by ``max(0, 1 + factor·return)``, with a factor of 1
as it does for the drawdown that the guard watches. So the two say the same of the same lives, and
an R that means nothing, of a stop that lay very near, moves neither. What a trade risks is read
only to say how large they are: the median.

>>> won = np.random.default_rng(1).random(343) < 0.5
>>> trend = [(200 if win else -100, 20_000, 100) for win in won]
>>> print(sizing(trend, 4.0, np.random.default_rng(1)))
sized as it is, with a median of 0.5 % of capital at risk, a fall of more than 4 % comes within 150
trades in 26 % of lives, within 500 in 65 %; 0.29 % keeps such falls to 5 % of lives of 500 trades
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median

import numpy as np
from numpy.typing import NDArray

from tiltyard.checklist.lives import AT_ONCE, HORIZONS, LEAST_TRADES, REPLICATES, drawn
from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.metric import Outcome

MOST_HALTED = 0.05
"""Share of lives in which the fall may come within the longest horizon."""
_LEAST_RISK, _MOST_RISK = 1e-5, 0.5
_HALVINGS = 14

Returns = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sizing:
    """How often a policy of this sizing falls too far.

    Attributes:
        trades_used: Closed trades that say what capital they were sized on.
        risk: Part of capital at risk in a trade, 0..1; the median of those that say it.
        limit: Of the fall, in percent of the peak.
        within: Share of lives, 0..1, in which NAV falls by more within so many trades.
        standard_error: Of each share, from the number of lives alone.
        largest_risk: The median with which no more than 5 % do within the longest horizon; None
            where that is none in a hundred thousand.
    """

    trades_used: int
    risk: float
    limit: float
    within: Mapping[int, float]
    standard_error: Mapping[int, float]
    largest_risk: float | None

    def __str__(self) -> str:
        (first, share), *later = self.within.items()
        rates = f"within {first} trades in {percent(share)} of lives"
        rates += "".join(f", within {trades} in {percent(rate)}" for trades, rate in later)
        return (
            f"sized as it is, with a median of {part(self.risk)} of capital at risk, a fall of "
            f"more than {self.limit:g} % comes {rates}; {self.remedy()}"
        )

    def remedy(self) -> str:
        """What would keep the halt away."""
        rarely = f"such falls to {percent(MOST_HALTED)} of lives of {max(self.within)} trades"
        if self.largest_risk is None:
            return f"no sizing keeps {rarely}"
        return f"{part(self.largest_risk)} keeps {rarely}"


def sizing(
    outcomes: Sequence[Outcome],
    limit: float,
    rng: np.random.Generator,
    *,
    replicates: int = REPLICATES,
) -> Sizing | Undefined:
    """What an arm's own sizing means for a limit on its drawdown.

    Args:
        outcomes: Its closed trades in judged order.
        limit: Of the fall, in percent.
        rng: Draws the lives; the same generator gives the same answer.
        replicates: How many lives.

    Returns:
        Undefined (``no_risk``, ``no_capital``) when no trade says what it risked, or of what
        capital; ``warming`` when fewer than 30 say both.
    """
    if not any(risk > 0 for _, _, risk in outcomes):
        return Undefined("no_risk", "no trade says what it risked", len(outcomes))
    if not any(capital > 0 for _, capital, _ in outcomes):
        return Undefined("no_capital", "no trade says what capital it was sized on", len(outcomes))
    sized = [outcome for outcome in outcomes if outcome[1] > 0]
    risks = [risk / capital for _, capital, risk in sized if risk > 0]
    if len(risks) < LEAST_TRADES:
        few = f"{len(risks)} of {LEAST_TRADES} trades say what they risked and of what capital"
        return Undefined("warming", few, len(risks))
    pnl, capital, _ = np.array(sized, dtype=np.int64).T
    risk = median(risks)
    returns = (pnl / capital).take(drawn(len(sized), rng, replicates=replicates))
    falls = fallen(returns, 1.0, limit)
    within = {horizon: float(np.mean(falls[:, :horizon].any(axis=1))) for horizon in HORIZONS}
    error = {trades: sqrt(share * (1 - share) / replicates) for trades, share in within.items()}
    largest = _largest(returns / risk, limit)
    return Sizing(len(sized), risk, limit, within, error, largest)


def fallen(returns: Returns, factor: float, limit: float) -> NDArray[np.bool_]:
    """Whether NAV lies more than ``limit`` percent below its peak after each trade.

    At the limit, to twelve digits, it does not.

    Args:
        returns: What each trade made, in parts of capital, or in R; shape (lives, trades).
        factor: By how much each is larger; with R, the part of capital that one is.
        limit: Percent.
    """
    nav = np.maximum(1 + factor * returns, 0).cumprod(axis=1)
    peak = np.maximum(np.maximum.accumulate(nav, axis=1), 1)
    return nav < (1 - limit / 100) * (1 - 1e-12) * peak


def _largest(returns: Returns, limit: float) -> float | None:
    """By halving, on a scale of ratios.

    A life that falls too far falls too far with more at risk as well, since the logarithm of NAV
    is concave in what is at risk and 0 with nothing. So only those lives are tried again that
    have not fallen with the lower part and would with the higher.
    """
    low, high = _LEAST_RISK, _MOST_RISK
    falls = _ever_fallen(returns, low, limit)
    certain = int(falls.sum())
    if certain / len(returns) > MOST_HALTED:
        return None
    undecided = returns[~falls]
    for _ in range(_HALVINGS):
        middle = sqrt(low * high)
        falls = _ever_fallen(undecided, middle, limit)
        together = certain + int(falls.sum())
        if together / len(returns) > MOST_HALTED:
            high, undecided = middle, undecided[falls]
        else:
            low, certain, undecided = middle, together, undecided[~falls]
    return low


def _ever_fallen(returns: Returns, risk: float, limit: float) -> NDArray[np.bool_]:
    """Whether each life ever does; some at a time, as everything that goes through lives."""
    starts = range(0, max(1, len(returns)), AT_ONCE)
    parts = (fallen(returns[start : start + AT_ONCE], risk, limit) for start in starts)
    return np.concatenate([falls.any(axis=1) for falls in parts])


def part(of_capital: float) -> str:
    """A part of capital as people say it.

    >>> part(0.0025), part(0.005), part(1.0), part(0.000000123)
    ('0.25 %', '0.5 %', '100 %', '0.000012 %')
    """
    two_digits = float(f"{100 * of_capital:.2g}")
    return f"{two_digits:,.10f}".rstrip("0").rstrip(".") + " %"


def percent(share: float) -> str:
    """A share of lives as people say it; what is neither none nor all is not said to be.

    >>> percent(0.004), percent(0.5), percent(0.9999)
    ('less than 1 %', '50 %', 'more than 99 %')
    """
    rounded = f"{share:.0%}".removesuffix("%")
    if share > 0 and rounded == "0":
        return "less than 1 %"
    if share < 1 and rounded == "100":
        return "more than 99 %"
    return f"{rounded} %"
