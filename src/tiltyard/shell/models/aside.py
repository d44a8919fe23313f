"""What was left aside in the folder of models, and what of it is provably rubbish.

Whoever saves or removes a model gives its folder another name meanwhile, with a dot before it, and
whoever is killed leaves it so. What is whole gets its name back, and is asked about like any other.
Of the rest only what nobody can miss may go: the rest of one that was being written or removed, and
a harmed copy of one that is whole under its name. What has a file that the whole one does not have
stays, since it is nowhere else. What is not called as we call things is not looked at.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from tiltyard.kernel.clock import from_microseconds
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.text import count_text
from tiltyard.shell.models.leftovers import is_untouched
from tiltyard.shell.models.removing import DOOMED, DOUBTED, unremovable
from tiltyard.shell.models.shelf import MODEL
from tiltyard.shell.models.whole import strangers, whole_manifest

PARTIAL, HARMED = ".partial", ".harmed"
"""What the names of folders end with that :mod:`tiltyard.learners.snapshot_folder` leaves aside."""
_WORK = r"[0-9a-f]{16}"
_BEGUN = re.compile(rf"\.(?:(?P<name>{MODEL}|{_WORK})\.)?\d+(?:{PARTIAL}|{DOOMED})")
"""Being written, or being removed after all had been asked."""
_DOUBTED = re.compile(rf"\.(?P<name>{MODEL}|{_WORK}){DOUBTED}")
_COPY = re.compile(rf"\.(?P<name>{MODEL}|{_WORK})(?:\.\d+)?(?:{HARMED}|{DOUBTED})")


class Aside(NamedTuple):
    """A folder that was left aside.

    Attributes:
        path: It.
        why_it_stays: One sentence part for people; empty for one that may go.
        is_old: Nobody has touched it for so long that people may ask why it stays.
    """

    path: Path
    why_it_stays: str
    is_old: bool


def put_back(folder: Path) -> list[TiltyardError]:
    """Give what is whole its name again where that is free, by whoever is alone there.

    Returns:
        ``MODEL_UNREMOVABLE`` for each that could not be.
    """
    failed: list[TiltyardError] = []
    for path in _folders_in(folder):
        if name := _name_back(path):
            try:
                path.rename(folder / name)
            except OSError as error:
                failed.append(unremovable(path, error))
    return failed


def left_aside(folder: Path, keep: timedelta, now: datetime) -> list[Aside]:
    """Every folder that was left aside and gets no name back, by whoever is alone there.

    Args:
        folder: Of models, or of unfinished work.
        keep: For so long a copy stays that nobody has touched.
        now: UTC.
    """
    found = []
    for path in _folders_in(folder):
        if _name_back(path):
            continue
        if _BEGUN.fullmatch(path.name):
            found.append(Aside(path, "", is_old=True))
        elif called := _COPY.fullmatch(path.name):
            found.append(_copy(path, folder / called["name"], keep, now))
    return found


def _folders_in(folder: Path) -> Iterator[Path]:
    with suppress(OSError):  # there is none
        for path in sorted(folder.iterdir()):
            if path.name.startswith(".") and path.is_dir() and not path.is_symlink():
                yield path


def _name_back(path: Path) -> str:
    """The name that it gets back; empty where that is taken, or it is not whole."""
    called = _DOUBTED.fullmatch(path.name) or _BEGUN.fullmatch(path.name)
    if called is None or not called["name"] or path.with_name(called["name"]).exists():
        return ""
    is_doubted = path.name.endswith(DOUBTED)
    return called["name"] if is_doubted or _is_whole(path, called["name"]) else ""


def _is_whole(path: Path, name: str) -> bool:
    """Whether a folder is what its name says, every byte of it."""
    try:
        whole_manifest(path, name)
    except TiltyardError:
        return False
    return True


def _copy(path: Path, whole: Path, keep: timedelta, now: datetime) -> Aside:
    put_aside_at = from_microseconds(path.lstat().st_ctime_ns // 1000)
    if now - put_aside_at < keep or not is_untouched(path, keep, now):
        return Aside(path, f"it is younger than {count_text(keep.days, 'day')}", is_old=False)
    is_model = re.fullmatch(MODEL, whole.name)  # work that began anew is wanted instead
    return Aside(path, _why_a_copy_stays(path, whole) if is_model else "", is_old=True)


def _why_a_copy_stays(path: Path, whole: Path) -> str:
    try:
        own = strangers(path, whole_manifest(whole))
    except TiltyardError as error:
        return f"{whole.name} is not whole, of which it is a copy: {error.code}"
    except OSError as error:
        return f"it cannot be looked into: {error.strerror}"
    return f"it has what {whole.name} does not have: {own[0]}" if own else ""
