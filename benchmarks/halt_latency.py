"""How long from a breaching trade in the ledger to the halt in the ledger.

A running desk (``tiltyard run``, a process of its own) watches 50 bots. Trades come in at a
fixed schedule, 50 a second, whether or not the desk keeps up; each is a commit of its own.
Each bot has one that breaks its limit; then a new ledger is begun. Timed is from when the
commit of that trade has returned to when another connection has read the halt in the audit.
On SQLite that one looks every millisecond.

Postgres is a cluster of its own, in a temporary folder, with ``fsync`` on.

    python benchmarks/halt_latency.py [--halts 200] [--rate 50] [--store sqlite|postgres]
"""

import argparse
import os
import platform
import pwd
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

from tiltyard.actions.record import registered
from tiltyard.facts.arm import Arm, Roster
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import money
from tiltyard.shell.clock import system_now
from tiltyard.shell.metric_columns import refresh_metrics
from tiltyard.shell.settings import load
from tiltyard.shell.store.engine import CHANNEL
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.staging import Staging

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
BOTS = 50
EVERY = 5
"""One trade in so many breaks a limit."""
LOOK_SECONDS, LONGEST = 0.001, 60
CAPITAL = money(10_000)
MINUTE = timedelta(minutes=1)
COMMAND = (sys.executable, "-m", "tiltyard")


@dataclass
class Watch:
    """Sees halts arrive, by name."""

    url: str
    most: int
    seen: dict[str, float] = field(default_factory=dict)

    def look(self) -> None:
        """Until all are there, or nothing more comes for a minute."""
        url = make_url(self.url)
        connection: Any
        if url.get_backend_name() == "sqlite":
            connection = sqlite3.connect(str(url.database), isolation_level=None)
            wait = _polling(connection)
        else:
            connection = psycopg.connect(self.url, autocommit=True)
            wait = _listening(connection)
        last = 0
        with closing(connection):
            while len(self.seen) < self.most and wait():
                rows = connection.execute(f"SELECT seq, body FROM audit WHERE seq > {last}")
                at = time.perf_counter()
                for seq, body in rows.fetchall():
                    last = max(last, seq)
                    if '"event":"halt"' in body:
                        name = body.split('"policy":"')[1].split('"')[0]
                        self.seen.setdefault(name, at)


def _polling(connection: sqlite3.Connection) -> Callable[[], bool]:
    def version() -> object:
        return connection.execute("PRAGMA data_version").fetchone()

    seen = None

    def wait() -> bool:
        nonlocal seen
        until = time.perf_counter() + LONGEST
        while (now := version()) == seen:
            if time.perf_counter() > until:
                return False
            time.sleep(LOOK_SECONDS)
        seen = now
        return True

    return wait


def _listening(connection: psycopg.Connection[Any]) -> Callable[[], bool]:
    connection.execute(f"LISTEN {CHANNEL}".encode())
    return lambda: bool(list(connection.notifies(timeout=LONGEST, stop_after=1)))


def populate(ledger: Ledger, names: list[str]) -> None:
    now = system_now()
    share = 0.5 / len(names)
    roster = Roster().with_arm(
        Arm("prod", "champion", "champion", 0.5, 1, 1, CAPITAL, now, kind="external")
    )
    for name in names:
        roster = roster.with_arm(
            Arm(name, "challenger", "probation", round(share, 6), 0.1, 0.6, CAPITAL, now,
                kind="external", trial_started_at=now - MINUTE)
        )  # fmt: skip
    joined = [registered(arm, now, "bench") for arm in roster.arms.values()]
    ledger.save_roster(roster, joined, at=now)
    refresh_metrics(ledger, load(), now)


def append(staging: Staging, number: int, name: str, pnl: float) -> float:
    """One trade in a commit of its own; when that had returned."""
    now = system_now()
    trade = Trade("bench", str(number), name, "BTC/USDT", "long", now - MINUTE, now, money(pnl))
    staging.add([(0, trade, False)])
    staging.commit(now=now, known_at=now)
    return time.perf_counter()


