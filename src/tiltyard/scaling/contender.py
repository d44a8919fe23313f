"""What a rule knows of one arm, as a row of numbers, and what it answers.

A rule sees every signal, and is asked once a night. In between it remembers what it needs in the
row of each arm; the first row is the champion's. A rule is three plain functions of rows:

- ``see(rows, routed, live, paper, rule)``: a signal was given to the arm ``routed``; what each
  arm made of it for real and on paper, in R (for real only where it was routed);
- ``night(rows, rule)``: set the share and the fate of every challenger;
- ``crowned(rows, heir, rule)``: a challenger becomes the champion; the others compare anew.

They use nothing but numbers, so that the very same functions serve the desk, where a row is a
:class:`Contender`, and the benchmark, where it is a line of an array and they are compiled.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf, nan

BETS = 6
STAY, RETIRE, TIME_OUT, PROMOTE = 0.0, 1.0, 2.0, 3.0
"""What a night says of an arm beside its share."""


@dataclass(slots=True)
class Contender:
    """One arm. What counts is a number as well, and NaN is what is not known.

    Attributes:
        present: 1 while there is such an arm.
        share: Of all signals, 0..1. What the last night said.
        position_size: Of its positions, 0..1 of the usual one. What the last night said.
        fate: ``STAY``, ``RETIRE``, ``TIME_OUT`` or ``PROMOTE``. What the last night said.
        age: Days since it arrived.
        pf_30: Profit factor of its last 30 trades, live and on paper.
        pf_150: Of its last 150 live ones.
        dd_150: Largest fall within these, percent.
        drawdown: How far it is below its peak of the trial now, percent.
        room: What it may lose before it is halted, in R of the usual size; infinite for all.
        true_mean: What nobody knows but the oracle, in R.
        live_trades: Of the trial.
        live_wins: How many of them won.
        live_mean: Their mean R.
        live_squares: Sum of their squared deviations from it.
        ratio: Log-likelihood ratio of a sequential test.
        held: The share that it has when it has any.
        chosen: 1 for the challenger that may have traffic.
        pairs: Live trades with a twin on paper.
        paper_more: What the twins made more, in R, together.
        optimism: What paper says too much of it, in R, as estimated last night.
        optimism_variance: Of that estimate.
        level_signals: Signals that its level is made from.
        level: Mean R of them, on paper less optimism.
        signals: On which it was compared with the champion.
        difference: What it made more than the champion on the same signal, mean R.
        squares: Sum of squared deviations from that.
        own_paper: On how many of them its own value was on paper.
        champion_paper: On how many the champion's was.
        prior: Mean of the difference before any signal, where another champion has left one.
        prior_variance: Of it.
        better: Probability that it is better than the champion, as of last night.
        wealth: Of each bet that it is better.
    """

    present: float = 0.0
    share: float = 0.0
    position_size: float = 1.0
    fate: float = STAY
    age: float = 0.0
    pf_30: float = nan
    pf_150: float = nan
    dd_150: float = nan
    drawdown: float = 0.0
    room: float = inf
    true_mean: float = nan
    live_trades: float = 0.0
    live_wins: float = 0.0
    live_mean: float = 0.0
    live_squares: float = 0.0
    ratio: float = 0.0
    held: float = 0.0
    chosen: float = 0.0
    pairs: float = 0.0
    paper_more: float = 0.0
    optimism: float = 0.05
    optimism_variance: float = 0.0125
    level_signals: float = 0.0
    level: float = 0.0
    signals: float = 0.0
    difference: float = 0.0
    squares: float = 0.0
    own_paper: float = 0.0
    champion_paper: float = 0.0
    prior: float = nan
    prior_variance: float = nan
    better: float = nan
    wealth: list[float] = field(default_factory=lambda: [1.0] * BETS)


Rows = Sequence[Contender]
"""The champion, then challengers."""


def see_live(row: Contender, result: float) -> None:
    """One more live trade of an arm, in R."""
    row.live_trades += 1
    off = result - row.live_mean
    row.live_mean += off / row.live_trades
    row.live_squares += off * (result - row.live_mean)
    if result > 0:
        row.live_wins += 1
