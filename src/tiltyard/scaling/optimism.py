"""What paper says too much: learnt from live trades and their twins, never assumed.

A shadow book is optimistic by some R a trade: by an amount that all arms share, and a little of
each one's own. Before anything is seen the common part is ``N(.05, .1²)`` and an arm's own
``N(0, .05²)``. Every live trade has a twin on paper, and the difference of the two is the arm's
optimism with noise of .3 R. So the champion's many pairs soon say what is common to all, and an
arm's own pairs say the rest; until they do, the estimate is wide.

>>> from tiltyard.scaling.contender import Contender
>>> champion, challenger = Contender(present=1), Contender(present=1)
>>> for _ in range(900):
...     see_twin(champion, live=0.4, paper=0.6)
>>> estimate([champion, challenger])
>>> round(champion.optimism, 3), round(challenger.optimism, 3)
(0.199, 0.169)
"""

from tiltyard.scaling.contender import Contender, Rows

COMMON, COMMON_VARIANCE = 0.05, 0.1**2
OWN_VARIANCE = 0.05**2
NOISE_VARIANCE = 0.3**2
GAP_SPREAD = 0.12
"""How far off paper may be before there are pairs, R a trade, where it is taken as it is: what the
above makes of the distance from 0, a root mean square of .122."""


def see_twin(row: Contender, live: float, paper: float) -> None:
    """A live trade and its twin on paper, in R."""
    row.pairs += 1
    row.paper_more += paper - live


def estimate(rows: Rows) -> None:
    """Say of every arm what paper says too much, from all pairs so far."""
    precision, total = 1 / COMMON_VARIANCE, COMMON / COMMON_VARIANCE
    for row in rows:
        if row.present and row.pairs:
            weight = _weight(row)
            precision += weight
            total += weight * row.paper_more / row.pairs
    for row in rows:
        if row.present:
            weight = _weight(row)
            others = precision - weight
            seen = row.paper_more / row.pairs if row.pairs else 0.0
            before = 1 / (1 / others + OWN_VARIANCE)
            own = row.pairs / NOISE_VARIANCE
            of_others = (total - weight * seen) / others
            row.optimism = (before * of_others + own * seen) / (before + own)
            row.optimism_variance = 1 / (before + own)


def _weight(row: Contender) -> float:
    """How much an arm's pairs say of what is common to all."""
    return 1 / (OWN_VARIANCE + NOISE_VARIANCE / row.pairs) if row.pairs else 0.0
