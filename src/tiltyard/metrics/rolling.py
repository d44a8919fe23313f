"""How far back a metric looks: over everything, or over the last *n* trades.

``Rolling`` keeps two stacks. New elements go on the back stack with one running
merge; old ones leave from the front stack, whose entries hold the merge of everything
behind them. When the front is empty the back is turned over. Each trade is merged a
constant number of times on average, whatever the metric and whatever the window.
Source: Tangwongsan, Hirzel, Schneider, *Low-Latency Sliding-Window Aggregation in
Worst-Case Constant Time*, DEBS 2017 (the simpler amortised form).
"""

from copy import copy
from typing import Generic, TypeVar

from tiltyard.kernel.undefined import Reading, Undefined
from tiltyard.metrics.metric import Metric, Outcome

E = TypeVar("E")


class Running(Generic[E]):
    """A metric over every trade so far.

    Args:
        metric: What to measure.
    """

    def __init__(self, metric: Metric[E]) -> None:
        self.metric = metric
        self._total = metric.empty

    def push(self, outcome: Outcome) -> None:
        """One more trade."""
        self._total = self.metric.merge(self._total, self.metric.element(outcome))

    def value(self) -> Reading:
        """The metric's value now."""
        return self.metric.value(self._total)

    def copy(self) -> "Running[E]":
        """The same, which goes its own way from here."""
        return copy(self)


class Rolling(Generic[E]):
    """A metric over the last ``trades`` trades; warming until there are that many.

    Args:
        metric: What to measure.
        trades: Length of the window.
    """

    def __init__(self, metric: Metric[E], *, trades: int) -> None:
        self.metric = metric
        self.trades = trades
        self._front: list[E] = []
        self._back: list[E] = []
        self._back_total = metric.empty

    def push(self, outcome: Outcome) -> None:
        """One more trade; the oldest leaves when the window is full."""
        element = self.metric.element(outcome)
        if len(self._front) + len(self._back) == self.trades:
            if not self._front:
                self._turn_over()
            self._front.pop()
        self._back.append(element)
        self._back_total = self.metric.merge(self._back_total, element)

    def value(self) -> Reading:
        """The metric's value over the window, or ``warming``."""
        held = len(self._front) + len(self._back)
        if held < self.trades:
            return Undefined("warming", f"{held} of {self.trades} trades", held)
        return self.metric.value(self.total())

    def total(self) -> E:
        """The merged element of the window."""
        if not self._front:
            return self._back_total
        return self.metric.merge(self._front[-1], self._back_total)

    def copy(self) -> "Rolling[E]":
        """The same, which goes its own way from here."""
        other = copy(self)
        vars(other).update(_front=self._front.copy(), _back=self._back.copy())
        return other

    def _turn_over(self) -> None:
        total = self.metric.empty
        for element in reversed(self._back):
            total = self.metric.merge(element, total)
            self._front.append(total)
        self._back.clear()
        self._back_total = self.metric.empty
