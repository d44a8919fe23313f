"""The host of jobs beside a running desk: a process that the desk begins, and begins again.

What trains for hours and what judges within a second share neither memory nor an interpreter. A
host that ends by itself is begun again after a while; one that cannot be is said so, and the desk
trades on.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from tiltyard.shell.store.engine import address_of

AGAIN_AFTER = 30.0
"""Seconds until a host that has ended is begun again."""
STOP_SECONDS = 5.0
_COMMAND = (sys.executable, "-m", "tiltyard.shell.jobs")


class HostBeside:
    """Keeps a host running, in a thread of its own.

    Args:
        command: What is run.
        environment: Of it.
        say: Told each line that it says.
        again_after: Seconds until one that has ended is begun again.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        say: Callable[[str], object],
        again_after: float = AGAIN_AFTER,
    ) -> None:
        self._command = tuple(command)
        self._environment = dict(environment)
        self._say = say
        self._again_after = again_after
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._keep, name="jobs", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """End the host; a step that is at work ends with it, and is gone on with by the next."""
        with self._lock:
            self._is_over.set()
            if self._child is not None:
                self._child.kill()
        self._thread.join(STOP_SECONDS)

    def _keep(self) -> None:
        while not self._is_over.is_set():
            try:
                how = self._hosted()
            except OSError as error:
                how = f"cannot be started: {error.strerror or error}"
            if self._is_over.is_set():
                return
            self._say(f"the host of jobs {how}; it is begun again in {self._again_after:g} s")
            self._is_over.wait(self._again_after)

    def _hosted(self) -> str:
        """Host until the host ends; how it did."""
        with self._lock:
            if self._is_over.is_set():
                return ""
            child = self._child = subprocess.Popen(  # noqa: S603 our own
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                start_new_session=True, env=self._environment,
            )  # fmt: skip
        with child:
            for line in child.stdout or ():
                self._say(line.rstrip("\n"))
        return f"has ended with {child.returncode}"


@contextmanager
def jobs_hosted(
    ledger: sa.URL, config: Path | None, *, say: Callable[[str], object]
) -> Iterator[None]:
    """Have jobs done by the clock meanwhile.

    Args:
        ledger: Its address.
        config: The file of the settings; None for the usual one.
        say: Told each step that begins and ends, for people.
    """
    command = [*_COMMAND, *([] if config is None else [str(config)])]
    host = HostBeside(command, {**os.environ, "TILTYARD_DB": address_of(ledger)}, say)
    host.start()
    try:
        yield
    finally:
        host.end()
