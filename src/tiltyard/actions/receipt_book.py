"""The receipts that are still open, and who has to be told of which trade.

Actions and trades come in the order of their times. A trade concerns the open receipts of its arm
alone; those are as many as an arm has within 125 opportunities, or within the longest of its trades
where that is more, 60 days at most, so a trade costs the same however long the record is.

A receipt is final once its time is over. That shows when one of its arms closes another trade,
which comes too late for it, or when somebody asks as of a time.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

from tiltyard.actions.movement import Movement
from tiltyard.actions.opportunity import result_of
from tiltyard.actions.receipt import OpenReceipt, Receipt, Settled
from tiltyard.facts.trade import Trade
from tiltyard.metrics.shadow_gap import ShadowGap

REMEMBERED = 10_000
"""Episodes of which it is known when somebody began there."""


class ReceiptBook:
    """Open receipts, by the arms whose share was moved."""

    def __init__(self) -> None:
        self._open: dict[str, dict[int, OpenReceipt]] = defaultdict(dict)
        self._gaps: dict[str, ShadowGap] = defaultdict(ShadowGap)
        self._on_paper: set[str] = set()
        self._longest: dict[str, timedelta] = defaultdict(timedelta)
        self._began: dict[str, datetime] = {}

    def open(self, movement: Movement) -> None:
        """An action has moved traffic: its receipt is written from here on."""
        receipt = OpenReceipt(movement)
        for name in movement.shifts:
            self._open[name][movement.number] = receipt

    def see(self, trade: Trade) -> list[Settled]:
        """One more trade of any arm; the receipts that are final by it.

        Those that were over before are made without it, as they were told to whoever asked.
        """
        final = self._settle_over(self._open.get(trade.policy, {}), trade.closed_at)
        self._gaps[trade.policy].see(trade)
        if trade.book == "shadow":
            self._on_paper.add(trade.policy)
        lasted = trade.closed_at - trade.opened_at
        self._longest[trade.policy] = max(self._longest[trade.policy], lasted)
        began = self._began_with(trade)
        mine = self._open.get(trade.policy)
        if not mine:
            return final
        result = result_of(trade)
        for receipt in mine.values():
            receipt.see(trade, result, began)
        return final + self._settle_over(mine, trade.closed_at)

    def over_by(self, now: datetime) -> list[Settled]:
        """Those that are over, though nobody has traded since; in the order of their numbers.

        Args:
            now: UTC; everything that has closed by then was seen.
        """
        return self._settle_over(self._waiting(), now)

    def pending(self) -> list[Receipt]:
        """Those that wait for more, in the order of their numbers."""
        return [one.pending() for one in self._waiting().values()]

    def _waiting(self) -> Mapping[int, OpenReceipt]:
        """All that are open, in the order of their numbers."""
        waiting = {number: one for mine in self._open.values() for number, one in mine.items()}
        return dict(sorted(waiting.items()))

    def _began_with(self, trade: Trade) -> datetime:
        """When the first of all arms began the episode of a trade."""
        episode = trade.episode_id
        if episode is None:
            return trade.opened_at
        began = min(trade.opened_at, self._began.get(episode, trade.opened_at))
        self._began[episode] = began
        if len(self._began) > REMEMBERED:
            del self._began[next(iter(self._began))]
        return began

    def _settle_over(self, waiting: Mapping[int, OpenReceipt], now: datetime) -> list[Settled]:
        over = [one for one in waiting.values() if one.is_over(now, self._longest)]
        return [self._settle(receipt) for receipt in over]

    def _settle(self, receipt: OpenReceipt) -> Settled:
        movement = receipt.movement
        for name in movement.shifts:
            del self._open[name][movement.number]
        gaps = {name: self._gaps[name] for name in movement.shifts}
        return receipt.settle(gaps, self._on_paper)
