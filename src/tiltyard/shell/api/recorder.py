"""Writes what bots report: as many reports in one transaction as have come meanwhile.

A report is written whole or not at all, and answered when it is committed. When something is
wrong with some of those that were written together, the others are written without them, so that
one bot's mistake costs another next to nothing. While the database does not let anybody write,
all that wait are told so; what they send again changes nothing that was written after all.

One thread writes; whoever reports waits for it, and never for the desk.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.api.reports import Answer, ItemsRefused, Report, Stage, write_together
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.plain_errors import UNAVAILABLE

_LOG = logging.getLogger(__name__)
MOST_TOGETHER = 1000
"""From so many items on no more are written in the same transaction."""
MANY = 100
"""Items, after which others are let through."""
PAUSE_SECONDS = 0.005
"""So long they have to take the write lock: a verb, or the desk in its step."""
MOST_WAITING = 50_000
"""Items that may wait; who comes then is told to come later."""

_Waiting = tuple[Report, "Future[Answer]"]


class Recorder:
    """The thread that writes.

    Args:
        door: To the ledger, of its own.
        now: The time of day.
        on_written: Called after every transaction, so that the desk looks at once.
    """

    def __init__(
        self, door: Ledger, now: Callable[[], datetime], on_written: Callable[[], object]
    ) -> None:
        self._door = door
        self._now = now
        self._on_written = on_written
        self._stage = Stage(door)
        self._waiting: deque[_Waiting] = deque()
        self._items = 0
        self._changed = threading.Condition()
        self._is_ending = False
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    def start(self) -> None:
        """Begin to write; once."""
        self._thread.start()

    def end(self, within: float) -> None:
        """Write what waits, take no more, and end.

        Args:
            within: Seconds that are waited for it.
        """
        with self._changed:
            self._is_ending = True
            self._changed.notify()
        self._thread.join(within)

    def put(self, report: Report) -> "Future[Answer]":
        """Have a report written; what became of it, once that is committed.

        Raises:
            TiltyardError: ``TOO_BUSY`` when too much waits, or nothing is written any more.
        """
        answer: Future[Answer] = Future()
        with self._changed:
            if self._is_ending or self._items + len(report) > MOST_WAITING:
                raise TiltyardError(
                    "TOO_BUSY", "the desk", f"{self._items:,} reported items wait to be written",
                    "send it again a little later",
                )  # fmt: skip
            self._waiting.append((report, answer))
            self._items += len(report)
            self._changed.notify()
        return answer

    @property
    def is_at_work(self) -> bool:
        """Whether it writes what it is given."""
        return self._thread.is_alive()

    def _run(self) -> None:
        while not self._is_over():
            if taken := self._next():
                try:
                    self._write(taken)
                except Exception as error:  # noqa: BLE001 a defect here must not end it
                    _LOG.exception("writing what is reported has failed")
                    for _, answer in taken:
                        if not answer.done():
                            answer.set_exception(error)
                if sum(len(report) for report, _ in taken) > MANY:
                    time.sleep(PAUSE_SECONDS)
        self._stage.close()

    def _is_over(self) -> bool:
        with self._changed:
            return self._is_ending and not self._waiting

    def _next(self) -> list[_Waiting]:
        """Those that are written together; none when nobody waits for any, or it is to end."""
        with self._changed:
            while not self._waiting and not self._is_ending:
                self._changed.wait()
            taken: list[_Waiting] = []
            count = 0
            while self._waiting and not (taken and count >= MOST_TOGETHER):
                report, answer = self._waiting.popleft()
                self._items -= len(report)
                if answer.set_running_or_notify_cancel():  # else nobody waits for it any more
                    count += len(report)
                    taken.append((report, answer))
            return taken

    def _write(self, waiting: Sequence[_Waiting]) -> None:
        """All of these; those that are wrong each by itself, after the others together."""
        todo = deque([list(waiting)])
        while todo:
            together = todo.popleft()
            try:
                reports = [report for report, _ in together]
                answers = write_together(self._door, self._stage, reports, self._now())
            except Exception as error:  # noqa: BLE001 whoever waits must be told, and others served
                self._stage.close()
                passes = isinstance(error, TiltyardError) and error.code in UNAVAILABLE
                if len(together) > 1 and not passes:
                    wrong = error.of if isinstance(error, ItemsRefused) else range(len(together))
                    todo.extend([one] for number, one in enumerate(together) if number in wrong)
                    if others := [one for n, one in enumerate(together) if n not in wrong]:
                        todo.appendleft(others)
                    time.sleep(PAUSE_SECONDS)
                    continue
                for _, answer in together:
                    answer.set_exception(error)
            else:
                self._on_written()
                for (_, answer), said in zip(together, answers, strict=True):
                    answer.set_result(said)
