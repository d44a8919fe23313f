"""Runs the command line as a person would: a process, a folder, an exit code."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import POLICY, ROOT, Ran, Run
from forking import Forking, fork


def run_in(folder: Path, forking: Forking, said: Path) -> Run:
    """Runs commands in a folder, with the database ``desk.db`` there.

    Args:
        folder: Where.
        forking: Forks for each.
        said: A folder for what they say.
    """
    out, err = said / "out", said / "err"

    def command(*words: str | Path) -> Ran:
        environment = {**os.environ, "TILTYARD_DB": str(folder / "desk.db"), "COLUMNS": "120"}
        code = fork(forking, [str(word) for word in words], folder, environment, (out, err))
        return Ran(code, *(one.read_text("utf-8", "surrogateescape") for one in (out, err)))

    return command


@pytest.fixture
def run(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, forking: Forking) -> Run:
    """``run("report", "--json")`` in an empty folder of its own."""
    return run_in(tmp_path, forking, tmp_path_factory.mktemp("said"))


@pytest.fixture(scope="session")
def known_status(tmp_path_factory: pytest.TempPathFactory, forking: Forking) -> Path:
    """A folder with the known status as a file, written by the shipped generator, and taken in."""
    folder = tmp_path_factory.mktemp("known")
    script = ROOT / "examples" / "known_status.py"
    subprocess.run(
        [sys.executable, str(script), str(folder / "known.csv")], check=True, timeout=600
    )
    run = run_in(folder, forking, tmp_path_factory.mktemp("said"))
    assert run("policy", "register", POLICY, "--capital", "10000").code == 0
    assert run("ingest", folder / "known.csv").code == 0
    return folder


@pytest.fixture
def known_csv(tmp_path: Path, known_status: Path) -> Path:
    """The known status as a file."""
    return Path(shutil.copy(known_status / "known.csv", tmp_path))


@pytest.fixture
def known(run: Run, known_csv: Path, known_status: Path) -> Run:
    """A desk whose ledger holds the known status."""
    shutil.copy(known_status / "desk.db", known_csv.parent)
    return run
