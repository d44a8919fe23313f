"""A desk that trades on bars: what is played when, who may enter, and what stays as it was."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crash.house import locked
from floors import (
    BREAKOUT,
    CAPITAL,
    CHAMPION,
    JUMP,
    REVERSION,
    House,
    alike,
    course_over,
    house_on,
    on_paper,
    populate,
    put_bars,
    quiet_and_up,
    rules,
    sol_of,
)
from live_desks import put
from tiltyard.actions.apply import apply
from tiltyard.actions.record import Event
from tiltyard.facts.action import Action
from tiltyard.facts.arm import Roster
from tiltyard.facts.trade import Trade
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import money
from tiltyard.market.bar import HOUR
from tiltyard.router.split import Split
from tiltyard.shell.feeds.files import read_feed
from tiltyard.shell.replaying.verify import verify
from tiltyard.shell.sections.market import Blackout, MarketSettings
from tiltyard.shell.store.audit_table import identity_of
from tiltyard.shell.store.floor_table import read_floor
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import every_effect

START = datetime(2025, 5, 1, tzinfo=UTC)
ARMS = (CHAMPION, BREAKOUT, REVERSION)
SOL = "SOL_USDT-1h.parquet"
BROKE_OUT = START + (JUMP + 1) * HOUR
"""When the bar that broke out had closed: orders are given then, and filled at the next open."""


@pytest.fixture
def breaking(ledger_url: str, folder: Path) -> Iterator[House]:
    """A champion that has just ordered to enter, after sixty quiet hours."""
    put_bars(folder / SOL, quiet_and_up(START))
    with house_on(ledger_url, folder, BROKE_OUT, [BREAKOUT]) as house:
        house.round()
        yield house


def play(house: House, until: datetime) -> None:
    """Every hour as it ends."""
    while house.now < until:
        house.round(house.now + house.interval)


def test_a_champion_alone_trades_a_month_of_real_hours_as_a_course_does(
    real_data: Path, folder: Path, tmp_path: Path
) -> None:
    bars = sol_of(real_data, START, 31)
    put_bars(folder / SOL, bars)
    with house_on(str(tmp_path / "desk.db"), folder, START, [CHAMPION]) as house:
        play(house, bars[-1].closes_at(HOUR))
        course = course_over(bars, [CHAMPION])
        assert {one.book for one in course} == {"live", "twin"}
        assert len(course) > 20
        assert alike(house.trades()) == alike(course)
        assert verify(house.ledger, house.settings, house.now).trades == len(course)
        assert house.said == []


def test_three_arms_do_on_paper_what_a_course_does_and_for_real_what_the_split_gives(
    real_data: Path, folder: Path, tmp_path: Path
) -> None:
    bars = sol_of(real_data, START, 31)
    put_bars(folder / SOL, bars)
    with house_on(str(tmp_path / "desk.db"), folder, START, ARMS) as house:
        play(house, bars[-1].closes_at(HOUR))
        trades = house.trades()
        assert on_paper(trades) == on_paper(course_over(bars, ARMS))
        with house.ledger.snapshot() as still:
            salt = identity_of(still.connection)
        shares = {name: arm.share for name, arm in house.desk.roster.arms.items()}
        given = {one.episode_id: one for one in house.ledger.decisions()}
        for one in given.values():
            split = Split(shares, revision=one.share_revision, salt=salt)
            assert split.choose(one.episode_id) == (one.policy, one.propensity, one.share_revision)
        for trade in trades:
            owns = given[str(trade.episode_id)].policy == trade.policy
            assert owns == (trade.book in {"live", "twin"}), trade
        assert {one.book for one in trades} == {"live", "twin", "shadow"}
        verify(house.ledger, house.settings, house.now)


def test_a_desk_that_begins_anew_every_hour_ends_with_the_same(
    real_data: Path, folder: Path, tmp_path: Path
) -> None:
    bars = sol_of(real_data, START, 31)[:400]
    put_bars(folder / SOL, bars)
    ends = []
    for name, is_new in (("one.db", False), ("other.db", True)):
        with house_on(str(tmp_path / name), folder, START + 150 * HOUR, [CHAMPION]) as house:
            while house.now < bars[-1].closes_at(HOUR):
                if is_new:
                    house.begin()
                house.round(house.now + HOUR)
            with house.ledger.snapshot() as still:
                ends.append((house.trades(), list(still.marks()), read_floor(still.connection)))
    assert len(ends[0][0]) >= 8
    assert ends[0] == ends[1]


def test_what_was_ordered_fills_at_the_next_open_and_a_position_is_valued_at_each_close(
    breaking: House, folder: Path
) -> None:
    bars = quiet_and_up(START)
    bars[JUMP + 1] = bars[JUMP + 1]._replace(high=112.0, close=111.0)
    put_bars(folder / SOL, bars)
    breaking.begin()
    breaking.round()
    assert breaking.trader.trouble is None
    assert [one.policy for one in breaking.ledger.decisions()] == [BREAKOUT]
    breaking.round(BROKE_OUT + HOUR - timedelta(seconds=1))
    assert breaking.trader.open_positions == []
    breaking.round(BROKE_OUT + HOUR)
    (position,) = breaking.trader.open_positions
    assert (position.opened_at, position.price) == (BROKE_OUT, 110 * 1.0001)
    (mark,) = breaking.ledger.marks()
    assert mark.marked_at == BROKE_OUT + HOUR
    assert mark.unrealised == position.value(111.0) - position.fee
    assert "long SOL/USDT since 2025-05-03T13:00:00Z" in breaking.trader.left_open[0]


def test_a_first_desk_trades_nothing_of_what_was_before_it(ledger_url: str, folder: Path) -> None:
    put_bars(folder / SOL, quiet_and_up(START))
    with house_on(ledger_url, folder, BROKE_OUT + 10 * HOUR, [BREAKOUT]) as house:
        house.round()
        assert list(house.ledger.decisions()) == []
        assert house.trades() == []


def test_missed_hours_are_played_and_nobody_decides_by_them(breaking: House, folder: Path) -> None:
    """While the desk is down the order that stood fills, is stopped, and the price breaks out."""
    bars = quiet_and_up(START)
    down, up = JUMP + 3, JUMP + 8
    bars[down] = bars[down]._replace(low=90.0)  # below the stop of 99
    bars[up] = bars[up]._replace(high=131.0, close=130.0)
    put_bars(folder / SOL, bars)
    breaking.begin()
    breaking.round(BROKE_OUT + 12 * HOUR + timedelta(minutes=1))
    live = breaking.trades("live")
    assert [(one.opened_at, one.closed_at) for one in live] == [
        (BROKE_OUT, bars[down].closes_at(HOUR))
    ]
    assert len(list(breaking.ledger.decisions())) == 1
    assert breaking.trader.open_positions == []


@pytest.mark.parametrize(("minutes", "count"), [(60, 1), (61, 0)])
def test_nobody_decides_by_a_bar_that_closed_longer_ago_than_one_interval(
    ledger_url: str, folder: Path, minutes: int, count: int
) -> None:
    put_bars(folder / SOL, quiet_and_up(START)[: JUMP + 1])
    now = BROKE_OUT + timedelta(minutes=minutes)
    with house_on(ledger_url, folder, now, [BREAKOUT]) as house:
        house.round()
        assert len(list(house.ledger.decisions())) == count


def test_nothing_fills_in_an_hour_without_a_price_and_who_wanted_in_has_missed_it(
    breaking: House, folder: Path
) -> None:
    bars = quiet_and_up(START)
    bars[JUMP + 1] = bars[JUMP + 1]._replace(high=110.0, low=110.0, close=110.0, volume=0.0)
    put_bars(folder / SOL, bars)
    breaking.round(BROKE_OUT + HOUR)
    breaking.round(BROKE_OUT + 2 * HOUR)
    assert breaking.trader.open_positions == []
    assert breaking.trades() == []
    assert breaking.said == [
        "stale: SOL/USDT frozen 2025-05-03T13:00:00Z: 1 bar, no volume, every price 110"
    ]


def test_a_position_in_a_market_that_stands_still_is_not_valued(
    breaking: House, folder: Path
) -> None:
    bars = quiet_and_up(START)
    still = JUMP + 3
    bars[still] = bars[still]._replace(high=110.0, low=110.0, close=110.0, volume=0.0)
    put_bars(folder / SOL, bars)
    play(breaking, BROKE_OUT + 5 * HOUR)
    times = {one.marked_at for one in breaking.ledger.marks()}
    assert bars[still].closes_at(HOUR) not in times
    assert len(times) == 4


def test_the_frozen_hour_of_a_real_feed_gives_no_fill_and_no_breach(
    real_data: Path, folder: Path, tmp_path: Path
) -> None:
    still, quarter = datetime(2024, 10, 28, 20, tzinfo=UTC), timedelta(minutes=15)
    feed = read_feed(real_data / "btc_usdt-15m.parquet")
    around = [bar for bar in feed.bars if abs(bar.opened_at - still) < timedelta(days=3)]
    put_bars(folder / "BTC_USDT-15m.parquet", around)
    url = str(tmp_path / "desk.db")
    with house_on(url, folder, still - timedelta(days=1), ARMS, interval=quarter) as house:
        play(house, still + timedelta(days=1))
        trades = house.trades()
        assert trades
        filled = {at for one in trades for at in (one.opened_at, one.closed_at)}
        assert not [at for at in filled if still <= at < still + HOUR]
        marked = {one.marked_at for one in house.ledger.marks()}
        assert not [at for at in marked if still < at <= still + HOUR]
        assert not house.kinds() & {"halt", "stop_entries", "freeze_challengers"}
        throttled = [str(one["reason"]) for one in house.events if one["event"] == "throttle"]
        assert all(reason.startswith("undefined (stale: ") for reason in throttled)


BLACKOUT = {"from": "2025-05-03T13:00:00Z", "until": "2025-05-03T15:00:00Z"}


@pytest.mark.parametrize(
    ("symbols", "opened"), [([], 3), (["sol/usdt"], 3), (["BTC/USDT"], 1)]
)  # fmt: skip
def test_nobody_enters_in_a_blackout_neither_for_real_nor_on_paper(
    ledger_url: str, folder: Path, symbols: list[str], opened: int
) -> None:
    """The price goes on rising, so whoever may enter does."""
    bars = quiet_and_up(START)
    rising = [bar._replace(high=300.0, close=110.0 + n) for n, bar in enumerate(bars)]
    put_bars(folder / SOL, [*bars[: JUMP + 1], *rising[JUMP + 1 :]])
    market = MarketSettings(feed="x", blackouts=(Blackout(**BLACKOUT, symbols=symbols),))
    with house_on(ledger_url, folder, BROKE_OUT, [BREAKOUT], settings=rules(market)) as house:
        house.round()
        play(house, BROKE_OUT + 6 * HOUR)
        entered = [one.opened_at for one in house.trader.open_positions]
        paper = [one.opened_at for one in house.trader._paper.positions.values()]
    assert entered == paper
    assert entered == ([BROKE_OUT] if opened == 1 else [])


def test_a_blackout_keeps_nobody_from_leaving_and_no_verb_for_safety_from_being_obeyed(
    ledger_url: str, folder: Path
) -> None:
    bars = quiet_and_up(START)
    bars[JUMP + 3] = bars[JUMP + 3]._replace(low=90.0)
    put_bars(folder / SOL, bars)
    later = Blackout(**{"from": BROKE_OUT + HOUR, "until": BROKE_OUT + 99 * HOUR})
    market = MarketSettings(feed="x", blackouts=(later,))
    with house_on(ledger_url, folder, BROKE_OUT, [BREAKOUT], settings=rules(market)) as house:
        house.round()
        play(house, BROKE_OUT + HOUR)
        assert len(house.trader.open_positions) == 1
        put(house.ledger, "halt", BREAKOUT, house.now)
        house.round()
        assert house.desk.roster.arms[BREAKOUT].state == "halted"
        play(house, BROKE_OUT + 5 * HOUR)
        assert [one.closed_at for one in house.trades("live")] == [bars[JUMP + 3].closes_at(HOUR)]


@pytest.mark.parametrize(("verb", "policy"), [("halt", BREAKOUT), ("stop_all", "")])
def test_what_was_ordered_for_real_is_dropped_when_the_arm_may_not_enter_any_more(
    breaking: House, verb: str, policy: str
) -> None:
    put(breaking.ledger, verb, policy, breaking.now)  # type: ignore[arg-type] # a verb
    breaking.round(BROKE_OUT + HOUR)
    assert breaking.trader.open_positions == []
    assert len(breaking.trader._paper.positions) == 1, "its course on paper goes on"
    bars = quiet_and_up(START, hours=90)
    bars[JUMP + 5] = bars[JUMP + 5]._replace(low=90.0)
    put_bars(breaking.folder / SOL, bars)
    play(breaking, BROKE_OUT + 6 * HOUR)
    assert [one.book for one in breaking.trades()] == ["shadow"]


def test_what_a_halted_arm_holds_is_left_when_its_course_on_paper_leaves_it(
    breaking: House,
) -> None:
    breaking.round(BROKE_OUT + HOUR)
    put(breaking.ledger, "halt", BREAKOUT, breaking.now)
    play(breaking, BROKE_OUT + 3 * HOUR)
    assert len(breaking.trader.open_positions) == 1
    bars = quiet_and_up(START, hours=90)
    bars[JUMP + 5] = bars[JUMP + 5]._replace(low=90.0)
    put_bars(breaking.folder / SOL, bars)
    play(breaking, BROKE_OUT + 6 * HOUR)
    assert sorted(one.book for one in breaking.trades()) == ["live", "twin"]
    (*_, last) = breaking.ledger.marks()
    assert (last.open_positions, last.unrealised) == (0, 0)


def test_what_an_interval_did_is_judged_before_anybody_decides_by_it(
    ledger_url: str, folder: Path
) -> None:
    """One bar stops the position at a loss of a tenth of the account, and breaks out downwards."""
    bars = quiet_and_up(START)
    bars[JUMP + 2] = bars[JUMP + 2]._replace(low=40.0, close=45.0)
    bars[JUMP + 3] = bars[JUMP + 3]._replace(open=45.0, high=46.0, low=44.0, close=45.0)
    put_bars(folder / SOL, bars)
    settings = rules(MarketSettings(feed="x", sized=1.0))
    account = settings.account.model_copy(update={"capital": 10_000})
    settings = settings.model_copy(update={"account": account})
    with house_on(ledger_url, folder, BROKE_OUT, [BREAKOUT], settings=settings) as house:
        house.round()
        play(house, BROKE_OUT + 2 * HOUR)
        assert [one.book for one in house.trades()] == ["live", "twin"]
        assert "stop_entries" in house.kinds()
        assert len(list(house.ledger.decisions())) == 1
        play(house, BROKE_OUT + 3 * HOUR)
        assert house.trader.open_positions == []
        (paper,) = house.trader._paper.positions.values()
        assert paper.entry.direction == "short"


def test_a_new_champion_keeps_what_it_holds(ledger_url: str, folder: Path) -> None:
    put_bars(folder / SOL, quiet_and_up(START))
    with house_on(ledger_url, folder, BROKE_OUT, [CHAMPION, BREAKOUT]) as house:
        house.round()
        play(house, BROKE_OUT + 2 * HOUR)
        before = house.trader._floor.snapshot()
        assert [one.entry.lane.policy for one in before.paper.positions] == [BREAKOUT]

        def crowned(roster: Roster) -> tuple[Roster, list[Event]]:
            crown = Action("crown", BREAKOUT, "rollback", "enforce", house.now)
            return apply(replace_state(roster), crown), []

        house.ledger.change_roster(crowned, at=house.now)
        house.round()
        assert house.desk.roster.champion().name == BREAKOUT
        assert house.trader._floor.snapshot() == before


def replace_state(roster: Roster) -> Roster:
    """As it stands when the challenger is through with its trial."""
    return roster.with_arm(replace(roster.arms[BREAKOUT], state="live"))


def test_an_observing_desk_gives_nobody_anything_and_paper_goes_on(
    ledger_url: str, folder: Path
) -> None:
    put_bars(folder / SOL, quiet_and_up(START))
    with house_on(ledger_url, folder, BROKE_OUT, [BREAKOUT], observe=True) as house:
        house.round()
        house.round(BROKE_OUT + HOUR)
        assert house.trader.open_positions == []
        assert len(house.trader._paper.positions) == 1
        assert list(house.ledger.decisions()) == []


def test_while_the_database_is_locked_nothing_is_played_and_then_everything_once(
    breaking: House, ledger_url: str, folder: Path
) -> None:
    bars = quiet_and_up(START)
    bars[JUMP + 2] = bars[JUMP + 2]._replace(low=90.0)
    put_bars(folder / SOL, bars)
    breaking.round(BROKE_OUT + HOUR)
    with locked(ledger_url):
        for _ in range(2):
            breaking.round(BROKE_OUT + 2 * HOUR)
            assert breaking.desk.trouble is not None
            assert breaking.trader.trouble is not None
    assert breaking.said == [], "the desk tells of the database"
    assert breaking.trades() == []
    breaking.round(BROKE_OUT + 2 * HOUR + timedelta(seconds=5))
    assert breaking.trader.trouble is None
    assert sorted(one.book for one in breaking.trades()) == ["live", "twin"]
    assert [one.open_positions for one in breaking.ledger.marks()] == [1, 0]


def test_a_broken_file_is_told_once_and_the_others_trade_on(breaking: House, folder: Path) -> None:
    broken = folder / "BTC_USDT-1h.parquet"
    broken.write_bytes(b"half of a file")
    play(breaking, BROKE_OUT + 3 * HOUR)
    assert len(breaking.trader.open_positions) == 1
    assert [line.partition(" ")[0] for line in breaking.said] == ["FEED_UNREADABLE"]
    broken.write_bytes(b"another half of it")
    breaking.round()
    assert len(breaking.said) == 2
    put_bars(broken, quiet_and_up(START, symbol="BTC/USDT"))
    breaking.round()
    assert breaking.said[2] == "BTC_USDT-1h.parquet is read again"


def test_bars_of_another_length_under_a_wrong_name_are_told_and_not_traded_on(
    breaking: House, folder: Path
) -> None:
    quarter = timedelta(minutes=15)
    bars = [
        bar._replace(opened_at=START + n * quarter)
        for n, bar in enumerate(quiet_and_up(START, symbol="BTC/USDT"))
    ]
    put_bars(folder / "BTC_USDT-1h.parquet", bars)
    play(breaking, BROKE_OUT + 3 * HOUR)
    assert [one.entry.lane.symbol for one in breaking.trader.open_positions] == ["SOL/USDT"]
    (told,) = breaking.said
    assert told.startswith("FEED_REFUSED")
    assert "15 min" in told


def test_a_symbol_whose_file_is_gone_is_stale(breaking: House, folder: Path) -> None:
    put_bars(folder / "ETH_USDT-1h.csv", quiet_and_up(START, symbol="ETH/USDT"))
    (folder / SOL).unlink()
    play(breaking, BROKE_OUT + 3 * HOUR)
    assert [one.entry.lane.symbol for one in breaking.trader.open_positions] == []
    assert breaking.said == ["SOL_USDT-1h.parquet is gone: its market is stale"]


def test_the_next_interval_waits_a_little_for_files_that_are_written_one_after_the_other(
    ledger_url: str, folder: Path
) -> None:
    """Else what was ordered in the second symbol would have missed its open."""
    sol, eth = quiet_and_up(START), quiet_and_up(START, symbol="ETH/USDT")
    put_bars(folder / SOL, sol[: JUMP + 1])
    put_bars(folder / "ETH_USDT-1h.parquet", eth[: JUMP + 1])
    with house_on(ledger_url, folder, BROKE_OUT, [BREAKOUT]) as house:
        house.round()
        put_bars(folder / SOL, sol[: JUMP + 2])
        house.round(BROKE_OUT + HOUR)
        assert house.trader.open_positions == []
        put_bars(folder / "ETH_USDT-1h.parquet", eth[: JUMP + 2])
        house.round(BROKE_OUT + HOUR + timedelta(seconds=30))
        assert len(house.trader.open_positions) == 2
        put_bars(folder / SOL, sol[: JUMP + 3])
        house.round(BROKE_OUT + 2 * HOUR)
        assert len(list(house.ledger.marks())) == 1
        house.round(BROKE_OUT + 2 * HOUR + timedelta(minutes=1))
        assert len(list(house.ledger.marks())) == 1, "not all of what it holds has a price"
        put_bars(folder / "ETH_USDT-1h.parquet", eth[: JUMP + 3])
        house.round()
        late = "ETH/USDT: 1 bar from 2025-05-03T14:00:00Z on came after the interval was played"
        assert house.said == [f"{late}; it was stale"]
        assert "until 2025-05-03T15:00:00Z" in house.trader.story


def test_a_bar_that_is_rewritten_after_it_was_used_changes_nothing_and_is_told_once(
    breaking: House, folder: Path
) -> None:
    breaking.round(BROKE_OUT + HOUR)
    before = breaking.trader.open_positions
    bars = quiet_and_up(START)
    bars[JUMP + 1] = bars[JUMP + 1]._replace(open=50.0, low=49.0)
    put_bars(folder / SOL, bars)
    play(breaking, BROKE_OUT + 2 * HOUR)
    put_bars(folder / SOL, quiet_and_up(START, hours=99)[10:])
    play(breaking, BROKE_OUT + 3 * HOUR)
    assert breaking.trader.open_positions == before
    assert breaking.said[0] == (
        "SOL/USDT: 1 bar from 2025-05-03T13:00:00Z on changed after use; what was done stands"
    )
    assert len(breaking.said) == 2, "it was rewritten twice"
    assert breaking.trades() == []


def test_arms_of_other_kinds_are_left_to_their_bots(ledger_url: str, folder: Path) -> None:
    put_bars(folder / SOL, quiet_and_up(START))
    bot = "reinforcement_20250707_154526_eee02a74"
    with house_on(ledger_url, folder, BROKE_OUT, [bot, BREAKOUT]) as house:
        house.round()
        house.round(BROKE_OUT + HOUR)
        assert house.trader.seated == [BREAKOUT]
        (decision,) = house.ledger.decisions()
        assert (decision.policy == BREAKOUT) == bool(house.trader.open_positions)


def test_an_arm_whose_trades_are_of_another_account_is_not_traded_and_that_is_told(
    ledger_url: str, folder: Path
) -> None:
    put_bars(folder / SOL, quiet_and_up(START))
    told = Trade("bot", "1", BREAKOUT, "SOL/USDT", "long", START, START + HOUR, CAPITAL,
                 account="other", currency="EUR")  # fmt: skip
    with Ledger.open(ledger_url, create=True) as ledger:
        populate(ledger, [BREAKOUT, CHAMPION], BROKE_OUT)
        with ledger.staging() as staging:
            staging.add([(1, told, False)])
            staging.commit(now=BROKE_OUT, known_at=BROKE_OUT)
        house = House(ledger, rules(), folder, BROKE_OUT)
        house.round()
        assert house.trader.seated == [CHAMPION]
        (said,) = house.said
        assert said.startswith(f"{BREAKOUT} is not traded on the floor: its trades are of account")
        assert said.endswith("'other' and currency 'EUR'")


def test_an_arm_that_is_retired_gives_up_its_seat(ledger_url: str, folder: Path) -> None:
    put_bars(folder / SOL, quiet_and_up(START))
    with house_on(ledger_url, folder, BROKE_OUT, [CHAMPION, BREAKOUT]) as house:
        put(house.ledger, "throttle", BREAKOUT, house.now)
        house.round()
        house.round(BROKE_OUT + HOUR)
        assert len(house.trader._paper.positions) == 1
        put(house.ledger, "retire", BREAKOUT, house.now)
        house.round()
        assert house.desk.roster.arms[BREAKOUT].state == "retired"
        assert house.trader.seated == [CHAMPION]
        assert len(house.trader._paper.positions) == 0
        house.begin()
        play(house, BROKE_OUT + 2 * HOUR)
        assert house.trader.trouble is None


def test_a_state_that_cannot_be_read_stops_the_floor_and_not_the_desk(breaking: House) -> None:
    with breaking.ledger.transaction() as inside:
        inside.connection.exec_driver_sql("UPDATE floor_state SET body = '{\"version\":99}'")
    breaking.begin()
    put(breaking.ledger, "halt", BREAKOUT, breaking.now)
    breaking.round(BROKE_OUT + HOUR)
    breaking.round(BROKE_OUT + 2 * HOUR)
    assert breaking.desk.roster.arms[BREAKOUT].state == "halted"
    assert [line.partition(" ")[0] for line in breaking.said] == ["FLOOR_UNREADABLE"]


def test_whoever_holds_something_and_has_no_seat_any_more_stops_the_floor(
    breaking: House,
) -> None:
    breaking.round(BROKE_OUT + HOUR)
    with breaking.ledger.transaction() as inside:
        inside.connection.exec_driver_sql("UPDATE policies SET kind = 'external'")
    breaking.begin()
    breaking.round()
    assert [line.partition(" ")[0] for line in breaking.said] == ["SEAT_MISSING"]


def test_a_process_that_has_lost_its_lease_writes_nothing_more(breaking: House) -> None:
    with breaking.ledger.transaction() as inside:
        inside.connection.exec_driver_sql("UPDATE leases SET token = token + 1")
    with pytest.raises(TiltyardError, match="LEASE_LOST"):
        breaking.trader.follow(breaking.desk, BROKE_OUT + HOUR)
    assert list(breaking.ledger.marks()) == []


def test_an_episode_is_given_by_the_shares_that_bots_were_told_last(
    ledger_url: str, folder: Path
) -> None:
    """Trades that come in meanwhile, and change no share, make no other choice of it."""
    put_bars(folder / SOL, quiet_and_up(START))
    with house_on(ledger_url, folder, BROKE_OUT - HOUR, ARMS) as house:
        house.targets = {"bot": {"shares"}}
        house.begin()
        house.round()
        told = Trade("bot", "1", CHAMPION, "SOL/USDT", "long", house.now, house.now, CAPITAL,
                     account="default", currency="USDT", capital=CAPITAL)  # fmt: skip
        with house.ledger.staging() as staging:
            staging.add([(1, told, False)])
            staging.commit(now=house.now, known_at=house.now)
        house.round(BROKE_OUT)
        (decision,) = house.ledger.decisions()
        with house.ledger.snapshot() as still:
            last = [json.loads(one.body) for one in every_effect(still.connection)][-1]
            shares = {name: float(share) for name, share in last["shares"].items()}
            split = Split(shares, revision=last["revision"], salt=identity_of(still.connection))
        assert decision.share_revision == last["revision"] < house.desk.revision
        choice = decision.policy, decision.propensity, decision.share_revision
        assert split.choose(decision.episode_id) == choice


@pytest.mark.parametrize("begins_anew", [False, True])
def test_a_trade_tells_of_the_capital_that_it_was_sized_by(
    breaking: House, folder: Path, *, begins_anew: bool
) -> None:
    """Half of the capital is taken out while it is held."""
    breaking.round(BROKE_OUT + HOUR)

    def halved(roster: Roster) -> tuple[Roster, list[Event]]:
        arm = replace(roster.arms[BREAKOUT], capital=money(5_000))
        return roster.with_arm(arm), []

    breaking.ledger.change_roster(halved, at=breaking.now)
    if begins_anew:
        breaking.begin()
    bars = quiet_and_up(START)
    bars[JUMP + 3] = bars[JUMP + 3]._replace(low=90.0)
    put_bars(folder / SOL, bars)
    play(breaking, BROKE_OUT + 3 * HOUR)
    assert breaking.desk.roster.arms[BREAKOUT].capital == money(5_000)
    assert [one.capital for one in breaking.trades()] == [CAPITAL, CAPITAL]
    assert [one.capital for one in breaking.ledger.marks()][-1] == money(5_000)


def test_an_arm_that_enters_and_leaves_within_a_bar_is_known_to_hold_nothing(
    breaking: House, folder: Path
) -> None:
    bars = quiet_and_up(START)
    bars[JUMP + 1] = bars[JUMP + 1]._replace(low=80.0)
    put_bars(folder / SOL, bars)
    breaking.begin()
    play(breaking, BROKE_OUT + HOUR)
    assert [one.book for one in breaking.trades("live")] == ["live"]
    mark = list(breaking.ledger.marks())[-1]
    assert (mark.policy, mark.marked_at, mark.open_positions) == (BREAKOUT, BROKE_OUT + HOUR, 0)
