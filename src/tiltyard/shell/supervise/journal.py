"""What is known of a learner beyond the life of a desk: one small file, replaced as a whole.

Which run is under way, so that a desk finds what one that was killed has left behind; when the
learner was restarted, so that it is given up after a few times in a day and not after a few
times a desk; and which restarts were carried out, so that none is carried out twice.
"""

import json
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from tiltyard.facts.audit import canonical
from tiltyard.kernel.clock import moment, time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.supervise.processes import Run

MOST_RESTARTS = 3
WITHIN = timedelta(hours=24)
KEYS_KEPT = 100
LARGEST = 1 << 20

Fate = Literal["", "done", "given_up"]
"""Empty while it is to run; ``done`` when it ended with 0."""


@dataclass(frozen=True, slots=True)
class Known:
    """The content of the file.

    Attributes:
        command: What was run; another command is another learner.
        run: Which is under way; None for none.
        began_at: When that began, UTC.
        fate: Why none is to be under way.
        restarts: When it was restarted within the last day, oldest first.
        restarts_ever: How often in all.
        carried: Keys of the restarts that were carried out, oldest first.
    """

    command: tuple[str, ...] = ()
    run: Run | None = None
    began_at: datetime | None = None
    fate: Fate = ""
    restarts: tuple[datetime, ...] = ()
    restarts_ever: int = 0
    carried: tuple[str, ...] = ()

    def restarts_left(self, now: datetime) -> int:
        """How often it may still be restarted without a person."""
        return max(0, MOST_RESTARTS - len(_lately(self.restarts, now)))


class Journal:
    """The file, as this process knows it; any thread may use it.

    Args:
        path: Of the file; its folder is made when something is written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._known: Known | None = None

    @property
    def known(self) -> Known:
        """What is known; it waits while that is being written.

        Raises:
            OSError: There is a file, and it cannot be read.
        """
        with self._lock:
            if self._known is None:
                self._known = read(self._path)
            return self._known

    @property
    def known_so_far(self) -> Known | None:
        """What was last known, None while nobody has looked; it never waits for a disk."""
        return self._known  # replaced as a whole, so no reader sees half of it

    def read_anew(self) -> None:
        """Another process has written it meanwhile.

        Raises:
            OSError: It cannot be read; then nothing is changed.
        """
        with self._lock:
            self._known = read(self._path)

    def note(self, **changed: Any) -> None:  # noqa: ANN401 fields of what is known
        """Write some fields anew.

        Raises:
            OSError: It cannot be written; then nothing is changed.
        """
        with self._lock:
            known = replace(self.known, **changed)
            _write(self._path, known)
            self._known = known

    def count_restart(self, now: datetime, key: str = "", *, by_person: bool = False) -> None:
        """It is restarted; one by a person does not count, and forgives those before."""
        with self._lock:
            known = self.known
            self.note(
                restarts=() if by_person else (*_lately(known.restarts, now), now),
                restarts_ever=known.restarts_ever + 1,
                carried=(*known.carried, *([key] if key else []))[-KEYS_KEPT:],
                fate="" if by_person else known.fate,
            )

    def carry(self, key: str) -> None:
        """This restart needs to be carried out no more."""
        with self._lock:
            if key not in self.known.carried:
                self.note(carried=(*self.known.carried, key)[-KEYS_KEPT:])


def read(path: Path) -> Known:
    """What a file says; where there is none, or one that makes no sense, nothing is known.

    Raises:
        OSError: It cannot be read, so nobody knows what is known.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return Known()
    if len(raw) > LARGEST:
        return Known()
    try:
        said = json.loads(raw)
        run = said["run"]
        began = said["began_at"]
        return Known(
            tuple(map(str, said["command"])),
            None if run is None else Run(run[0], int(run[1]), int(run[2]), run[3]),
            None if began is None else moment(began),
            said["fate"] if said["fate"] in {"done", "given_up"} else "",
            tuple(moment(at) for at in said["restarts"]),
            int(said["restarts_ever"]),
            tuple(map(str, said["carried"])),
        )
    except (ValueError, TypeError, LookupError, RecursionError, TiltyardError):
        return Known()


def _lately(restarts: Sequence[datetime], now: datetime) -> tuple[datetime, ...]:
    return tuple(at for at in restarts if now - at < WITHIN)


def _write(path: Path, known: Known) -> None:
    began = known.began_at
    body = {
        "command": known.command, "run": known.run, "fate": known.fate,
        "began_at": None if began is None else time_text(began),
        "restarts": [time_text(at) for at in known.restarts],
        "restarts_ever": known.restarts_ever, "carried": known.carried,
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)  # of a desk that was killed
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with open(os.open(new, flags, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123 a command may hold a secret
        file.write(canonical(body) + "\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
