"""``tiltyard maintain`` and ``weekly_maintenance.py`` as people and the system meet them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import ROOT, Run
from e2e.conftest import run_in
from forking import Forking
from tiltyard.shell.supervise.processes import seen
from training.small import write_bars
from waiting import until

HOURS = 3_700
"""Just enough for the usual settings."""
CHAMPION = "trend_20250301_000000_c4a3b105"
TOML = """\
[policies]
capital = 10000
[market]
feed = "bars"
[jobs]
symbols = "SOL"
encoder = "{encoder}"
steps = 1000
seeds = 1
"""
DAY = ("--day", "2026-01-04")
SCRIPT = [sys.executable, str(ROOT / "weekly_maintenance.py")]


def scripted(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command that people know, as it is run from the checkout."""
    return subprocess.run(
        [*SCRIPT, *words], cwd=folder, capture_output=True, text=True, check=False, timeout=600,
        env={**os.environ, "TILTYARD_DB": str(folder / "desk.db")},
    )  # fmt: skip


@pytest.mark.parametrize("task", ["retrain", "optuna"])
def test_what_keeps_a_task_from_being_done_is_said_and_nothing_is_left(
    run: Run, tmp_path: Path, task: str
) -> None:
    assert run("maintain", task).err.startswith("DATABASE_MISSING")
    assert run("policy", "register", CHAMPION, "--role", "champion").code == 0
    done = run("maintain", task)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("JOBS_NO_DATA jobs.data: no folder of bars is named")
    (tmp_path / "tiltyard.toml").write_text('[market]\nfeed = "nowhere"\n', "utf-8")
    done = run("maintain", task, "--json")
    assert (done.code, done.out) == (2, "")
    assert done.err == "FEED_MISSING nowhere: there is no such folder\n"
    write_bars(tmp_path / "nowhere", "BTC/USDT", hours=240)
    assert "SOL" in run("maintain", task).err
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--day", "today"), "TIME_INVALID --day today: expected a day, such as 20"),
        (("--day", "2999-01-01"), "TIME_INVALID --day 2999-01-01: it lies in the future: 20"),
    ],
)
def test_a_task_has_a_day_that_has_come(run: Run, words: tuple[str, ...], code: str) -> None:
    done = run("maintain", "retrain", *words)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(code)


