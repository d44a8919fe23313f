"""Who may come in: a token that is good, has the scope, and does not come too often.

What the ledger says of a token is believed for two seconds, so that a revoked one is out
then; while the ledger does not answer, it is believed longer. How often somebody may ask is
counted for each token by itself: a second's worth may come at once.
"""

import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from threading import Lock

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.plain_errors import UNAVAILABLE
from tiltyard.shell.store.token_table import Scope, Token, find_token, hash_of

BELIEVED_SECONDS = 2.0
MOST_REMEMBERED = 10_000
LONGEST_SECRET = 200


class Gate:
    """The gate of one server.

    Args:
        door: To the ledger.
        now: The time of day.
        rate: Requests a second of each token.
        steady: Seconds on a clock that is never set.
    """

    def __init__(
        self,
        door: Ledger,
        now: Callable[[], datetime],
        rate: float,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._door = door
        self._now = now
        self._rate = rate
        self._steady = steady
        self._lock = Lock()
        self._known: dict[str, tuple[float, Token]] = {}
        self._left: dict[str, tuple[float, float]] = {}

    def lets_in(self, *scopes: Scope) -> Callable[[Request], Awaitable[Token]]:
        """A dependency that lets in whoever has any of these scopes, and says who it is."""

        async def whose(request: Request) -> Token:
            return await self._let_in(request, scopes)

        return whose

    async def _let_in(self, request: Request, scopes: tuple[Scope, ...]) -> Token:
        kind, _, secret = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not secret.strip():
            raise TiltyardError(
                "TOKEN_MISSING", "Authorization", "the request has no token",
                "send the header Authorization: Bearer TOKEN; make one: tiltyard token create",
            )  # fmt: skip
        token = await self._whose(secret.strip())
        if token is None or not token.is_good(self._now()):
            raise TiltyardError(
                "TOKEN_REFUSED", "Authorization", "no token that is good has this secret",
                "see: tiltyard token list",
            )  # fmt: skip
        if token.scopes.isdisjoint(scopes):
            raise TiltyardError(
                "SCOPE_MISSING", token.name, f"this takes a token with scope {' or '.join(scopes)}",
                f"make one: tiltyard token create NAME --scope {scopes[0]}",
            )  # fmt: skip
        self._count(token.name)
        return token

    async def _whose(self, secret: str) -> Token | None:
        if len(secret) > LONGEST_SECRET or not secret.isascii():
            return None
        key = hash_of(secret)
        until, known = self._known.get(key, (0.0, None))
        if self._steady() < until:
            return known
        try:
            token = await run_in_threadpool(self._look_up, secret)
        except TiltyardError as error:
            if known is None or error.code not in UNAVAILABLE:
                raise
            token = known
        self._remember(key, token)
        return token

    def _look_up(self, secret: str) -> Token | None:
        with self._door.snapshot() as still:
            return find_token(still.connection, secret)

    def _remember(self, key: str, token: Token | None) -> None:
        """Only those that there are: who guesses fills nothing."""
        with self._lock:
            if token is None:
                self._known.pop(key, None)
                return
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[key] = self._steady() + BELIEVED_SECONDS, token

    def _count(self, name: str) -> None:
        now = self._steady()
        with self._lock:
            left, at = self._left.get(name, (self._rate, now))
            left = min(self._rate, left + (now - at) * self._rate)
            if left < 1:
                raise TiltyardError(
                    "TOO_FAST", name, f"more than {self._rate:g} requests a second",
                    "send several facts in one request",
                )  # fmt: skip
            self._left[name] = left - 1, now
