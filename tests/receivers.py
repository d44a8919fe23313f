"""Web servers that do as they are told, and effects to tell them."""

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType

from tiltyard.facts.audit import canonical
from tiltyard.shell.store.outbox import Effect

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECRET = "tok3n-in-the-path"  # noqa: S105 that it is one is what is tested


def effect(kind: str = "shares", key: str = "shares:7", **body: object) -> Effect:
    """One that was requested at noon; shares are of revision 7 unless said otherwise."""
    if kind == "shares":
        body = {"revision": 7, "shares": {"bot": "0.1"}, **body}
    return Effect(1, key, "t", kind, canonical(body), "requested", 0, NOON, NOON, None, "")


@dataclass
class Asked:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[["Handler"], None]


@dataclass
class Receiver:
    """A server's script, and what it was asked.

    Attributes:
        script: What it does with the next requests; later ones are answered with 200.
        released: Set when those that hang may let go.
    """

    url: str = ""
    script: list[Answer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    """Does the next thing in the script."""

    receiver: Receiver

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.receiver.asked.append(Asked(self.command, self.path, headers, body))
        script = self.receiver.script
        (script.pop(0) if script else says(200))(self)

    do_GET = do_POST = do_PATCH = _serve  # noqa: N815 http.server calls them so

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 as in http.server
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for those that still answer

    def handle_error(self, request: object, client_address: object) -> None:
        """The other side hung up: that is what is tested."""


@contextmanager
def listening(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver at a free port of this machine."""
    receiver = Receiver()
    server = _Server(("127.0.0.1", 0), type("_Own", (Handler,), {"receiver": receiver}))
    if tls is not None:
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    receiver.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}/{SECRET}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def says(
    status: int, body: bytes = b"", headers: Mapping[str, str] = MappingProxyType({})
) -> Answer:
    """Answer so."""

    def answer(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def writes(raw: bytes) -> Answer:
    """Write this, HTTP or not, and hang up."""

    def answer(handler: Handler) -> None:
        handler.wfile.write(raw)

    return answer


def hangs(handler: Handler) -> None:
    """Answer nothing until released."""
    handler.receiver.released.wait(30)


def floods(handler: Handler) -> None:
    """Answer with a body that has no end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while not handler.receiver.released.is_set():
        handler.wfile.write(b" " * 65_536)


def drips(first: bytes) -> Answer:
    """Write this, and then a byte now and again, for as long as somebody listens."""

    def answer(handler: Handler) -> None:
        handler.wfile.write(first)
        while not handler.receiver.released.wait(0.02):
            handler.wfile.write(b"x")

    return answer
