"""A file of what has not been delivered, for a bot that crashes.

One JSON object a line: a fact as it is reported, or the numbers of those that are settled. A
line is handed to the system before the bot goes on, so a killed process loses nothing; it is
on the disk at the next :meth:`Spool.sync`, a moment later, so a power cut loses that moment.
What is settled is left out when the file is written anew, beside the old one and then put in
its place. One client at a time has a spool.

A last line that was cut off is passed over. After a line that the disk took in part only, the
next begins on a line of its own. Lines within that cannot be read are passed over
too, and the file is kept as it was found, under its name and ``.damaged``.
"""

import errno
import json
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tiltyard.client.outbox import Fact
from tiltyard.client.reports import KINDS, as_json
from tiltyard.kernel.errors import TiltyardError

if sys.platform != "win32":
    import fcntl

_LARGEST = 2**53
_NEWLINE = ord("\n")


class Spool:
    """An open spool. Not safe for threads, but for :meth:`sync` and :meth:`write_anew`.

    Args:
        path: The file; its folder is there.

    Raises:
        TiltyardError: ``SPOOL_UNUSABLE``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged = 0
        self._since: list[bytes] | None = None
        self._is_torn = False
        try:
            self._lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise _unusable(path, error) from None
        try:
            self._take_lock()
            self.found = self._read()
            self._file = _beside(path, _lines(self.found))
            _new(path).replace(path)
            self.sync()
        except OSError as error:
            os.close(self._lock)
            raise _unusable(path, error) from None

    def add(self, fact: Fact) -> None:
        """Write down a fact that is to be delivered.

        Raises:
            OSError: What is wrong with the disk.
        """
        self._write(_line(fact))

    def settle(self, numbers: Iterable[int]) -> None:
        """Write down that these are delivered or refused.

        Raises:
            OSError: What is wrong with the disk.
        """
        listed = b",".join(b"%d" % number for number in numbers)
        self._write(b'{"settled":[%s]}\n' % listed)

    def sync(self) -> None:
        """See that what was written is on the disk. Takes a while; any thread may call it.

        Raises:
            OSError: What is wrong with the disk.
        """
        os.fsync(self._file)
        if sys.platform != "win32":
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)  # where a new file was put in the place of an old one
            finally:
                os.close(folder)

    def begin_anew(self) -> None:
        """From now on what is written is also kept for the new file."""
        self._since = []

    def write_anew(self, facts: Iterable[Fact]) -> int:
        """Write these beside the file. Takes a while, and nothing else waits for it.

        Raises:
            OSError: What is wrong with the disk; nothing has changed.
        """
        return _beside(self.path, _lines(facts))

    def go_on_with(self, file: int) -> None:
        """Put the new file in the place of the old one, with what was written since.

        Raises:
            OSError: What is wrong with the disk.
        """
        since, self._since = self._since or [], None
        try:
            _write_all(file, b"".join(since))
            _new(self.path).replace(self.path)
        except OSError:
            os.close(file)
            raise
        old, self._file, self._is_torn = self._file, file, False
        os.close(old)

    def give_up_anew(self) -> None:
        """The new file could not be written: the old one stays."""
        self._since = None

    def close(self) -> None:
        """Let go of it."""
        os.close(self._file)
        os.close(self._lock)

    def _write(self, line: bytes) -> None:
        if self._since is not None:
            self._since.append(line)
        rest = memoryview(b"\n" + line if self._is_torn else line)
        while rest:
            written = os.write(self._file, rest)
            self._is_torn = rest[written - 1] != _NEWLINE
            rest = rest[written:]

    def _take_lock(self) -> None:
        if sys.platform != "win32":
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _read(self) -> list[Fact]:
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            return []
        found: dict[int, Fact] = {}
        *lines, rest = raw.split(b"\n")
        for line in lines:
            self.damaged += not _understood(line, found)
        if self.damaged == len(lines) > 0:
            raise OSError(errno.EINVAL, "it holds something else, and is no spool")
        _understood(rest, found)
        if self.damaged:
            shutil.copyfile(self.path, f"{self.path}.damaged")
        return list(found.values())


def _line(fact: Fact) -> bytes:
    return f'{{"number":{fact.number},"kind":"{fact.kind}","fact":{fact.text}}}\n'.encode()


def _lines(facts: Iterable[Fact]) -> bytes:
    return b"".join(map(_line, facts))


def _understood(line: bytes, found: dict[int, Fact]) -> bool:
    """Follow one line; whether it says anything."""
    try:
        said: Any = json.loads(line)
        if "settled" in said:
            for number in said["settled"]:
                found.pop(int(number), None)
            return True
        number, kind, fact = said["number"], said["kind"], said["fact"]
        if type(number) is not int or not 0 < number < _LARGEST or kind not in KINDS:
            return False
        found[number] = Fact(number, kind, as_json(dict(fact)))
    except (ValueError, TypeError, KeyError, RecursionError):
        return False
    return True


def _new(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


def _beside(path: Path, content: bytes) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    file = os.open(_new(path), flags, 0o600)
    try:
        _write_all(file, content)
        os.fsync(file)
    except OSError:
        os.close(file)
        raise
    return file


def _write_all(file: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]


def _unusable(path: Path, error: OSError) -> TiltyardError:
    if isinstance(error, BlockingIOError):
        return TiltyardError(
            "SPOOL_UNUSABLE", str(path), "another client has it", "name one for each bot"
        )
    remedy = "name a file in a folder that is there and may be written"
    return TiltyardError("SPOOL_UNUSABLE", str(path), error.strerror or str(error), remedy)
