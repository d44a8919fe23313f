"""The desk's own supervisor: it runs one command, and ends every process of it.

A learner that ends with 0 is done. One that fails is started again, later each time, and three
times in a day at most; then it is given up until a person wants it started. What it was is
written before it is done, so a desk that is killed anywhere leaves a trail by which the next
ends the run it finds, and begins anew: no run outlives its desk for longer than that.

Only one process supervises in a folder.
"""

import fcntl
import os
import signal
import subprocess
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from tiltyard.shell.effects.delivery import Patience
from tiltyard.shell.supervise.contract import VARIABLE
from tiltyard.shell.supervise.journal import MOST_RESTARTS, Journal
from tiltyard.shell.supervise.log_file import LogFile
from tiltyard.shell.supervise.processes import (
    SURELY_SECONDS,
    TOKEN,
    Run,
    end,
    is_up,
    kin,
    run_of,
    seen,
    tell,
)
from tiltyard.shell.supervise.supervisor import Standing
from tiltyard.shell.targets.target import unreachable

BACK_OFF = Patience(first=timedelta(seconds=5), longest=timedelta(minutes=5))
SOUND_AFTER = 600.0
"""Seconds after which a run has begun well, and the next failure is the first again."""


def is_supervised(folder: Path) -> bool:
    """Whether a desk that runs supervises in this folder."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


class OwnSupervisor:
    """A command that runs while the desk does.

    Args:
        command: The learner, and what it is told.
        journal: What is known beyond this desk.
        status: The file by which the learner says how it is.
        log: Where its output goes.
        environment: Its variables, beside those of the contract.
        grace: Seconds from SIGTERM to SIGKILL.
        now: The time of day.
        steady: Seconds on a clock that is never set.
        say: Told, for people, what became of it.
    """

    is_apart = True

    def __init__(
        self,
        command: Sequence[str],
        journal: Journal,
        status: Path,
        log: Path,
        *,
        environment: Mapping[str, str],
        grace: float,
        now: Callable[[], datetime],
        steady: Callable[[], float],
        say: Callable[[str], object],
    ) -> None:
        self.subject = command[0]
        self._command = tuple(command)
        self._journal = journal
        self._status = status
        self._log = LogFile(log)
        self._environment = environment
        self._grace = grace
        self._now = now
        self._steady = steady
        self._say = say
        self._lock = threading.RLock()
        self._child: subprocess.Popen[bytes] | None = None
        self._writes: threading.Thread | None = None
        self._folder: int | None = None
        self._due_at = self._began = steady()
        self._failures = 0
        self._is_ended = self._is_waiting_for_folder = False

    def look(self) -> None:
        """Start it, or see whether it has ended."""
        with self._lock:
            if self._is_ended or not self._has_folder():
                return
            if self._child is not None:
                self._see_how_it_ended(self._child)
            elif not self._journal.known.fate and self._steady() >= self._due_at:
                self._start()

    def standing(self) -> Standing:
        """How the learner is, as far as it was looked at."""
        with self._lock:
            fate = self._journal.known.fate
            if fate:
                return fate
            return "running" if self._child is not None else "starting"

    def is_up(self) -> bool:
        """Whether its first process runs."""
        with self._lock:
            run = self._journal.known.run
            return self._child is not None and run is not None and is_up(run)

    def has_begun_since(self, at: datetime) -> bool:
        """By when this run was started."""
        with self._lock:
            began = self._journal.known.began_at
            return self._child is not None and began is not None and began > at

    def ask_to_checkpoint(self) -> bool:
        """SIGUSR1 to its first process."""
        with self._lock:
            run = self._journal.known.run
            if self._child is None or run is None or not is_up(run):
                return False
            first = seen(run.pid)
            return first is not None and tell(first, signal.SIGUSR1)

    def restart(self, key: str, on_certain: Callable[[], object]) -> None:
        """End the run and begin another; once it is noted, whoever begins next begins anew."""
        del key
        with self._lock:
            if self._is_ended or not self._has_folder():
                raise unreachable(self.subject, "this desk does not supervise the learner now")
            on_certain()
            if self._end_run():
                self._start()

    def give_up(self) -> None:
        """End it for good."""
        with self._lock:
            if self._journal.known.fate != "given_up":
                self._journal.note(fate="given_up")
                self._end_run()
                self._say(_GIVEN_UP)

    def end(self) -> None:
        """End it with the desk."""
        with self._lock:
            self._is_ended = True
            if self._folder is not None:
                self._end_run()
                os.close(self._folder)
                self._folder = None

    def _start(self) -> None:
        token = uuid.uuid4().hex
        with suppress(OSError):
            self._status.unlink()  # what the run before has said is not of this one
        reader, writer = os.pipe()
        try:
            self._journal.note(run=Run(token), command=self._command)  # before there is a process
            self._child = subprocess.Popen(  # noqa: S603 it is what the settings say
                self._command, stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**self._environment, VARIABLE: str(self._status.resolve()), TOKEN: token},
            )  # fmt: skip
        except OSError as error:
            os.close(reader)
            self._failed(f"cannot be started: {error.strerror or error}")
            return
        finally:
            os.close(writer)
        self._writes = self._log.take_from(reader)
        self._began = self._steady()
        self._journal.note(run=run_of(token, self._child.pid), began_at=self._now())
        self._say(f"the learner runs, process {self._child.pid}")

    def _see_how_it_ended(self, child: subprocess.Popen[bytes]) -> None:
        if os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return
        if not self._end_run():
            return
        if child.returncode == 0:
            self._journal.note(fate="done")
            self._say("the learner is done")
            return
        if self._steady() - self._began >= SOUND_AFTER:
            self._failures = 0
        self._failed(_how(child.returncode))

    def _failed(self, how: str) -> None:
        now = self._now()
        if not self._journal.known.restarts_left(now):
            self._journal.note(fate="given_up")
            self._say(f"the learner {how}; {_GIVEN_UP}")
            return
        self._failures += 1
        wait = BACK_OFF.wait(self._failures).total_seconds()
        self._due_at = self._steady() + wait
        self._journal.count_restart(now)
        left = self._journal.known.restarts_left(now)
        self._say(f"the learner {how}; it is started again in {wait:g} s, {left} more times today")

    def _end_run(self) -> bool:
        """End every process of the run; its first is waited for last, so its number stays its."""
        run = self._journal.known.run
        if run is not None and not end(run, self._grace):
            pids = ", ".join(str(process.pid) for process in kin(run))
            self._say(f"the learner cannot be ended, and is not started again: process {pids}")
            self._due_at = self._steady() + BACK_OFF.longest.total_seconds()
            return False
        if self._child is not None:
            self._child.wait()
        if self._writes is not None:
            self._writes.join(SURELY_SECONDS)  # nobody is left who could print
        self._child = self._writes = None
        self._journal.note(run=None)
        return True

    def _has_folder(self) -> bool:
        """Whether supervising in the folder is ours; what is there of before is ended."""
        if self._folder is not None:
            return True
        self._status.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(self._status.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(folder)
            if not self._is_waiting_for_folder:
                self._is_waiting_for_folder = True
                self._say(f"{self._status.parent}: another desk supervises a learner here")
            return False
        try:
            self._journal.read_anew()  # the desk before may have written it until now
        except OSError:
            os.close(folder)
            raise
        self._folder = folder
        self._take_over()
        return True

    def _take_over(self) -> None:
        known = self._journal.known
        if known.run is not None:
            if kin(known.run):
                self._say("a desk before left its learner behind: it is ended")
            self._end_run()
        if known.command and known.command != self._command:
            self._journal.note(fate="", restarts=())  # another learner


_GIVEN_UP = (
    f"it was restarted {MOST_RESTARTS} times in 24 hours and is given up. See its log, and then: "
    "tiltyard learner restart"
)


def _how(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