def test_the_script_knows_its_tasks_and_what_a_bucket_can_be_called(
    run: Run, tmp_path: Path
) -> None:
    assert run("policy", "register", CHAMPION, "--role", "champion").code == 0
    for words, said in (
        ((), "Missing option '--task'"),
        (("--task", "sleep"), "'sleep' is not one of 'snapshot', 'retrain'"),
        (
            ("--task", "snapshot", "--s3-bucket", "A b"),
            "CONFIG_INVALID --s3-bucket 'A b'",
        ),
        (("--task", "retrain"), "JOBS_NO_DATA jobs.data"),
        (("--task", "retrain", "--dry-run"), "OPTION_IDLE --dry-run"),
        (("--task", "full", "--dry-run"), "leave it out for full"),
    ):
        done = scripted(tmp_path, *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
    done = scripted(tmp_path, "--task", "snapshot", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["task"] == "snapshot"
    assert (tmp_path / "archive").is_dir()
    planned = scripted(tmp_path, "--task", "purge", "--dry-run", "--json")
    assert planned.returncode == 0, planned.stderr
    assert json.loads(planned.stdout)["dry_run"] is True


def test_a_ledger_that_cannot_be_opened_has_failed_and_hides_no_full_disk(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "desk.db").write_bytes(b"garbage garbage garbage")
    looked = run("maintain", "health")
    assert looked.code == 1
    assert "failed     database: DATABASE_CORRUPT" in looked.out
    assert "GB free for jobs, models, scratch files, the archive, the database" in looked.out
    assert "unknown    jobs: nobody can say while the ledger cannot be opened" in looked.out
    assert "in all: failed" in looked.out
    assert "HEALTH_FAILED database" in looked.err


def test_a_look_at_the_house_and_a_purge_of_nobody_are_told_as_json(run: Run) -> None:
    assert run("policy", "register", CHAMPION, "--role", "champion").code == 0
    look = json.loads(run("maintain", "health", "--json").out)
    assert (look["task"], look["checks"][0]["part"]) == ("health", "settings")
    purge = json.loads(run("maintain", "purge", "--dry-run", "--json").out)
    assert (purge["task"], purge["policies"], purge["failed"]) == ("purge", [], [])
    assert run("maintain", "refresh").out == "no refresh is asked for\n"


def learning(folder: Path, run: Run) -> str:
    """A folder with bars, a champion and an encoder; the name of that."""
    write_bars(folder / "bars", "SOL/USDT", hours=HOURS)
    assert run("policy", "register", CHAMPION, "--role", "champion").code == 0
    made = run("train", "encoder", "--data", "bars", "--epochs", "1", "--threads", "1")
    assert made.code == 0, made.err
    name: str = made.out.split()[0]
    (folder / "tiltyard.toml").write_text(TOML.format(encoder=name), "utf-8")
    return name


def begun(folder: Path) -> subprocess.Popen[str]:
    """A retraining in the foreground."""
    return subprocess.Popen(
        [sys.executable, "-m", "tiltyard", "maintain", "retrain", *DAY], cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "TILTYARD_DB": str(folder / "desk.db")},
    )  # fmt: skip


def child_of(task: subprocess.Popen[str]) -> int:
    """The process of its training."""
    listed = Path(f"/proc/{task.pid}/task/{task.pid}/children").read_text().split()
    return int(listed[0])


def test_a_retraining_that_is_killed_leaves_no_process_and_goes_on_to_the_same_policy(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, forking: Forking
) -> None:
    """Two of the same day, of which one is killed on its way."""
    names = []
    for folder, is_killed in ((tmp_path / "killed", True), (tmp_path / "whole", False)):
        folder.mkdir()
        run = run_in(folder, forking, tmp_path_factory.mktemp("said"))
        learning(folder, run)
        if is_killed:
            kill_at(folder, "fold 2 of 4")
        done = run("maintain", "retrain", *DAY)
        assert done.code == 0, done.err
        if is_killed:
            assert "fold 1 of 4" not in done.err, "that was kept"
        told = json.loads(run("maintain", "retrain", *DAY, "--json").out)
        assert done.out.splitlines()[0] == told["policy"]
        assert told["gate"]["state"] == "undefined"
        assert "champion" in told["gate"]["against"]
        assert (told["registered"], told["failed"]) == (None, [])
        assert done.out.splitlines()[-1] == (
            "not registered, as the gate can say nothing for it; all the same: "
            f"tiltyard policy register {told['policy']} --capital X"
        )
        assert not (folder / "models" / ".work").exists()
        assert run("policy", "register", told["policy"]).code == 0
        names.append(told["sha256"])
    assert names[0] == names[1]


def kill_at(folder: Path, stage: str) -> None:
    """Kill a retraining when its training says so, and see that it leaves nobody."""
    with begun(folder) as task:
        assert task.stderr is not None
        while not (line := task.stderr.readline()).startswith(stage):
            assert line, "it has ended"
        child = child_of(task)
        task.send_signal(signal.SIGKILL)
        until(lambda: (found := seen(child)) is None or found.is_gone, 60)
    assert (folder / "models" / ".work").is_dir()


def test_a_training_that_is_ended_by_the_system_is_told_and_loses_nothing(
    tmp_path: Path, run: Run
) -> None:
    learning(tmp_path, run)
    with begun(tmp_path) as task:
        assert task.stderr is not None
        assert task.stderr.readline()
        os.kill(child_of(task), signal.SIGKILL)
        _, err = task.communicate(timeout=300)
    assert task.returncode == 1
    assert err.splitlines()[-1] == (
        "TRAINING_STOPPED train rl: it was ended by SIGKILL, perhaps for want of memory. "
        "run the same again: it goes on from what is kept"
    )
