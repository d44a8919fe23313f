"""Where a rule is tried: how much is traded and risked, how luck runs, and by which limits."""

from math import inf
from typing import NamedTuple


class World(NamedTuple):
    """Where a run takes place, and by which limits.

    Attributes:
        days: How long.
        signals_a_day: Of all arms together.
        risk: Of the capital, in every trade of the usual size.
        persistence: How much a policy's last outcome says of its next one.
        optimism: What paper says too much, in R.
        own_optimism: Standard deviation of each challenger's own optimism.
        paper_noise: Standard deviation of a paper trade about its live one, in R.
        start: Share with which a challenger turns up.
        dd_limit: Drawdown of its trial that halts a challenger, percent; infinite for none.
        throttle_below: Profit factor of 30 live trades that ends its traffic for good; 0 for none.
        pause_below: Profit factor of 30 trades, live and on paper, below which it has no real
            traffic for the time being; 0 for none.
        purges: Whether one still at its starting share after 60 days has to go.
        makes_room: Whether the least probable of all leaves when another waits.
    """

    days: int = 180
    signals_a_day: int = 150
    risk: float = 0.0025
    persistence: float = 0.05
    optimism: float = 0.02
    own_optimism: float = 0.0
    paper_noise: float = 0.3
    start: float = 0.10
    dd_limit: float = inf
    throttle_below: float = 0.0
    pause_below: float = 0.0
    purges: bool = True
    makes_room: bool = False
