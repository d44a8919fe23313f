"""A web address that is told by POST, and asked by GET.

The contract is in ``docs/how-to/push-shares.md``, with a receiver. In short: the body is the
effect's, ``Idempotency-Key`` names it, 2xx says it was taken, a 4xx that it never will be, and
anything else to come again later.

An address of this kind is often a password: its path and query are shown nowhere, and
nothing of what the other side says is, since it may repeat them.
"""

import json
import logging
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Any
from urllib.parse import quote

import httpx

from tiltyard import __version__
from tiltyard.shell.store.outbox import NOTICE, SHARES, Effect
from tiltyard.shell.targets.target import refused, unreachable

MOST_READ = 64 * 1024
_COME_AGAIN = frozenset({408, 425, 429})
_NOT_IMPLEMENTED = 501
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))

logging.getLogger("httpcore").setLevel(logging.INFO)  # below that, it logs what the other side said


class WebhookTarget:
    """Somebody who listens at an http or https address.

    It uses httpx's transport and not its client, which would log the address, keep cookies,
    follow redirects when told to, and take proxies and passwords from the environment: shares
    go where the settings say and nowhere else. Every exchange has a connection of its own.

    Args:
        url: http or https, without user or password.
        timeout: Seconds to connect, for each address that the host's name stands for, and
            then seconds for the whole exchange, not just between two bytes. The look-up of
            the name has the machine's own limits.
    """

    name = "webhook"
    takes = frozenset({SHARES, NOTICE})

    def __init__(self, url: str, timeout: float) -> None:
        self._url = httpx.URL(url)
        self._timeout = timeout
        self._subject = f"{self._url.scheme}://{self._url.netloc.decode('ascii')}/…"
        authorities = httpx.create_ssl_context(trust_env=False)
        authorities.load_default_certs()  # those of the machine too, for addresses in the house
        alone = httpx.Limits(max_keepalive_connections=0)
        self._transport = httpx.HTTPTransport(authorities, trust_env=False, limits=alone)

    def send(self, effect: Effect) -> None:
        """Tell it; any answer of 200 to 299 says that it was taken."""
        headers = {"Content-Type": "application/json", "Tiltyard-Kind": effect.kind}
        with self._asked("POST", effect, headers, effect.body.encode()) as answer:
            status = answer.status_code
        if 200 <= status < 300:  # noqa: PLR2004 as the standard has it
            return
        if 400 <= status < 500 and status not in _COME_AGAIN:  # noqa: PLR2004
            raise refused(self._subject, f"it answered {status}", "see what it says against it")
        moved = 300 <= status < 400  # noqa: PLR2004
        remedy = "redirects are not followed: put the new address into effects.webhook"
        raise unreachable(self._subject, f"it answered {status}", remedy if moved else "")

    def has(self, effect: Effect) -> bool | None:
        """Ask for the effect's key."""
        with self._asked("GET", effect, {"Accept": "application/json"}, None) as answer:
            status = answer.status_code
            raw = _beginning(answer) if status == httpx.codes.OK else b""
        if status in _COME_AGAIN or (status >= 500 and status != _NOT_IMPLEMENTED):  # noqa: PLR2004
            raise unreachable(self._subject, f"it answered {status} when asked")
        return _names(raw, _header(effect.key))

    @contextmanager
    def _asked(
        self, method: str, effect: Effect, headers: Mapping[str, str], content: bytes | None
    ) -> Iterator[httpx.Response]:
        """The answer while its connection is open; it must be read, if at all, in here."""
        cut = _CutOff(self._timeout)
        request = httpx.Request(
            method, self._url, content=content,
            headers={
                "Accept-Encoding": "identity", "User-Agent": f"tiltyard/{__version__}",
                "Idempotency-Key": _header(effect.key), **headers,
            },
            extensions={"timeout": httpx.Timeout(self._timeout).as_dict(), "trace": cut.watch},
        )  # fmt: skip
        late = f"no answer within {self._timeout:g} s"
        try:
            with cut, closing(self._transport.handle_request(request)) as answer:
                yield answer
        except httpx.TimeoutException:
            raise unreachable(self._subject, late) from None
        except httpx.TransportError as error:
            raise unreachable(self._subject, late if cut.is_made else _in_words(error)) from None
        if cut.is_made:
            raise unreachable(self._subject, late)


class _CutOff:
    """Ends an exchange that takes too long altogether, however busily the other side drips.

    Args:
        after: Seconds from the moment that the connection stands.
    """

    def __init__(self, after: float) -> None:
        self.is_made = False
        self._after = after
        self._socket: socket.socket | None = None
        self._timer: threading.Timer | None = None

    def watch(self, event: str, info: Mapping[str, Any]) -> None:
        """Told by the transport what it does (httpx's ``trace`` extension)."""
        if event == "connection.connect_tcp.complete":
            # a duplicate, since the original goes under when TLS is put on top of it
            self._socket = info["return_value"].get_extra_info("socket").dup()
            self._timer = threading.Timer(self._after, self._cut)
            self._timer.daemon = True
            self._timer.start()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        if self._timer is not None and self._socket is not None:
            self._timer.cancel()
            self._timer.join()
            self._socket.close()

    def _cut(self) -> None:
        self.is_made = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


def _beginning(answer: httpx.Response) -> bytes:
    """As much of the body as is looked at; one byte more says that it is too long."""
    raw = bytearray()
    for part in answer.iter_raw():
        raw += part
        if len(raw) > MOST_READ:
            break
    return bytes(raw[: MOST_READ + 1])


def _names(raw: bytes, key: str) -> bool | None:
    """Whether an answer names the key; None when it is not one that could."""
    if len(raw) > MOST_READ:
        return None
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    if isinstance(said.get("keys"), list):
        return key in said["keys"]
    return said["key"] == key if "key" in said else None


def _header(key: str) -> str:
    """The key as a header can carry it."""
    return quote(key, safe=_PRINTABLE)


def _in_words(error: httpx.TransportError) -> str:
    """What went wrong, without a word of what the other side said."""
    if isinstance(error, httpx.ConnectError):
        return str(error)[:200] or "it cannot be connected"
    if isinstance(error, httpx.ProtocolError):
        return "it does not answer in HTTP"
    return "the connection broke"
