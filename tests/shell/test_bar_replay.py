"""A replay on bars: it is what a desk would have done, from the first bar to the last."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from floors import (
    BREAKOUT,
    CAPITAL,
    CHAMPION,
    JUMP,
    REVERSION,
    House,
    course_over,
    house_on,
    on_paper,
    populate,
    put_bars,
    quiet_and_up,
    sol_of,
)
from tiltyard.actions.record import Event
from tiltyard.facts.arm import FLAT
from tiltyard.kernel.clock import EPOCH, moment
from tiltyard.kernel.errors import TiltyardError
from tiltyard.market.bar import HOUR
from tiltyard.shell.replaying.bar_replay import BarReplay, bars_to_play
from tiltyard.shell.replaying.scratch import take_arms
from tiltyard.shell.settings import AccountSettings, Settings, load
from tiltyard.shell.store.floor_table import read_floor
from tiltyard.shell.store.ledger import Ledger

START = datetime(2025, 5, 1, tzinfo=UTC)
LATER = START + timedelta(days=365)
ARMS = (CHAMPION, BREAKOUT, REVERSION)
SOL, BTC = "SOL_USDT-1h.parquet", "BTC_USDT-1h.parquet"


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(str(tmp_path / "scratch.db"), create=True) as ledger:
        yield ledger


def defaults() -> Settings:
    account = AccountSettings(currency="USDT", capital=100_000)
    return load().model_copy(update={"account": account})


@contextmanager
def registered(folder: Path, names: Iterable[str]) -> Iterator[Ledger]:
    with Ledger.open(str(folder / "desk.db"), create=True) as ledger:
        if not ledger.roster().arms:
            populate(ledger, names, LATER)
        yield ledger


def replay(
    scratch: Ledger,
    folder: Path,
    names: Sequence[str] = (CHAMPION,),
    *,
    since: datetime | None = None,
    until: datetime = LATER,
) -> list[Event]:
    """What a replay of these arms on the bars of a folder has done."""
    bars, span = bars_to_play(folder, since, until)
    with registered(folder, names) as ledger:
        take_arms(scratch, ledger, span.began)
    return list(BarReplay(scratch, defaults(), bars, span).play())


def kinds(events: Iterable[Event]) -> list[tuple[str, str]]:
    return [(str(event["event"]), str(event.get("policy", ""))) for event in events]


def run_hour_by_hour(house: House, until: datetime) -> None:
    house.round()
    while house.now < until:
        house.round(house.now + HOUR)


def test_a_month_replayed_is_the_month_as_a_desk_ran_it(
    real_data: Path, folder: Path, tmp_path: Path, scratch: Ledger
) -> None:
    bars = sol_of(real_data, START, 31)
    put_bars(folder / SOL, bars)
    replay(scratch, folder)
    with house_on(str(tmp_path / "ran.db"), folder, START + HOUR, [CHAMPION]) as house:
        run_hour_by_hour(house, bars[-1].closes_at(HOUR))
        assert house.said == []
        assert len(house.trades()) > 20
        assert list(scratch.trades()) == house.trades()
        assert list(scratch.marks()) == list(house.ledger.marks())
        with house.ledger.snapshot() as ran, scratch.snapshot() as replayed:
            assert read_floor(replayed.connection) == read_floor(ran.connection)


def test_challengers_wait_for_the_first_step_and_do_on_paper_what_they_did_on_the_desk(
    real_data: Path, folder: Path, tmp_path: Path, scratch: Ledger
) -> None:
    bars = sol_of(real_data, START, 31)
    put_bars(folder / SOL, bars)
    events = replay(scratch, folder, ARMS)
    assert kinds(events)[:2] == [("admit", BREAKOUT), ("admit", REVERSION)]
    with house_on(str(tmp_path / "ran.db"), folder, START + HOUR, ARMS) as house:
        run_hour_by_hour(house, bars[-1].closes_at(HOUR))
        assert on_paper(scratch.trades()) == on_paper(house.trades())
        assert on_paper(scratch.trades()) == on_paper(course_over(bars, ARMS))
    assert {one.book for one in scratch.trades()} == {"live", "twin", "shadow"}


def test_the_same_arms_on_the_same_bars_leave_the_same_record(
    real_data: Path, folder: Path, tmp_path: Path, scratch: Ledger
) -> None:
    put_bars(folder / SOL, sol_of(real_data, START, 31)[:400])
    replay(scratch, folder, ARMS)
    with Ledger.open(str(tmp_path / "other.db"), create=True, is_scratch=True) as other:
        replay(other, folder, ARMS)
        assert scratch.audit_head() == other.audit_head()


def test_the_arms_begin_as_if_nothing_had_been(folder: Path, scratch: Ledger) -> None:
    with registered(folder, ARMS) as ledger:
        before = ledger.roster()
        take_arms(scratch, ledger, START)
        assert ledger.roster() == before
    arms = scratch.roster().arms
    assert {name: (arm.state, arm.share) for name, arm in arms.items()} == {
        CHAMPION: ("champion", 1.0),
        FLAT: ("deposed", 0.0),
        BREAKOUT: ("candidate", 0.0),
        REVERSION: ("candidate", 0.0),
    }
    assert {arm.capital for arm in arms.values()} == {None, CAPITAL}


@pytest.mark.parametrize("minutes", [0, 20])
def test_nobody_decides_before_it_begins_and_what_was_before_is_known(
    real_data: Path, folder: Path, scratch: Ledger, minutes: int
) -> None:
    """An average over a hundred hours needs four days, which it has seen by then."""
    put_bars(folder / SOL, sol_of(real_data, START, 31)[:300])
    since = START + timedelta(days=10, minutes=minutes)
    replay(scratch, folder, ARMS, since=since)
    decided = [one.decided_at for one in scratch.decisions()]
    opened = [one.opened_at for one in scratch.trades()]
    assert since <= min(decided)
    assert since <= min(opened) < since + timedelta(hours=6)
    first = json.loads(next(iter(scratch.audit())).body)
    assert moment(first["at"]) == START + timedelta(days=10, hours=minutes > 0)


def test_where_no_market_has_a_price_it_begins_with_the_next_that_has(folder: Path) -> None:
    bars = quiet_and_up(START, hours=120)
    put_bars(folder / SOL, [*bars[:30], *bars[100:]])
    _, span = bars_to_play(folder, START + 40 * HOUR, LATER)
    assert span.began == START + 101 * HOUR


def test_nothing_that_closes_after_its_end_is_known(folder: Path, scratch: Ledger) -> None:
    put_bars(folder / SOL, quiet_and_up(START))
    until = START + (JUMP + 2) * HOUR
    replay(scratch, folder, [BREAKOUT], until=until + HOUR / 2)
    assert [one.decided_at for one in scratch.decisions()] == [until - HOUR]
    assert [one.marked_at for one in scratch.marks() if one.open_positions] == [until]


def test_a_market_that_ends_early_keeps_no_other_waiting(folder: Path, scratch: Ledger) -> None:
    """The last bar of the one is the bar in which the file of the other has ended."""
    bars = quiet_and_up(START, hours=JUMP + 2)
    put_bars(folder / SOL, bars)
    put_bars(folder / BTC, quiet_and_up(START, hours=JUMP + 1, symbol="BTC/USDT"))
    replay(scratch, folder, [BREAKOUT])
    assert [one.marked_at for one in scratch.marks() if one.open_positions] == [
        bars[-1].closes_at(HOUR)
    ]


def test_nights_are_run_while_no_market_has_a_price(folder: Path, scratch: Ledger) -> None:
    bars = quiet_and_up(START, hours=120)
    put_bars(folder / SOL, [*bars[:30], *bars[100:]])
    events = replay(scratch, folder, [CHAMPION, BREAKOUT])
    skipped = [event["at"] for event in events if event["event"] == "skip_scale"]
    days = {at.date() for at in skipped if isinstance(at, datetime)}
    assert days == {date(2025, 5, day) for day in (1, 2, 3, 4, 5)}


@pytest.mark.parametrize("days", [1, 3])
def test_every_night_is_run_at_its_own_time_however_long_a_bar_lasts(
    folder: Path, scratch: Ledger, days: int
) -> None:
    interval = timedelta(days=days)
    bars = [
        one._replace(opened_at=datetime(2025, 1, 1, tzinfo=UTC) + number * interval)
        for number, one in enumerate(quiet_and_up(START, hours=10))
    ]
    offset = (bars[0].opened_at - EPOCH) % interval
    put_bars(
        folder / f"SOL_USDT-{days}d.parquet",
        [one._replace(opened_at=one.opened_at - offset) for one in bars],
    )
    events = replay(scratch, folder, [CHAMPION, BREAKOUT])
    nights = {event["at"] for event in events if event["event"] == "skip_scale"}
    zone = defaults().schedule.zone
    assert len(nights) == 9 * days
    assert {one.astimezone(zone).time() for one in nights} == {defaults().schedule.nightly}


def test_of_many_bars_that_are_no_price_the_first_few_are_told(folder: Path) -> None:
    bars = quiet_and_up(START)
    wrong = [one._replace(low=500.0) if hour % 2 else one for hour, one in enumerate(bars)]
    put_bars(folder / SOL, wrong)
    put_bars(folder / BTC, [one._replace(low=500.0) for one in bars])
    said: list[str] = []
    bars_to_play(folder, None, LATER, say=said.append)
    assert [one for one in said if one.startswith("stale: SOL")] == said[2:7]
    assert said[7] == "stale: and 35 more of the kind impossible"
    assert said[8:] == ["BTC/USDT has no bar that is a price until 2026-05-01T00:00:00Z"]


def test_without_bars_in_its_time_there_is_nothing_to_replay(folder: Path) -> None:
    put_bars(folder / SOL, quiet_and_up(START))
    for since, until in ((None, START), (START + timedelta(days=9), LATER)):
        with pytest.raises(TiltyardError, match=r"REPLAY_EMPTY .*there is no bar to replay"):
            bars_to_play(folder, since, until)


def test_without_an_arm_that_trades_on_bars_there_is_nothing_to_replay(
    folder: Path, scratch: Ledger
) -> None:
    put_bars(folder / SOL, quiet_and_up(START))
    with pytest.raises(TiltyardError, match=r"REPLAY_EMPTY .*no arm trades on bars"):
        replay(scratch, folder, ["timesnet_20250101_000000_0000aaaa"])


def test_trouble_on_the_floor_ends_it(folder: Path, scratch: Ledger) -> None:
    put_bars(folder / SOL, quiet_and_up(START))
    bars, span = bars_to_play(folder, None, LATER)
    with registered(folder, [BREAKOUT]) as ledger:
        take_arms(scratch, ledger, span.began)
    playing = BarReplay(scratch, defaults(), bars, span).play()
    next(playing, None)
    with scratch.transaction() as inside:
        inside.connection.exec_driver_sql("DROP TABLE decisions")
    with pytest.raises(TiltyardError, match=r"no such table|relation"):
        list(playing)
