"""A script of the root, run with a Python without tiltyard, says what is in its way."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import ROOT


def checkout(folder: Path) -> Path:
    """A checkout with one script, and a place for its environment; the Python there."""
    for name in ("prometheus_alerts.py", "find_environment.py"):
        shutil.copy(ROOT / name, folder)
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    return python


def said_by(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """The script as somebody runs it whose Python has no packages."""
    return subprocess.run(
        [sys.executable, "-S", folder / "prometheus_alerts.py", *words], capture_output=True,
        text=True, check=False, cwd=folder,
    )  # fmt: skip


def test_without_an_environment_it_says_how_to_make_one(tmp_path: Path) -> None:
    checkout(tmp_path)
    done = said_by(tmp_path)
    assert done.returncode == 1
    assert done.stderr == "tiltyard is not installed: run make demo in the checkout first\n"


@pytest.mark.parametrize("in_the_way", ["not to be run", "not to be seen"])
def test_an_environment_that_one_may_not_use_is_told_in_a_sentence(
    tmp_path: Path, in_the_way: str
) -> None:
    python = checkout(tmp_path)
    if in_the_way == "not to be run":
        python.write_text("", "utf-8")
    else:
        python.symlink_to(python)
    done = said_by(tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"you cannot use {python}: ")
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_it_goes_on_in_the_environment_with_the_same_words(tmp_path: Path) -> None:
    python = checkout(tmp_path)
    python.write_text('#!/bin/sh\nshift\necho "$@"\n', "utf-8")
    python.chmod(0o755)
    assert said_by(tmp_path, "--action", "two words").stdout == "--action two words\n"
