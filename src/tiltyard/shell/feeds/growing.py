"""A file of bars that somebody keeps appending to, read again and again.

What was there before is compared as a whole, which is quick; only rows behind it are made bars.
A file that was rewritten, cut short or told out of order is read anew. One that was cut off at
its beginning is not: what was there is known.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import polars as pl

from tiltyard.market.bar import Bar
from tiltyard.market.quality import Flaw, Inspector
from tiltyard.shell.feeds.files import bars_of, refuse_other_length, table_of_bars

LOOKS_BACK = 20_000
"""So many rows of a file are read, from its end; all of them where that does not reach back to what
was played last. When so many have been appended, the file is read anew, and what is older is
forgotten."""


class Read(NamedTuple):
    """What a file has.

    Attributes:
        bars: Those that are prices, in time order.
        flaws: What is none.
        is_whole: This is all that is known of the file; else what comes behind the last.
    """

    bars: Sequence[Bar]
    flaws: Sequence[Flaw]
    is_whole: bool


class GrowingFeed:
    """The bars of one file.

    Args:
        file: Parquet, csv or feather, by its suffix.
        symbol: Whose they are.
        interval: How long a bar lasts.
        looks_back: So many rows are read, from the end of the file; None reads all there are.
        assume_utc: Read times without an offset as UTC.
    """

    def __init__(
        self,
        file: Path,
        symbol: str,
        interval: timedelta,
        *,
        looks_back: int | None = LOOKS_BACK,
        assume_utc: bool = False,
    ) -> None:
        self.file = file
        self.symbol = symbol
        self._interval = interval
        self._looks_back = looks_back
        self._assume_utc = assume_utc
        self._table: pl.DataFrame | None = None
        self._inspector = Inspector(interval)
        self._newest: datetime | None = None
        self._appended = 0

    def read(self, used: datetime | None) -> Read:
        """What the file has by now.

        Args:
            used: What is read anew reaches back to there; None when nothing was used.

        Raises:
            TiltyardError: ``FEED_UNREADABLE``, ``FEED_REFUSED``.
            Faults: ``COLUMNS_MISSING``, ``TIMES_INVALID``.
        """
        table = table_of_bars(self.file, self._looks_back)
        rows = self._behind(table)
        if rows is not None:
            bars = self._bars_of(rows)
            if _is_in_order(self._newest, bars) and self._appended + len(bars) <= LOOKS_BACK:
                return self._go_on(table, bars)
        return self._begin(table, used)

    def forget(self) -> None:
        """What was read is not used: the file is read anew."""
        self._table = None

    def _behind(self, table: pl.DataFrame) -> pl.DataFrame | None:
        """The rows behind those that are known; None where these are not the same."""
        known = self._table
        if known is None or known.schema != table.schema or table.is_empty():
            return None
        same = (known.to_series(0) == table.item(0, 0)).arg_true()
        if same.is_empty():
            return None
        before = known.slice(int(same[0]))
        overlap = table.head(before.height)
        return table.slice(before.height) if overlap.equals(before) else None

    def _go_on(self, table: pl.DataFrame, bars: Sequence[Bar]) -> Read:
        inspector = self._inspector
        good, flaws = len(inspector.good), max(len(inspector.flaws) - 1, 0)
        self._see(table, bars)
        self._appended += len(bars)
        return Read(inspector.good[good:], inspector.flaws[flaws:], is_whole=False)

    def _begin(self, table: pl.DataFrame, used: datetime | None) -> Read:
        bars = self._bars_of(table)
        is_cut = self._looks_back is not None and table.height >= self._looks_back
        if is_cut and used is not None and bars and bars[0].opened_at > used:
            table = table_of_bars(self.file)
            bars = self._bars_of(table)
        refuse_other_length(self.file, bars, self._interval)
        self._inspector, self._newest, self._appended = Inspector(self._interval), None, 0
        self._see(table, bars)
        return Read(self._inspector.good, self._inspector.flaws, is_whole=True)

    def _bars_of(self, table: pl.DataFrame) -> list[Bar]:
        return list(bars_of(table, self.file, self.symbol, assume_utc=self._assume_utc))

    def _see(self, table: pl.DataFrame, bars: Sequence[Bar]) -> None:
        self._inspector.see(bars)
        for bar in bars:
            self._newest = max(self._newest or bar.opened_at, bar.opened_at)
        self._table = table


def _is_in_order(newest: datetime | None, bars: Sequence[Bar]) -> bool:
    """Whether every row comes behind all that are known, and none behind a later one."""
    times = [bar.opened_at for bar in bars]
    is_behind = newest is None or not times or times[0] > newest
    return is_behind and all(one <= following for one, following in pairwise(times))
