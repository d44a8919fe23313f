"""A running desk that serves over HTTP, as a process, and who talks to it."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from tiltyard.actions.record import registered
from tiltyard.facts.arm import Arm, Roster
from tiltyard.kernel.money import money
from tiltyard.shell.clock import system_now
from tiltyard.shell.metric_columns import refresh_metrics
from tiltyard.shell.settings import load
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.token_table import SCOPES, Scope, Token, add_token
from waiting import until

CAPITAL = money(10_000)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
BEGAN = NOON - timedelta(days=1)
PROD = "prod"


@dataclass
class Served:
    """A desk that serves.

    Attributes:
        url: Of its API.
        database: Of its ledger.
        process: The desk.
    """

    url: str
    database: str
    process: "subprocess.Popen[str]"

    def asking(self, *scopes: Scope, name: str = "") -> httpx.Client:
        """Somebody whose token has these scopes; all of them when none are named."""
        return httpx.Client(
            base_url=self.url, timeout=120,
            headers={"Authorization": f"Bearer {self.token(*scopes, name=name)}"},
        )  # fmt: skip

    def token(self, *scopes: Scope, name: str = "") -> str:
        """The secret of a new token."""
        return new_token(self.database, *scopes, name=name)


def new_token(database: str, *scopes: Scope, name: str = "") -> str:
    """The secret of a new token; of all scopes when none are named."""
    secret = f"secret-{os.urandom(8).hex()}"
    with Ledger.open(database) as ledger, ledger.transaction() as inside:
        token = Token(name or secret, frozenset(scopes or SCOPES), system_now())
        add_token(inside.connection, token, secret, "test")
    return secret


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def populate(database: str, bots: int = 5, share: float = 0.1) -> list[str]:
    """A champion and so many challengers on probation; their names."""
    names = [f"bot{number}" for number in range(bots)]
    now = system_now()
    champion = round(1 - bots * share, 6)
    roster = Roster().with_arm(
        Arm(PROD, "champion", "champion", champion, 1, 1, CAPITAL, BEGAN, kind="external")
    )
    for name in names:
        roster = roster.with_arm(
            Arm(name, "challenger", "probation", share, 0.1, 0.6, CAPITAL, BEGAN, kind="external",
                trial_started_at=BEGAN)
        )  # fmt: skip
    with Ledger.open(database, create=True) as ledger:
        joined = [registered(arm, now, "test") for arm in roster.arms.values()]
        ledger.save_roster(roster, joined, at=now)
        refresh_metrics(ledger, load(), now)
    return names


@contextmanager
def serving(database: str, folder: Path, settings: str = "", port: int = 0) -> Iterator[Served]:
    """A desk that has told its shares."""
    (folder / "tiltyard.toml").write_text(settings, "utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "tiltyard", "run", "--wait", "--port", str(port), "--db",
         database],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        try:
            assert process.stderr is not None
            while "the API is at " not in (said := process.stderr.readline()):
                assert said, "the desk has ended"
            url = said.removeprefix("the API is at ").strip()
            until(lambda: _is_ready(url))
            yield Served(url, database, process)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def _is_ready(url: str) -> bool:
    return httpx.get(f"{url}/readyz", timeout=120).status_code == 200


def trade(number: int, policy: str = "bot0", pnl: float | str = "1", **said: Any) -> dict[str, Any]:  # noqa: ANN401 a row
    return {
        "trade_id": number, "policy": policy, "symbol": "SOL/USDT", "side": "long",
        "opened_at": NOON.isoformat(), "closed_at": NOON.isoformat(), "pnl": pnl, **said,
    }  # fmt: skip
