"""Jobs by the command line, and beside a running desk."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from command_line import POLICY, Run
from waiting import until

DAY = "2026-11-22"
NIGHTLY = f"nightly-{DAY}"


@contextmanager
def in_background(folder: Path, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """A command that goes on beside the test; what it says goes to ``said``."""
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "tiltyard", *words], cwd=folder, text=True, stdout=said,
            stderr=subprocess.STDOUT, env={**os.environ, "TILTYARD_DB": str(folder / "desk.db")},
        )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def said(folder: Path) -> str:
    return (folder / "said").read_text()


def test_the_night_is_run_once_however_often_it_is_asked_for(known: Run) -> None:
    first = known("jobs", "run", "nightly", "--day", DAY, "--json")
    assert first.code == 0, first.err
    again = known("jobs", "run", "nightly", "--day", DAY, "--json")
    assert json.loads(again.out) == json.loads(first.out)
    run = json.loads(first.out)
    assert (run["run"], run["state"], run["day"]) == (NIGHTLY, "done", DAY)
    assert [(one["step"], one["state"]) for one in run["steps"]] == [
        ("observe", "skipped"), ("scale", "done"),
    ]  # fmt: skip
    assert POLICY in run["steps"][1]["told"]["done"]
    asked = json.loads(known("commands", "--json").out)
    assert len([one for one in asked if one["verb"] == "scale"]) == 1
    ended = known("jobs", "retry", NIGHTLY)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"JOB_RUN_ENDED {NIGHTLY}: all of it is done already")


def test_people_are_told_once_of_a_step_that_fails(known: Run, tmp_path: Path) -> None:
    (tmp_path / "tiltyard.toml").write_text('[jobs]\ndata = "nowhere"\n')
    name = f"retrain-{DAY}"
    for _ in range(2):
        ran = known("jobs", "run", "retrain", "--day", DAY)
        assert ran.code == 1
        assert f"again: tiltyard jobs retry {name}" in ran.out
    shown = known("jobs", "show", name).out
    assert f"what it said: {Path('maintenance') / name / 'retrain.log'}" in shown
    (page,) = [one for one in json.loads(known("commands", "--json").out) if one["verb"] == "page"]
    assert page["reason"].startswith(f"{name}: retrain failed: ")
    looked = known("maintain", "health").out
    assert f"attention  jobs: {name} failed: retrain" in looked
    retried = known("jobs", "retry", name)
    assert retried.code == 1
    assert f"{name}.1" in known("jobs", "list").out


def test_what_is_not_there_is_refused(known: Run, tmp_path: Path) -> None:
    for words, code, says in (
        (("run", "weekley"), 2, "JOB_UNKNOWN 'weekley'"),
        (("run", "weekly", "--day", "sunday"), 2, "TIME_INVALID --day sunday"),
        (("show", NIGHTLY), 1, "JOBS_NONE"),
        (("cancel", NIGHTLY), 1, "JOBS_NONE"),
        (("retry", NIGHTLY), 1, "JOBS_NONE"),
    ):
        ran = known("jobs", *words)
        assert (ran.code, ran.out) == (code, ""), words
        assert ran.err.startswith(says)
    assert not (tmp_path / "desk-jobs.db").exists()
    assert known("jobs", "list").out.splitlines()[-1].startswith("no job was run yet")


def test_a_folder_that_cannot_be_written_is_said(known: Run, tmp_path: Path) -> None:
    (tmp_path / "desk-jobs.lock").mkdir()
    ran = known("jobs", "run", "nightly")
    assert ran.code == 1
    assert ran.err.startswith(f"JOBS_UNWRITABLE {tmp_path / 'desk-jobs.lock'}")


def hosts(folder: Path) -> list[int]:
    """Processes that host jobs of the ledger in a folder."""
    found = []
    for one in Path("/proc").iterdir():
        if one.name.isdigit():
            try:
                words = (one / "cmdline").read_bytes().split(b"\0")
                place = (one / "cwd").readlink()
            except OSError:
                continue
            if b"tiltyard.shell.jobs" in words and place == folder:
                found.append(int(one.name))
    return found


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_desk_hosts_jobs_and_they_end_with_it(
    known: Run, tmp_path: Path, how: signal.Signals
) -> None:
    (tmp_path / "tiltyard.toml").write_text("[jobs]\nhosted = true\n")
    with in_background(tmp_path, "run") as desk:
        until(lambda: "jobs are done by the clock" in said(tmp_path))
        ran = known("jobs", "run", "nightly", "--day", DAY)
        assert ran.code == 0, ran.err
        assert "another process hosts the jobs of this ledger" in ran.err
        assert f"{NIGHTLY}: scale done" in said(tmp_path)
        (host,) = hosts(tmp_path)
        os.kill(host, signal.SIGKILL)
        until(lambda: "the host of jobs has ended with -9" in said(tmp_path))
        desk.send_signal(how)
        desk.wait(60)
        until(lambda: not hosts(tmp_path))


def test_a_run_that_is_interrupted_goes_on_by_the_same_command(known: Run, tmp_path: Path) -> None:
    with in_background(tmp_path, "jobs", "run", "nightly", "--day", DAY) as process:
        until(lambda: "scale begins" in said(tmp_path))
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert "the same command goes on from where it was" in said(tmp_path)
    assert known("jobs", "run", "nightly", "--day", DAY).code == 0
    asked = json.loads(known("commands", "--json").out)
    assert len([one for one in asked if one["verb"] == "scale"]) == 1
