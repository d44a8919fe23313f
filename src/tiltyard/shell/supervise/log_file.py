"""What a learner prints, in a file that is bounded: when it is full, the next one begins."""

import os
import threading
from contextlib import suppress
from pathlib import Path

LARGEST = 4 << 20
FILES = 4
"""So many altogether, the one that is written included."""
_PIECE = 64 * 1024


class LogFile:
    """A log of at most four files: ``learner.log``, and older ones ``.1`` to ``.3``.

    Args:
        path: Of the newest.
        largest: Bytes of each.
    """

    def __init__(self, path: Path, largest: int = LARGEST) -> None:
        self._path = path
        self._largest = largest

    def take_from(self, descriptor: int) -> threading.Thread:
        """Write what comes out of a pipe until it is closed, in a thread of its own."""
        thread = threading.Thread(
            target=self._pump, args=(descriptor,), name="learner's log", daemon=True
        )
        thread.start()
        return thread

    def _pump(self, descriptor: int) -> None:
        """What cannot be written is lost: a full disk must not hold up the learner."""
        with open(descriptor, "rb", buffering=0) as pipe:
            while piece := pipe.read(_PIECE):
                with suppress(OSError):
                    self.write(piece)

    def write(self, piece: bytes) -> None:
        """Append this, in the next file when this one is full."""
        while piece:
            room = self._largest - self._size()
            if room <= 0:
                self._turn()
                continue
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
            with open(os.open(self._path, flags, 0o640), "ab", buffering=0) as file:  # noqa: PTH123 as above
                file.write(piece[:room])
            piece = piece[room:]

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    def _turn(self) -> None:
        for number in range(FILES - 1, 0, -1):
            older = self._numbered(number - 1)
            if older.exists():
                older.replace(self._numbered(number))

    def _numbered(self, number: int) -> Path:
        return self._path if number == 0 else self._path.with_name(f"{self._path.name}.{number}")
