"""One JSON object on each line.

Fractions stay decimal, so money is as exact as it was written. What JSON does not have
(NaN, Infinity) and what it leaves open (a key given twice) is refused.
"""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from tiltyard.shell.sources.lines import lines
from tiltyard.shell.sources.source import BATCH_ROWS, BadLine, Batch, Row, bad_line


class JsonlFile:
    """A source over one file of JSON lines; each row names its own columns.

    Args:
        path: Of the file.
    """

    columns: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        self.name = f"jsonl:{path.stem}"
        self._path = path

    def batches(self) -> Iterator[Batch]:
        """Rows numbered by line; a line that is no JSON object is a bad line."""
        batch: Batch = []
        for number, line in enumerate(lines(self._path), start=1):
            if isinstance(line, str) and not line.strip():
                continue
            batch.append((number, line if isinstance(line, BadLine) else _row(line)))
            if len(batch) == BATCH_ROWS:
                yield batch
                batch = []
        if batch:
            yield batch


def _row(line: str) -> Row | BadLine:
    try:
        found = _DECODER.decode(line)
    except RecursionError:
        return bad_line(line, "expected a JSON object, found one nested too deeply")
    except (ValueError, ArithmeticError) as error:
        return bad_line(line, f"expected a JSON object, found: {error}"[:200])
    if not isinstance(found, dict):
        return bad_line(line, f"expected a JSON object, found {type(found).__name__}")
    return found


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        message = "a key given twice"
        raise ValueError(message)
    return found


def _refuse_constant(name: str) -> object:
    message = f"{name}, which is no JSON number"
    raise ValueError(message)


_DECODER = json.JSONDecoder(
    parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_once
)
