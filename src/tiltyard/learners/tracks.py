"""The past of several symbols as one track of bars, for compiled loops.

Bars of all symbols lie one after the other, so that one number says which bar of which symbol is
meant. What is known when a bar has closed is a row of a matrix, and the track says which one. A bar
without a row is one after which nobody decides: a feature was missing, or the bars before it have a
hole. What was held goes on there, as it does on a desk.

Funding is kept as it has added up from the first bar on. So what a position has paid is the
difference of two of these, and where a rate between them is not known nothing is counted, as on
paper (:class:`~tiltyard.market.paper.PaperVenue`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiltyard.learners.examples import Rows
from tiltyard.market.candles import Candles
from tiltyard.market.costs import FundingRates

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NO_ROW = -1


class Prices(NamedTuple):
    """What compiled loops are told of the bars; columns of shape (n,).

    Attributes:
        open: First price.
        close: Last price.
        follows: Whether the bar before it closed when it opened, in the same symbol.
        row: Where what is known after it stands; :data:`NO_ROW` where nobody decides.
        paid: Funding rates that were due until it opened, added up.
        told: How many of them are known.
        due: How many there should be.
    """

    open: Floats
    close: Floats
    follows: NDArray[np.bool_]
    row: Integers
    paid: Floats
    told: Integers
    due: Integers


@dataclass(frozen=True, slots=True)
class Tracks:
    """Bars of several symbols, one after the other.

    Attributes:
        symbols: In the order in which they lie.
        begins: Number of the first bar of each, and how many there are in all.
        opened_at: Seconds since 1970; shape (n,).
        step: Seconds that a bar lasts.
        prices: The columns.
    """

    symbols: tuple[str, ...]
    begins: tuple[int, ...]
    opened_at: Integers
    step: int
    prices: Prices

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
            decided = np.flatnonzero(self.prices.row[begin:end] != NO_ROW)
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
    row = np.full(begins[-1], NO_ROW, np.int64)
    for place, symbol in enumerate(rows.symbols):
        if symbol in candles:
            mine = np.flatnonzero(rows.symbol == place)
            row[begins[symbols.index(symbol)] + rows.number[mine]] = mine
    step = round(next(iter(candles.values())).interval.total_seconds())
    ordered = [candles[symbol] for symbol in symbols]
    met = [_funding(one, funding.get(one.symbol)) for one in ordered]
    prices = Prices(
        np.concatenate([one.open for one in ordered]),
        np.concatenate([one.close for one in ordered]),
        np.concatenate([np.diff(one.opened_at, prepend=-step) == step for one in ordered]),
        row,
        *(np.concatenate(column) for column in zip(*met, strict=True)),
    )
    return Tracks(symbols, begins, np.concatenate([one.opened_at for one in ordered]), step, prices)


def _funding(candles: Candles, rates: FundingRates | None) -> Sequence[NDArray[np.generic]]:
    """Rates that have added up, how many are known, and how many were due, when each bar opened."""
    none = np.zeros(len(candles), np.int64)
    if rates is None or not rates.known:
        return np.zeros(len(candles)), none, none
    at = np.array([round(one.timestamp()) for one, _ in rates.known], np.int64)
    until = np.searchsorted(at, candles.opened_at, side="right")
    added = np.concatenate([[0.0], np.cumsum([rate for _, rate in rates.known])])
    every = round(rates.every.total_seconds())
    return added[until], until, (candles.opened_at - at[0]) // every


def text_at(tracks: Tracks, bar: int) -> str:
    """When a bar of a track opened, for people."""
    return f"{datetime.fromtimestamp(int(tracks.opened_at[bar]), UTC):%Y-%m-%d %H:%M}Z"
