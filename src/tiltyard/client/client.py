"""The client for a bot of threads or of none: its courier has a thread of its own."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from tiltyard.client.asking import Asking, seconds
from tiltyard.client.model import Health, Model
from tiltyard.client.telling import LONGEST_CHECK, UNCHECKED

_LOG = logging.getLogger("tiltyard.client")
PATIENCE = 10.0
"""Seconds that are waited for deliveries at the end, unless the bot says otherwise."""
_MARGIN = 1.0
"""Seconds that the courier has to say that the time is up, and to end."""


class Client(Asking):
    """A bot's side of a desk, for any of its threads.

    ``with Client(url, token, champion="prod") as client:`` delivers at its end what is left.
    The arguments are those of :class:`tiltyard.client.asking.Asking`.
    """

    def flush(self, timeout: float = PATIENCE) -> bool:
        """Wait until what was reported so far is delivered or refused; whether it is."""
        return self._wait(self._courier.flush, timeout)

    def wait_until_told(self, timeout: float = PATIENCE) -> bool:
        """Wait for the first shares; whether there are any."""
        return self._wait(self._courier.until_told, timeout)

    def check_model(
        self,
        policy: str,
        file: Path | str,
        digest: str,
        answer: Callable[[], object],
        *,
        within: float = LONGEST_CHECK,
        every: float | None = None,
    ) -> Health:
        """Check the model of a policy, tell the desk, and say how it is.

        Args:
            policy: Whose it is.
            file: Which the bot loads; of 2 GiB at most.
            digest: SHA-256 that the file has to have.
            answer: Loads the model, and tells what it makes of an input: finite numbers. It is
                called in a thread of its own.
            within: Seconds for all of this; later the model is not healthy.
            every: Seconds to the next check, again and again; None for this one alone.
        """
        try:
            checkup = self._checkup(policy, Model(file, digest, answer), within, every)
            return checkup if isinstance(checkup, Health) else self._checkups.check(checkup)
        except Exception:  # noqa: BLE001 nothing is raised into a bot
            _LOG.exception("a defect of the client: a model is not checked")
            return UNCHECKED

    def close(self, timeout: float = PATIENCE) -> bool:
        """Deliver what is left, and end; whether all was delivered.

        What is asked afterwards is answered from what is held until that expires, and what is
        reported is not delivered.
        """
        if self._thread.is_alive():
            self._tell_the_last()
        self.flush(timeout)
        if self._thread.is_alive():
            with suppress(RuntimeError):  # its loop has ended meanwhile
                self._loop.call_soon_threadsafe(self._task.cancel)
            self._thread.join(_MARGIN)
        self._keeping.close()
        return not self.pending

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._courier = self._new_courier(self._loop)
        self._task = self._loop.create_task(self._courier.run())
        self._thread = threading.Thread(target=self._carry, name="tiltyard-client", daemon=True)
        self._thread.start()

    def _nudge(self) -> None:
        self._courier.nudge()

    def _carry(self) -> None:
        try:
            with suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._task)
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()

    def _wait(self, until: Callable[[float], Awaitable[bool]], timeout: object) -> bool:
        within = seconds(timeout)

        async def waiting() -> bool:
            return await until(within)

        waited = waiting()
        try:
            answer = asyncio.run_coroutine_threadsafe(waited, self._loop)
        except RuntimeError:  # closed
            waited.close()
            return not self.pending
        with suppress(TimeoutError, asyncio.CancelledError):
            return answer.result(within + _MARGIN)
        return False
