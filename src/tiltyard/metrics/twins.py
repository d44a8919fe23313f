"""Which live trade belongs to which trade on paper.

The two are told in any order. They are a pair when they are of one symbol and side and closed
together: one that a person has flattened is no comparison.
"""

from collections import OrderedDict

from tiltyard.facts.trade import Book, Trade

WAITING = 1000
"""So many trades of an arm wait for the other one; older ones never had one."""


class Twins:
    """The trades of one arm that wait for the other one."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[tuple[str, Book], Trade] = OrderedDict()

    def copy(self) -> "Twins":
        """The same, which goes its own way from here."""
        other = Twins()
        other._waiting = self._waiting.copy()
        return other

    def has_other_of(self, trade: Trade) -> bool:
        """Whether the other one of a trade is here already."""
        return (trade.episode_id, _OTHER.get(trade.book)) in self._waiting

    def see(self, trade: Trade) -> tuple[Trade, Trade] | None:
        """One more trade; the live one and its twin when they are a pair that can be measured."""
        if trade.book == "shadow" or trade.episode_id is None:
            return None
        other = self._waiting.pop((trade.episode_id, _OTHER[trade.book]), None)
        if other is None:
            self._waiting[trade.episode_id, trade.book] = trade
            if len(self._waiting) > WAITING:
                self._waiting.popitem(last=False)
            return None
        live, twin = (trade, other) if trade.book == "live" else (other, trade)
        is_told = twin.risk or twin.capital
        return (live, twin) if is_told and _same_trade(live, twin) else None


def _same_trade(live: Trade, twin: Trade) -> bool:
    """Whether two trades of one episode differ in nothing but their fills."""
    of_live, of_twin = ((t.symbol, t.side, t.closed_at) for t in (live, twin))
    return of_live == of_twin


_OTHER: dict[Book, Book] = {"live": "twin", "twin": "live"}
