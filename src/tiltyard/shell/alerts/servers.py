"""Prometheus and Alertmanager as they are asked: bounded, in time, and JSON or an error.

>>> Server("Prometheus", "http://127.0.0.1:1").get("/api/v1/rules")
Traceback (most recent call last):
  ...
tiltyard.kernel.errors.TiltyardError: ALERTING_UNREACHABLE Prometheus at http://127.0.0.1:1: ...
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.clock import steady_seconds

SECONDS = 10.0
"""That a whole answer may take from its first byte on; connecting and each wait, half of that."""
MOST_READ = 16 << 20
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Server:
    """One of the two.

    Attributes:
        what: For messages.
        url: Where it answers.
    """

    what: str
    url: str

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 JSON
        """What it answers.

        Raises:
            TiltyardError: ``ALERTING_UNREACHABLE``, ``ALERTING_ANSWER``.
        """
        return self._ask("GET", path, params=query)

    def post(self, path: str, body: object) -> None:
        """Tell it something.

        Raises:
            TiltyardError: As above.
        """
        self._ask("POST", path, json=body)

    def _ask(self, method: str, path: str, **said: Any) -> Any:  # noqa: ANN401 JSON
        timeout = httpx.Timeout(SECONDS / 2)
        try:
            with (
                httpx.Client(timeout=timeout, trust_env=False) as client,
                client.stream(method, self.url + path, **said) as answer,
            ):
                body = self._read(answer)
                status = answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise TiltyardError(
                "ALERTING_UNREACHABLE", self._name, str(error) or type(error).__name__,
                "is it running? --prometheus-url and --alertmanager-url say where",
            ) from error  # fmt: skip
        if status != httpx.codes.OK:
            text = body.decode("utf-8", "replace").strip()[:_SHOWN]
            raise self._odd(f"it says {status} to {method} {path}: {text}")  # noqa: TRY003 built below
        if method == "POST":
            return None
        try:
            return json.loads(body)
        except ValueError:
            raise self._odd(f"no JSON at {path}") from None  # noqa: TRY003 as above

    def _read(self, answer: httpx.Response) -> bytes:
        body, until = bytearray(), steady_seconds() + SECONDS
        for piece in answer.iter_bytes():
            body += piece
            if len(body) > MOST_READ:
                raise self._odd("it answers more than 16 MB")  # noqa: TRY003 as above
            if steady_seconds() > until:
                raise httpx.ReadTimeout(f"no whole answer within {SECONDS:g} s")  # noqa: TRY003 told on
        return bytes(body)

    @property
    def _name(self) -> str:
        return f"{self.what} at {self.url}"

    def _odd(self, facts: str) -> TiltyardError:
        return TiltyardError("ALERTING_ANSWER", self._name, facts, f"is it {self.what}?")
