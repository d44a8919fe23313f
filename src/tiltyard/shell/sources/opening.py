"""What a file is: by its first bytes, then by its suffix."""

import codecs
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.sources.csv_file import CsvFile
from tiltyard.shell.sources.freqtrade_backtest import FreqtradeBacktest
from tiltyard.shell.sources.freqtrade_database import FreqtradeDatabase
from tiltyard.shell.sources.jsonl_file import JsonlFile
from tiltyard.shell.sources.source import BadLine, Batch, Row, Source, unreadable

PolicyFrom = Literal["strategy", "enter_tag", "nothing"]

KINDS = (
    "CSV (.csv .tsv .txt), JSON lines (.jsonl .ndjson), Parquet (.parquet .pq), a freqtrade "
    "database (.sqlite .sqlite3 .db), a freqtrade backtest result (.zip .json)"
)


def _parquet(path: Path) -> Source:
    from tiltyard.shell.sources.parquet_file import ParquetFile  # noqa: PLC0415 slow

    return ParquetFile(path)


_MAGIC: Mapping[bytes, Callable[[Path], Source]] = {
    b"PAR1": _parquet,
    b"SQLite format 3\0": FreqtradeDatabase,
    b"PK\x03\x04": FreqtradeBacktest,
}
_SUFFIXES: Mapping[str, Callable[[Path], Source]] = {
    **dict.fromkeys((".csv", ".tsv", ".txt"), CsvFile),
    **dict.fromkeys((".jsonl", ".ndjson"), JsonlFile),
    **dict.fromkeys((".parquet", ".pq"), _parquet),
    **dict.fromkeys((".sqlite", ".sqlite3", ".db"), FreqtradeDatabase),
    **dict.fromkeys((".zip", ".json"), FreqtradeBacktest),
}
_TEXTS = (CsvFile, JsonlFile)


def open_source(path: Path, *, policy_from: PolicyFrom = "strategy") -> Source:
    """The source that reads this file.

    Args:
        path: Of a file of one of :data:`KINDS`.
        policy_from: The column that names the policy: one bot may serve several under one
            strategy and tell them apart by ``enter_tag``. With ``nothing`` no row names one,
            since several bots may run one strategy.

    Raises:
        TiltyardError: ``SOURCE_MISSING``, ``SOURCE_EMPTY``, ``SOURCE_UNKNOWN``,
            ``SOURCE_UNREADABLE``, ``SOURCE_LOCKED`` or ``SOURCE_HEADER_INVALID``.
    """
    kind = _kind(path, _first_bytes(path))
    source = kind(path)
    if policy_from == "strategy":
        return source
    if policy_from == "enter_tag" and source.columns and "enter_tag" not in source.columns:
        raise TiltyardError(
            "SOURCE_UNTAGGED", str(path), "no column 'enter_tag'", "take policies from strategy"
        )
    return _Named(source, "enter_tag" if policy_from == "enter_tag" else None)


def _first_bytes(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise unreadable(path, "a directory" if path.is_dir() else "not a plain file")
        with path.open("rb") as file:
            start = file.read(16)
    except FileNotFoundError:
        raise TiltyardError("SOURCE_MISSING", str(path), "no such file") from None
    except (OSError, ValueError) as error:
        raise unreadable(path, getattr(error, "strerror", None) or str(error)) from None
    if not start:
        raise TiltyardError("SOURCE_EMPTY", str(path), "0 bytes")
    return start


def _kind(path: Path, start: bytes) -> Callable[[Path], Source]:
    for magic, kind in _MAGIC.items():
        if start.startswith(magic):
            return kind
    found = _SUFFIXES.get(path.suffix.lower())
    if found in _TEXTS and _is_utf16(start):
        remedy = "save it as UTF-8; in Excel: CSV UTF-8 (comma delimited)"
        raise unreadable(path, "it looks like UTF-16", remedy)
    if found is None:
        facts = f"neither its first bytes nor its suffix {path.suffix!r} is known"
        raise TiltyardError("SOURCE_UNKNOWN", str(path), facts, f"supported: {KINDS}")
    return found


def _is_utf16(start: bytes) -> bool:
    """By its byte order mark, or because every other byte of plain text is zero."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return True
    zeros = (start[::2].count(0), start[1::2].count(0))
    return sorted(zeros) == [0, len(start) // 2] and len(start) > 1


class _Named:
    """A source whose policies are named by another column, or by none.

    Other columns stay as they are: an identifier that is made of them is the same.
    """

    def __init__(self, source: Source, column: str | None) -> None:
        self.name = source.name
        self.columns = (*source.columns, "policy") if source.columns else ()
        self._source = source
        self._column = column

    def batches(self) -> Iterator[Batch]:
        """The rows, each with a policy or with none."""
        for batch in self._source.batches():
            yield [
                (n, row if isinstance(row, BadLine) else {**row, "policy": self._policy(row)})
                for n, row in batch
            ]

    def _policy(self, row: Row) -> object:
        return None if self._column is None else row.get(self._column)
