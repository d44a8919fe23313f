"""A wire between two ports that can be cut."""

import socket
import threading
from contextlib import suppress


class Wire:
    """Carries what comes at one port to another, until it is cut.

    Args:
        to: The port.
    """

    def __init__(self, to: int) -> None:
        self.to = to
        self._is_cut = threading.Event()
        self._left: int | None = None
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        """Nothing comes through any more."""
        self._is_cut.set()
        for end in self._ends:
            _hang_up(end)

    def cut_after(self, count: int) -> None:
        """It is cut when so many bytes more have come through."""
        self._left = count

    def mend(self) -> None:
        """It carries again."""
        self._left = None
        self._is_cut.clear()

    def close(self) -> None:
        """It is no more."""
        self.cut()
        _hang_up(self._listening)

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            far = None if self._is_cut.is_set() else self._dial()
            if far is None:
                near.close()
                continue
            self._ends += [near, far]
            if self._is_cut.is_set():  # meanwhile
                _hang_up(near)
                _hang_up(far)
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _dial(self) -> socket.socket | None:
        try:
            return socket.create_connection(("127.0.0.1", self.to), timeout=10)
        except OSError:
            return None

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while said := one.recv(65536):
                if self._left is not None:
                    self._left -= len(said)
                    if self._left < 0:
                        self.cut()
                        break
                other.sendall(said)
        _hang_up(one)
        _hang_up(other)


def _hang_up(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        end.close()
