"""What a client costs a bot: nanoseconds of ``client.route``, with nobody at the other end, and of
timing a decision (``with client.deciding(...)``) and counting a call (``client.called_venue``).

The shares of ten policies are held, as a desk has told them; the desk is gone, so every decision
is put by, and with a spool handed to the system as well. Each decision is of another episode,
and is timed by itself; the garbage collector stays on, as in a bot.

    python benchmarks/client.py [--decisions 50000]
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tiltyard.client import AsyncClient, Client
from tiltyard.client.shares import Told
from tiltyard.router.split import Split

SHARES = {"prod": 0.55, **{f"bot{number}": 0.05 for number in range(9)}}
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TOLD = Told(
    "prod", Split(SHARES, revision=7, salt="a"), SHARES, frozenset(), frozenset(), 7,
    datetime(2026, 3, 2, 13, tzinfo=UTC),
)  # fmt: skip


def measure(client: Client | AsyncClient, decisions: int) -> list[int]:
    """Nanoseconds of each decision."""
    client._standing.held = client._standing.held.taking(
        TOLD, now=NOON, steady=client._standing.steady() + 3600
    )
    client._standing.now = lambda: NOON
    found = []
    for number in range(decisions):
        episode = f"SOL/USDT {number}"
        began = time.perf_counter_ns()
        route = client.route(episode, "SOL/USDT", 1)
        found.append(time.perf_counter_ns() - began)
        assert route.why == "shares"
    return found


def measure_telling(tell: Callable[[], None], times: int) -> list[int]:
    """Nanoseconds of each."""
    found = []
    for _ in range(times):
        began = time.perf_counter_ns()
        tell()
        found.append(time.perf_counter_ns() - began)
    return found


def show(name: str, found: list[int]) -> None:
    cuts = statistics.quantiles(found, n=100, method="inclusive")
    cells = "".join(f"{cut:9,.0f}" for cut in (cuts[49], cuts[89], cuts[98]))
    print(f"{name:<22}{cells}{max(found):11,}")


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--decisions", type=int, default=50_000)
    decisions = options.parse_args().decisions
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} CPUs, Python {platform.python_version()}, load {load:.1f}")
    print(f"{'ns a decision':<22}{'p50':>9}{'p90':>9}{'p99':>9}{'max':>11}")
    nobody = "http://127.0.0.1:9"
    with tempfile.TemporaryDirectory() as folder:
        spool = Path(folder) / "spool"
        for name, client in (
            ("in memory", AsyncClient(nobody, "t", champion="prod")),
            ("beside its thread", Client(nobody, "t", champion="prod")),
            ("with a spool", Client(nobody, "t", champion="prod", spool=spool)),
        ):
            found = measure(client, decisions)
            show(name, found)
            if isinstance(client, Client):
                client.close(0)
    with Client(nobody, "t", champion="prod") as client:

        def decides() -> None:
            with client.deciding("prod"):
                pass

        show("nothing", measure_telling(lambda: None, decisions))
        show("deciding", measure_telling(decides, decisions))
        show("called_venue", measure_telling(client.called_venue, decisions))
        client.close(0)


if __name__ == "__main__":
    main()
