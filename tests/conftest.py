"""What every test may ask for."""

import os
from pathlib import Path

import pytest

from quick_folders import use_memory

pytest_plugins = ["postgres", "ledgers", "forking"]
use_memory()

_BESIDE_THE_REPOSITORY = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real market data; skips where there is none, fails in CI."""
    folder = Path(os.environ.get("TILTYARD_DATA", _BESIDE_THE_REPOSITORY))
    if folder.is_dir():
        return folder
    missing = f"no real data at {folder}; set TILTYARD_DATA to the folder that holds it"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)
