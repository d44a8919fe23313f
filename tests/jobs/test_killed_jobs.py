"""A host is killed at every boundary of its steps: each effect comes to pass once, none is lost.

The host says what it begins and what it has done before DBOS keeps it, and tells of failures and of
the end in steps of their own, so a kill at each of these is one on either side of every record.
"""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import little_jobs
from postgres import Server
from tiltyard.shell.jobs.place import JobsPlace
from tiltyard.shell.jobs.records import records_of
from tiltyard.shell.store.engine import database_url

WHOLE = ["keep begins", "keep done", "train begins", "train done", "break begins", "break failed",
         "paged of break", "report begins", "report done", "finished, 5 steps"]  # fmt: skip
BOUNDARIES = range(1, len(WHOLE) + 1)
QUICKLY = {2, 7, 10}
"""Of them, those that are tried on Postgres each time; the others are by the long tests."""
ON_POSTGRES = [
    pytest.param(at, marks=() if at in QUICKLY else pytest.mark.soak) for at in BOUNDARIES
]


def hosted(address: str, effects: Path, kill_at: int) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(Path(little_jobs.__file__)), address, str(kill_at)], text=True,
        capture_output=True, check=False, timeout=300, cwd=effects.parent,
        env={**os.environ, "LITTLE_EFFECTS": str(effects)},
    )  # fmt: skip


def done(effects: Path) -> list[str]:
    with closing(sqlite3.connect(effects)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM done ORDER BY name")]


def states(address: str, where: Path) -> dict[str, str]:
    with records_of(JobsPlace(where, database_url(address))) as records:
        run = records.run(little_jobs.RUN)
        assert run is not None
        assert [one.name for one in records.runs()] == [little_jobs.RUN]
    return {one.step: one.state for one in run.steps}


ENDED = {"keep": "done", "train": "done", "break": "failed", "after": "skipped", "report": "done"}


def killed_and_gone_on_with(address: str, where: Path, kill_at: int) -> None:
    effects = where / "effects.db"
    killed = hosted(address, effects, kill_at)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(killed.stdout.splitlines()) == kill_at
    last = hosted(address, effects, 0)
    assert last.returncode == 0, last.stderr
    assert last.stdout.splitlines()[-1] == "failed"
    assert done(effects) == ["keep", "report", "train"]
    assert states(address, where) == ENDED
    paged = [line for line in (killed.stdout + last.stdout).splitlines() if ": paged " in line]
    assert len(paged) == (2 if WHOLE[kill_at - 1].startswith("paged") else 1)


@pytest.mark.parametrize("kill_at", BOUNDARIES)
def test_a_host_killed_at_any_boundary_is_gone_on_with(kill_at: int, tmp_path: Path) -> None:
    killed_and_gone_on_with(str(tmp_path / "desk.db"), tmp_path, kill_at)


@pytest.mark.parametrize("kill_at", ON_POSTGRES)
def test_so_it_is_on_postgres(kill_at: int, tmp_path: Path, postgres: Server) -> None:
    with postgres.database() as address:
        killed_and_gone_on_with(address, tmp_path, kill_at)


def test_a_run_that_nobody_kills_goes_through_each_step_once(tmp_path: Path) -> None:
    effects = tmp_path / "effects.db"
    ran = hosted(str(tmp_path / "desk.db"), effects, 0)
    said = [line.partition(": ")[2].partition(":")[0] for line in ran.stdout.splitlines()]
    assert said == [*WHOLE, ""], ran.stderr
    with closing(sqlite3.connect(effects)) as connection:
        begun = [name for (name,) in connection.execute("SELECT name FROM begun")]
    assert begun == ["keep", "train", "break", "report"]
    again = hosted(str(tmp_path / "desk.db"), effects, 0)
    assert again.stdout.splitlines() == ["failed"], "it has ended, and is not run again"
