"""A file of bars that grows: what is known of it is what reading all of it would give."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floors import BREAKOUT, JUMP, house_on, put_bars, quiet_and_up
from tiltyard.kernel.errors import TiltyardError
from tiltyard.market.bar import HOUR, Bar
from tiltyard.shell.feeds import growing
from tiltyard.shell.feeds.files import read_feed
from tiltyard.shell.feeds.folder import BarFolder
from tiltyard.shell.feeds.growing import GrowingFeed

START = datetime(2025, 5, 1, tzinfo=UTC)
BROKE_OUT = START + (JUMP + 1) * HOUR
SUFFIXES = (".parquet", ".csv", ".feather")
NAN = float("nan")


def rows(count: int, seed: int = 0) -> list[Bar]:
    """Some of them missing, frozen or no numbers."""
    bars = []
    for n in range(count):
        price = 100.0 + (n * 7 + seed) % 13
        volume = 0.0 if n % 11 == 5 else 5.0
        high = price if n % 22 == 5 else NAN if n % 17 == 9 else price + 1
        if n % 19 != 3:
            bars.append(Bar("SOL/USDT", START + n * HOUR, price, high, price, price, volume))
    return bars


@given(
    st.sampled_from(SUFFIXES),
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 60)), min_size=1, max_size=4),
)
def test_whatever_is_cut_off_and_appended_the_end_is_as_if_it_was_read_at_once(
    suffix: str, pieces: list[tuple[int, int]]
) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"SOL_USDT-1h{suffix}"
        feed = GrowingFeed(file, "SOL/USDT", HOUR)
        known: dict[datetime, Bar] = {}
        flaws: set[tuple[str, datetime]] = set()
        for begins, ends in pieces:
            put_bars(file, rows(90)[min(begins, ends - 1) : ends])
            read = feed.read(None)
            known = {} if read.is_whole else known
            known |= {bar.opened_at: bar for bar in read.bars}
            flaws |= {(flaw.kind, flaw.at) for flaw in read.flaws}
        whole = read_feed(file)
        begun = whole.bars[0].opened_at if whole.bars else START + 99 * HOUR
        assert [one for one in known.values() if one.opened_at >= begun] == list(whole.bars)
        assert {(flaw.kind, flaw.at) for flaw in whole.flaws if flaw.at >= begun} <= flaws


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_only_what_is_behind_is_read_and_a_file_that_was_rewritten_is_read_anew(
    tmp_path: Path, suffix: str
) -> None:
    file = tmp_path / f"SOL_USDT-1h{suffix}"
    feed, bars = GrowingFeed(file, "SOL/USDT", HOUR), quiet_and_up(START)

    def counts(some: list[Bar]) -> tuple[bool, int]:
        put_bars(file, some)
        read = feed.read(None)
        return read.is_whole, len(read.bars)

    assert counts(bars[:40]) == (True, 40)
    assert counts(bars[:40]) == (False, 0)
    assert counts(bars[10:42]) == (False, 2)
    changed = [*bars[10:41], bars[41]._replace(low=1.0), bars[42]]
    assert counts(changed)[0], "the last is another"
    assert counts(changed[:-2])[0], "it is shorter"
    assert counts([*changed[:-2], changed[3]])[0], "the new one lies before"
    assert counts(bars[:43])[0]
    assert counts([*bars[:43], bars[44], bars[43]])[0], "of two new ones the second lies before"


def test_a_file_is_read_anew_when_as_much_was_appended_as_is_looked_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a desk would keep every bar for ever."""
    monkeypatch.setattr(growing, "LOOKS_BACK", 10)
    file, bars = tmp_path / "SOL_USDT-1h.csv", quiet_and_up(START)
    feed, whole = GrowingFeed(file, "SOL/USDT", HOUR), []
    for count in range(20, 45):
        put_bars(file, bars[:count])
        whole.append(feed.read(None).is_whole)
    assert [n for n, is_whole in enumerate(whole) if is_whole] == [0, 11, 22]


def test_one_file_is_read_at_a_time_and_one_that_changes_all_the_time_keeps_nobody(
    tmp_path: Path,
) -> None:
    folder = BarFolder(tmp_path, HOUR, lambda _: None)
    names = ["BTC_USDT-1h.csv", "ETH_USDT-1h.csv", "SOL_USDT-1h.csv"]
    for name in names:
        put_bars(tmp_path / name, quiet_and_up(START))
    more = []
    for n in range(4):
        put_bars(tmp_path / names[0], quiet_and_up(START)[: 60 + n])
        more.append(folder.look(None))
    assert more == [True, True, False, False]
    assert len(folder.symbols) == 3


def test_what_was_refused_is_not_gone_on_with(tmp_path: Path) -> None:
    said: list[str] = []
    folder, file = BarFolder(tmp_path, HOUR, said.append), tmp_path / "SOL_USDT-1h.csv"
    bars = quiet_and_up(START)
    put_bars(file, bars[:20])
    folder.look(None)
    off = [bar._replace(opened_at=bar.opened_at + timedelta(minutes=7)) for bar in bars]
    put_bars(file, off)
    folder.look(None)
    put_bars(file, bars[:30])
    folder.look(None)
    assert [line.partition(" ")[0] for line in said] == ["FEED_REFUSED", "SOL_USDT-1h.csv"]
    assert folder.newest(START + 99 * HOUR) == START + 30 * HOUR


def test_a_row_that_cannot_be_read_is_told_and_mended_later(tmp_path: Path) -> None:
    file = tmp_path / "SOL_USDT-1h.csv"
    feed = GrowingFeed(file, "SOL/USDT", HOUR)
    put_bars(file, quiet_and_up(START)[:20])
    feed.read(None)
    good = file.read_text()
    file.write_text(good + "yesterday,1,1,1,1,1\n")
    with pytest.raises(TiltyardError, match="TIMES_INVALID"):
        feed.read(None)
    file.write_text(good)
    assert (feed.read(None).is_whole, len(feed.read(None).bars)) == (False, 0)


def test_the_desk_judges_between_two_files_and_nobody_trades_before_all_are_read(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "bars"
    folder.mkdir()
    for name in ("BTC", "ETH", "SOL"):
        bars = quiet_and_up(START, symbol=f"{name}/USDT")
        put_bars(folder / f"{name}_USDT-1h.parquet", bars)
    with house_on(str(tmp_path / "desk.db"), folder, BROKE_OUT, [BREAKOUT]) as house:
        follows, decided = [], []
        for _ in range(4):
            house.desk.step(house.now)
            follows.append(house.trader.follow(house.desk, house.now))
            decided.append(len(list(house.ledger.decisions())))
    assert follows == [True, True, False, False]
    assert decided == [0, 0, 3, 3]
