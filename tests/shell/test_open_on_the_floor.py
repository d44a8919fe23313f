"""Who halts an arm that the desk itself trades is told what the floor holds for it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from floors import BREAKOUT, CHAMPION, JUMP, House, house_on, put_bars, quiet_and_up, rules
from live_desks import put
from tiltyard.facts.command import Command, Outcome
from tiltyard.facts.mark import Mark
from tiltyard.kernel.money import money
from tiltyard.market.bar import HOUR
from tiltyard.shell.commanding import carry_out
from tiltyard.shell.effects.announce import Announcing
from tiltyard.shell.sections.market import MarketSettings
from tiltyard.shell.store.command_table import append_command, outcome_of

START = datetime(2025, 5, 1, tzinfo=UTC)
BROKE_OUT = START + (JUMP + 1) * HOUR
SOL = "SOL_USDT-1h.parquet"
BOT = "reinforcement_20250707_154526_eee02a74"
HELD = "open on the floor: long SOL/USDT of 1,000.00 at 110.011"


@pytest.fixture
def house(tmp_path: Path, folder: Path) -> Iterator[House]:
    """A champion that has played an hour, in which the price breaks out."""
    put_bars(folder / SOL, quiet_and_up(START))
    with house_on(str(tmp_path / "desk.db"), folder, BROKE_OUT - HOUR, [BREAKOUT, BOT]) as found:
        found.round()
        yield found


def holding(house: House) -> None:
    """It has ordered to enter, and that was filled."""
    for hours in range(2):
        house.round(BROKE_OUT + hours * HOUR)
    share_of_bot = house.ledger.roster().arms[BOT].share
    assert (len(house.trader.open_positions), share_of_bot) == (1, 0.1)


def halted(house: House, policy: str, *, verb: str = "halt", reason: str = "seen") -> Outcome:
    """What whoever asked is told; the floor has not followed the step yet."""
    command = Command(f"{verb} {policy}", verb, policy, "ann", reason, house.now)  # type: ignore[arg-type] # a verb
    with house.ledger.transaction() as inside:
        seq = append_command(inside.connection, command)
    house.events += house.desk.step(house.now)
    with house.ledger.snapshot() as still:
        found = outcome_of(still.connection, seq)
    assert found is not None
    return found


def open_by(house: House, kind: str) -> list[str]:
    return [event["open"] for event in house.events if event["event"] == kind]


def reasons(house: House, minutes: int) -> list[str]:
    """What a person is paged for until so long after now."""
    began, before = house.now, len(house.events)
    for minute in range(minutes + 1):
        house.round(began + timedelta(minutes=minute))
    return [one["reason"] for one in house.events[before:] if one["event"] == "page"]


def test_a_halt_says_what_the_floor_holds_and_pages_when_it_stays_so(house: House) -> None:
    holding(house)
    told = halted(house, BREAKOUT).text
    unrealised = "unrealised -0.59999 USDT at 2025-05-03T14:00:00Z"
    page = "reduce-only, and a page at 2025-05-03T14:30:00Z if any is left"
    assert open_by(house, "halt") == [f"{HELD}, {unrealised}; {page}"]
    assert told.endswith(f"  {HELD}, {unrealised}; {page}")
    left = HELD.removeprefix("open on the floor: ")
    assert reasons(house, 40) == [f"1 position is open 30 min after the halt on the floor: {left}"]


def test_a_halt_of_an_arm_that_never_held_anything_says_so_and_pages_nobody(
    house: House,
) -> None:
    house.round(BROKE_OUT)
    halted(house, BREAKOUT)
    assert open_by(house, "halt") == ["nothing is open on the floor, and it enters no more"]
    assert reasons(house, 59) == []
    house.round(BROKE_OUT + 3 * HOUR)
    assert house.trader.open_positions == [], "what it had ordered is dropped"


def test_a_halted_arm_that_never_held_anything_is_retired_without_a_reason(
    tmp_path: Path, folder: Path
) -> None:
    put_bars(folder / SOL, quiet_and_up(START))
    url = str(tmp_path / "desk.db")
    with house_on(url, folder, BROKE_OUT - 5 * HOUR, [CHAMPION, BREAKOUT]) as house:
        house.round()
        house.round(house.now + HOUR)
        assert halted(house, BREAKOUT).code == ""
        assert halted(house, BREAKOUT, verb="retire", reason="").text == f"{BREAKOUT}: retired"


def test_what_a_bot_holds_is_told_by_its_marks_alone(house: House) -> None:
    holding(house)
    halted(house, BOT)
    (said,) = open_by(house, "halt")
    assert said.startswith("what is open is not known, no mark was reported; ")


def test_a_mark_that_tells_of_something_else_is_believed(house: House) -> None:
    house.round(BROKE_OUT)
    mark = Mark(BREAKOUT, house.now, money(-3), 2, account="default", currency="USDT")
    house.ledger.append_marks([mark], known_at=house.now)
    house.round()
    halted(house, BREAKOUT)
    assert open_by(house, "halt")[0].startswith("open at 2025-05-03T13:00:00Z: 2 positions, ")


def test_where_no_desk_runs_it_is_told_by_what_was_written(house: House) -> None:
    holding(house)
    seq = put(house.ledger, "halt", BREAKOUT, house.now)
    carry_out(house.ledger, house.settings, house.token, house.now, Announcing())
    with house.ledger.snapshot() as still:
        outcome = outcome_of(still.connection, seq)
    assert outcome is not None
    assert HELD in outcome.text


def test_a_desk_that_trades_on_no_bars_goes_by_marks_alone(house: House) -> None:
    """A bot may trade for the arm by now."""
    house.round(BROKE_OUT)
    house.settings = rules(MarketSettings())
    house.begin()
    halted(house, BREAKOUT)
    assert open_by(house, "halt")[0].startswith("what is open is not known, no mark was reported")


def test_a_floor_that_cannot_be_read_says_nothing(house: House) -> None:
    house.round(BROKE_OUT)
    with house.ledger.transaction() as inside:
        inside.connection.exec_driver_sql("UPDATE floor_state SET body = '{\"version\":99}'")
    halted(house, BREAKOUT)
    assert open_by(house, "halt")[0].startswith("what is open is not known, no mark was reported")
