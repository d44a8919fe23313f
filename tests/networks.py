"""Networks that fail: a server that stalls behind its door, and one whose packets vanish.

A :class:`Door` is a proxy of this process. Shut, it holds back whatever is said, while its
kernel goes on acknowledging: so a server looks that has stalled. A :class:`Strait` is two
networks beside that of this machine, joined by a cable. Blocked, it swallows every packet of
one side: so a host looks that has vanished. What happens elsewhere on this machine is not
touched by either.
"""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

LOOPBACK = "127.0.0.1"
NEAR, FAR = "10.77.0.1", "10.77.0.2"
PORT = 5432
APART, ENTER, IP = "/usr/bin/unshare", "/usr/bin/nsenter", "/usr/sbin/ip"

Address = tuple[str, int] | str
"""Host and port, or the path of a socket."""


def address_of(url: str) -> Address:
    """Where a server listens."""
    with psycopg.connect(url) as connection:
        host, port = connection.info.host, connection.info.port
    return f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, port)


class Door:
    """The way to a server, while it is open."""

    def __init__(self, server: Address, listen: tuple[str, int] = (LOOPBACK, 0)) -> None:
        self._server = server
        self._is_open = threading.Event()
        self._is_open.set()
        self._ends: list[socket.socket] = []
        self._listening = socket.create_server(listen)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        number: int = self._listening.getsockname()[1]
        return number

    def url(self, url: str, **options: str) -> str:
        """The URL of a database, through this door."""
        through = make_url(url).set(host=LOOPBACK, port=self.port)
        through = through.difference_update_query(["host"]).update_query_dict(options)
        return through.render_as_string(hide_password=False)

    def shut(self) -> None:
        """From now on nothing comes through, and nobody is told."""
        self._is_open.clear()

    def open(self) -> None:
        """What was held back comes through, and all that follows."""
        self._is_open.set()

    def close(self) -> None:
        """Every connection ends."""
        self._is_open.set()
        for end in (self._listening, *self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.socket(
                    socket.AF_UNIX if isinstance(self._server, str) else socket.AF_INET
                )
                far.connect(self._server)
                self._ends += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while said := one.recv(65_536):
                self._is_open.wait()
                other.sendall(said)
        with suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)


@contextmanager
def door_to(url: str) -> Iterator[Door]:
    """A door to the server of a database."""
    door = Door(address_of(url))
    try:
        yield door
    finally:
        door.close()


@dataclass(frozen=True)
class Strait:
    """A server across the water, and those who speak with it from this side.

    Attributes:
        near: Process whose network is this side.
        far: Process whose network is the other side.
    """

    near: int
    far: int

    def here(self, command: Sequence[str]) -> list[str]:
        """The command that runs a command on this side."""
        return [ENTER, "-t", str(self.near), "-n", *command]

    def url(self, url: str, **options: str) -> str:
        """The URL of a database, across the water."""
        across = make_url(url).set(host=FAR, port=PORT).difference_update_query(["host"])
        return across.update_query_dict(options).render_as_string(hide_password=False)

    def block(self) -> None:
        """Whatever the server says from now on, acknowledgements too, is swallowed."""
        _ip(self.far, "route", "add", "blackhole", f"{NEAR}/32")

    def clear(self) -> None:
        """Packets go through again."""
        _ip(self.far, "route", "del", "blackhole", f"{NEAR}/32")


@contextmanager
def strait_to(url: str) -> Iterator[Strait]:
    """A strait with the server of a database beyond it; skips where none can be made."""
    server = address_of(url)
    if os.geteuid() != 0 or not isinstance(server, str):
        pytest.skip("a network of its own needs root, and a server with a socket in a folder")
    if missing := [tool for tool in (APART, ENTER, IP) if not Path(tool).is_file()]:
        pytest.skip(f"a network of its own needs {missing[0]}")
    with ExitStack() as stack:
        near = stack.enter_context(_apart(_STAY))
        far = stack.enter_context(_apart(_FERRY, server))
        strait = Strait(near, far)
        _ip(
            near, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", str(far)
        )
        for side, own in ((near, NEAR), (far, FAR)):
            _ip(side, "addr", "add", f"{own}/24", "dev", "cable")
            _ip(side, "link", "set", "cable", "up")
        yield strait


_STAY = "import sys; print(flush=True); sys.stdin.read()"
_FERRY = f"""
import sys
from networks import Door
Door(sys.argv[1], ("0.0.0.0", {PORT}))
print(flush=True)
sys.stdin.read()
"""


@contextmanager
def _apart(program: str, *arguments: str) -> Iterator[int]:
    """A process in a network of its own, in which nothing is; it has begun, and ends with us."""
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    process = subprocess.Popen(
        [APART, "-n", sys.executable, "-c", program, *arguments], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        if not process.stdout.readline():
            pytest.skip("no network can be made here")
        yield process.pid


def _ip(network: int, *words: str) -> None:
    subprocess.run([ENTER, "-t", str(network), "-n", IP, *words], check=True)
