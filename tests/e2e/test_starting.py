"""A command loads what it needs: nobody in a hurry waits for what reads files or serves."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from archives import gate, sizing, written
from command_line import POLICY, Run
from floors import put_bars, quiet_and_up
from tiltyard.kernel.clock import EPOCH

LEARN = {"optuna", "safetensors", "tiltyard.learners", "torch"}
"""What is for who trains, and who trades by what was trained."""
SLOW = {"alembic", "fastapi", "httpx", "numba", "numpy", "polars", "rich", "uvicorn", *LEARN}
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
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines())


@pytest.mark.parametrize(
    "command",
    ["--help", "policy list", "report", f"policy halt {POLICY}", "policy register bot",
     "policy versions", "policy versions --json"],
)  # fmt: skip
def test_a_command_that_needs_nothing_slow_loads_nothing_slow(
    run: Run, tmp_path: Path, command: str
) -> None:
    assert run("policy", "register", POLICY, "--capital", "10000").code == 0
    written(tmp_path / "models", "20250707_120000", "dqn", **sizing(gate("passed", 0.001)))
    found = loaded(tmp_path, *command.split())
    assert "tiltyard.shell.cli" in found
    assert not SLOW & found


def test_a_desk_that_trades_by_nothing_trained_loads_nothing_that_learns(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "tiltyard.toml").write_text('[market]\nfeed = "bars"\n', "utf-8")
    (tmp_path / "bars").mkdir()
    put_bars(tmp_path / "bars" / "SOL_USDT-1h.csv", quiet_and_up(EPOCH))
    trend = "trend_20250301_000000_c4a3b105"
    joined = run("policy", "register", trend, "--role", "champion", "--capital", "10000")
    assert joined.code == 0
    found = loaded(tmp_path, "run", "--once")
    assert "tiltyard.shell.models.stable" in found
    assert not LEARN & found
