"""The past of several symbols as one track of bars, for compiled loops.

Bars of all symbols lie one after the other, so that one number says which bar of which symbol is
meant. What is known when a bar has closed is a row of a matrix, and the track says which one. A bar
without a row is one after which nobody decides: a feature was missing, or the bars before it have a
hole. What was held goes on there, as it does on a desk.

Funding is kept as it has added up from the first bar on. So what a position has paid is the
difference of two of these, and where a rate between them is not known nothing is counted, as on
paper (:class:`~tiltyard.market.paper.PaperVenue`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from tiltyard.kernel.clock import microseconds
from tiltyard.learners.examples import Rows
from tiltyard.market.candles import Candles
from tiltyard.market.costs import FundingRates

Integers = NDArray[np.int64]

NO_ROW = -1


BAR = np.dtype([("open", "f8"), ("close", "f8"), ("row", "i4"), ("follows", "?")], align=True)
"""What compiled loops are told of a bar, side by side, so that one look at memory finds it.

open: First price.
close: Last price.
row: Where what is known after it stands; :data:`NO_ROW` where nobody decides.
follows: Whether the bar before it closed when it opened, in the same symbol.
"""

FUNDED = np.dtype([("paid", "f8"), ("missed", "i4")], align=True)
"""What was due until a bar opened; apart, because only who holds something asks.

paid: Rates that are known, added up.
missed: How many are not known.
"""


@dataclass(frozen=True, slots=True)
class Tracks:
    """Bars of several symbols, one after the other.

    Attributes:
        symbols: In the order in which they lie.
        begins: Number of the first bar of each, and how many there are in all.
        opened_at: Seconds since 1970; shape (n,).
        step: Seconds that a bar lasts.
        bars: Each a :data:`BAR`; shape (n,).
        funding: Until each opened, a :data:`FUNDED`; shape (n,).
    """

    symbols: tuple[str, ...]
    begins: tuple[int, ...]
    opened_at: Integers
    step: int
    bars: NDArray[np.void]
    funding: NDArray[np.void]

    def spans(self, since: int, until: int) -> NDArray[np.int64]:
        """Where somebody may play who decides from one moment on and before the other.

        Args:
            since: Seconds since 1970; the first decision is made then or later.
            until: Seconds since 1970; the last bar that is played has opened by then.

        Returns:
            First bar after which is decided, and the one after the last that is played, of each
            symbol with three bars or more there; shape (symbols, 2). After the first and the last
            bar somebody decides.
        """
        found = []
        for first, stop in zip(self.begins, self.begins[1:], strict=False):
            opened = self.opened_at[first:stop]
            begin = first + int(np.searchsorted(opened + self.step, since))
            end = first + int(np.searchsorted(opened, until, side="right"))
            decided = np.flatnonzero(self.bars["row"][begin:end] != NO_ROW)
            if len(decided) > 1 and decided[-1] - decided[0] > 1:
                found.append((begin + int(decided[0]), begin + int(decided[-1]) + 1))
        return np.array(found, np.int64).reshape(-1, 2)


def tracks_of(
    candles: Mapping[str, Candles], rows: Rows, funding: Mapping[str, FundingRates]
) -> Tracks:
    """One track of several symbols.

    Args:
        candles: Bars that are prices, by symbol, all of one interval.
        rows: What is known after each; those of other symbols are left out.
        funding: Rates by symbol; of one that has none, nothing is ever paid.
    """
    symbols = tuple(sorted(candles))
    lengths = [len(candles[symbol]) for symbol in symbols]
    begins = tuple(int(one) for one in np.cumsum([0, *lengths]))
    ordered = [candles[symbol] for symbol in symbols]
    step = round(ordered[0].interval.total_seconds())
    bars = np.zeros(begins[-1], BAR)
    bars["open"] = np.concatenate([one.open for one in ordered])
    bars["close"] = np.concatenate([one.close for one in ordered])
    bars["follows"] = np.concatenate(
        [np.diff(one.opened_at, prepend=one.opened_at[:1]) == step for one in ordered]
    )
    bars["row"] = NO_ROW
    for place, symbol in enumerate(rows.symbols):
        if symbol in candles:
            mine = np.flatnonzero(rows.symbol == place)
            bars["row"][begins[symbols.index(symbol)] + rows.number[mine]] = mine
    funded = np.concatenate([_funding(one, funding.get(one.symbol)) for one in ordered])
    opened_at = np.concatenate([one.opened_at for one in ordered])
    return Tracks(symbols, begins, opened_at, step, bars, funded)


def _funding(candles: Candles, rates: FundingRates | None) -> NDArray[np.void]:
    """What was due until each bar opened, by the grid that the known rates are on."""
    met = np.zeros(len(candles), FUNDED)
    if rates is None or not rates.known:
        return met
    at = np.array([microseconds(one) for one, _ in rates.known], np.int64)
    opened_at = candles.opened_at * 1_000_000
    told = np.searchsorted(at, opened_at, side="right")
    due = (opened_at - at[0]) // (rates.every // timedelta(microseconds=1))
    met["paid"] = np.concatenate([[0.0], np.cumsum([rate for _, rate in rates.known])])[told]
    met["missed"] = due - told
    return met
