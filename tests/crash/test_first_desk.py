"""The first desk of a ledger, killed before its first step: what came in meanwhile is judged."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from crash.floor import GOOD, MINUTE, SECOND, append, trade
from crash.house import House, housed
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.commanding import take
from tiltyard.shell.live import BEGUN, READ
from tiltyard.shell.store.desk_record import Progress, read_progress
from tiltyard.shell.store.lease import LASTS
from tiltyard.shell.store.ledger import Ledger


@pytest.fixture
def house(ledger_url: str, tmp_path: Path) -> Iterator[House]:
    """A first desk that has started and done nothing yet."""
    with housed(ledger_url, tmp_path) as found:
        yield found


def comes_in(house: House, *pnls: float, first: int = 0) -> None:
    house.now += MINUTE
    closes = [house.now - MINUTE / 2 + n * SECOND for n in range(len(pnls))]
    facts = [
        trade(GOOD, first + n, pnl, timedelta())._replace(opened_at=closed - MINUTE,
                                                          closed_at=closed)
        for n, (pnl, closed) in enumerate(zip(pnls, closes, strict=True))
    ]  # fmt: skip
    append(house.other, facts, house.now)


def progress_of(ledger: Ledger) -> Progress | None:
    with ledger.snapshot() as still:
        return read_progress(still.connection)


def next_desk(house: House) -> House:
    house.now += LASTS
    return House(house.ledger, house.other, house.folder, house.settings, house.now, "second")


def reviewed(house: House) -> list[str]:
    house.round()
    house.verify()
    return house.written("review")


@pytest.mark.parametrize("deaths", [0, 1, 2])
def test_a_run_of_losses_that_came_and_went_is_seen_however_often_the_first_desk_died(
    house: House, deaths: int
) -> None:
    comes_in(house, -1, -1, -1, -1, -1, 6)
    for _ in range(deaths):
        house = next_desk(house)
    assert reviewed(house) == [GOOD]


@pytest.mark.parametrize("deaths", [0, 1])
def test_what_a_first_desk_began_with_is_judged_before_what_came_after(
    ledger_url: str, tmp_path: Path, deaths: int
) -> None:
    with housed(ledger_url, tmp_path) as earlier:
        comes_in(earlier, -1, -1, -1, -1, -1)
        with earlier.ledger.transaction() as inside:
            inside.connection.exec_driver_sql("DELETE FROM desk_progress")
        house = next_desk(earlier)
        comes_in(house, 6, first=100)
        for _ in range(deaths):
            house = next_desk(house)
        assert reviewed(house) == [GOOD]


def test_what_was_over_before_the_first_desk_began_is_not_judged(
    ledger_url: str, tmp_path: Path
) -> None:
    with housed(ledger_url, tmp_path) as earlier:
        comes_in(earlier, -1, -1, -1, -1, -1, 6)
        with earlier.ledger.transaction() as inside:
            inside.connection.exec_driver_sql("DELETE FROM desk_progress")
        assert reviewed(next_desk(earlier)) == []


def test_a_first_desk_has_begun_before_it_reads_and_a_later_one_goes_on(house: House) -> None:
    begun = progress_of(house.other)
    assert begun == Progress(0, 0, 0, 0, 0, house.now)
    comes_in(house, -1)
    passed: list[str] = []
    house.on_stage = passed.append
    house.desk.start()
    assert passed == [READ]
    assert progress_of(house.other) == begun
    house.round()
    stepped = progress_of(house.other)
    assert stepped is not None
    assert (stepped.step, stepped.trades) == (1, 1)


def test_no_share_grows_at_once_for_a_desk_whose_predecessor_only_began(house: House) -> None:
    house.now += timedelta(days=2)
    house = next_desk(house)
    house.round()
    assert house.written("skip_scale") == house.written("scale") == []
    house.round(timedelta(hours=14).total_seconds())
    assert GOOD in house.written("skip_scale")


def test_who_has_lost_the_lease_does_not_begin(house: House) -> None:
    with house.other.transaction() as inside:
        inside.connection.exec_driver_sql("DELETE FROM desk_progress")
    passed: list[str] = []
    house.on_stage = passed.append
    assert take(house.other, "second", house.now + LASTS) is not None
    with pytest.raises(TiltyardError, match="LEASE_LOST"):
        house.desk.start()
    assert BEGUN not in passed
    assert progress_of(house.other) is None
