"""A folder that nobody can trade on keeps the floor shut, and nobody from being judged."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from floors import BREAKOUT, JUMP, House, house_on, put_bars, quiet_and_up, rules
from live_desks import put
from tiltyard.market.bar import HOUR, Bar
from tiltyard.shell.floor.opening import Opening, interval_to_trade, trader_on
from tiltyard.shell.sections.market import MarketSettings
from tiltyard.shell.settings import load
from tiltyard.shell.store.ledger import Ledger

START = datetime(2025, 5, 1, tzinfo=UTC)
BROKE_OUT = START + (JUMP + 1) * HOUR
SOL, STRAY = "SOL_USDT-1h.parquet", "BTC_USDT-4h.csv"


@pytest.fixture
def house(ledger_url: str, folder: Path) -> Iterator[House]:
    settings = rules(MarketSettings(feed=str(folder)))
    with house_on(ledger_url, folder, BROKE_OUT, [BREAKOUT], settings=settings) as found:
        yield found


def begun(house: House) -> Opening:
    """What a desk that begins now trades on."""
    interval = interval_to_trade(house.ledger, house.settings)
    floor = trader_on(house.ledger, house.settings, house.token, interval, say=house.said.append)
    assert floor is not None
    floor.begin(house.desk.roster)
    return floor


def round_of(house: House, floor: Opening, at: datetime) -> None:
    house.desk.step(at)
    while floor.follow(house.desk, at):
        house.desk.step(at)


def codes(house: House) -> list[str]:
    return [line.partition(" ")[0] for line in house.said]


def four_hours(symbol: str) -> list[Bar]:
    return [Bar(symbol, START + n * 4 * HOUR, 110, 111, 109, 110, 5.0) for n in range(30)]


def hold_something(house: House, folder: Path) -> None:
    put_bars(folder / SOL, quiet_and_up(START))
    house.round()
    house.round(BROKE_OUT + HOUR)
    assert len(house.trader.open_positions) == 1


def test_who_trades_on_no_bars_has_no_floor(ledger: Ledger) -> None:
    settings = rules(MarketSettings())
    assert interval_to_trade(ledger, settings) is None
    assert trader_on(ledger, settings, 1, None, say=print) is None


def test_the_names_of_the_files_say_how_long_a_bar_lasts(ledger: Ledger, folder: Path) -> None:
    settings = rules(MarketSettings(feed=str(folder)))
    put_bars(folder / SOL, quiet_and_up(START))
    (folder / "notes.txt").write_text("not of bars")
    assert interval_to_trade(ledger, settings) == HOUR


@pytest.mark.parametrize(("names", "code"), [([], "FEED_MISSING"), ([SOL, STRAY], "FEED_MIXED")])
def test_the_floor_is_shut_and_told_once_and_opens_when_it_has_passed(
    house: House, folder: Path, names: list[str], code: str
) -> None:
    house.settings = house.settings.model_copy(update={"checklist": load().checklist})
    for name in names:
        put_bars(folder / name, quiet_and_up(START))
    house.begin()
    floor = begun(house)
    assert floor.story == "the floor is shut"
    round_of(house, floor, BROKE_OUT - HOUR)
    round_of(house, floor, BROKE_OUT - HOUR)
    assert codes(house) == [code]
    put_bars(folder / SOL, quiet_and_up(START))
    (folder / STRAY).unlink(missing_ok=True)
    round_of(house, floor, BROKE_OUT)
    round_of(house, floor, BROKE_OUT + HOUR)
    assert floor.trouble is None
    assert "1 position open" in floor.story
    assert len(floor.left_open) == 1
    assert house.desk._settings.checklist == load().marked_every(HOUR).checklist


def test_a_desk_with_a_shut_floor_obeys_and_judges(house: House) -> None:
    floor = begun(house)
    put(house.ledger, "halt", BREAKOUT, BROKE_OUT)
    round_of(house, floor, BROKE_OUT)
    assert house.desk.roster.arms[BREAKOUT].state == "halted"
    assert floor.left_open == []


def test_what_is_held_goes_on_beside_a_stray_file(house: House, folder: Path) -> None:
    hold_something(house, folder)
    bars = quiet_and_up(START)
    bars[JUMP + 2] = bars[JUMP + 2]._replace(low=90.0)
    put_bars(folder / SOL, bars)
    put_bars(folder / STRAY, four_hours("BTC/USDT"))
    floor = begun(house)
    round_of(house, floor, BROKE_OUT + 2 * HOUR)
    assert codes(house) == ["FEED_REFUSED"]
    assert sorted(one.book for one in house.trades()) == ["live", "twin"]


def test_what_is_held_begins_while_its_folder_is_away(house: House, folder: Path) -> None:
    hold_something(house, folder)
    (folder / SOL).unlink()
    folder.rmdir()
    floor = begun(house)
    round_of(house, floor, BROKE_OUT + 2 * HOUR)
    assert "1 position open" in floor.story
    assert house.said == []


def test_what_is_held_is_not_gone_on_with_on_bars_of_another_length(
    house: House, folder: Path
) -> None:
    hold_something(house, folder)
    (folder / SOL).unlink()
    put_bars(folder / "SOL_USDT-4h.parquet", four_hours("SOL/USDT"))
    floor = begun(house)
    round_of(house, floor, BROKE_OUT + 9 * HOUR)
    assert codes(house) == ["INTERVAL_DIFFERS"]
    assert floor.story == "the floor is shut"
    bars = quiet_and_up(START)
    bars[JUMP + 2] = bars[JUMP + 2]._replace(low=90.0)
    put_bars(folder / SOL, bars)
    round_of(house, floor, BROKE_OUT + 9 * HOUR)
    assert sorted(one.book for one in house.trades()) == ["live", "twin"]


def test_a_trader_that_is_given_other_bars_stops_before_anything_is_played(
    house: House, folder: Path
) -> None:
    hold_something(house, folder)
    (folder / SOL).unlink()
    put_bars(folder / "SOL_USDT-4h.parquet", four_hours("SOL/USDT"))
    house.interval = timedelta(hours=4)
    house.begin()
    house.round(BROKE_OUT + 9 * HOUR)
    assert codes(house) == ["INTERVAL_DIFFERS"]
    assert house.trades() == []


def test_bars_of_another_length_are_gone_on_with_when_nothing_is_held_for_real(
    house: House, folder: Path
) -> None:
    put_bars(folder / SOL, quiet_and_up(START))
    house.round()
    assert len(list(house.ledger.decisions())) == 1, "it is ordered, and not filled"
    (folder / SOL).unlink()
    put_bars(folder / "SOL_USDT-4h.parquet", four_hours("SOL/USDT"))
    floor = begun(house)
    round_of(house, floor, BROKE_OUT + 9 * HOUR)
    assert house.said == [
        "the bars last 4 h, and lasted 1 h before: what was ordered, and held on paper, is gone"
    ]
    assert "on bars of 4 h" in floor.story
    assert floor.left_open == []
    assert floor.trouble is None
