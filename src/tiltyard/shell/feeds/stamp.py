"""By what one sees that a file has changed since it was read."""

from pathlib import Path

Stamp = tuple[int, int, int]
"""When it was written, how large it is, and which file it is."""


def stamp_of(file: Path) -> Stamp | None:
    """The stamp of a file; None where there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
