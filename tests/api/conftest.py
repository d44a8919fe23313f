"""One desk on SQLite and one on Postgres, each served for all the tests of a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from served import Served, populate, serving


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("served")
    settings = "[api]\nrequests_per_second = 10000\n"
    if request.param == "sqlite":
        database = str(folder / "desk.db")
        populate(database)
        with serving(database, folder, settings) as desk:
            yield desk
        return
    new = request.getfixturevalue("postgres").database
    with new() as database:
        populate(database)
        with serving(database, folder, settings) as desk:
            yield desk
