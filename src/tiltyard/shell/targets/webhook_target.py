"""A web address that is told by POST, and asked by GET.

The contract is in ``docs/how-to/push-shares.md``, with a receiver. In short: the body is the
effect's, ``Idempotency-Key`` names it, 2xx says it was taken, a 4xx that it never will be, and
anything else to come again later.

An address of this kind is often a password: its path and query are shown nowhere, and
nothing of what the other side says is, since it may repeat them.
"""

import json
import logging
from collections.abc import Mapping
from urllib.parse import quote

import httpx

from tiltyard import __version__
from tiltyard.shell.store.outbox import NOTICE, SHARES, Effect
from tiltyard.shell.targets.exchange import MOST_READ, Answer, Exchanges
from tiltyard.shell.targets.target import refused, unreachable

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
        timeout: Seconds for a whole exchange: to look up the host's name, to connect, and to
            be answered to the end, not just between two bytes.
    """

    name = "webhook"
    takes = frozenset({SHARES, NOTICE})

    def __init__(self, url: str, timeout: float) -> None:
        self._url = httpx.URL(url)
        self._subject = f"{self._url.scheme}://{self._url.netloc.decode('ascii')}/…"
        authorities = httpx.create_ssl_context(trust_env=False)
        authorities.load_default_certs()  # those of the machine too, for addresses in the house
        alone = httpx.Limits(max_keepalive_connections=0)
        transport = httpx.HTTPTransport(authorities, trust_env=False, limits=alone)
        self._exchanges = Exchanges(transport, timeout)

    def send(self, effect: Effect) -> None:
        """Tell it; any answer of 200 to 299 says that it was taken."""
        headers = {"Content-Type": "application/json", "Tiltyard-Kind": effect.kind}
        status = self._ask("POST", effect, headers, effect.body.encode()).status
        if 200 <= status < 300:  # noqa: PLR2004 as the standard has it
            return
        if 400 <= status < 500 and status not in _COME_AGAIN:  # noqa: PLR2004
            raise refused(self._subject, f"it answered {status}", "see what it says against it")
        moved = 300 <= status < 400  # noqa: PLR2004
        remedy = "redirects are not followed: put the new address into effects.webhook"
        raise unreachable(self._subject, f"it answered {status}", remedy if moved else "")

    def has(self, effect: Effect) -> bool | None:
        """Ask for the effect's key."""
        answer = self._ask("GET", effect, {"Accept": "application/json"}, None)
        status = answer.status
        if status in _COME_AGAIN or (status >= 500 and status != _NOT_IMPLEMENTED):  # noqa: PLR2004
            raise unreachable(self._subject, f"it answered {status} when asked")
        return _names(answer.body, _header(effect.key))

    def _ask(
        self, method: str, effect: Effect, headers: Mapping[str, str], content: bytes | None
    ) -> Answer:
        request = httpx.Request(
            method, self._url, content=content,
            headers={
                "Accept-Encoding": "identity", "User-Agent": f"tiltyard/{__version__}",
                "Idempotency-Key": _header(effect.key), **headers,
            },
        )  # fmt: skip
        try:
            return self._exchanges.ask(request)
        except TimeoutError as error:
            raise unreachable(self._subject, str(error)) from None
        except httpx.TransportError as error:
            raise unreachable(self._subject, _in_words(error)) from None


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
