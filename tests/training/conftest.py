"""What was trained once, for every test here."""

from pathlib import Path

import pytest

from tiltyard.shell.training.machine import settle
from tiltyard.shell.training.running import Made
from training.small import trained, write_bars


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    settle("cpu", 1)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bars, and what was trained on them without an interruption."""
    made = tmp_path_factory.mktemp("trained")
    write_bars(made / "bars", "BTC/USDT", "SOL/USDT")
    return made


@pytest.fixture(scope="session")
def policy(folder: Path) -> Made:
    """A candidate, with an encoder of its own."""
    return trained(folder)
