"""What is too large is refused before it is read, or as soon as that shows; what is too slow, too.

A connection on which no request comes to its end in time is closed: otherwise as many as are
let in could keep everybody else out without a word.
"""

import asyncio
from contextlib import suppress
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.api.answers import answer_to

LARGEST_BODY = 1 << 20
"""Bytes."""
HEADER_SECONDS, BODY_SECONDS = 10.0, 20.0
"""So long a request may take to say what it wants, and then to say all of it."""


class LimitedBody:
    """Lets no more than so much in; ASGI middleware.

    Args:
        app: What is behind it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _announced(scope) > LARGEST_BODY:
            await _refuse(_too_large(), scope, receive, send)
            return
        got, refusal, has_begun, is_read = 0, None, False, False
        until = asyncio.get_running_loop().time() + BODY_SECONDS

        async def counted() -> Message:
            nonlocal got, refusal, is_read
            if is_read:
                return await receive()
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                refusal = _too_slow()
                raise _RefusedError from None
            got += len(message.get("body", b""))
            is_read = not message.get("more_body", False)
            if got > LARGEST_BODY:
                refusal = _too_large()
                raise _RefusedError
            return message

        async def noted(message: Message) -> None:
            nonlocal has_begun
            if refusal is not None:
                return
            has_begun = True
            await send(message)

        with suppress(_RefusedError):
            await self._app(scope, counted, noted)
        if refusal is not None and not has_begun:
            await _refuse(refusal, scope, receive, send)


class _RefusedError(Exception):
    """For ourselves: it is not read any further."""


class PromptProtocol(H11Protocol):
    """Closes a connection on which a request does not come to the end of its headers in time."""

    _slow: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody has connected."""
        super().connection_made(transport)
        self._slow = self.loop.call_later(HEADER_SECONDS, self._close_if_nothing_came)

    def data_received(self, data: bytes) -> None:
        """Something has come; perhaps the first piece of another request."""
        super().data_received(data)
        if self._slow is None and self._waits_for_a_request():
            self._slow = self.loop.call_later(HEADER_SECONDS, self._close_if_nothing_came)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        if self._slow is not None:
            self._slow.cancel()
        super().connection_lost(exc)

    def _waits_for_a_request(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # the library says less than it does
        return cycle is None or cycle.response_complete

    def _close_if_nothing_came(self) -> None:
        self._slow = None
        if self._waits_for_a_request() and self.timeout_keep_alive_task is None:
            self.transport.close()


def _announced(scope: Scope) -> int:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    for name, value in headers:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


def _too_large() -> TiltyardError:
    return TiltyardError(
        "BATCH_TOO_LARGE", "the body", f"it has more than {LARGEST_BODY:,} bytes",
        "send it in several",
    )  # fmt: skip


def _too_slow() -> TiltyardError:
    return TiltyardError(
        "REQUEST_SLOW", "the body", f"it has not come in {BODY_SECONDS:.0f} s", "send it again"
    )


async def _refuse(error: TiltyardError, scope: Scope, receive: Receive, send: Send) -> None:
    answer: Any = answer_to(error)
    answer.headers["Connection"] = "close"
    await answer(scope, receive, send)
