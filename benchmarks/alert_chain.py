"""From a trade to the halt, to the desk's own message, and to Alertmanager's, side by side.

A real house: a desk on SQLite that serves, Prometheus and Alertmanager with the files that the
desk has generated, a phone's service and a mail server on loopback. Each round reports one trade
that halts a challenger, and waits for all four. With ``--quick`` Prometheus looks once a second
and Alertmanager hardly waits; without it both are as generated, 15 s and at once for what is
critical.

    python benchmarks/alert_chain.py [--rounds 20] [--quick]
"""

import argparse
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import httpx

from e2e.alert_chain import House, house
from served import trade
from tiltyard.shell.clock import system_now

LOOK = 0.002
MOST_SECONDS = 120.0


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as name,
        house(Path(name), asked.rounds, is_quick=asked.quick) as home,
        home.desk.asking() as bots,
    ):
        times: dict[str, list[float]] = {}
        for number in range(asked.rounds):
            for what, seconds in one_round(home, bots, f"bot{number}").items():
                times.setdefault(what, []).append(seconds)
    how = "Prometheus every second" if asked.quick else "Prometheus every 15 s"
    print(f"{platform.platform()}, {asked.rounds} rounds, {how}")
    for what, some in times.items():
        print(f"{what:<36} median {median(some):8.3f} s   longest {max(some):8.3f} s")


def one_round(home: House, bots: httpx.Client, policy: str) -> Mapping[str, float]:
    """Seconds from the posted trade to each."""
    now = system_now()
    said = {"opened_at": (now - timedelta(minutes=5)).isoformat(), "closed_at": now.isoformat()}
    item = {**trade(0, policy, -500), "trade_id": policy, "capital": "10000", **said}
    looks: dict[str, Callable[[], bool]] = {
        "the halt is committed": lambda: is_halted(bots, policy),
        "the desk's own message is there": lambda: any(policy in t for t in home.phone.titles),
        "the alert is back at the desk": lambda: is_received(bots, policy),
        "Alertmanager's mail is there": lambda: bool(home.mails("ChallengerDrawdownHigh", policy)),
    }
    seconds: dict[str, float] = {}
    began = time.perf_counter()
    assert bots.post("/v1/trades", json={"trades": [item]}).status_code == 200
    while len(seconds) < len(looks):
        for what, is_there in looks.items():
            if what not in seconds and is_there():
                seconds[what] = time.perf_counter() - began
        assert time.perf_counter() - began < MOST_SECONDS, (policy, seconds)
        time.sleep(LOOK)
    return {what: seconds[what] for what in looks}


def is_halted(bots: httpx.Client, policy: str) -> bool:
    """Whether an arm has lost its traffic, by what is written."""
    arms = bots.get("/v1/policies").json()["policies"]
    return any(one["policy"] == policy and one["state"] == "halted" for one in arms)


def is_received(bots: httpx.Client, policy: str) -> bool:
    """Whether the alert came back."""
    return any(one["policy"] == policy for one in bots.get("/v1/alerts").json()["alerts"])


if __name__ == "__main__":
    main()
