"""A trading desk among others who report: nothing they say keeps a stop from being played."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from floors import BREAKOUT, JUMP, House, house_on, put_bars, quiet_and_up
from tiltyard.facts.arm import FLAT
from tiltyard.facts.decision import Decision
from tiltyard.facts.mark import Mark
from tiltyard.facts.trade import Trade
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import Faults
from tiltyard.kernel.money import Money, money
from tiltyard.market.bar import HOUR
from tiltyard.shell.replaying.verify import verify

START = datetime(2025, 5, 1, tzinfo=UTC)
BROKE_OUT = START + (JUMP + 1) * HOUR
STOPPED = BROKE_OUT + 4 * HOUR
EPISODE = f"SOL/USDT {time_text(BROKE_OUT)}"


@pytest.fixture
def house(ledger_url: str, tmp_path: Path) -> Iterator[House]:
    """A champion that orders to enter when it looks, is filled an hour later, and stopped."""
    folder = tmp_path / "bars"
    folder.mkdir()
    bars = quiet_and_up(START)
    bars[JUMP + 4] = bars[JUMP + 4]._replace(low=90.0)
    put_bars(folder / "SOL_USDT-1h.parquet", bars)
    with house_on(ledger_url, folder, BROKE_OUT, [BREAKOUT]) as found:
        yield found


def play(house: House, until: datetime = STOPPED + HOUR) -> None:
    house.round()
    while house.now < until:
        house.round(house.now + HOUR)
        assert house.trader.trouble is None


def report(house: House, **fields: str) -> None:
    told = Trade("floor", f"{EPISODE} {BREAKOUT} live", BREAKOUT, "SOL/USDT", "long", START, START,
                 money(1), account="default", currency="USDT")._replace(**fields)  # type: ignore[arg-type] # of a trade # fmt: skip
    with house.ledger.staging() as staging:
        staging.add([(1, told, False)])
        staging.commit(now=house.now, known_at=house.now)


def own(house: House, *books: str) -> Sequence[Trade]:
    return [one for one in house.trades(*books) if one.episode_id == EPISODE]


@pytest.mark.parametrize(("after", "its_own"), [(2, [1, 1, 0]), (4, [1, 1, 1, 0])])
def test_a_mark_of_somebody_else_at_the_close_of_a_bar_stays_and_stops_are_played(
    house: House, after: int, its_own: list[int]
) -> None:
    at = BROKE_OUT + after * HOUR
    play(house, at - HOUR)
    told = Mark(BREAKOUT, at, Money(5), 7, account="default", currency="USDT")
    house.ledger.append_marks([told], known_at=at)
    play(house)
    assert [one.closed_at for one in own(house, "live", "twin")] == [STOPPED, STOPPED]
    (said,) = house.said
    assert said.startswith(f"{BREAKOUT}: the floor's mark of {time_text(at)} is not written: ")
    marks = list(house.ledger.marks())
    assert [one.open_positions for one in marks if one.marked_at == at] == [7]
    assert [one.open_positions for one in marks if one.marked_at != at] == its_own
    verify(house.ledger, house.settings, house.now)


def test_an_episode_that_somebody_else_has_decided_is_theirs_and_goes_on_on_paper(
    house: House,
) -> None:
    told = Decision(EPISODE, "SOL/USDT", BREAKOUT, 0.5, 0, START, 1, START.hour)
    house.ledger.append_decisions([told], known_at=START)
    play(house)
    assert [one.book for one in own(house)] == ["shadow"]
    assert [one.propensity for one in house.ledger.decisions()] == [0.5]
    (said,) = house.said
    assert said.startswith(f"{EPISODE}: nobody enters in it for real on the floor: ")


@pytest.mark.parametrize("policy", [BREAKOUT, FLAT])
def test_a_trade_under_a_name_of_the_floor_stays_and_its_own_gets_another(
    house: House, policy: str
) -> None:
    name = f"{EPISODE} {BREAKOUT} live"
    house.round()
    report(house, policy=policy)
    play(house)
    (live,) = own(house, "live")
    assert (live.trade_id, live.closed_at) == (f"{name} 2", STOPPED)
    (said,) = house.said
    assert said.startswith(f"{BREAKOUT}: somebody else has told a trade {name!r} of source 'floor'")
    assert len(house.trades("twin")) == 1


def test_whoever_has_a_seat_is_of_the_account_and_another_is_refused(house: House) -> None:
    house.round()
    with pytest.raises(Faults, match="TRADES_FAULTY"):
        report(house, trade_id="1", source="bot", account="other", currency="EUR")
    play(house)
    assert [one.account for one in own(house)] == ["default", "default"]


def test_who_holds_something_and_is_of_another_account_by_now_only_leaves(house: House) -> None:
    play(house, BROKE_OUT + 2 * HOUR)
    account = house.settings.account.model_copy(update={"currency": "EUR"})
    house.settings = house.settings.model_copy(update={"account": account})
    house.begin()
    assert house.trader.seated == [BREAKOUT]
    play(house)
    assert [one.currency for one in own(house)] == ["USDT", "USDT"]
    assert house.trader.seated == []
    assert {one.currency for one in house.ledger.marks()} == {"USDT"}
    of = "its trades are of account 'default' and currency 'USDT'"
    assert house.said == [
        f"{BREAKOUT} only leaves what it holds on the floor: {of}",
        f"{BREAKOUT} is not traded on the floor: {of}",
    ]
