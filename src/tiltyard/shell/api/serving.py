"""The server, in a thread of its own beside the desk.

It serves from entering to leaving, at a socket that listens already. When it ends, what has come
in is written and answered first.
"""

import asyncio
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple, Self

import uvicorn

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.api.application import application
from tiltyard.shell.api.gate import Gate
from tiltyard.shell.api.held_shares import HeldShares
from tiltyard.shell.api.inside import Inside
from tiltyard.shell.api.limits import PromptProtocol
from tiltyard.shell.api.recorder import Recorder
from tiltyard.shell.api.vital import Vital
from tiltyard.shell.clock import steady_seconds, system_now
from tiltyard.shell.commanding import Times
from tiltyard.shell.exporter.exposition import Exposition
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.audit_table import identity_of
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.waking import Bell
from tiltyard.shell.targets import Target

STOP_SECONDS = 5
KEEP_ALIVE_SECONDS = 75
MOST_CONNECTIONS = 1000
LOOK_SECONDS = 0.01
"""So often an answer to a command is looked for."""


class Doors(NamedTuple):
    """To the ledger, so that whoever waits at one keeps nobody waiting at another."""

    gate: Ledger
    recorder: Ledger
    others: Ledger


def inside_of(
    vital: Vital,
    doors: Doors,
    settings: Settings,
    shares: HeldShares,
    targets: Mapping[str, Target],
    bell: Bell,
    *,
    holder: str,
    exposition: Exposition,
) -> Inside:
    """What the API of a desk works with.

    Args:
        vital: Of the desk.
        doors: To its ledger, for the API alone.
        settings: The desk's.
        shares: As the desk tells them.
        targets: Who outside is told, should a command have to be carried out without it.
        bell: Wakes the desk.
        holder: Our name on the lease then.
        exposition: Of the desk's pictures.
    """

    def wait(seconds: float) -> None:
        bell.ring()  # what we wait for may just have been asked
        time.sleep(min(seconds, LOOK_SECONDS))

    recorder = Recorder(doors.recorder, system_now, bell.ring)

    def troubles() -> list[str]:
        found = vital.troubles()
        if shares.held is None:
            found.append("the shares are not told yet")
        if not recorder.is_at_work:
            found.append("nothing that is reported is written")
        return found

    gate = Gate(doors.gate, system_now, settings.api.requests_per_second)
    times = Times(system_now, steady_seconds, wait)
    return Inside(
        doors.others, settings, gate, recorder, shares, _Salt(doors.gate), times, holder, targets,
        troubles, vital.on_floor, vital.observes, exposition,
    )  # fmt: skip


class _Salt:
    """The ledger's; it never changes, and is read before anybody asks.

    A desk has told shares only when there is one.
    """

    def __init__(self, door: Ledger) -> None:
        self._door = door
        self._found = ""
        with suppress(TiltyardError):
            self()

    def __call__(self) -> str:
        if not self._found:
            with self._door.snapshot() as still:
                self._found = identity_of(still.connection)
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
            application(inside), http=PromptProtocol, log_config=None, access_log=False,
            lifespan="off", server_header=False, timeout_keep_alive=KEEP_ALIVE_SECONDS,
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
        self._inside.gate.start()
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
        self._inside.gate.end(STOP_SECONDS)
        self._inside.recorder.end(STOP_SECONDS)
        self._listening.close()

    def _run(self) -> None:
        asyncio.run(self._server.serve([self._listening]))
