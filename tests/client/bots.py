"""Both clients behind one face, so that one suite is run over both.

What a bot of coroutines calls is called in its loop, which has a thread of its own here.
"""
# ruff: noqa: ANN401 a bot may hand in anything

import asyncio
import inspect
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from tiltyard.client import AsyncClient, Client, Health, Pace, Route

QUICK = Pace(renew=0.01, answer_within=10, first_wait=0.01, longest_wait=0.05)
"""So that nothing has to be waited for; what depends on the clock goes by the test's own."""
IMPATIENT = QUICK._replace(answer_within=0.3)
"""The same, with a desk that never answers."""


class Bot(Protocol):
    """What the suite asks of a client."""

    pending: int
    refused: Any
    dropped: Any

    def route(self, episode_id: Any, symbol: Any, volatility_tercile: Any = None) -> Route: ...
    def may_enter(self, policy: Any) -> bool: ...
    def share_of(self, policy: Any) -> float: ...
    def only_leaves(self, policy: Any) -> bool: ...
    def trade(self, **said: Any) -> None: ...
    def mark(self, **said: Any) -> None: ...
    def observe(self, **said: Any) -> None: ...
    def heartbeat(self, policy: Any) -> None: ...
    def end_heartbeat(self, policy: Any) -> None: ...
    def deciding(self, policy: Any) -> AbstractContextManager[None]: ...
    def decided(self, policy: Any, seconds: Any) -> None: ...
    def called_venue(self, failed: Any = False, policy: Any = "") -> None: ...  # noqa: FBT002
    def check_model(
        self, policy: Any, file: Any, digest: Any, answer: Any, **other: Any
    ) -> Health: ...
    def end_model_checks(self, policy: Any) -> None: ...
    def flush(self, timeout: Any = 20) -> bool: ...
    def wait_until_told(self, timeout: Any = 20) -> bool: ...
    def close(self, timeout: Any = 20) -> bool: ...


class InALoop:
    """An ``AsyncClient`` in a loop of its own."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        try:
            self._client = self._in_loop(lambda: AsyncClient(*arguments, **named))
        except Exception:
            self._end()
            raise

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._client, name)
        if not callable(value):
            return value
        return lambda *arguments, **named: self._in_loop(lambda: value(*arguments, **named))

    def __repr__(self) -> str:
        return repr(self._client)

    def close(self, timeout: Any = 20) -> bool:
        is_done: bool = self._in_loop(lambda: self._client.close(timeout))
        if not self._loop.is_closed():
            self._end()
        return is_done

    def _in_loop(self, call: Callable[[], Any]) -> Any:
        async def called() -> Any:
            answer = call()
            return await answer if inspect.isawaitable(answer) else answer

        if self._loop.is_closed():
            return asyncio.run(called())
        return asyncio.run_coroutine_threadsafe(called(), self._loop).result(60)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


CLIENTS: dict[str, Callable[..., Bot]] = {"Client": Client, "AsyncClient": InALoop}  # type: ignore[dict-item] # a bot may hand in anything
