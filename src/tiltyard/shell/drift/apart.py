"""A process that measures one drift, of the lowest priority, and ends.

A thread of the desk could do the same, but it would take turns with the desk's own for the
interpreter, and torch would stay in the desk's memory. Whatever becomes of the process, what it
was to find is not found, and that is said. It reads its task from a pipe that stays open, and ends
when that is closed: so it does not survive its desk, however that ends. Of the desk's environment
it gets what a learner gets.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.drift.task import Json, Measured, Task
from tiltyard.shell.supervise.surroundings import of_learner
from tiltyard.shell.tied import signal_name

PATIENCE = 3600.0
"""Seconds that a measurement may take; on a machine without an idle core it waits for everybody."""
_COMMAND = (sys.executable, "-m", "tiltyard.shell.drift")
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}


class Apart:
    """Has drifts measured one after the other; one thread calls it, and any may end it.

    Args:
        command: What is run.
        patience: Seconds that it may take.
        addresses: Variables that hold addresses of people, which are not for it.
    """

    def __init__(
        self,
        command: Sequence[str] = _COMMAND,
        patience: float = PATIENCE,
        addresses: Collection[str] = (),
    ) -> None:
        self._command = tuple(command)
        self._addresses = addresses
        self._patience = patience
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None
        self._is_over = False

    def measure(self, task: Task) -> Measured | None:
        """What was found; None where the desk ends meanwhile.

        Raises:
            TiltyardError: What :func:`~tiltyard.shell.drift.measuring.measure` raises, and
                ``DRIFT_FAILED`` where the process says nothing of the kind.
        """
        with _told(task) as told:
            with self._lock:
                if self._is_over:
                    return None
                try:
                    child = self._child = self._begun(told)
                except OSError as error:
                    raise _failed(task, f"cannot be started: {error.strerror or error}") from error
            try:
                said, why = child.communicate(timeout=self._patience)
            except subprocess.TimeoutExpired:
                raise _failed(task, f"was not done within {self._patience:g} s") from None
            finally:
                self._end_child()
        if self._is_over:
            return None
        return _answer(task, child.returncode, said, why)

    def _begun(self, told: int) -> subprocess.Popen[str]:
        return subprocess.Popen(  # noqa: S603 our own
            self._command, stdin=told, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True, env={**of_learner(os.environ, self._addresses), **_ONE_THREAD},
        )  # fmt: skip

    def end(self) -> None:
        """Nothing is measured any more; a process that still does so is ended."""
        with self._lock:
            self._is_over = True
            if self._child is not None:
                self._child.kill()

    def _end_child(self) -> None:
        with self._lock:
            child, self._child = self._child, None
        if child is not None:
            with child:  # waits for it, and closes what it was spoken to by
                child.kill()


@contextmanager
def _told(task: Task) -> Iterator[int]:
    """A pipe that a task is read from, and that is closed when the desk is gone."""
    read, written = os.pipe()
    try:
        os.write(written, (json.dumps(task.to_json()) + "\n").encode())
        yield read
    finally:
        os.close(read)
        os.close(written)


def _answer(task: Task, code: int, said: str, why: str) -> Measured:
    if code:
        last = (why.strip().splitlines() or [""])[-1][:200]
        how = f"was ended by {signal_name(-code)}" if code < 0 else f"ended with {code}: {last}"
        raise _failed(task, how)
    try:
        told: Json = json.loads(said)
        if "error" in told:
            raise TiltyardError(**told["error"])
        return Measured.from_json(told)
    except (ValueError, KeyError, TypeError):
        raise _failed(task, f"said what is no answer: {said[:80]!r}") from None


def _failed(task: Task, how: str) -> TiltyardError:
    return TiltyardError("DRIFT_FAILED", task.policy, f"the process that measures its drift {how}")
