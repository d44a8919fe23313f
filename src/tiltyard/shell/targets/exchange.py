"""A question and its answer over HTTP, in time or not at all.

Looking up a name can neither be bounded nor broken off. So an exchange has a thread of its
own, and who waits for it goes on when the time is up. An exchange that was given up is cut
off where it stands; one that hangs in the look-up stays behind until that ends, and sends
nothing any more. There are never more than a few of them.
"""

import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from typing import Any, NamedTuple

import httpx

MOST_READ = 64 * 1024
MOST_UNDER_WAY = 4
"""With one host, those included that were given up and hang; two ask at the same time."""

ADDRESSES = 3
"""Of so many addresses of a name the last is still tried, if nothing answers at the others."""


class Answer(NamedTuple):
    """What is looked at of an answer.

    Attributes:
        status: As HTTP has it.
        body: The beginning of it, when that was asked for and there is any (200); one byte
            more than :data:`MOST_READ` says that it is too long.
    """

    status: int
    body: bytes


class Exchanges:
    """Exchanges with one host, of any number of threads.

    Args:
        transport: Who carries them; each has a connection of its own.
        seconds: For a whole exchange: the look-up, the connection, and the answer to its end.
    """

    def __init__(self, transport: httpx.HTTPTransport, seconds: float) -> None:
        self._transport = transport
        self._seconds = seconds
        self._places = threading.BoundedSemaphore(MOST_UNDER_WAY)

    def ask(self, request: httpx.Request) -> Answer:
        """Ask, and wait for the answer.

        Raises:
            TimeoutError: There was no answer in time; it says how far things came.
            httpx.TransportError: Something went wrong.
        """
        until = time.monotonic() + self._seconds
        timeouts = httpx.Timeout(self._seconds, connect=self._seconds / ADDRESSES).as_dict()
        if not self._places.acquire(timeout=self._seconds):
            raise TimeoutError(f"{MOST_UNDER_WAY} earlier attempts still hang in its look-up")  # noqa: TRY003 told on
        exchange = _Exchange(self._transport, request, timeouts, self._places.release)
        try:
            return exchange.answer(until - time.monotonic())
        except (TimeoutError, httpx.TimeoutException):
            done = "no answer" if exchange.is_connected else "not looked up and connected"
            raise TimeoutError(f"{done} within {self._seconds:g} s") from None  # noqa: TRY003 as above


class _Exchange:
    """One of them, under way from when it is made on."""

    def __init__(
        self,
        transport: httpx.HTTPTransport,
        request: httpx.Request,
        timeouts: Mapping[str, float | None],
        on_end: Callable[[], object],
    ) -> None:
        self._transport = transport
        self._request = request
        self._request.extensions = {"timeout": timeouts, "trace": self._watch}
        self._on_end = on_end
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_given_up = False
        self._ended = threading.Event()
        self._outcome: Answer | Exception = TimeoutError()
        try:
            threading.Thread(target=self._carry, name="exchange", daemon=True).start()
        except RuntimeError:  # this machine has no more threads
            on_end()
            raise

    @property
    def is_connected(self) -> bool:
        """Whether it has come so far."""
        return self._socket is not None

    def answer(self, within: float) -> Answer:
        """The answer, or whatever went wrong; it is given up after these seconds."""
        if not self._ended.wait(within):
            self._give_up()
            raise TimeoutError
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome

    def _give_up(self) -> None:
        with self._lock:
            self._is_given_up = True
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def _carry(self) -> None:
        try:
            with closing(self._transport.handle_request(self._request)) as answer:
                wanted = self._request.method == "GET" and answer.status_code == httpx.codes.OK
                self._outcome = Answer(answer.status_code, _beginning(answer) if wanted else b"")
        except Exception as error:  # noqa: BLE001 it is raised where somebody waits for it
            self._outcome = error
        finally:
            with self._lock:
                if self._socket is not None:
                    self._socket.close()
            self._on_end()
            self._ended.set()

    def _watch(self, event: str, info: Mapping[str, Any]) -> None:
        """Told by the transport what it does (httpx's ``trace`` extension)."""
        if event != "connection.connect_tcp.complete":
            return
        with self._lock:
            if self._is_given_up:
                info["return_value"].close()
                raise httpx.ConnectTimeout("too late")  # noqa: TRY003 nobody waits for it
            # a duplicate, since the original goes under when TLS is put on top of it
            self._socket = info["return_value"].get_extra_info("socket").dup()


def _beginning(answer: httpx.Response) -> bytes:
    raw = bytearray()
    for part in answer.iter_raw():
        raw += part
        if len(raw) > MOST_READ:
            break
    return bytes(raw[: MOST_READ + 1])
