"""Processes that do not outlive whoever has begun them, and how they are ended.

Whoever begins one holds a pipe open that the other reads from. When that is closed, be it by an
end, a kill or a crash, there is nobody who waits, and the other ends: by itself, or with all of the
group that it is the first of. This asks nothing of the system but pipes and groups of processes.
"""

import os
import select
import signal
import subprocess
import sys
import threading
from contextlib import suppress

GRACE = 10.0
"""Seconds from SIGTERM to SIGKILL."""
LEFT_ALONE = 1
"""What a process exits with that nobody waits for any more."""


def end_when_left_alone(*, with_kin: bool) -> None:
    """From now on, end this process as soon as its standard input is closed at the other end.

    Args:
        with_kin: With every process of its group, where it is the first of one.
    """
    told = os.dup(sys.stdin.fileno())  # whatever else reads from it or closes it
    threading.Thread(target=_wait, args=(told, with_kin), name="tie", daemon=True).start()


def _wait(told: int, with_kin: bool) -> None:  # noqa: FBT001 of a thread
    while os.read(told, 1):
        pass
    if with_kin and os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(LEFT_ALONE)


def end_group(child: "subprocess.Popen[bytes]", grace: float = GRACE) -> None:
    """End a process that is the first of a group, and whatever is left of that group.

    By a word first, so that it can say what it keeps. It is not asked for what it ended with before
    all are told: until then its number is nobody else's.
    """
    _tell_all(child, signal.SIGTERM)
    has_ended(child, grace)
    _tell_all(child, signal.SIGKILL)
    child.wait()


def has_ended(child: "subprocess.Popen[bytes]", seconds: float) -> bool:
    """Whether a process ends within so many seconds; it is not asked for what it ended with."""
    if child.returncode is not None:
        return True
    descriptor = os.pidfd_open(child.pid)
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


def signal_name(number: int) -> str:
    """A signal, for people.

    >>> signal_name(9), signal_name(200)
    ('SIGKILL', 'signal 200')
    """
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _tell_all(child: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)
