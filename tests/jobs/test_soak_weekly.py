"""Weeks are maintained for real while their host is killed again and again, at random moments.

Afterwards each change of state is there once, every snapshot of the house is whole, and no policy
is lost. The moments are drawn from a fixed seed; where the host stands then is the machine's.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from postgres import Server
from tiltyard.shell.models.versions import versions_in
from training.small import write_bars

KILLS = 50
SHORT, LONG, SELDOM = 6.0, 45.0, 0.1
"""Seconds that a host is let live at most: mostly too few for any step, now and then for one."""
HOURS = 3_700
FIRST, MOST_WEEKS = date(2026, 1, 4), 20
CHAMPION = "trend_20250301_000000_c4a3b105"
STALE = [f"reversion_20250302_00000{number}_aa11bb2{number}" for number in range(4)]
TOML = """\
[policies]
capital = 10000
[market]
feed = "bars"
[jobs]
symbols = "SOL"
steps = 1000
seeds = 1
trials = 1
sweep_minutes = 1
"""


def tiltyard(folder: Path, address: str, *words: str) -> "subprocess.Popen[str]":
    with (folder / "said").open("a") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "tiltyard", *words], cwd=folder, text=True,
            stdout=subprocess.PIPE, stderr=said, env={**os.environ, "TILTYARD_DB": address},
        )  # fmt: skip


def told(folder: Path, address: str, *words: str) -> str:
    with tiltyard(folder, address, *words) as process:
        out, _ = process.communicate(timeout=600)
    assert process.returncode == 0, (folder / "said").read_text()[-2000:]
    return out


def killed_until_done(
    folder: Path, address: str, day: date, rng: np.random.Generator, most: int
) -> int:
    """How often the host was killed before the run of a week had ended."""
    for kills in range(10 * KILLS):
        longest = LONG if rng.random() < SELDOM else SHORT
        alive = rng.uniform(0, longest) if kills < most else None
        with tiltyard(folder, address, "jobs", "run", "weekly", "--day", f"{day}") as host:
            try:
                host.wait(alive)
            except subprocess.TimeoutExpired:
                host.kill()
            else:
                return kills
    pytest.fail("the run has not ended")


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_weeks_whose_host_is_killed_fifty_times_come_out_whole(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if kind == "sqlite":
        weeks(tmp_path, str(tmp_path / "desk.db"))
        return
    server: Server = request.getfixturevalue("postgres")
    with server.database() as address:
        weeks(tmp_path, address)


def weeks(folder: Path, address: str) -> None:
    (folder / "tiltyard.toml").write_text(TOML)
    write_bars(folder / "bars", "SOL/USDT", hours=HOURS)
    told(folder, address, "policy", "register", CHAMPION, "--role", "champion")
    for name in STALE:
        made = ("--created-at", "2025-03-02T00:00:00Z")
        told(folder, address, "policy", "register", name, *made)
    rng, kills = np.random.default_rng(9), 0
    days: list[date] = []
    while kills < KILLS:
        assert len(days) < MOST_WEEKS, "there are not as many moments in a week any more"
        days.append(FIRST + timedelta(weeks=len(days)))
        kills += killed_until_done(folder, address, days[-1], rng, KILLS - kills)
    for day in days:
        run = json.loads(told(folder, address, "jobs", "show", f"weekly-{day}", "--json"))
        assert {one["step"]: one["state"] for one in run["steps"]} == dict.fromkeys(
            ("snapshot", "retrain", "optuna", "purge", "cleanup"), "done"
        )
        assert (folder / "maintenance" / f"{day}" / "report.html").exists()
    once_each(folder, address)
    for one in json.loads(told(folder, address, "snapshot", "list", "--json")):
        told(folder, address, "snapshot", "verify", one["name"])
    refused = [
        one.name for one in versions_in(folder / "models") if isinstance(one.origin, Exception)
    ]
    assert refused == []


def once_each(folder: Path, address: str) -> None:
    """Each state was changed once, by whom it was to be."""
    commands = json.loads(told(folder, address, "commands", "--json"))
    asked = Counter((one["verb"], one["policy"]) for one in commands)
    assert set(asked.values()) == {1}, asked
    policies = json.loads(told(folder, address, "policy", "list", "--json"))
    assert {CHAMPION, *STALE} <= {one["policy"] for one in policies}
    assert sum(one["role"] == "champion" for one in policies) == 1
