"""Errands on one machine, and on a machine that fails them."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from full_disks import full_disk
from tiltyard.shell.training import errands
from tiltyard.shell.training.errands import packed, unpacked

TRIAL = {
    "number": 1, "objective": "cheap_objectives:hill", "config": {}, "seed": 7, "generation": 2,
}  # fmt: skip


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where errands have their folders."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def run(files: dict[str, bytes], **config: Any) -> tuple[dict[str, Any], dict[str, bytes]]:  # noqa: ANN401 JSON
    """A trial, as a node runs it."""
    given = packed({**TRIAL, "config": config}, files)
    return unpacked(errands.run("trial", [given], lambda _: None, lambda: False))


def test_a_trial_gives_back_what_it_has_made() -> None:
    told, files = run({"study.json": b"{}"})
    assert told == {}
    assert list(files) == ["trials/001.json"]


def test_a_disk_that_is_full_is_no_result() -> None:
    with full_disk(10):
        told, files = run({"encoders/one": bytes(100)})
    assert told["stopped"][0] == "CHECKPOINT_UNWRITABLE"
    assert not files


def test_a_machine_that_has_no_place_for_folders_is_no_result(scratch: Path) -> None:
    scratch.rmdir()
    told, files = run({})
    assert told["stopped"][:2] == ["STUDY_STOPPED", "trial 1"]
    assert told["stopped"][2].startswith("FileNotFoundError: ")
    assert not files


def test_code_and_instructions_are_among_what_bits_depend_on() -> None:
    told = errands.versions()
    assert {"tiltyard", "torch", "code of dqn", "code of tabnet", "code of timesnet"} <= set(told)
    assert "missing" not in told.values()
    other = subprocess.run(
        [sys.executable, "-c", f"from {errands.__name__} import *; print(versions()['vectors'])"],
        env={**os.environ, "ATEN_CPU_CAPABILITY": "default"}, check=True, capture_output=True,
        text=True,
    ).stdout.strip()  # fmt: skip
    assert other == "DEFAULT"
