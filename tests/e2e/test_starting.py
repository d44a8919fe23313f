"""A command loads what it needs: nobody in a hurry waits for what reads files or serves."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import POLICY, Run

SLOW = {"alembic", "fastapi", "httpx", "numpy", "polars", "rich", "uvicorn"}
LOADED = """
import sys
from tiltyard.shell.cli import main

try:
    main()
finally:
    print(*sys.modules, sep="\\n", file=sys.stderr)
"""


def loaded(folder: Path, *words: str) -> set[str]:
    """What a command has loaded when it ends."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *words],
        cwd=folder,
        env={**os.environ, "TILTYARD_DB": str(folder / "desk.db")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines())


@pytest.mark.parametrize("command", ["--help", "policy list", "report", f"policy halt {POLICY}"])
def test_a_command_that_needs_nothing_slow_loads_nothing_slow(
    run: Run, tmp_path: Path, command: str
) -> None:
    assert run("policy", "register", POLICY, "--capital", "10000").code == 0
    found = loaded(tmp_path, *command.split())
    assert "tiltyard.shell.cli" in found
    assert not SLOW & found
