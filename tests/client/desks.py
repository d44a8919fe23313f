"""A desk as a bot's client meets it: a web server of its own that does as it is told."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "tok3n-that-nobody-sees"  # noqa: S105 that it is one is what is tested
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PATIENCE = 20
Item = dict[str, Any]
Answer = Callable[["_Handler"], None]


class Clock:
    """Both clocks of a bot, which pass when they are told to."""

    def __init__(self) -> None:
        self.time = NOON
        self.passed = 1000.0

    def now(self) -> datetime:
        return self.time

    def steady(self) -> float:
        return self.passed

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        self.passed += seconds


def shares(**other: object) -> Item:
    """What a desk tells at noon: half for each, for 60 seconds."""
    return {
        "champion": "prod",
        "shares": {"prod": 0.5, "bot": 0.3, "other": 0.2},
        "entries_stopped_by": [],
        "reduce_only": [],
        "revision": 7,
        "salt": "a",
        "decided_at": "2026-03-02T11:59:00Z",
        "expires_at": "2026-03-02T12:01:00Z",
    } | other


class Desk:
    """A server at a port of its own, and what it was told.

    Attributes:
        shares: What it tells; bytes are sent as they are.
        instead: Answers a kind (``route``, ``trades`` …) in its own way, until removed.
        taken: What it has of each kind, each item once, in the order in which it came.
        posted: Each batch as it came, whether or not it was taken.
        asked: How often it was asked for the shares.
        finds: What is wrong with an item.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.released = threading.Event()
        self.shares: Item | bytes = shares()
        self.instead: dict[str, Answer] = {}
        self.known: set[tuple[str, str]] = set()
        self.taken: dict[str, list[Item]] = {}
        self.posted: list[tuple[str, list[Item]]] = []
        self.sources: list[str | None] = []
        self.asked = 0
        self.finds: Callable[[Item], str] = lambda _: ""
        self._port = 0
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen, at the port of the last time."""
        server = _Server(("127.0.0.1", self._port), type("_Own", (_Handler,), {"desk": self}))
        self._port = server.server_port
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        self._server = server

    def stop(self) -> None:
        """Be gone, with every connection."""
        if self._server is not None:
            self._server.shutdown()
            self.released.set()
            self._server.hang_up()
            self._server.server_close()
        self._server = None

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Wait for something that comes with a request."""
        with self.changed:
            assert self.changed.wait_for(is_so, PATIENCE), "nothing of the kind came"

    def wait_for_renewal(self, times: int = 2) -> None:
        """Wait until the client has taken in what is told now: it asks again only afterwards."""
        sofar = self.asked
        self.wait_until(lambda: self.asked >= sofar + times)

    def wait_for_batches(self, times: int) -> None:
        """Wait until so many more have come, taken or not."""
        sofar = len(self.posted)
        self.wait_until(lambda: len(self.posted) >= sofar + times)

    def items(self, kind: str, name: str) -> list[Any]:
        """One field of all that was taken of a kind."""
        with self.changed:
            return [item[name] for item in self.taken.get(kind, [])]


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for those that still answer

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(address, handler)

    def get_request(self) -> tuple[socket.socket, object]:
        request, address = super().get_request()
        self._open.add(request)
        return request, address

    def hang_up(self) -> None:
        for request in list(self._open):
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """The other side hung up: that is what is tested."""


class _Handler(BaseHTTPRequestHandler):
    desk: Desk
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        desk = self.desk
        with desk.changed:
            desk.asked += 1
            desk.changed.notify_all()
            told = desk.shares
        if "route" in desk.instead:
            desk.instead["route"](self)
            return
        self.say(200, told if isinstance(told, bytes) else json.dumps(told).encode())

    def do_POST(self) -> None:
        desk = self.desk
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kind = self.path.removeprefix("/v1/")
        body = json.loads(raw)
        with desk.changed:
            desk.posted.append((kind, body[kind]))
            desk.sources.append(body.get("source"))
            desk.changed.notify_all()
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            self.fail(401)
        elif kind in desk.instead:
            desk.instead[kind](self)
        else:
            self._take(kind, body[kind])

    def _take(self, kind: str, items: list[Item]) -> None:
        desk = self.desk
        found = [(place, desk.finds(item)) for place, item in enumerate(items)]
        faults = [
            {"item": place, "place": "$", "message": message} for place, message in found if message
        ]
        if faults:
            self.fail(422, "ITEMS_REFUSED", faults)
            return
        with desk.changed:
            told = {(kind, json.dumps(item)): item for item in items}
            new = [item for what, item in told.items() if what not in desk.known]
            desk.known |= told.keys()
            desk.taken.setdefault(kind, []).extend(new)
            desk.changed.notify_all()
        answer = {"new": len(new), "unchanged": len(items) - len(new), "quarantined": 0}
        self.say(200, json.dumps(answer).encode())

    def fail(self, status: int, code: str = "NOT_SO", faults: object = (), **headers: str) -> None:
        """An error as the desk's own are."""
        error = {"code": code, "subject": "it", "facts": "no", "remedy": "", "faults": faults}
        self.say(status, json.dumps({"error": error}).encode(), **headers)

    def say(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 as in http.server
        """Say nothing."""


def says(status: int, body: bytes = b"", **headers: str) -> Answer:
    """Answer so."""
    return lambda handler: handler.say(status, body, **headers)


def fails(status: int, code: str = "NOT_SO", faults: object = (), **headers: str) -> Answer:
    """Answer with an error of the desk's."""
    return lambda handler: handler.fail(status, code, faults, **headers)


def hangs(handler: _Handler) -> None:
    """Answer nothing until the desk is gone."""
    handler.desk.released.wait(PATIENCE)
    handler.close_connection = True


def drips(handler: _Handler) -> None:
    """Begin an answer, and write a byte now and again."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nx: ")
    while not handler.desk.released.wait(0.02):
        handler.wfile.write(b"x")


def floods(handler: _Handler) -> None:
    """Answer with a body that has no end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while not handler.desk.released.is_set():
        handler.wfile.write(b" " * 65_536)


@contextmanager
def desk_running() -> Iterator[Desk]:
    """A desk that does what a desk does."""
    desk = Desk()
    desk.start()
    try:
        yield desk
    finally:
        desk.stop()
