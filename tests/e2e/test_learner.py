"""A desk that supervises a learner, as a process, and what people see of it."""

import json
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from command_line import ROOT, Run
from docs.pages import rows
from e2e.test_run import desk_of, told_to_stop
from supervise.benches import PROMPT
from tiltyard.shell.supervise.journal import read
from tiltyard.shell.supervise.processes import kin, seen
from waiting import until

EXAMPLE = str(ROOT / "examples" / "spinning_learner.py")


@pytest.fixture
def folder(run: Run, tmp_path: Path) -> Path:
    command = json.dumps([sys.executable, EXAMPLE, "checkpoint.json"])
    (tmp_path / "tiltyard.toml").write_text(f"[learner]\ncommand = {command}\n", "utf-8")
    assert run("db", "upgrade").code == 0
    return tmp_path


def told(run: Run) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(run("learner", "status", "--json").out)
    return said


@contextmanager
def moving(run: Run, folder: Path) -> Iterator[Any]:
    """A desk whose learner has begun to count."""
    with desk_of(folder) as desk:
        until(lambda: told(run)["step"])
        yield desk


def test_a_desk_runs_its_learner_and_a_person_restarts_it(run: Run, folder: Path) -> None:
    assert run("learner", "status").out.startswith(
        "learner: stopped\nprogress: it has said nothing"
    )
    with moving(run, folder) as desk:
        said = told(run)
        assert set(rows("json.md", "## A learner")) == set(said)
        assert (said["state"], said["job"], said["restarts_left"]) == ("running", "count", 3)
        assert run("learner", "restart", "--reason", "data mended", "--actor", "ann").out == (
            "the learner was restarted\n"
        )
        after = told(run)
        assert after["process"] != said["process"]
        assert (after["restarts"], after["restarts_left"]) == (1, 3)
        (left,) = kin(read(folder / "tiltyard-learner" / "journal.json").run)  # type: ignore[arg-type] # it runs
        err = told_to_stop(desk)
        assert err.count("the learner runs, process ") == 2
        assert not runs(left.pid)
    assert told(run)["state"] == "stopped"
    with closing(sqlite3.connect(folder / "desk.db")) as connection:
        bodies = [json.loads(body) for (body,) in connection.execute("SELECT body FROM audit")]
    (asked,) = (body for body in bodies if body["event"] == "restart_learner")
    assert (asked["cause"], asked["actor"], asked["reason"]) == ("person", "ann", "data mended")
    assert "audit: the chain holds" in run("doctor").out


def runs(pid: int) -> bool:
    found = seen(pid)
    return found is not None and not found.is_gone


def test_a_killed_desk_leaves_its_learner_to_the_next(run: Run, folder: Path) -> None:
    with moving(run, folder) as desk:
        first = told(run)["process"]
        desk.send_signal(signal.SIGKILL)
        desk.wait()
    with closing(sqlite3.connect(folder / "desk.db")) as connection, connection:
        connection.execute("UPDATE leases SET renewed_at = renewed_at - 180000000")
    with desk_of(folder) as desk:
        until(lambda: told(run)["process"] not in {first, None})
        assert not runs(first)
        told_to_stop(desk)


def test_a_desk_that_stops_gives_its_lease_back_before_its_learner_has_gone(
    run: Run, tmp_path: Path
) -> None:
    deaf = (
        "import signal, time\n"
        "signal.signal(15, lambda *_: print('told', flush=True))\n"
        "print('deaf', flush=True)\n"
        "while True: time.sleep(1)\n"
    )
    command = json.dumps([sys.executable, "-c", deaf])
    (tmp_path / "tiltyard.toml").write_text(f"[learner]\ncommand = {command}\ngrace = 4\n", "utf-8")
    assert run("db", "upgrade").code == 0
    log = tmp_path / "tiltyard-learner" / "learner.log"

    def says(word: str) -> None:
        until(lambda: log.exists() and word in log.read_text())

    with desk_of(tmp_path) as desk:
        says("deaf")
        desk.send_signal(signal.SIGTERM)
        says("told")
        with closing(sqlite3.connect(tmp_path / "desk.db")) as database:
            assert database.execute("SELECT holder FROM leases").fetchall() == [("",)]
            assert desk.poll() is None
        desk.communicate(timeout=PROMPT)


def test_who_has_no_learner_is_told_how_to_have_one(run: Run) -> None:
    for words in (("status",), ("restart",)):
        ran = run("learner", *words)
        assert (ran.code, ran.err[:15]) == (2, "LEARNER_UNNAMED")


def test_without_a_desk_nobody_restarts_it(run: Run, folder: Path) -> None:
    assert folder.exists()
    ran = run("learner", "restart")
    assert (ran.code, ran.err[:20]) == (1, "LEARNER_UNSUPERVISED")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ('command = ["a"]\ndeployment = "b/c"', "one of them runs the learner"),
        ('command = ["a\\u0000"]', "no command is called so"),
        ('supervisord = "unix:///s.sock"', "belong together"),
        ('program = "p"', "belong together"),
        ('supervisord = "unix://s.sock"\nprogram = "p"', "expected a socket"),
        ('supervisord = "http://me:pw@host"\nprogram = "p"', "leave out user and password"),
        ('supervisord = "https://host:9001"\nprogram = "p"', "supervisord has no TLS"),
        ('supervisord = "http://host:9001/RPC3"\nprogram = "p"', "http://host:port and no more"),
        ('deployment = "a/b"\nkubernetes = "http://10.0.0.1"', "a token is sent there"),
        ('deployment = "learner"', "NAMESPACE/NAME"),
        ('deployment = "a/../b"', "NAMESPACE/NAME"),
        ("grace = -1", "greater than or equal to 0"),
        ('folder = ""', "no folder is named so"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    said: str, why: str, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "tiltyard.toml").write_text(f"[learner]\n{said}\n", "utf-8")
    ran = run("learner", "status")
    assert ran.code == 2
    assert ran.err.startswith("CONFIG_INVALID")
    assert why in ran.err
