"""The databases that every law of the ledger is run on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tiltyard.shell.store.ledger import Ledger


@pytest.fixture(params=["sqlite"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that does not exist yet."""
    return f"{request.param}:///{tmp_path / 'tiltyard.db'}"


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """An empty ledger in a new database."""
    with Ledger.open(ledger_url, create=True) as opened:
        yield opened
