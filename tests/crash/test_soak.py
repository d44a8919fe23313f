"""Hundreds of kills under load: nothing is lost, and nothing is done twice."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from command_line import ROOT
from crash.feed import ARMS, SHARE
from crash.floor import populate
from crash.house import House
from tiltyard.shell.clock import system_now
from tiltyard.shell.effects.announce import shares_body
from tiltyard.shell.replaying.verify import verify
from tiltyard.shell.settings import load
from tiltyard.shell.store.command_table import every_command
from tiltyard.shell.store.desk_record import read_progress
from tiltyard.shell.store.desk_tables import external_edits
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import every_effect

KILLS = int(os.environ.get("TILTYARD_SOAK_KILLS", "500"))
SEED = 20260302
LEASE_SECONDS = 0.5
CRASH = ROOT / "tests" / "crash"
PATHS = os.pathsep.join([str(ROOT / "tests"), *filter(None, sys.path)])


def script(name: str, *words: str, folder: Path, errors: Path) -> subprocess.Popen[str]:
    with errors.open("a") as file:
        return subprocess.Popen(
            [sys.executable, str(CRASH / name), *words], cwd=folder, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file,
            env={**os.environ, "PYTHONPATH": PATHS},
        )  # fmt: skip


def say(process: subprocess.Popen[str], line: str) -> int:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return int(process.stdout.readline())


def strike(brood: subprocess.Popen[str], command: str, seconds: Callable[[], float]) -> None:
    desk = say(brood, command)
    time.sleep(seconds())  # the moment is the point of the test
    with suppress(ProcessLookupError):
        os.kill(desk, SIGKILL)
    assert say(brood, f"reap {desk}") == -SIGKILL


@pytest.mark.soak
def test_hundreds_of_kills_under_load_lose_nothing_and_do_nothing_twice(
    ledger_url: str, tmp_path: Path
) -> None:
    rng = random.Random(SEED)  # noqa: S311 moments, not secrets
    (tmp_path / "tiltyard.toml").write_text('[effects]\nfile = "shares.json"\n')
    said = tmp_path / "said"
    with Ledger.open(ledger_url, create=True) as ledger:
        populate(ledger, ARMS, SHARE)
    run = f"run --wait --interval 0.2 --db {ledger_url}"
    with (
        script("brood.py", str(LEASE_SECONDS), folder=tmp_path, errors=said) as brood,
        script("feed.py", ledger_url, str(SEED), folder=tmp_path, errors=said) as feeder,
    ):
        for _ in range(KILLS):
            strike(brood, run, lambda: rng.uniform(0.1, 2.0))
        fed = json.loads(feeder.communicate("enough")[0])
        with Ledger.open(ledger_url) as ledger:
            for _ in range(50):
                desk = say(brood, f"run --wait --once --db {ledger_url}")
                assert say(brood, f"reap {desk}") == 0
                if is_done(ledger):
                    break
            check(ledger, tmp_path, fed)
        brood.communicate()
    text = said.read_text()
    print(fed, text.count("the desk acts"), "desks came to act")  # noqa: T201 a soak reports
    assert "Traceback" not in text, text[text.index("Traceback") :][:3000]


def is_done(ledger: Ledger) -> bool:
    with ledger.snapshot() as still:
        progress = read_progress(still.connection)
        waits = any(answer is None for _, answer in every_command(still.connection))
        effects = every_effect(still.connection)
        last = still.positions().trades
    is_told = all(one.settled_at is not None for one in effects)
    return progress is not None and progress.trades == last and is_told and not waits


def check(ledger: Ledger, folder: Path, fed: dict[str, int]) -> None:
    settings = load(folder / "tiltyard.toml")
    with ledger.snapshot() as still:
        progress = read_progress(still.connection)
        commands = list(every_command(still.connection))
        effects = list(every_effect(still.connection))
        edits = still.connection.execute(sa.select(external_edits)).mappings().all()
        trades = sum(1 for _ in still.trades())
        verified = verify(still, settings, system_now())
        roster = still.roster()
        audit = [json.loads(row.body) for row in still.audit()]
        last = still.positions().trades
    assert progress is not None
    assert trades == fed["trades"] == verified.trades
    assert progress.trades == last
    assert len(commands) == fed["commands"]
    assert all(answer is not None for _, answer in commands)
    assert all(edit["audited"] for edit in edits)
    assert sum(event["event"] == "external_edit" for event in audit) == len(edits)
    halted = one_halt_an_episode(audit)
    assert halted == {name for name, arm in roster.arms.items() if arm.state == "halted"}
    assert {one.state for one in effects} <= {"verified", "superseded"}
    shares = json.loads((folder / "shares.json").read_text())
    expected = shares_body(roster)["shares"]
    assert {name: float(share) for name, share in shares["shares"].items()} == expected
    nobody_is_overlooked(ledger, folder)


def one_halt_an_episode(audit: list[dict[str, object]]) -> set[str]:
    """Who is halted in the end; nobody was halted twice without having been re-armed."""
    halted: set[str] = set()
    for event in audit:
        name = str(event.get("policy"))
        if event["event"] == "halt":
            assert name not in halted, event
            halted.add(name)
        elif event["event"] == "rearm":
            halted.discard(name)
    return halted


def nobody_is_overlooked(ledger: Ledger, folder: Path) -> None:
    """Whoever is in breach is halted."""
    house = House(ledger, ledger, folder, load(folder / "tiltyard.toml"), system_now())
    for verdict in house.desk._desk.judge_all(system_now()):
        if verdict.guard == "challenger_drawdown_high" and verdict.answer == "breach":
            assert house.state(verdict.subject) == "halted"


@pytest.mark.soak
def test_a_real_desk_that_was_stopped_wakes_up_writes_nothing_and_exits_1(
    ledger_url: str, tmp_path: Path
) -> None:
    with Ledger.open(ledger_url, create=True) as ledger:
        populate(ledger)
    words = [sys.executable, "-m", "tiltyard", "run", "--db", ledger_url]

    def start(*more: str) -> subprocess.Popen[str]:
        return subprocess.Popen([*words, *more], cwd=tmp_path, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip

    first = start()
    assert first.stderr is not None
    assert "the desk acts" in first.stderr.readline()
    with start() as refused:
        assert "LEASE_HELD" in refused.communicate(timeout=600)[1]
        assert refused.returncode == 1
    first.send_signal(SIGSTOP)
    began = time.monotonic()
    second = start("--wait")
    assert second.stderr is not None
    assert "waiting" in second.stderr.readline()
    assert "the desk acts" in second.stderr.readline()
    assert 5 < time.monotonic() - began < 25
    first.send_signal(SIGCONT)
    assert "LEASE_LOST" in first.communicate(timeout=600)[1]
    assert first.returncode == 1
    second.kill()
    third = start("--wait")
    second.communicate()
    assert third.stderr is not None
    assert "waiting" in third.stderr.readline()
    assert "the desk acts" in third.stderr.readline()
    third.terminate()
    assert "the lease is given back" in third.communicate(timeout=600)[1]
    assert make_url(ledger_url).database
