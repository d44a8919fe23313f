"""``tiltyard train`` as a person, a supervisor and the system meet it."""

import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from command_line import Run
from tiltyard.shell.supervise.contract import VARIABLE
from training.small import write_bars
from waiting import until

HOURS = 3_700
"""Just enough for the usual settings."""


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("encoder --data nowhere", "FEED_MISSING nowhere"),
        ("encoder --data . --interval 1y", "INTERVAL_INVALID 1y"),
        ("tabnet --data . --encoder one", "SNAPSHOT_MISSING one"),
        ("encoder --data . --from yesterday", "TIME_INVALID"),
        ("encoder --data . --report .", "PAGE_UNWRITABLE"),
        (
            "encoder --data . --from 2025-02-01T00:00Z --until 2025-01-01T00:00Z",
            "it ends before it begins",
        ),
        ("encoder --data . --seed 9223372036854775808", "equal to 9223372036854775807"),
        ("encoder --data . --symbols ,", "FEED_MISSING --symbols ','"),
        ("sweep --data . --symbols SOL", "FEED_MISSING ."),
        ("sweep --data . --workers 2 --ray auto", "OPTION_IDLE --workers"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_learnt(run: Run, words: str, code: str) -> None:
    done = run("train", *words.split())
    assert done.code in (1, 2)
    assert code in done.err
    assert "--html" not in done.err, "an option of another command"
    assert done.out == ""


def test_where_nothing_can_be_kept_nothing_is_learnt(run: Run, tmp_path: Path) -> None:
    write_bars(tmp_path / "bars", "SOL/USDT", hours=HOURS)
    (tmp_path / "taken").touch()
    done = run("train", "tabnet", "--data", "bars", "--output", "taken")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("SNAPSHOT_UNWRITABLE taken: File exists")


def test_a_feed_that_has_frozen_is_refused_before_anything_is_learnt(
    run: Run, tmp_path: Path
) -> None:
    write_bars(tmp_path / "bars", "SOL/USDT", hours=HOURS)
    file = tmp_path / "bars" / "SOL_USDT-1h.parquet"
    frozen = dict.fromkeys(("open", "high", "low", "close"), 150.0)
    pl.read_parquet(file).with_columns(**frozen).write_parquet(file)
    for what in ("encoder", "tabnet", "sweep"):
        done = run("train", what, "--data", "bars")
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith("PRICES_STILL bars: 1 fault\n  3,699 of 3,700 bars close where")


def test_who_learns_from_funding_needs_rates_and_no_parent(run: Run, tmp_path: Path) -> None:
    write_bars(tmp_path / "bars", "SOL/USDT", hours=240)
    for what in ("tabnet", "sweep"):
        done = run("train", what, "--data", "bars", "--funding")
        assert (done.code, done.out) == (2, "")
        assert "FUNDING_MISSING bars" in done.err
    done = run("train", "tabnet", "--data", "bars", "--funding", "--refresh", "one")
    assert done.code == 2
    assert done.err.startswith("OPTION_IDLE --funding")


def test_a_training_that_failed_has_no_job_any_more(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = tmp_path / "status.json"
    monkeypatch.setenv(VARIABLE, str(status))
    assert run("train", "encoder", "--data", "nowhere").code == 2
    assert json.loads(status.read_text())["job"] == ""


def test_who_ends_it_in_its_first_epoch_is_not_told_that_something_is_kept(tmp_path: Path) -> None:
    write_bars(tmp_path / "bars", "SOL/USDT", hours=HOURS)
    process = subprocess.Popen(
        [sys.executable, "-m", "tiltyard", "train", "encoder", "--data", "bars"], cwd=tmp_path,
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=1,
    )  # fmt: skip
    assert process.stderr is not None
    assert process.stderr.readline().startswith("encoder: ")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=300)
    assert (process.returncode, out) == (143, "")
    assert "nothing was kept since it began: the same command begins where this one did" in err
    assert list((tmp_path / "models").iterdir()) == []


def test_a_supervisor_sees_it_and_has_a_checkpoint_and_whoever_ends_it_can_go_on(
    tmp_path: Path,
) -> None:
    write_bars(tmp_path / "bars", "SOL/USDT", hours=HOURS)
    status = tmp_path / "status.json"
    words = "train encoder --data bars --epochs 9000 --threads 1"
    process = subprocess.Popen(
        [sys.executable, "-m", "tiltyard", *words.split()], cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, VARIABLE: str(status)},
    )  # fmt: skip

    def saved_after(before: str) -> bool:
        assert process.poll() is None, process.communicate()
        at = json.loads(status.read_text())["checkpoint_at"] if status.exists() else None
        return at is not None and at > before

    until(partial(saved_after, ""), 100)
    told = json.loads(status.read_text())
    assert told["job"] == "train encoder"
    assert told["step"] > 0
    process.send_signal(signal.SIGUSR1)
    until(partial(saved_after, told["checkpoint_at"]), 100)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=300)
    assert (process.returncode, out) == (143, "")
    assert err.splitlines()[0].startswith("encoder: ")
    assert "the same command goes on from there" in err
    assert "interrupted: nothing half-written" in err
    assert json.loads(status.read_text())["job"] == ""
    left = [one.name for one in (tmp_path / "models").iterdir()]
    assert left == [".work"], "what was learnt, and no snapshot"


def test_who_asks_for_what_was_logged_is_told_that_nothing_was(run: Run, tmp_path: Path) -> None:
    """The bars are too few to learn from, so it ends before anything is learnt."""
    write_bars(tmp_path / "bars", "SOL/USDT", hours=240)
    asked = ("train", "rl", "--data", "bars", "--logged", "0.3")
    done = run(*asked)
    assert "logged: nothing: there is no ledger\n" in done.err
    assert "DATA_INSUFFICIENT" in done.err
    assert run("policy", "register", "mine", "--role", "champion").code == 0
    assert "logged: nothing: the ledger has no trades\n" in run(*asked).err
    assert "logged" not in run("train", "rl", "--data", "bars").err
    assert "logged" not in run("train", "rl", "--data", "bars", "--logged", "0").err
    assert run("train", "rl", "--data", "bars", "--logged", "1").code == 2
