"""The tasks as one table: each by itself, and what one run of them leaves for the next."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from conformance.samples import NewDatabase
from maintenance.houses import NIGHT, SUNDAY, house_in, join
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.cli.maintain import with_bucket
from tiltyard.shell.cli.weekly_maintenance import Weekly
from tiltyard.shell.maintenance.house import House
from tiltyard.shell.maintenance.report import TITLES
from tiltyard.shell.maintenance.tasks import TASKS, Run


@pytest.fixture
def house(tmp_path: Path, new_database: NewDatabase) -> Iterator[House]:
    with house_in(tmp_path, new_database) as found:
        yield found


def database(house: House, *, is_dry: bool = False) -> str:
    """What a clean-up says of the database's size."""
    done = TASKS["cleanup"].does(Run(house, SUNDAY, NIGHT, is_dry))
    assert done.failed == ()
    return done.lines[-1] if " rows" in done.lines[-1] else done.lines[-2]


def test_what_people_know_and_what_is_reported_are_tasks() -> None:
    assert set(get_args(Weekly)) - {"full"} <= set(TASKS)
    assert set(TITLES) == set(TASKS)


def test_a_clean_up_says_how_the_database_has_grown_since_the_last(house: House) -> None:
    assert "since" not in database(house)
    assert "+0 rows since the last clean-up" in database(house)
    join(house, "bot")
    assert "+0 rows" not in database(house)


def test_one_that_only_says_what_it_would_do_leaves_no_trace(house: House, tmp_path: Path) -> None:
    before = house.ledger.roster()
    for name, task in TASKS.items():
        if task.kind == "removing":
            done = task.does(Run(house, SUNDAY, NIGHT, is_dry=True))
            assert done.told["dry_run"] is True, name
    assert house.ledger.roster() == before
    assert not house.settings.jobs.path.exists()
    assert not (tmp_path / "models").exists()


def test_another_bucket_is_taken_for_the_archive_and_nothing_else_changes(
    house: House,
) -> None:
    settings = house.settings
    assert with_bucket(settings, None) is settings
    named = with_bucket(settings, "desk-of-ann")
    assert named.archive.bucket == "desk-of-ann"
    back = named.model_copy(update={"archive": settings.archive})
    assert back == settings
    with pytest.raises(TiltyardError, match=r"CONFIG_INVALID --s3-bucket 'A': expected 3 to 63"):
        with_bucket(settings, "A")
