"""Who may come in: a token that is good, has the scope, and does not come too often.

A token that was let in is known, and nobody waits for the ledger because of it. What the ledger
says of those that are known is read again every second by a thread that does nothing else,
so that a revoked one is out within two; while the ledger does not answer, they are believed. A
secret that is not known is looked up, a few at a time, and only so many a second: whoever guesses
keeps nobody waiting who is known. Whoever is not known yet, as everybody is when the server has
started, may have to come again.

How often somebody may ask is counted for each token by itself: a second's worth may come at once.
"""

import logging
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar, TypeVarTuple

import anyio
import anyio.to_thread
from fastapi import Request

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.token_table import Scope, Token, find_token, hash_of

_LOG = logging.getLogger(__name__)
READ_AGAIN_SECONDS = 1.0
MOST_KNOWN = 10_000
LONGEST_SECRET = 200
LOOK_UPS = 2
"""Secrets that are looked up at the same time."""
LOOK_UPS_A_SECOND = 50.0
_Asked = TypeVarTuple("_Asked")
_Said = TypeVar("_Said")


class Bucket:
    """So many a second, and a second's worth at once.

    >>> bucket = Bucket(2.0)
    >>> [bucket.takes(now) for now in (10.0, 10.0, 10.0, 10.5)]
    [True, True, False, True]
    """

    def __init__(self, rate: float) -> None:
        self._rate = self._left = rate
        self._at: float | None = None

    def takes(self, now: float) -> bool:
        """Whether there is room for one more."""
        passed = 0.0 if self._at is None else max(0.0, now - self._at)
        self._left, self._at = min(self._rate, self._left + passed * self._rate), now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Strangers:
    """Secrets of one kind that nobody knows yet; asked in an event loop.

    Args:
        kind: What has such a secret, for people.
        steady: Seconds on a clock that is never set.
    """

    def __init__(self, kind: str, steady: Callable[[], float] = time.monotonic) -> None:
        self._kind = kind
        self._steady = steady
        self._bucket = Bucket(LOOK_UPS_A_SECOND)
        self._look_ups = anyio.CapacityLimiter(LOOK_UPS)

    async def look_up(self, ask: Callable[[*_Asked], _Said], *asked: *_Asked) -> _Said:
        """What the ledger says of one.

        Raises:
            TiltyardError: ``TOO_FAST``.
        """
        if not self._bucket.takes(self._steady()):
            raise TiltyardError(
                "TOO_FAST", self._kind, "too many secrets come that nobody knows",
                "send it again a little later",
            )  # fmt: skip
        return await anyio.to_thread.run_sync(ask, *asked, limiter=self._look_ups)


class Gate:
    """The gate of one server; asked in its event loop.

    Args:
        door: To the ledger, of its own.
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
        self._known: dict[str, Token] = {}
        self._buckets: dict[str, Bucket] = {}
        self._strangers = Strangers("Authorization", steady)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gate", daemon=True)

    def start(self) -> None:
        """Begin to read again what the ledger says of those that are known; once."""
        self._thread.start()

    def end(self, within: float) -> None:
        """Read no more."""
        self._ended.set()
        self._thread.join(within)

    def lets_in(self, *scopes: Scope) -> Callable[[Request], Awaitable[Token]]:
        """A dependency that lets in whoever has any of these scopes, and says who it is."""

        async def whose(request: Request) -> Token:
            return await self._let_in(request, scopes)

        return whose

    def read_again(self) -> None:
        """What the ledger says of every token that is known.

        Raises:
            TiltyardError: It does not answer.
        """
        for key in list(self._known):
            with self._door.snapshot() as still:
                token = find_token(still.connection, key)
            if token is None or token.revoked_at is not None:
                self._known.pop(key, None)
            elif key in self._known:
                self._known[key] = token

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
        refuse_without(token, *scopes)
        if not self._buckets.setdefault(token.name, Bucket(self._rate)).takes(self._steady()):
            raise TiltyardError(
                "TOO_FAST", token.name, f"more than {self._rate:g} requests a second",
                "send several facts in one request",
            )  # fmt: skip
        return token

    async def _whose(self, secret: str) -> Token | None:
        if len(secret) > LONGEST_SECRET or not secret.isascii():
            return None
        key = hash_of(secret)
        if (known := self._known.get(key)) is not None:
            return known
        token = await self._strangers.look_up(self._look_up, key)
        if token is not None and len(self._known) < MOST_KNOWN:
            self._known[key] = token
        return token

    def _look_up(self, key: str) -> Token | None:
        with self._door.snapshot() as still:
            return find_token(still.connection, key)

    def _run(self) -> None:
        while not self._ended.wait(READ_AGAIN_SECONDS):
            try:
                self.read_again()
            except TiltyardError:
                continue  # they are believed until it answers
            except Exception:  # noqa: BLE001 it must not end: who is revoked would be let in
                _LOG.exception("what the ledger says of tokens cannot be read")


def refuse_without(token: Token, *scopes: Scope) -> None:
    """Whether a token has any of these scopes.

    Raises:
        TiltyardError: ``SCOPE_MISSING``.
    """
    if token.scopes.isdisjoint(scopes):
        raise TiltyardError(
            "SCOPE_MISSING", token.name, f"this takes a token with scope {' or '.join(scopes)}",
            f"make one: tiltyard token create NAME --scope {scopes[0]}",
        )  # fmt: skip
