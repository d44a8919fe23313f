"""A killed or interrupted ingest has done all of it or nothing, and leaves nothing lying about."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from command_line import Run
from floors import BREAKOUT, CHAMPION, put_bars, quiet_and_up

HEADER = "trade_id,policy,symbol,side,opened_at,closed_at,pnl"
LINE = "{0},arm{1},BTC,long,2025-01-01T00:00:00Z,2025-01-01T01:00:00Z,1.5"
ENDS = {"SIGINT": 130, "SIGTERM": 143}
"""What a command that may clear up exits with."""
KEPT = {"desk.db", "desk.db-shm", "desk.db-wal", "log.csv", "log.csv.rejects.jsonl"}

# The command line as it is; when it has run its nth statement of a kind, a signal arrives.
STRUCK = """
import os, signal, sys
import sqlalchemy as sa
from tiltyard.shell.cli import main

kind, number = sys.argv[1], getattr(signal, sys.argv[2])
sys.argv[1:] = sys.argv[3:]

def after(connection, cursor, statement, *_):
    if statement.startswith(kind):
        os.kill(os.getpid(), number)

sa.event.listen(sa.Engine, "after_cursor_execute", after)
main()
"""


@pytest.fixture(autouse=True)
def _children_hear_an_interrupt() -> Iterator[None]:
    """Even where the tests run in the background, whose children would ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def write(path: Path, rows: int, *more: str) -> Path:
    lines = (LINE.format(number, number % 3) for number in range(rows))
    path.write_text("\n".join((HEADER, *lines, *more)) + "\n", encoding="utf-8")
    return path


