"""A replay on bars: it is what a desk would have done, from the first bar to the last."""

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
    house_on,
    populate,
    put_bars,
    quiet_and_up,
)
from tiltyard.actions.record import Event
from tiltyard.facts.arm import FLAT
from tiltyard.facts.trade import Trade
from tiltyard.kernel.errors import TiltyardError
from tiltyard.market.bar import HOUR, Bar
from tiltyard.shell.bar_replay import BarReplay, bars_to_play
from tiltyard.shell.feeds import read_feed
from tiltyard.shell.scratch import take_arms
from tiltyard.shell.settings import AccountSettings, Settings, load
from tiltyard.shell.store.floor_table import read_floor
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.verify import verify

START = datetime(2025, 5, 1, tzinfo=UTC)
LATER = START + timedelta(days=365)
ARMS = (CHAMPION, BREAKOUT, REVERSION)
SOL, BTC = "SOL_USDT-1h.parquet", "BTC_USDT-1h.parquet"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "bars"
    path.mkdir()
    return path


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(str(tmp_path / "scratch.db"), create=True) as ledger:
        yield ledger


def month_of(real_data: Path) -> list[Bar]:
    feed = read_feed(real_data / "sol_usdt-1h.parquet")
    return [bar for bar in feed.bars if START <= bar.opened_at < START + timedelta(days=31)]


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


def on_paper(trades: Iterable[Trade]) -> list[Trade]:
    """What every arm did on paper, whether it was live as well or not."""
    paper = (one for one in trades if one.book != "live")
    return sorted(one._replace(book="shadow", trade_id="", seq=0) for one in paper)


def run_hour_by_hour(house: House, until: datetime) -> None:
    while house.now < until:
        house.round(house.now + HOUR)


def test_a_month_replayed_is_the_month_as_a_desk_ran_it(
    real_data: Path, folder: Path, tmp_path: Path, scratch: Ledger
) -> None:
    bars = month_of(real_data)
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
    bars = month_of(real_data)
    put_bars(folder / SOL, bars)
    events = replay(scratch, folder, ARMS)
    assert kinds(events)[:2] == [("admit", BREAKOUT), ("admit", REVERSION)]
    with house_on(str(tmp_path / "ran.db"), folder, START + HOUR, ARMS) as house:
        run_hour_by_hour(house, bars[-1].closes_at(HOUR))
        assert on_paper(scratch.trades()) == on_paper(house.trades())
    assert {one.book for one in scratch.trades()} == {"live", "twin", "shadow"}


def test_its_record_is_verified_like_that_of_a_desk(
    real_data: Path, folder: Path, scratch: Ledger
) -> None:
    put_bars(folder / SOL, month_of(real_data))
    replay(scratch, folder, ARMS)
    found = verify(scratch, defaults(), LATER)
    assert found.trades == len(list(scratch.trades())) > 50
    assert found.arms == 4


def test_the_same_arms_on_the_same_bars_leave_the_same_record(
    real_data: Path, folder: Path, tmp_path: Path, scratch: Ledger
) -> None:
    put_bars(folder / SOL, month_of(real_data)[:400])
    replay(scratch, folder, ARMS)
    with Ledger.open(str(tmp_path / "other.db"), create=True, is_scratch=True) as other:
        replay(other, folder, ARMS)
        heads = [verify(one, defaults(), LATER).head for one in (scratch, other)]
    assert heads[0] == heads[1]


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


def test_nobody_decides_before_it_begins_and_what_was_before_is_known(
    real_data: Path, folder: Path, tmp_path: Path, scratch: Ledger
) -> None:
    """An average over a hundred hours needs four days, which it has seen by then."""
    put_bars(folder / SOL, month_of(real_data))
    since = START + timedelta(days=10, minutes=20)
    replay(scratch, folder, since=since)
    opened = [one.opened_at for one in scratch.trades()]
    assert START + timedelta(days=10) <= min(opened) < START + timedelta(days=12)
    with Ledger.open(str(tmp_path / "whole.db"), create=True) as whole:
        replay(whole, folder)
        later = {one.trade_id for one in whole.trades() if one.opened_at > max(opened[:3])}
        assert len(later) > 10
        assert later <= {one.trade_id for one in scratch.trades()}


def test_nothing_that_closes_after_its_end_is_known(folder: Path, scratch: Ledger) -> None:
    put_bars(folder / SOL, quiet_and_up(START))
    until = START + (JUMP + 2) * HOUR
    replay(scratch, folder, [BREAKOUT], until=until + HOUR / 2)
    assert [one.decided_at for one in scratch.decisions()] == [until - HOUR]
    assert [one.marked_at for one in scratch.marks()] == [until]


def test_a_market_that_ends_early_keeps_no_other_waiting(folder: Path, scratch: Ledger) -> None:
    """The last bar of the one is the bar in which the file of the other has ended."""
    bars = quiet_and_up(START, hours=JUMP + 2)
    put_bars(folder / SOL, bars)
    put_bars(folder / BTC, quiet_and_up(START, hours=JUMP + 1, symbol="BTC/USDT"))
    replay(scratch, folder, [BREAKOUT])
    assert [one.marked_at for one in scratch.marks()] == [bars[-1].closes_at(HOUR)]


def test_nights_are_run_while_no_market_has_a_price(folder: Path, scratch: Ledger) -> None:
    bars = quiet_and_up(START, hours=120)
    put_bars(folder / SOL, [*bars[:30], *bars[100:]])
    events = replay(scratch, folder, [CHAMPION, BREAKOUT])
    skipped = [event["at"] for event in events if event["event"] == "skip_scale"]
    days = {at.date() for at in skipped if isinstance(at, datetime)}
    assert days == {date(2025, 5, day) for day in (1, 2, 3, 4, 5)}


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
    with pytest.raises(TiltyardError):
        list(playing)
