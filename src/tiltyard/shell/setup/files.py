"""Writing what was made: each file is replaced as a whole, and what people have edited is kept."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.as_made import difference, is_edited, replace_all

LARGEST = 10 << 20


class Put(NamedTuple):
    """What became of the files.

    Attributes:
        written: Those that were not there, or not so.
        kept: Those that somebody has edited, and how they would have changed.
    """

    written: Sequence[Path]
    kept: Mapping[Path, Sequence[str]]


def put(texts: Mapping[Path, str], *, force: bool) -> Put:
    """Write files; one that is so already is left as it is.

    Args:
        texts: Of each.
        force: Replace what somebody has edited, too.

    Raises:
        TiltyardError: ``SETUP_UNWRITABLE``; then none was changed.
    """
    there = {path: _read(path) for path in texts}
    kept = {
        path: list(difference(found, texts[path], str(path)))
        for path, found in there.items()
        if not force and found not in (None, texts[path]) and is_edited(found or "")
    }
    new = {path: text for path, text in texts.items() if there[path] != text and path not in kept}
    try:
        for folder in {path.parent for path in new}:
            folder.mkdir(parents=True, exist_ok=True)
        replace_all(new)
    except OSError as error:
        raise _unwritable(next(iter(new)).parent, error) from error
    return Put(list(new), kept)


def _read(path: Path) -> str | None:
    """What a file says; None where there is none."""
    try:
        if path.stat().st_size > LARGEST:
            raise TiltyardError(
                "SETUP_UNWRITABLE", str(path), "it is larger than 10 MB, and not of our making",
                "move it away",
            )  # fmt: skip
        return path.read_text("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> TiltyardError:
    return TiltyardError(
        "SETUP_UNWRITABLE", str(error.filename or path), error.strerror or str(error),
        "none of the files was changed: see to the folder and the disk, and run it again",
    )  # fmt: skip