def measure(
    url: str, rate: float, folder: Path, command: Sequence[str] = COMMAND
) -> tuple[list[float], float]:
    """Seconds of each halt, and by how much the schedule was missed at worst.

    Args:
        url: Of a new ledger.
        rate: Trades a second.
        folder: In which the desk runs.
        command: As which it runs.
    """
    bots = [f"bot{number:02}" for number in range(BOTS)]
    with Ledger.open(url, create=True) as ledger:
        populate(ledger, bots)
        desk = subprocess.Popen(
            [*command, "run", "--db", url], cwd=folder,
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        watch = Watch(url, BOTS)
        watcher = threading.Thread(target=watch.look)
        appended: dict[str, float] = {}
        late = 0.0
        try:
            assert desk.stderr is not None
            assert "the desk acts" in desk.stderr.readline()
            watcher.start()
            with ledger.staging() as staging:
                began = time.perf_counter() + 1
                for number in range(BOTS * EVERY):
                    due = began + number / rate
                    time.sleep(max(0, due - time.perf_counter()))
                    late = max(late, time.perf_counter() - due)
                    turn, bot = divmod(number, BOTS)
                    if bot % EVERY == turn:
                        appended[bots[bot]] = append(staging, number, bots[bot], -600)
                    else:
                        append(staging, number, bots[bot], 1 if number % 3 else -0.5)
            watcher.join()
        finally:
            desk.send_signal(signal.SIGTERM)
            desk.communicate()
    assert watch.seen.keys() == appended.keys(), f"{len(watch.seen)} of {BOTS} were halted"
    return [watch.seen[name] - at for name, at in appended.items()], late


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A cluster of its own, as it comes; only it listens at no port."""
    user = "postgres" if os.getuid() == 0 else None
    home = folder / "postgres"
    home.mkdir()
    if user is not None:
        for path in (folder, home):
            shutil.chown(path, user)

    def run(program: str, *words: str | Path) -> None:
        group = None if user is None else pwd.getpwnam(user).pw_gid
        subprocess.run([PROGRAMS / program, *words], user=user, group=group, cwd="/", check=True,
                       stdout=subprocess.DEVNULL)  # fmt: skip

    data = home / "data"
    run("initdb", "-D", data, "-U", "bench", "-A", "trust", "--encoding=UTF8", "--locale=C.UTF-8")
    run("pg_ctl", "start", "-w", "-D", data, "-l", home / "log",
        "-o", f"-c listen_addresses= -k {home}")  # fmt: skip
    try:
        yield f"postgresql://bench@/postgres?host={home}"
    finally:
        run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", data)


def heads() -> str:
    """Above :func:`row`."""
    return "".join(f"{head:>8}" for head in ("p50 ms", "p90 ms", "p99 ms", "max ms"))


def row(seconds: list[float]) -> str:
    """How long things took, in milliseconds."""
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return "".join(f"{1000 * c:8.1f}" for c in (cuts[49], cuts[89], cuts[98], max(seconds)))


def machine() -> str:
    """What it was measured on."""
    load = f"load {os.getloadavg()[0]:.1f}"
    cuts = statistics.quantiles(syncs(), n=100, method="inclusive")
    disk = f"a sync of 4 KiB {1000 * cuts[49]:.1f} ms, 99 % {1000 * cuts[98]:.1f} ms"
    return f"{os.cpu_count()} CPUs, Python {platform.python_version()}, {load}, {disk}"


def syncs() -> list[float]:
    """Seconds that the disk takes to have a page for good: a halt over HTTP waits for two."""
    took = []
    with tempfile.NamedTemporaryFile() as file:
        for _ in range(300):
            file.write(bytes(4096))
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - began)
    return took


def stores(chosen: str | None) -> Iterator[str]:
    """Those that are to be measured and are here."""
    for store in (chosen,) if chosen else ("sqlite", "postgres"):
        if store == "postgres" and not (PROGRAMS / "initdb").is_file():
            print(f"{store:<10} no Postgres in {PROGRAMS}")
        else:
            yield store


def database(store: str, folder: Path) -> AbstractContextManager[str]:
    return postgres(folder) if store == "postgres" else nullcontext(f"sqlite:///{folder}/desk.db")


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--halts", type=int, default=200)
    options.add_argument("--rate", type=float, default=50)
    options.add_argument("--store", choices=("sqlite", "postgres"))
    given = options.parse_args()
    print(f"{machine()}; {given.rate:g} trades/s over {BOTS} bots, {given.halts} halts")
    print(f"{'store':<10}{heads()}{'schedule missed by':>22}")
    for store in stores(given.store):
        found: list[float] = []
        missed = 0.0
        for _ in range(-(-given.halts // BOTS)):
            with tempfile.TemporaryDirectory() as name, database(store, Path(name)) as url:
                some, late = measure(url, given.rate, Path(name))
            found += some
            missed = max(missed, late)
        print(f"{store:<10}{row(found)}{1000 * missed:>19.1f} ms")


if __name__ == "__main__":
    main()