def struck(folder: Path, kind: str, sent: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", STRUCK, kind, sent, *words],
        cwd=folder,
        env={**os.environ, "TILTYARD_DB": str(folder / "desk.db")},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def held(folder: Path) -> tuple[int, int]:
    """How many trades and how many policies the database holds."""
    with closing(sqlite3.connect(folder / "desk.db")) as connection:
        counts = "SELECT (SELECT count(*) FROM trades), (SELECT count(*) FROM policies)"
        trades, policies = connection.execute(counts).fetchone()
    return int(trades), int(policies)


@pytest.mark.parametrize(
    ("kind", "sent", "trades", "policies"),
    [
        ("INSERT INTO staged_trades", "SIGKILL", 0, 0),
        ("INSERT INTO policies", "SIGKILL", 0, 0),
        ("INSERT INTO audit", "SIGKILL", 0, 0),
        ("INSERT INTO trades", "SIGKILL", 0, 0),
        ("UPDATE bandit_arms", "SIGKILL", 0, 0),
        ("UPDATE bandit_arms SET pf_30", "SIGKILL", 0, 0),
        ("INSERT INTO trades", "SIGINT", 0, 0),
        ("INSERT INTO staged_trades", "SIGINT", 0, 0),
        ("INSERT INTO trades", "SIGTERM", 0, 0),
    ],
)
def test_what_strikes_an_ingest_leaves_all_of_it_or_nothing(
    run: Run, tmp_path: Path, kind: str, sent: str, trades: int, policies: int
) -> None:
    assert run("db", "upgrade").code == 0
    write(tmp_path / "log.csv", 300, "bad")
    words = ("ingest", "log.csv", "--register", "--capital", "1000", "--skip-bad")
    ran = struck(tmp_path, kind, sent, *words)
    assert held(tmp_path) == (trades, policies)
    assert {path.name for path in tmp_path.iterdir()} <= KEPT - {"log.csv.rejects.jsonl"}
    if sent in ENDS:
        assert (ran.returncode, ran.stdout) == (ENDS[sent], "")
        assert ran.stderr == "interrupted: nothing half-written\n"
    else:
        assert ran.returncode == -signal.SIGKILL
    assert "300 new" in run(*words).out
    assert run("replay", "--verify").code == 0
    assert held(tmp_path) == (300, 4)


@pytest.mark.parametrize("kind", ["INSERT INTO staged_trades", "INSERT INTO audit"])
@pytest.mark.parametrize("sent", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_a_record_has_its_name_when_it_is_whole(
    run: Run, known_csv: Path, tmp_path: Path, kind: str, sent: str
) -> None:
    words = ("replay", known_csv.name, "--into", "record.db")
    ran = struck(tmp_path, kind, sent, *words)
    assert not (tmp_path / "record.db").exists()
    if sent in ENDS:
        assert ran.returncode == ENDS[sent]
        assert {path.name for path in tmp_path.iterdir()} == {known_csv.name}
    assert run(*words).code == 0
    assert run("replay", "--verify", "--db", "record.db").code == 0


@pytest.mark.parametrize("sent", ENDS)
def test_a_replay_on_bars_that_is_told_to_end_leaves_nothing_behind(
    run: Run, tmp_path: Path, sent: str
) -> None:
    (tmp_path / "bars").mkdir()
    put_bars(tmp_path / "bars" / "SOL_USDT-1h.csv", quiet_and_up(datetime(2025, 5, 1, tzinfo=UTC)))
    assert run("policy", "register", CHAMPION, "--role", "champion", "--capital", "10000").code == 0
    assert run("policy", "register", BREAKOUT, "--capital", "10000").code == 0
    words = ("replay", "--bars", "bars", "--into", "record.db")
    ran = struck(tmp_path, "INSERT INTO decisions", sent, *words)
    assert (ran.returncode, ran.stderr) == (ENDS[sent], "interrupted: nothing half-written\n")
    assert {path.name for path in tmp_path.iterdir()} <= {"bars", "desk.db", *KEPT}
    assert run(*words).code == 0


def test_a_refused_replay_leaves_no_record_behind(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "log.csv", 3, "bad")
    assert run("replay", "log.csv", "--into", "record.db").code == 2
    assert {path.name for path in tmp_path.iterdir()} == {"log.csv"}
    write(tmp_path / "log.csv", 3)
    assert run("replay", "log.csv", "--into", "record.db").code == 0


def test_policies_registered_at_the_same_time_are_all_there(run: Run, tmp_path: Path) -> None:
    assert run("db", "upgrade").code == 0
    environment = {**os.environ, "TILTYARD_DB": str(tmp_path / "desk.db")}
    files = [write(tmp_path / f"log{number}.csv", 0, LINE.format(number, f"_{number}"))
             for number in range(4)]  # fmt: skip
    commands = [
        *(["policy", "register", f"arm{number}", "--capital", "1000"] for number in range(4)),
        *(["ingest", file.name, "--register", "--capital", "1000"] for file in files),
    ]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tiltyard", *words], cwd=tmp_path, env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for words in commands
    ]  # fmt: skip
    assert [(process.communicate()[1], process.returncode) for process in running] == [("", 0)] * 8
    arms = {arm["policy"]: arm for arm in json.loads(run("policy", "list", "--json").out)}
    assert set(arms) == {"flat", *(f"arm{n}" for n in range(4)), *(f"arm_{n}" for n in range(4))}
    assert [arm["state"] for arm in arms.values()].count("probation") == 6
    assert run("replay", "--verify").code == 0


@pytest.mark.soak
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_thirty_strikes_at_random_moments_of_a_large_file(
    run: Run, tmp_path: Path, sent: signal.Signals
) -> None:
    rng = random.Random(int(sent))  # noqa: S311 moments, not secrets
    rows = 100_000
    write(tmp_path / "log.csv", rows, "bad")
    words = ("ingest", "log.csv", "--register", "--capital", "1000", "--skip-bad")
    environment = {**os.environ, "TILTYARD_DB": str(tmp_path / "desk.db")}
    began = time.monotonic()
    assert run(*words).code == 0
    whole = time.monotonic() - began
    outcomes = {0: 0, rows: 0}
    for _ in range(30):
        for path in tmp_path.glob("desk.db*"):
            path.unlink()
        assert run("db", "upgrade").code == 0
        process = subprocess.Popen(
            [sys.executable, "-m", "tiltyard", *words], cwd=tmp_path, env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        time.sleep(rng.uniform(0.1, 1.0) * whole)  # the moment is the point of the test
        process.send_signal(sent)
        said = process.communicate()[1]
        assert process.returncode in {0, 130, -sent}
        assert "Traceback" not in said
        trades, policies = held(tmp_path)
        assert (trades, policies) in {(0, 0), (rows, 4)}
        outcomes[trades] += 1
        verified = run("replay", "--verify")
        if trades:
            assert verified.code == 0
        else:
            assert verified.err.startswith("AUDIT_EMPTY")
        assert {path.name for path in tmp_path.iterdir()} <= KEPT
    assert run(*words).code == 0
    assert held(tmp_path) == (rows, 4)
    assert run("replay", "--verify").code == 0
    assert outcomes[0], outcomes
