"""Processes of one run of a learner: which they are, and how all of them are ended.

A run is a session of its own, so a child that makes itself a group of its own still belongs to
it. Every process of it also carries the run's token in its environment, which tells them from
others when the first process is gone and its number may be somebody else's by now. A process is
only ever signalled through a descriptor of its own, after a look at when it began.

The processes of a machine are read from ``/proc``, so this works on Linux alone.
"""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

TOKEN = "TILTYARD_LEARNER_RUN"  # noqa: S105 the name of a variable
SURELY_SECONDS = 5.0
"""So long a process that was killed may take to be gone."""
_PROC = Path("/proc")
_LOOK_EVERY = 0.05


class Run(NamedTuple):
    """One run of a command.

    Attributes:
        token: In the environment of each of its processes.
        pid: Of its first process; 0 before it has one.
        started: When that began, in the machine's ticks.
        boot: Of which the machine's numbers are.
    """

    token: str
    pid: int = 0
    started: int = 0
    boot: str = ""


class Process(NamedTuple):
    """A process as the machine shows it."""

    pid: int
    state: str
    session: int
    started: int

    @property
    def is_gone(self) -> bool:
        """Whether it has ended, and nobody has asked for its exit code yet."""
        return self.state in "ZX"


def is_supported() -> bool:
    """Whether processes can be told apart on this machine."""
    return seen(os.getpid()) is not None and hasattr(os, "pidfd_open")


def run_of(token: str, pid: int) -> Run:
    """The run whose first process has just been started."""
    found = seen(pid)
    return Run(token, pid, 0 if found is None else found.started, boot())


def boot() -> str:
    """This start of the machine."""
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def seen(pid: int) -> Process | None:
    """A process, if there is one of that number."""
    try:
        raw = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    fields = raw[raw.rindex(b")") + 2 :].split()  # its name may hold blanks and brackets
    return Process(pid, fields[0].decode(), int(fields[3]), int(fields[19]))


def kin(run: Run) -> Sequence[Process]:
    """Every process of a run that has not ended."""
    if run.boot and run.boot != boot():
        return []
    first = seen(run.pid) if run.pid else None
    holds_number = first is not None and first.started == run.started
    return [
        process
        for process in _every()
        if not process.is_gone
        and process.started >= run.started  # none of it is older than its first
        and ((holds_number and process.session == run.pid) or _carries(process.pid, run.token))
    ]


def is_up(run: Run) -> bool:
    """Whether its first process runs."""
    first = seen(run.pid) if run.pid else None
    is_first = first is not None and first.started == run.started and run.boot == boot()
    return is_first and first is not None and not first.is_gone


def end(run: Run, grace: float) -> bool:
    """End every process of a run; whether all are gone.

    Args:
        run: Its first process has not been waited for, or has been gone for long.
        grace: Seconds from SIGTERM to SIGKILL.
    """
    family = kin(run)
    for process in family:
        tell(process, signal.SIGTERM)
    until = time.monotonic() + grace
    while family and _are_gone(family, until):
        family = kin(run)  # those that came meanwhile
    until = time.monotonic() + SURELY_SECONDS
    while family := kin(run):
        if time.monotonic() > until:
            return False
        for process in family:
            tell(process, signal.SIGKILL)
        _are_gone(family, until)
    return True


def tell(process: Process, number: signal.Signals) -> bool:
    """Signal this process and no other; whether it was there."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:
        return False
    try:
        now = seen(process.pid)
        if now is None or now.started != process.started:
            return False
        signal.pidfd_send_signal(descriptor, number)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _are_gone(family: Sequence[Process], until: float) -> bool:
    """Whether all of these go in time; to look for others costs more, by each of the machine."""
    while family := [process for process in family if _is_there(process)]:
        if time.monotonic() > until:
            return False
        time.sleep(_LOOK_EVERY)
    return time.monotonic() <= until


def _is_there(process: Process) -> bool:
    now = seen(process.pid)
    return now is not None and now.started == process.started and not now.is_gone


def _every() -> Iterator[Process]:
    for entry in _PROC.iterdir() if _PROC.is_dir() else ():
        if entry.name.isdigit() and (found := seen(int(entry.name))) is not None:
            yield found


def _carries(pid: int, token: str) -> bool:
    try:
        raw = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return False
    return f"{TOKEN}={token}".encode() in raw.split(b"\0")
