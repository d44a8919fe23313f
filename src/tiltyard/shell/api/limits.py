"""A body that is too large is refused before it is read, or as soon as that shows."""

from contextlib import suppress
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.api.answers import answer_to

LARGEST_BODY = 1 << 20
"""Bytes."""


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
            await _refuse(scope, receive, send)
            return
        got, is_over, has_begun = 0, False, False

        async def counted() -> Message:
            nonlocal got, is_over
            message = await receive()
            got += len(message.get("body", b""))
            if got > LARGEST_BODY:
                is_over = True
                raise _TooLarge
            return message

        async def noted(message: Message) -> None:
            nonlocal has_begun
            if is_over:
                return
            has_begun = True
            await send(message)

        with suppress(_TooLarge):
            await self._app(scope, counted, noted)
        if is_over and not has_begun:
            await _refuse(scope, receive, send)


class _TooLarge(Exception):  # noqa: N818 for ourselves
    """It is more than was allowed."""


def _announced(scope: Scope) -> int:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    for name, value in headers:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    error = TiltyardError(
        "BATCH_TOO_LARGE", "the body", f"it has more than {LARGEST_BODY:,} bytes",
        "send it in several",
    )  # fmt: skip
    answer: Any = answer_to(error)
    answer.headers["Connection"] = "close"
    await answer(scope, receive, send)
