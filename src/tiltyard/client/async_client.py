"""The client for a bot of coroutines: its courier is a task of the bot's loop."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Self

from tiltyard.client.asking import Asking, seconds
from tiltyard.client.client import PATIENCE
from tiltyard.client.courier import Courier
from tiltyard.client.model import Health, Model
from tiltyard.client.telling import LONGEST_CHECK, UNCHECKED

_LOG = logging.getLogger("tiltyard.client")


class AsyncClient(Asking):
    """A bot's side of a desk, for the coroutines of one loop.

    ``async with AsyncClient(url, token, champion="prod") as client:`` delivers at its end what
    is left. What is asked and reported waits for nothing and is not awaited:
    ``client.route(...)``. The arguments are those of
    :class:`tiltyard.client.asking.Asking`. Made outside of a loop, it begins to ask and to
    deliver when it is first used in one.
    """

    _task: asyncio.Task[None] | None = None
    _courier: Courier | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _is_closed = False

    async def flush(self, timeout: float = PATIENCE) -> bool:  # noqa: ASYNC109 as in Client
        """Wait until what was reported so far is delivered or refused; whether it is."""
        courier = self._at_work()
        if courier is None:
            return not self.pending
        return await courier.flush(seconds(timeout))

    async def wait_until_told(self, timeout: float = PATIENCE) -> bool:  # noqa: ASYNC109 as above
        """Wait for the first shares; whether there are any."""
        courier = self._at_work()
        return courier is not None and await courier.until_told(seconds(timeout))

    async def check_model(
        self,
        policy: str,
        file: Path | str,
        digest: str,
        answer: Callable[[], object],
        *,
        within: float = LONGEST_CHECK,
        every: float | None = None,
    ) -> Health:
        """As :meth:`tiltyard.client.client.Client.check_model`; the loop goes on meanwhile."""
        try:
            self._start()
            checkup = self._checkup(policy, Model(file, digest, answer), within, every)
            if isinstance(checkup, Health):
                return checkup
            return await self._checkups.check_beside(checkup)
        except Exception:  # noqa: BLE001 nothing is raised into a bot
            _LOG.exception("a defect of the client: a model is not checked")
            return UNCHECKED

    async def close(self, timeout: float = PATIENCE) -> bool:  # noqa: ASYNC109 as above
        """Deliver what is left, and end; whether all was delivered.

        What is asked afterwards is answered from what is held until that expires, and what is
        reported is not delivered.
        """
        if not self._is_closed:
            self._tell_the_last()
            await self.flush(timeout)
        self._is_closed = True
        if self._task is not None and self._loop is asyncio.get_running_loop():
            self._task.cancel()
            await asyncio.wait([self._task])
        await asyncio.to_thread(self._keeping.close)
        return not self.pending

    async def __aenter__(self) -> Self:
        self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _start(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # not in a loop yet, or in another thread
            return
        if self._is_closed or (self._loop is loop and self._task and not self._task.done()):
            return
        self._loop = loop
        self._courier = self._new_courier(loop)
        self._task = loop.create_task(self._courier.run())

    def _at_work(self) -> Courier | None:
        self._start()
        return None if self._is_closed else self._courier

    def _nudge(self) -> None:
        self._start()
        if self._courier is not None:
            self._courier.nudge()
