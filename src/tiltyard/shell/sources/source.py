"""What every kind of file offers, and the words for what can be wrong with one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tiltyard.kernel.errors import TiltyardError

BATCH_ROWS = 10_000
_SHOWN = 200

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no row at all: not text, not JSON, too long, too few fields.

    Attributes:
        text: Its beginning, for showing.
        message: What was expected and what was found.
    """

    text: str
    message: str


Batch = list[tuple[int, Row | BadLine]]
"""Rows with their numbers: from 1, a header not counted; in JSON lines, the line's number."""


class Source(Protocol):
    """A file of trades.

    Attributes:
        name: What the facts' source is called unless somebody says otherwise.
        columns: Of every row; empty when each row names its own.
    """

    @property
    def name(self) -> str:
        """``<kind>:<file stem>``."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names in the order of the file."""

    def batches(self) -> Iterator[Batch]:
        """The rows in the order of the file, at most 10,000 at a time.

        Raises:
            TiltyardError: ``SOURCE_UNREADABLE`` or ``SOURCE_LOCKED``.
        """


def bad_line(raw: bytes | str, message: str) -> BadLine:
    """A bad line that keeps only the beginning of what was there."""
    shown = raw[:_SHOWN]
    return BadLine(shown if isinstance(shown, str) else shown.decode("utf-8", "replace"), message)


def unreadable(path: Path, facts: str, remedy: str = "") -> TiltyardError:
    """The file is there, and cannot be what it should be."""
    return TiltyardError("SOURCE_UNREADABLE", str(path), facts, remedy)
