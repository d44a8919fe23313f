"""How long from a breaching trade in the ledger to the halt in the ledger.

A running desk (``tiltyard run``, a process of its own) watches 50 bots and more. Trades come in
at a fixed schedule, 50 a second, whether or not the desk keeps up; each is a commit of its
own. Now and again one breaks its arm's limit. Timed is from when the commit of that trade
has returned to when another connection can read the halt in the audit, so that each number
contains the wait of the reader too, which looks every millisecond.

Postgres is a cluster of its own, in a temporary folder, with ``fsync`` on.

    python benchmarks/halt_latency.py [--halts 200] [--rate 50] [--store sqlite|postgres]
"""

import argparse
import os
import platform
import pwd
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from tiltyard.actions.record import registered
from tiltyard.facts.arm import Arm, Roster
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import money
from tiltyard.shell.clock import system_now
from tiltyard.shell.settings import load
from tiltyard.shell.metric_columns import refresh_metrics
from tiltyard.shell.store.ledger import Ledger

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
BOTS = 50
EVERY = 5
"""Each so many-th trade breaks a limit."""
LOOK_SECONDS = 0.001
CAPITAL = money(10_000)
MINUTE = timedelta(minutes=1)


@dataclass
class Watch:
    """Sees halts arrive, by name."""

    url: str
    most: int
    seen: dict[str, float] = field(default_factory=dict)

    def look(self) -> None:
        with Ledger.open(self.url) as ledger:
            last = 0
            while len(self.seen) < self.most:
                with ledger.snapshot() as still:
                    rows = still.connection.execute(
                        sa.text("SELECT seq, body FROM audit WHERE seq > :last ORDER BY seq"),
                        {"last": last},
                    ).all()
                at = time.perf_counter()
                for seq, body in rows:
                    last = seq
                    if '"event":"halt"' in body:
                        name = body.split('"policy":"')[1].split('"')[0]
                        self.seen.setdefault(name, at)
                time.sleep(LOOK_SECONDS)


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


def append(ledger: Ledger, number: int, name: str, pnl: float) -> float:
    """One trade in a commit of its own; when that had returned."""
    now = system_now()
    trade = Trade(
        "bench", str(number), name, "BTC/USDT", "long", now - MINUTE, now, money(pnl)
    )  # fmt: skip
    with ledger.staging() as staging:
        staging.add([(0, trade, False)])
        staging.commit(now=now, known_at=now)
    return time.perf_counter()


def measure(url: str, halts: int, rate: float, folder: Path) -> tuple[list[float], float]:
    """Seconds of each halt, and by how much the schedule was missed at worst."""
    doomed = [f"doomed{number:04}" for number in range(halts)]
    bots = [f"bot{number:02}" for number in range(BOTS)]
    with Ledger.open(url, create=True) as ledger:
        populate(ledger, [*bots, *doomed])
        desk = subprocess.Popen(
            [sys.executable, "-m", "tiltyard", "run", "--db", url], cwd=folder,
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        watch = Watch(url, halts)
        watcher = threading.Thread(target=watch.look)
        appended: dict[str, float] = {}
        late = 0.0
        try:
            assert desk.stderr is not None
            assert "the desk acts" in desk.stderr.readline()
            watcher.start()
            began = time.perf_counter() + 1
            for number in range(halts * EVERY):
                due = began + number / rate
                time.sleep(max(0, due - time.perf_counter()))
                late = max(late, time.perf_counter() - due)
                if number % EVERY:
                    append(ledger, number, bots[number % BOTS], 1 if number % 3 else -0.5)
                else:
                    name = doomed[number // EVERY]
                    appended[name] = append(ledger, number, name, -600)
            watcher.join(60)
        finally:
            desk.send_signal(signal.SIGTERM)
            desk.communicate()
    assert watch.seen.keys() == appended.keys(), f"{len(watch.seen)} of {halts} were halted"
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


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--halts", type=int, default=200)
    options.add_argument("--rate", type=float, default=50)
    options.add_argument("--store", choices=("sqlite", "postgres"))
    given = options.parse_args()
    print(f"{os.cpu_count()} CPUs, Python {platform.python_version()}, {platform.system()}; "
          f"{given.rate:g} trades/s over {BOTS} bots, {given.halts} halts")  # fmt: skip
    print(f"{'store':<10}{'p50 ms':>8}{'p90 ms':>8}{'p99 ms':>8}{'max ms':>8}{'schedule missed by':>22}")
    for store in (given.store,) if given.store else ("sqlite", "postgres"):
        if store == "postgres" and not (PROGRAMS / "initdb").is_file():
            print(f"{store:<10} no Postgres in {PROGRAMS}")
            continue
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            if store == "sqlite":
                found, late = measure(f"sqlite:///{folder / 'desk.db'}", given.halts, given.rate,
                                      folder)  # fmt: skip
            else:
                with postgres(folder) as url:
                    found, late = measure(url, given.halts, given.rate, folder)
        cuts = statistics.quantiles(found, n=100, method="inclusive")
        row = "".join(f"{1000 * cut:8.1f}" for cut in (cuts[49], cuts[89], cuts[98], max(found)))
        print(f"{store:<10}{row}{1000 * late:>19.1f} ms")


if __name__ == "__main__":
    main()
