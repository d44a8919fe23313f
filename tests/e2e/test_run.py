"""A running desk, as a process: it acts on what others append, answers, and goes when told."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from command_line import POLICY, ROOT, Run

CHAMPION = "trend_20250301_000000_c4a3b105"
Desk = subprocess.Popen[str]


@contextmanager
def desk_of(folder: Path, *words: str, script: str = "") -> Iterator[Desk]:
    """A desk that has begun to act; it must have ended by the end."""
    command = [sys.executable, script] if script else [sys.executable, "-m", "tiltyard", "run"]
    process = subprocess.Popen(
        [*command, *words],
        cwd=folder,
        env={**os.environ, "TILTYARD_DB": str(folder / "desk.db"), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stderr is not None
            assert process.stderr.readline().startswith("the desk ")
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def line(desk: Desk) -> str:
    assert desk.stdout is not None
    return desk.stdout.readline().rstrip()


def told_to_stop(desk: Desk, number: signal.Signals = signal.SIGTERM) -> str:
    desk.send_signal(number)
    _, err = desk.communicate(timeout=600)
    assert desk.returncode == 0, err
    return err


@pytest.fixture
def floor(run: Run) -> Run:
    assert run("policy", "register", CHAMPION, "--role", "champion", "--capital", "9000").code == 0
    assert run("policy", "register", POLICY, "--capital", "10000").code == 0
    return run


def test_it_halts_what_breaches_answers_and_gives_its_lease_back(
    floor: Run, known_csv: Path, tmp_path: Path
) -> None:
    (tmp_path / "tiltyard.toml").write_text('[effects]\nfile = "shares.json"\n', "utf-8")
    with desk_of(tmp_path) as desk:
        assert floor("ingest", known_csv).code == 0
        assert f"  halt  {POLICY}: dd_challenger_pct > 4 [challenger_drawdown_high]" in line(desk)
        assert "what is open is not known" in line(desk)
        refused = floor("policy", "rearm", POLICY)
        assert (refused.code, refused.err[:11]) == (2, "REVIEW_OPEN")
        assert floor("review", "ack", "1", "--reason", "seen").code == 0
        assert "  acknowledge  " in line(desk)
        second = floor("run")
        assert (second.code, second.err[:10]) == (1, "LEASE_HELD")
        assert floor("stop-all").out == "no entries for anyone, until tiltyard resume stop-all\n"
        ends = "on hold: no entries for anyone, by person; to end it: tiltyard resume stop-all\n"
        assert floor("policy", "list").out.endswith(ends)
        assert floor("report").out.endswith(ends)
        assert json.loads(floor("report", "--json").out)["on_hold"] == [
            {"what": "no entries for anyone", "by": "person", "name": "stop-all"}
        ]
        assert floor("replay", "--verify").code == 0
        assert told_to_stop(desk).endswith("stopped; the lease is given back\n")
    shares = json.loads((tmp_path / "shares.json").read_text("utf-8"))
    assert shares["shares"] == {CHAMPION: "1"}
    assert shares["reduce_only"] == [POLICY]
    assert shares["entries_stopped_by"] == ["person"]
    assert floor("run", "--once").code == 0
    asked = json.loads(floor("commands", "--json").out)
    assert [(one["verb"], one["outcome"]) for one in asked] == [
        ("register", "done"), ("register", "done"), ("rearm", "REVIEW_OPEN"),
        ("acknowledge", "done"), ("stop_all", "done"),
    ]  # fmt: skip


def test_an_observing_desk_says_so_and_changes_nothing(
    floor: Run, known_csv: Path, tmp_path: Path
) -> None:
    with desk_of(tmp_path, "--observe", "--json") as desk:
        assert floor("ingest", known_csv).code == 0
        event = json.loads(line(desk))
        assert (event["event"], event["mode"]) == ("halt", "observe")
        told_to_stop(desk, signal.SIGINT)
    assert json.loads(floor("report", POLICY, "--json").out)["state"] == "probation"


def test_a_desk_that_runs_goes_by_the_checklist_that_it_began_with(
    floor: Run, tmp_path: Path
) -> None:
    other = "the desk goes by another checklist ("
    quiet = floor("checklist", "observe", "challenger_drawdown_high")
    assert quiet.out == "challenger_drawdown_high: observe (tiltyard.toml)\n"
    with desk_of(tmp_path) as desk:
        assert other not in floor("doctor").out
        said = floor("checklist", "enforce", "challenger_drawdown_high")
        assert said.code == 0
        assert other in said.out
        assert "than tiltyard.toml (" in said.out
        assert "start it again" in said.out
        found = floor("doctor")
        assert found.code == 0
        assert other in found.out
        told_to_stop(desk)
    with desk_of(tmp_path) as desk:
        assert other not in floor("doctor").out
        told_to_stop(desk)


def test_of_a_killed_desk_doctor_says_when_it_last_gave_a_sign_of_life(
    floor: Run, tmp_path: Path
) -> None:
    with desk_of(tmp_path) as desk:
        lives = floor("doctor").out
        assert re.search(
            r"^desk: .+, process \d+, last sign of life \d+ s ago$", lives, re.MULTILINE
        )
        desk.kill()
    with closing(sqlite3.connect(tmp_path / "desk.db")) as connection, connection:
        connection.execute("UPDATE leases SET renewed_at = renewed_at - 180000000")
    over = floor("doctor").out
    assert re.search(
        r"^desk: none renews its lease; the last sign of life of .+, process \d+ was 3 min ago$",
        over, re.MULTILINE,
    )  # fmt: skip


def test_a_checklist_is_changed_in_silence_where_no_database_can_be_opened(
    run: Run, tmp_path: Path
) -> None:
    alone = "challenger_drawdown_high: observe (tiltyard.toml)\n"
    without = run("checklist", "observe", "challenger_drawdown_high")
    assert (without.code, without.out, without.err) == (0, alone, "")
    (tmp_path / "desk.db").write_text("no database", "utf-8")
    beside = run("checklist", "observe", "challenger_drawdown_high")
    assert (beside.code, beside.out, beside.err) == (0, alone, "")


def test_the_monitor_people_know_scales_and_watches(
    floor: Run, known_csv: Path, tmp_path: Path, monitor: Callable[..., str]
) -> None:
    assert f"{POLICY}: 10.0 % to 10.0 %, challenger_drawdown_high is unknown" in monitor(
        "--mode", "scale", "--policy-sha", "eee02a74"
    )
    script = str(ROOT / "live_ops_monitor.py")
    words = ("--mode", "continuous", "--interval", "0.5", "--policy-sha", "eee02a74")
    with desk_of(tmp_path, *words, script=script) as desk:
        assert floor("ingest", known_csv).code == 0
        assert "  halt  " in line(desk)
        told_to_stop(desk)


@pytest.mark.parametrize(
    ("name", "code"), [("eee02a75", "POLICY_UNKNOWN"), ("5", "POLICY_UNKNOWN"), ("", "")]
)
def test_a_desk_that_is_to_tell_of_nobody_is_refused_where_there_are_arms(
    run: Run, name: str, code: str
) -> None:
    assert run("db", "upgrade").code == 0
    assert run("run", "--once", "--only", "yet_to_come").code == 0
    assert run("policy", "register", POLICY, "--capital", "10000").code == 0
    done = run("run", "--once", "--only", name)
    assert (done.code, done.err[: len(code)]) == (2 if code else 0, code)


@pytest.fixture
def monitor(tmp_path: Path) -> Callable[..., str]:
    def command(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, str(ROOT / "live_ops_monitor.py"), *words],
            cwd=tmp_path,
            env={**os.environ, "TILTYARD_DB": str(tmp_path / "desk.db")},
            capture_output=True,
            text=True,
            check=True,
            timeout=600,
        )
        return done.stdout

    return command


@pytest.mark.parametrize(
    ("words", "facts"),
    [
        (("--mode", "scale", "--at", "2025-01-01T00:00:00Z"), "OPTION_IDLE --at"),
        (("--mode", "continuous", "--policy-sha", "eee02a75"), "POLICY_UNKNOWN 'eee02a75'"),
    ],
)
def test_the_monitor_refuses_what_makes_no_sense(
    floor: Run, words: tuple[str, ...], facts: str, tmp_path: Path
) -> None:
    assert floor("policy", "list").code == 0
    done = subprocess.run(
        [sys.executable, str(ROOT / "live_ops_monitor.py"), *words],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600,
        env={**os.environ, "TILTYARD_DB": str(tmp_path / "desk.db")},
    )  # fmt: skip
    assert (done.returncode, done.stderr[: len(facts)]) == (2, facts)
