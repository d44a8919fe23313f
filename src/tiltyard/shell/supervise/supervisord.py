"""supervisord runs the learner: asked over XML-RPC, at an address or a socket of this machine.

It starts again what fails by rules of its own, and says ``FATAL`` when it has given up.
"""

import socket
import xmlrpc.client
from collections.abc import Callable
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit
from xml.parsers.expat import ExpatError

from tiltyard.shell.sections.learner import SOCKET
from tiltyard.shell.supervise.supervisor import Standing
from tiltyard.shell.targets.target import refused, unreachable

SECONDS = 10.0
"""For each answer, starting and stopping apart."""
_STANDINGS: dict[str, Standing] = {
    "RUNNING": "running", "STARTING": "starting", "BACKOFF": "starting", "STOPPING": "stopped",
    "STOPPED": "stopped", "FATAL": "given_up",
}  # fmt: skip
_NOT_RUNNING, _ALREADY_STARTED = 70, 60


class Supervisord:
    """A program of a supervisord.

    Args:
        address: Of its XML-RPC, ``http://host:port`` or ``unix:///path``.
        program: Its name there, ``group:name`` where it is one of a group.
        patience: Seconds that stopping or starting it may take.
    """

    is_apart = False

    def __init__(self, address: str, program: str, patience: float) -> None:
        self.subject = program
        self._address = address
        self._patience = patience

    def look(self) -> None:
        """It sees to it by itself."""

    def standing(self) -> Standing:
        """By the state that it says."""
        said = self._ask(SECONDS, "getProcessInfo", self.subject)
        if said["statename"] == "EXITED":
            return "done" if said["exitstatus"] == 0 else "given_up"
        return _STANDINGS.get(said["statename"], "stopped")

    def is_up(self) -> bool:
        """Whether it runs, as it says."""
        return self.standing() == "running"

    def has_begun_since(self, at: datetime) -> bool:
        """By when it started the program, whole seconds."""
        said = self._ask(SECONDS, "getProcessInfo", self.subject)
        began = datetime.fromtimestamp(said["start"], UTC)
        return said["statename"] in {"RUNNING", "STARTING"} and began > at

    def ask_to_checkpoint(self) -> bool:
        """SIGUSR1 to the program."""
        if self.standing() != "running":
            return False
        return bool(self._ask(SECONDS, "signalProcess", self.subject, "USR1"))

    def restart(self, key: str, on_certain: Callable[[], object]) -> None:
        """Stop it and start it; killed in between, it is asked again, and starts it."""
        del key
        self._ask(self._patience, "stopProcess", self.subject, but=_NOT_RUNNING)
        self._ask(self._patience, "startProcess", self.subject, but=_ALREADY_STARTED)
        on_certain()

    def give_up(self) -> None:
        """It stays as it is: whoever runs it decides."""

    def end(self) -> None:
        """It is not ours."""

    def _ask(self, seconds: float, method: str, *told: object, but: int = 0) -> Any:  # noqa: ANN401 whatever it says
        subject = f"supervisord, {self.subject}"
        try:
            with xmlrpc.client.ServerProxy(
                "http://supervisord/RPC2", transport=_Transport(self._address, seconds)
            ) as server:
                return getattr(server.supervisor, method)(*told)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == but:
                return None
            said = fault.faultString[:200]
            raise refused(subject, said) from None
        except (OSError, HTTPException, xmlrpc.client.Error, ValueError, ExpatError) as error:
            said = getattr(error, "strerror", None) or getattr(error, "errmsg", None) or str(error)
            said = said[:200] or type(error).__name__
            raise unreachable(subject, said) from None


class _Transport(xmlrpc.client.Transport):
    """To an address or a socket, in time."""

    def __init__(self, address: str, seconds: float) -> None:
        super().__init__()
        self._address = address
        self._seconds = seconds

    def make_connection(self, host: Any) -> HTTPConnection:  # noqa: ANN401 as it is called
        if self._address.startswith(SOCKET):
            made: HTTPConnection = _OverSocket(self._address.removeprefix(SOCKET), self._seconds)
        else:
            made = HTTPConnection(urlsplit(self._address).netloc, timeout=self._seconds)
        self._connection = host, made  # so that it is closed
        return made


class _OverSocket(HTTPConnection):
    def __init__(self, path: str, seconds: float) -> None:
        super().__init__("supervisord", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
