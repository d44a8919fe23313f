"""The server, in a thread of its own beside the desk.

It listens before the desk begins, so that an address that is taken is told at once; it serves
from entering to leaving. When it ends, what has come in is written and answered first.
"""

import asyncio
import socket
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import uvicorn

from tiltyard.shell.api.application import application
from tiltyard.shell.api.gate import Gate
from tiltyard.shell.api.inside import Inside
from tiltyard.shell.api.recorder import Recorder
from tiltyard.shell.clock import steady_seconds, system_now
from tiltyard.shell.commanding import Times
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.audit_table import salt_of
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.waking import Bell
from tiltyard.shell.targets import Target
from tiltyard.shell.targets.held_shares import HeldShares

STOP_SECONDS = 5
KEEP_ALIVE_SECONDS = 75
MOST_CONNECTIONS = 1000
LOOK_SECONDS = 0.01
"""So often an answer to a command is looked for."""


def inside_of(
    desk: LiveDesk,
    door: Ledger,
    settings: Settings,
    shares: HeldShares,
    targets: Mapping[str, Target],
    bell: Bell,
    *,
    holder: str,
) -> Inside:
    """What the API of a desk works with.

    Args:
        desk: Beside which it serves.
        door: To its ledger, for the API alone.
        settings: The desk's.
        shares: One of its targets.
        targets: Who outside is told, should a command have to be carried out without it.
        bell: Wakes the desk.
        holder: Our name on the lease then.
    """

    def wait(seconds: float) -> None:
        bell.ring()  # what we wait for may just have been asked
        time.sleep(min(seconds, LOOK_SECONDS))

    def troubles() -> list[str]:
        held = shares.held
        found = [] if desk.trouble is None else [desk.trouble.code]
        if held is None:
            found.append("nothing was judged yet")
        elif held.expires_at <= system_now():
            found.append("nothing was judged for too long: the champion trades alone")
        return found

    recorder = Recorder(door, system_now, bell.ring)
    gate = Gate(door, system_now, settings.api.requests_per_second)
    times = Times(system_now, steady_seconds, wait)
    return Inside(
        door, settings, gate, recorder, shares, _Salt(door), times, holder, targets, troubles
    )


class _Salt:
    """The ledger's, once it has one; it never changes."""

    def __init__(self, door: Ledger) -> None:
        self._door = door
        self._found = ""

    def __call__(self) -> str:
        if not self._found:
            with self._door.snapshot() as still:
                self._found = salt_of(still.connection)
        return self._found


class Serving:
    """The server of one desk, which serves from entering to leaving.

    Args:
        inside: What it works with; its recorder is started and ended here.
        listening: Of :func:`tiltyard.shell.api.listening.listen`.
    """

    def __init__(self, inside: Inside, listening: socket.socket) -> None:
        self._inside = inside
        self._listening = listening
        config = uvicorn.Config(
            application(inside), log_config=None, access_log=False, lifespan="off",
            server_header=False, timeout_keep_alive=KEEP_ALIVE_SECONDS,
            limit_concurrency=MOST_CONNECTIONS, timeout_graceful_shutdown=STOP_SECONDS,
            proxy_headers=False,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="api", daemon=True)

    @property
    def address(self) -> str:
        """Where it is, as a URL."""
        host, port = self._listening.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def __enter__(self) -> Self:
        self._inside.recorder.start()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join(2 * STOP_SECONDS)
        self._inside.recorder.end(STOP_SECONDS)
        self._listening.close()

    def _run(self) -> None:
        asyncio.run(self._server.serve([self._listening]))
