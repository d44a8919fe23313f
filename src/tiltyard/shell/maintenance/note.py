"""What a task has begun for a day, and what its training found: a file, by which it goes on.

A training of hours is not done twice. So the task notes when it began, which says as of when it
looks at the ledger whenever it is run for this day, and what the training's command answered. Who
runs it again with the same words is given that answer.

>>> from datetime import UTC
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     file = Path(folder) / "2026-11-22" / "retrain.json"
...     note = begun(file, datetime(2026, 11, 22, 3, tzinfo=UTC))
...     keep(file, note._replace(words=("train",), answer={"name": "dqn"}))
...     begun(file, datetime(2026, 11, 23, tzinfo=UTC)).begun_at.isoformat()
'2026-11-22T03:00:00+00:00'
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from tiltyard.kernel.clock import moment, time_text
from tiltyard.kernel.errors import TiltyardError


class Note(NamedTuple):
    """What is noted.

    Attributes:
        begun_at: When the task was run first, UTC.
        words: Of the command that was answered; empty where none was yet.
        answer: What it said.
        settled: Why nothing more is to be done; empty while something may be.
    """

    begun_at: datetime
    words: tuple[str, ...] = ()
    answer: Mapping[str, Any] | None = None
    settled: str = ""


def note_of(folder: Path, day: date, task: str) -> Path:
    """Where the note of a task lies.

    Args:
        folder: ``jobs.folder``.
        day: The trading day that it is run for.
        task: Its name.
    """
    return folder / day.isoformat() / f"{task}.json"


def begun(file: Path, now: datetime) -> Note:
    """What was noted before; else that it begins now, which is noted.

    One that nobody can make sense of is begun anew.

    Raises:
        TiltyardError: ``NOTE_UNWRITABLE``, also for one that cannot be read.
    """
    try:
        noted = read(file)
    except OSError as error:
        raise _unwritable(file, error) from error
    if noted is None:
        noted = Note(now)
        keep(file, noted)
    return noted


def read(file: Path) -> Note | None:
    """What was noted; None where nothing was, or nothing that makes sense.

    Raises:
        OSError: Nobody can say.
    """
    try:
        told = json.loads(file.read_bytes())
        words = tuple(map(str, told["words"]))
        return Note(moment(told["begun_at"]), words, told["answer"], str(told["settled"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError, TiltyardError):
        return None


def keep(file: Path, note: Note) -> None:
    """Write a note, whole or not at all.

    Raises:
        TiltyardError: ``NOTE_UNWRITABLE``.
    """
    told = note._asdict() | {"begun_at": time_text(note.begun_at)}
    write_whole(file, json.dumps(told, indent=1) + "\n")


def write_whole(file: Path, text: str) -> None:
    """Write a file of maintenance, whole or not at all; its folder is made.

    Raises:
        TiltyardError: ``NOTE_UNWRITABLE``.
    """
    beside = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("w", encoding="utf-8") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        beside.replace(file)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise _unwritable(file, error) from error


def _unwritable(file: Path, error: OSError) -> TiltyardError:
    return TiltyardError(
        "NOTE_UNWRITABLE", str(file), error.strerror or str(error),
        "give it room, or name another folder: jobs.folder",
    )  # fmt: skip
