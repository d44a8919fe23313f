"""Bars that do not come any more are told, once when it begins and once when it has passed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from floors import BREAKOUT, JUMP, House, house_on, put_bars, quiet_and_up
from live_desks import put
from tiltyard.market.bar import HOUR
from tiltyard.shell.feeds.folder import BarFolder
from tiltyard.shell.floor.lateness import Lateness

START = datetime(2025, 5, 1, tzinfo=UTC)
BROKE_OUT = START + (JUMP + 1) * HOUR
SECOND = timedelta(seconds=1)
SOL, ETH = "SOL_USDT-1h.parquet", "ETH_USDT-1h.parquet"


def put_hours(folder: Path, name: str, count: int) -> None:
    symbol = name.partition("-")[0].replace("_", "/")
    put_bars(folder / name, quiet_and_up(START, symbol=symbol)[:count])


@pytest.fixture
def house(tmp_path: Path, folder: Path) -> Iterator[House]:
    """A desk whose champion decides by the last bar that is there."""
    put_hours(folder, SOL, JUMP + 1)
    with house_on(str(tmp_path / "desk.db"), folder, BROKE_OUT, [BREAKOUT]) as found:
        found.round()
        yield found


def test_an_old_feed_is_told_once_when_it_begins_and_once_when_it_has_passed(
    house: House, folder: Path
) -> None:
    house.round(BROKE_OUT + 2 * HOUR)
    assert (house.said, "come" in house.trader.story) == ([], False)
    house.round(BROKE_OUT + 2 * HOUR + SECOND)
    house.round(BROKE_OUT + 9 * HOUR)
    newest = f"the newest bar in {folder} closed 2025-05-03T13:00:00Z, 2 h ago"
    assert house.said == [f"{newest}: nobody decides until newer bars come"]
    assert house.trader.story.endswith("played until 2025-05-03T13:00:00Z, no newer bars come")
    put_hours(folder, SOL, JUMP + 10)
    house.round()
    house.round(BROKE_OUT + 10 * HOUR)
    assert house.said[1:] == ["bars come again, until 2025-05-03T22:00:00Z"]
    assert house.trader.story.endswith("played until 2025-05-03T22:00:00Z")


def test_it_has_not_passed_while_nobody_may_decide_by_what_came(house: House, folder: Path) -> None:
    """A recorder that is always an hour and a half late would be told of every hour."""
    for hour in range(1, 6):
        put_hours(folder, SOL, JUMP + hour)
        house.round(BROKE_OUT + (hour + 0.5) * HOUR)
        house.round(BROKE_OUT + (hour + 1) * HOUR + SECOND)
    assert len(house.said) == 1


def test_an_old_feed_keeps_the_desk_from_nothing(house: House) -> None:
    put(house.ledger, "halt", BREAKOUT, house.now)
    house.round(BROKE_OUT + 5 * HOUR)
    assert house.desk.roster.arms[BREAKOUT].state == "halted"
    assert house.trader.trouble is None
    assert len(house.said) == 1


def test_a_symbol_that_falls_behind_the_others_is_told_alone(house: House, folder: Path) -> None:
    put_hours(folder, ETH, JUMP + 1)
    for hour in range(1, 6):
        put_hours(folder, SOL, JUMP + 1 + hour)
        house.round(BROKE_OUT + hour * HOUR + timedelta(minutes=2))
    behind = "the newest bar of ETH/USDT closed 2025-05-03T13:00:00Z, 2 h ago: nobody decides"
    assert house.said == [f"{behind} on it until newer bars come"]
    assert house.trader.story.endswith(", no newer bars of ETH/USDT come")
    put_hours(folder, ETH, JUMP + 6)
    house.round()
    assert house.said[-1] == "bars of ETH/USDT come again, until 2025-05-03T18:00:00Z"


def test_who_was_told_alone_is_not_told_again_when_the_others_stop_and_come_back(
    house: House, folder: Path
) -> None:
    put_hours(folder, ETH, JUMP - 5)
    house.round()
    house.round(BROKE_OUT + 3 * HOUR)
    put_hours(folder, SOL, JUMP + 4)
    house.round()
    assert [line.partition(" closed")[0] for line in house.said] == [
        "the newest bar of ETH/USDT", f"the newest bar in {folder}",
        "bars come again, until 2025-05-03T16:00:00Z",
    ]  # fmt: skip


def test_a_market_that_stands_still_is_no_old_feed(house: House, folder: Path) -> None:
    bars = quiet_and_up(START)[: JUMP + 6]
    still = [
        bar._replace(high=110.0, low=110.0, open=110.0, close=110.0, volume=0.0)
        for bar in bars[JUMP + 1 :]
    ]
    put_bars(folder / SOL, [*bars[: JUMP + 1], *still])
    house.round(BROKE_OUT + 5 * HOUR)
    assert not [line for line in house.said if "newest" in line]


def test_a_file_that_is_gone_is_told_as_that_and_not_as_old(house: House, folder: Path) -> None:
    house.round(BROKE_OUT + 3 * HOUR)
    (folder / SOL).unlink()
    house.round()
    assert house.said[1:] == [f"{SOL} is gone: its market is stale"]


def test_a_file_without_a_bar_is_told(house: House, folder: Path) -> None:
    put_bars(folder / ETH, [])
    house.round()
    assert house.said == ["there is no bar of ETH/USDT yet: nobody decides on it until one comes"]


def test_a_folder_in_which_nobody_writes_any_more_waits_for_nothing(folder: Path) -> None:
    put_hours(folder, SOL, JUMP)
    said: list[str] = []
    bars = BarFolder(folder, HOUR, said.append, is_complete=True)
    while bars.look(None):
        pass
    Lateness(bars, said.append).look(BROKE_OUT + 99 * HOUR)
    assert said == []
