"""Bars from files: what each kind tells, and what is said of one that cannot be read."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from tiltyard.kernel.errors import Faults, TiltyardError
from tiltyard.market.bar import HOUR, Bar
from tiltyard.shell.feeds.files import read_feed, read_funding

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
BARS = [
    Bar("SOL/USDT", NOON + n * HOUR, 150.0 + n, 152.0 + n, 149.0 + n, 151.0 + n, 10.5)
    for n in range(3)
]


def frame(**columns: object) -> pl.DataFrame:
    made = {name: [getattr(bar, name) for bar in BARS] for name in Bar._fields[2:]}
    return pl.DataFrame({"date": [bar.opened_at for bar in BARS], **made, **columns})


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("SOL_USDT-1h.parquet", pl.DataFrame.write_parquet),
        ("sol_usdt-1h.csv", pl.DataFrame.write_csv),
        ("SOL_USDT_USDT-1h-futures.feather", pl.DataFrame.write_ipc),
    ],
)
def test_every_kind_of_file_tells_the_same_bars(
    tmp_path: Path, name: str, write: Callable[[pl.DataFrame, Path], None]
) -> None:
    write(frame(), tmp_path / name)
    feed = read_feed(tmp_path / name)
    assert (feed.symbol, feed.interval) == ("SOL/USDT", HOUR)
    assert (feed.bars, feed.flaws) == (BARS, [])


def test_epoch_milliseconds_are_times(tmp_path: Path) -> None:
    told = frame().rename({"date": "open_time"})
    told.with_columns(pl.col("open_time").dt.epoch("ms")).write_parquet(tmp_path / "a.parquet")
    feed = read_feed(tmp_path / "a.parquet", symbol="SOL/USDT", interval=HOUR)
    assert feed.bars == BARS


def test_whose_bars_they_are_has_to_be_said(tmp_path: Path) -> None:
    frame().write_parquet(tmp_path / "a.parquet")
    with pytest.raises(TiltyardError, match=r"FEED_UNNAMED .* SOL_USDT-1h"):
        read_feed(tmp_path / "a.parquet")


def test_a_value_that_is_no_number_is_no_price(tmp_path: Path) -> None:
    frame(close=["151.0", "n/a", "153.0"]).write_csv(tmp_path / "sol_usdt-1h.csv")
    feed = read_feed(tmp_path / "sol_usdt-1h.csv")
    assert [bar.close for bar in feed.bars] == [151.0, 153.0]
    assert [flaw.kind for flaw in feed.flaws] == ["impossible"]


def test_every_missing_column_and_every_bad_time_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "sol_usdt-1h.csv"
    frame().drop("date", "low", "volume").write_csv(file)
    with pytest.raises(Faults) as lacking:
        read_feed(file)
    assert [str(fault) for fault in lacking.value.faults] == [
        "no time: expected one of timestamp, date, open_time, time, datetime @ header",
        "no column 'low' @ header",
        "no column 'volume' @ header",
    ]
    frame(date=["2025-07-07T12:00:00Z", "soon", "2025-07-07 14:00:00"]).write_csv(file)
    with pytest.raises(Faults) as odd:
        read_feed(file)
    assert [fault.place for fault in odd.value.faults] == [
        "row 2, column date", "row 3, column date",
    ]  # fmt: skip
    with pytest.raises(Faults) as still:
        read_feed(file, assume_utc=True)
    assert [fault.place for fault in still.value.faults] == ["row 2, column date"]


@pytest.mark.parametrize("name", ["sol_usdt-1h.parquet", "sol_usdt-1h.feather", "sol_usdt-1h.csv"])
def test_a_file_that_is_none_of_its_kind_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(TiltyardError, match=r"^FEED_UNREADABLE "):
        read_feed(tmp_path / name)
    with pytest.raises(TiltyardError, match=r"^FEED_UNREADABLE .*sol_usdt-1h.txt: no file of bars"):
        read_feed(tmp_path / "sol_usdt-1h.txt")
    with pytest.raises(TiltyardError, match=r"^FEED_UNREADABLE "):
        read_feed(tmp_path / f"other_{name}")


def test_real_funding_has_the_hole_that_is_known_of_it(real_data: Path) -> None:
    rates = read_funding(real_data / "btc_usdt-funding.parquet")
    day = timedelta(days=1)
    known = rates.between(datetime(2024, 6, 1, 1, tzinfo=UTC), datetime(2024, 6, 2, 1, tzinfo=UTC))
    assert known is not None
    assert len(known) == 3
    hole = datetime(2023, 10, 1, 1, tzinfo=UTC)
    assert rates.between(hole, hole + day) is None


def test_real_bars_are_read_as_they_are(real_data: Path) -> None:
    feed = read_feed(real_data / "sol_usdt-1h.parquet")
    assert (feed.symbol, feed.interval, feed.flaws) == ("SOL/USDT", HOUR, [])
    assert len(feed.bars) > 41_000


def spaced(minutes: int, count: int = 40) -> pl.DataFrame:
    """Bars that open so far apart."""
    times = [NOON + n * timedelta(minutes=minutes) for n in range(count)]
    prices = {name: [150.0] * count for name in ("open", "high", "low", "close", "volume")}
    return pl.DataFrame({"date": times, **prices})


@pytest.mark.parametrize(
    ("minutes", "told"), [(15, "15 min"), (0.5, "30 s"), (240, "4 h"), (60 * 24, "1 d")]
)
def test_bars_of_another_length_than_their_name_says_are_refused(
    tmp_path: Path, minutes: int, told: str
) -> None:
    file = tmp_path / "SOL_USDT-1h.parquet"
    spaced(minutes).write_parquet(file)
    with pytest.raises(TiltyardError, match=f"39 of 39 bars open {told} after .* not 1 h") as one:
        read_feed(file)
    assert one.value.code == "FEED_REFUSED"


def test_where_most_bars_are_as_long_as_they_should_be_the_rest_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "SOL_USDT-1h.parquet"
    quarters = spaced(15, 19).with_columns(pl.col("date") + timedelta(days=3))
    pl.concat([spaced(60, 40), quarters]).write_parquet(file)
    feed = read_feed(file)
    assert len(feed.bars) == 40 + 5
    assert sum(flaw.bars for flaw in feed.flaws if flaw.kind == "off_grid") == 14


def test_few_bars_are_taken_as_they_are(tmp_path: Path) -> None:
    spaced(240, 3).write_parquet(tmp_path / "SOL_USDT-1h.parquet")
    assert len(read_feed(tmp_path / "SOL_USDT-1h.parquet").bars) == 3
