"""Lines of a text file, never more than one of them in memory, and none above 1 MB.

Whatever the bytes are, reading them goes on: a line that is no text comes out as a
:class:`~tiltyard.shell.sources.source.BadLine` and the next one is read as usual.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tiltyard.shell.sources.source import BadLine, bad_line

LONGEST_LINE = 1_000_000
_BOM = b"\xef\xbb\xbf"


def lines(path: Path) -> Iterator[str | BadLine]:
    """Every line without its end; a byte order mark is dropped."""
    with path.open("rb") as file:
        if file.read(len(_BOM)) != _BOM:
            file.seek(0)
        while raw := file.readline(LONGEST_LINE + 1):
            yield _overlong(file, raw) if len(raw) > LONGEST_LINE else _text(raw)


def _overlong(file: BinaryIO, raw: bytes) -> BadLine:
    rest = raw
    while rest and not rest.endswith(b"\n"):
        rest = file.readline(LONGEST_LINE)
    return bad_line(raw, f"expected a line of at most {LONGEST_LINE:,} bytes, found a longer one")


def _text(raw: bytes) -> str | BadLine:
    if b"\0" in raw:
        return bad_line(raw, "expected text, found a NUL byte")
    try:
        return raw.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        found = raw[error.start : error.start + 1].hex()
        return bad_line(raw, f"expected UTF-8, found byte 0x{found} at {error.start + 1}")
