"""Parquet, a slice at a time."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import polars as pl
from polars.exceptions import PolarsError

from tiltyard.shell.sources.source import BATCH_ROWS, Batch, unreadable

T = TypeVar("T")
_SLICE_ROWS = 5 * BATCH_ROWS
"""Read at once as columns: a row group is decoded again for each slice of it."""


class ParquetFile:
    """A source over one Parquet file.

    Args:
        path: Of the file.

    Raises:
        TiltyardError: ``SOURCE_UNREADABLE`` when its footer is.
    """

    def __init__(self, path: Path) -> None:
        self.name = f"parquet:{path.stem}"
        self._path = path
        self._frame = self._reading(lambda: pl.scan_parquet(path, glob=False))
        self.columns = tuple(self._reading(lambda: self._frame.collect_schema().names()))

    def batches(self) -> Iterator[Batch]:
        """Rows of Python values: floats, text, datetimes as aware as the column is."""
        number = 1
        while (part := self._slice(number - 1)).height:
            for some in part.iter_slices(BATCH_ROWS):
                yield list(enumerate(some.iter_rows(named=True), start=number))
                number += some.height

    def _slice(self, offset: int) -> pl.DataFrame:
        return self._reading(self._frame.slice(offset, _SLICE_ROWS).collect)

    def _reading(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except (PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
            first = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise unreadable(self._path, f"not a whole Parquet file: {first}") from None
