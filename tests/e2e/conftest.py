"""Runs the command line as a person would: a process, a folder, an exit code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import POLICY, ROOT, Ran, Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """``run("report", "--json")`` in an empty folder of its own."""

    def command(*words: str | Path) -> Ran:
        environment = {**os.environ, "TILTYARD_DB": str(tmp_path / "desk.db"), "COLUMNS": "120"}
        done = subprocess.run(
            [sys.executable, "-m", "tiltyard", *map(str, words)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            check=False,
            timeout=120,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return command


@pytest.fixture
def known_csv(tmp_path: Path) -> Path:
    """The known status as a file, written by the shipped generator."""
    path = tmp_path / "known.csv"
    script = ROOT / "examples" / "known_status.py"
    subprocess.run([sys.executable, str(script), str(path)], check=True, timeout=60)
    return path


@pytest.fixture
def known(run: Run, known_csv: Path) -> Run:
    """A desk whose ledger holds the known status."""
    assert run("policy", "register", POLICY, "--capital", "10000").code == 0
    assert run("ingest", known_csv).code == 0
    return run
