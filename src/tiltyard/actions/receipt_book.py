"""The receipts that are still open, and who has to be told of which trade.

Actions and trades come in the order of their times. A trade concerns the open receipts of its arm
alone; those are as many as an arm has within 125 opportunities, so a trade costs the same
however long the record is.
"""

from collections import defaultdict

from tiltyard.actions.movement import Movement
from tiltyard.actions.opportunity import result_of
from tiltyard.actions.receipt import OpenReceipt, Receipt, Settled
from tiltyard.facts.trade import Trade
from tiltyard.metrics.shadow_gap import ShadowGap


class ReceiptBook:
    """Open receipts, by the arms whose share was moved."""

    def __init__(self) -> None:
        self._open: dict[str, dict[int, OpenReceipt]] = defaultdict(dict)
        self._gaps: dict[str, ShadowGap] = defaultdict(ShadowGap)
        self._on_paper: set[str] = set()

    def open(self, movement: Movement) -> None:
        """An action has moved traffic: its receipt is written from here on."""
        receipt = OpenReceipt(movement)
        for name in movement.shifts:
            self._open[name][movement.number] = receipt

    def see(self, trade: Trade) -> list[Settled]:
        """One more trade of any arm; the receipts that are final by it."""
        self._gaps[trade.policy].see(trade)
        if trade.book == "shadow":
            self._on_paper.add(trade.policy)
        mine = self._open.get(trade.policy)
        if not mine:
            return []
        result = result_of(trade)
        full = [receipt for receipt in mine.values() if receipt.see(trade, result)]
        return [self._settle(receipt) for receipt in full]

    def pending(self) -> list[Receipt]:
        """Those that wait for more, in the order of their numbers."""
        waiting = {number: one for mine in self._open.values() for number, one in mine.items()}
        return [waiting[number].pending() for number in sorted(waiting)]

    def _settle(self, receipt: OpenReceipt) -> Settled:
        movement = receipt.movement
        for name in movement.shifts:
            del self._open[name][movement.number]
        gaps = {name: self._gaps[name] for name in movement.shifts}
        return receipt.settle(gaps, self._on_paper)
