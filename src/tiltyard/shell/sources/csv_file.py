"""Comma-, semicolon- or tab-separated text with a header.

One line is one row: a quoted field that runs over the end of its line is a fault of that
row, not of all that follow. Blank lines are no rows. The delimiter is the one that makes
the most columns we know of the header.
"""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tiltyard.facts.intake import KNOWN_COLUMNS
from tiltyard.kernel.errors import Fault, Faults
from tiltyard.shell.sources.lines import lines
from tiltyard.shell.sources.source import (
    BATCH_ROWS,
    BadLine,
    Batch,
    Row,
    bad_line,
    unreadable,
)

_DELIMITERS = ",;\t"


class CsvFile:
    """A source over one CSV file.

    Args:
        path: Of a file with a header line.

    Raises:
        TiltyardError: ``SOURCE_UNREADABLE`` when the header is no text,
            ``SOURCE_HEADER_INVALID`` when it names a column twice.
    """

    def __init__(self, path: Path) -> None:
        self.name = f"csv:{path.stem}"
        self._path = path
        header = next(lines(path), "")
        if isinstance(header, BadLine):
            raise unreadable(path, f"the header line: {header.message}")
        if not header.strip():
            raise unreadable(path, "the header line is empty")
        try:
            self._delimiter = max(_DELIMITERS, key=lambda sign: _likely(header, sign))
            self.columns = tuple(name.strip() for name in _split(header, self._delimiter))
        except csv.Error as error:
            raise unreadable(path, f"the header line: {error}") from None
        self._refuse_twice()

    def batches(self) -> Iterator[Batch]:
        """Rows of text; a ragged, overlong or undecodable line is a bad line."""
        batch: Batch = []
        number = 0
        found = lines(self._path)
        next(found, None)
        for line in found:
            if isinstance(line, str) and not line.strip():
                continue
            number += 1
            batch.append((number, line if isinstance(line, BadLine) else self._row(line)))
            if len(batch) == BATCH_ROWS:
                yield batch
                batch = []
        if batch:
            yield batch

    def _row(self, line: str) -> Row | BadLine:
        try:
            cells = _split(line, self._delimiter)
        except csv.Error as error:
            return bad_line(line, f"expected one row of fields, found: {error}")
        if len(cells) != len(self.columns):
            return bad_line(line, f"expected {len(self.columns)} fields, found {len(cells)}")
        return dict(zip(self.columns, cells, strict=True))

    def _refuse_twice(self) -> None:
        faults = [
            Fault(f"header, column {name}", f"expected each column once, found {count} times")
            for name, count in Counter(self.columns).items()
            if count > 1
        ]
        if faults:
            raise Faults("SOURCE_HEADER_INVALID", str(self._path), faults)


def _split(line: str, delimiter: str) -> list[str]:
    if '"' not in line:
        return line.split(delimiter)
    return next(csv.reader((line,), delimiter=delimiter, strict=True), [])


def _likely(header: str, delimiter: str) -> tuple[int, int]:
    """How many columns that we know a delimiter makes of the header, then how many in all."""
    try:
        names = [name.strip() for name in _split(header, delimiter)]
    except csv.Error:
        return 0, header.count(delimiter) + 1
    return len(KNOWN_COLUMNS.intersection(names)), len(names)
