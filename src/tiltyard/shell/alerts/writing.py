"""Writes the three files beside one another; each is replaced as a whole, and none half-written.

All of them are there in full before the first takes its place: a disk that is full changes none.

A file that somebody has edited, or that was never made here, is not replaced unless he says so.
"""

from collections.abc import Mapping
from pathlib import Path

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.alerts.made import ROUTES, RULES, SCRAPE
from tiltyard.shell.as_made import difference, is_edited, replace_all

LARGEST = 10 << 20
_ENDINGS = (".yml", ".yaml")


def places(output: Path) -> Mapping[str, Path]:
    """Where each file is: in a folder, or the rules in that file and the others beside it."""
    is_file = output.suffix in _ENDINGS and not output.is_dir()
    folder = output.parent if is_file else output
    return {
        RULES: output if is_file else folder / RULES,
        ROUTES: folder / ROUTES,
        SCRAPE: folder / SCRAPE,
    }


def write(texts: Mapping[str, str], output: Path, *, force: bool = False) -> list[Path]:
    """Write them; those that are so already stay as they are.

    Args:
        texts: By their usual name.
        output: A folder, which is made, or the rule file.
        force: Replace what somebody has edited, too.

    Raises:
        TiltyardError: ``ALERTS_EDITED`` with the difference, ``ALERTS_UNWRITABLE``.
    """
    where = places(output)
    if len(set(where.values())) < len(where):
        raise TiltyardError(
            "ALERTS_UNWRITABLE", str(output), "it is the name of another of the files",
            "choose another name for the rules",
        )  # fmt: skip
    if not force:
        for name, path in where.items():
            _refuse_edited(path, texts[name])
    try:
        where[ROUTES].parent.mkdir(parents=True, exist_ok=True)
        replace_all({path: texts[name] for name, path in where.items()})
    except OSError as error:
        raise TiltyardError(
            "ALERTS_UNWRITABLE", str(error.filename or output), error.strerror or str(error),
            "check the folder of --output and its permissions",
        ) from error  # fmt: skip
    return list(where.values())


def read(path: Path) -> str:
    """A file that was written.

    Raises:
        TiltyardError: ``ALERTS_MISSING``, ``ALERTS_UNREADABLE``.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise TiltyardError("ALERTS_UNREADABLE", str(path), "larger than 10 MB")
        return path.read_text("utf-8")
    except FileNotFoundError:
        remedy = "make it: tiltyard alerts generate"
        raise TiltyardError("ALERTS_MISSING", str(path), "no such file", remedy) from None
    except (OSError, UnicodeDecodeError) as error:
        raise TiltyardError("ALERTS_UNREADABLE", str(path), str(error)) from error


def _refuse_edited(path: Path, text: str) -> None:
    if not path.exists():
        return
    there = read(path)
    if there == text or not is_edited(there):
        return
    shown = "\n".join(difference(there, text, str(path)))
    raise TiltyardError(
        "ALERTS_EDITED", str(path), f"somebody has edited it, or it was never made here\n{shown}\n",
        "nothing was written. Pass --force to replace it, or --output FOLDER to write elsewhere",
    )  # fmt: skip
