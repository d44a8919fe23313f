"""What the tests of the shell share."""

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for bars."""
    path = tmp_path / "bars"
    path.mkdir()
    return path
