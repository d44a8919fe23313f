"""What was left out of the bars is said with where and what to do; a frozen feed is refused."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from tiltyard.kernel.errors import TiltyardError
from tiltyard.market.quality import Flaw
from tiltyard.shell.training.bars import Bars, read_bars
from tiltyard.shell.training.flaws import flaw_lines
from training.small import write_bars

NOW = datetime(2025, 7, 7, 12, tzinfo=UTC)
START = datetime(2025, 1, 1, tzinfo=UTC)
PRICES = ("open", "high", "low", "close")
HOURS = 240
Row = pl.Expr
WITHIN = pl.col("index")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten days of two markets."""
    write_bars(tmp_path, "BTC/USDT", "SOL/USDT", hours=HOURS)
    return tmp_path


def change(
    folder: Path, where: Row, columns: Mapping[str, float | Row], symbol: str = "SOL"
) -> None:
    """Rows of a file, made other ones."""
    file = folder / f"{symbol}_USDT-1h.parquet"
    rows = pl.read_parquet(file).with_row_index()
    changed = {
        name: pl.when(where).then(value).otherwise(pl.col(name)) for name, value in columns.items()
    }
    rows.with_columns(**changed).drop("index").write_parquet(file)


def freeze(folder: Path, where: Row, *, volume: float = 5.0, symbol: str = "SOL") -> None:
    change(folder, where, {"volume": volume, **dict.fromkeys(PRICES, 150.0)}, symbol)


def read(folder: Path, since: datetime | None = None, until: datetime | None = None) -> Bars:
    return read_bars(folder, (), None, since, until)


def refused(folder: Path, since: datetime | None = None, until: datetime | None = None) -> str:
    with pytest.raises(TiltyardError) as caught:
        read(folder, since, until)
    assert str(caught.value).startswith(f"PRICES_STILL {folder}: ")
    return str(caught.value)


def test_flaws_are_told_by_kind(folder: Path) -> None:
    bars = read(folder)
    assert flaw_lines(bars, NOW) == []
    flaws = {**bars.flaws, "SOL/USDT": [
        Flaw("gap", "SOL/USDT", NOW, 3, "missing"), Flaw("gap", "SOL/USDT", NOW, 1_000, "missing"),
        Flaw("frozen", "SOL/USDT", NOW, 2, ""),
    ]}  # fmt: skip
    shuffled = {"SOL/USDT": [Flaw("disorder", "SOL/USDT", NOW, 9, "after")]}
    (line,) = flaw_lines(replace(bars, flaws=shuffled), NOW)
    assert line.endswith("9 out of order; sort the file by time")
    assert flaw_lines(replace(bars, flaws=flaws), NOW) == [
        "SOL/USDT: 240 bars; left out 2 frozen, 1,003 missing"
    ]


@pytest.mark.parametrize("volume", [5.0, 0.0], ids=["traded", "without volume"])
def test_a_feed_that_stands_still_is_refused_with_from_when_to_when(
    folder: Path, volume: float
) -> None:
    freeze(folder, WITHIN >= 40, volume=volume)
    count, begins = (199, 17) if volume else (200, 16)
    said = refused(folder)
    assert (
        f"{count} of 240 bars close where the one before did, from 2025-01-02T{begins}:00:00Z to "
        f"2025-01-11T00:00:00Z, {count} in a row at most @ SOL/USDT"
    ) in said
    assert "BTC/USDT" not in said.replace(str(folder), "")
    assert "Fetch these bars anew" in said
    assert "--from, --until" in said


@pytest.mark.parametrize("every", [100, 10, 5])
def test_a_few_ticks_do_not_make_it_a_market(folder: Path, every: int) -> None:
    freeze(folder, pl.lit(value=True))
    change(folder, WITHIN % every == 0, {"close": 150.5, "high": 150.5})
    assert f"{every - 2} in a row at most @ SOL/USDT" in refused(folder)


def test_every_market_that_stands_still_is_named(folder: Path) -> None:
    freeze(folder, pl.lit(value=True))
    freeze(folder, WITHIN > 10, symbol="BTC")
    said = refused(folder)
    assert "PRICES_STILL" in said
    assert "@ BTC/USDT" in said
    assert "@ SOL/USDT" in said


def test_only_what_is_asked_for_has_to_move(folder: Path) -> None:
    freeze(folder, WITHIN < 200)
    refused(folder)
    assert read(folder, since=START + timedelta(hours=200)).candles
    freeze(folder, WITHIN >= 200)
    refused(folder, START + timedelta(hours=200), START + timedelta(hours=230))


def test_what_stands_still_in_part_is_left_out_and_told_from_when_to_when(folder: Path) -> None:
    freeze(folder, (WITHIN >= 40) & (WITHIN < 140))
    bars = read(folder)
    assert bars.flawed == {"BTC/USDT": {}, "SOL/USDT": {"still": 99}}
    assert len(bars.candles["SOL/USDT"]) == 141
    counted, where = flaw_lines(bars, NOW)
    assert counted == "SOL/USDT: 141 bars; left out 99 standing still"
    assert where == (
        "  2025-01-02T17:00:00Z to 2025-01-06T20:00:00Z stands still, 99 bars, the most in a row: "
        "every close 150; fetch them anew"
    )
    freeze(folder, (WITHIN >= 40) & (WITHIN < 140), volume=0.0)
    counted, where = flaw_lines(read(folder), NOW)
    assert counted == "SOL/USDT: 140 bars; left out 100 frozen"
    assert where == (
        "  2025-01-02T16:00:00Z to 2025-01-06T20:00:00Z stands still, 100 bars, the most in a row: "
        "no volume, every price 150; fetch them anew"
    )


def test_a_spike_is_left_out_and_told_with_its_bar_its_value_and_what_to_do(folder: Path) -> None:
    whole = read(folder)
    change(folder, WITHIN == 50, {name: pl.col(name) * 1_000 for name in PRICES})
    bars = read(folder)
    assert bars.flawed["SOL/USDT"] == {"spike": 1}
    kept = whole.candles["SOL/USDT"].opened_at.tolist()
    del kept[50]
    assert bars.candles["SOL/USDT"].opened_at.tolist() == kept
    candles = whole.candles["SOL/USDT"]
    before, after = candles.close[49], candles.close[51]
    counted, where = flaw_lines(bars, NOW)
    assert counted == "SOL/USDT: 239 bars; left out 1 leaping away and back"
    assert where == (
        f"  2025-01-03T02:00:00Z leaps away and back: high {candles.high[50] * 1_000:,.10g} "
        f"between closes of {before:,.10g} and {after:,.10g}; mend that row"
    )


def test_of_many_spikes_the_first_are_named(folder: Path) -> None:
    change(folder, WITHIN % 20 == 10, {"high": 1e9})
    lines = flaw_lines(read(folder), NOW)
    assert len(lines) == 1 + 5 + 1
    assert lines[0].endswith("left out 12 leaping away and back")
    assert lines[-1] == "  and 7 more spikes"


def test_a_leap_that_stays_is_learnt_from_and_told(folder: Path) -> None:
    change(folder, WITHIN >= 50, {name: pl.col(name) / 100 for name in PRICES})
    bars = read(folder)
    assert len(bars.candles["SOL/USDT"]) == HOURS
    first, line = flaw_lines(bars, NOW)
    assert first == "SOL/USDT: 240 bars; left out nothing"
    assert line.startswith("  2025-01-03T02:00:00Z leaps and stays: the close goes from ")


def test_bars_that_have_not_happened_are_told(folder: Path) -> None:
    now = START + timedelta(hours=HOURS - 10)
    assert flaw_lines(read(folder), NOW) == []
    lines = flaw_lines(read(folder), now)
    told = (
        "  10 close after now, the last one at 2025-01-11T00:00:00Z. They are learnt from; look at "
        "the times of the file, or name an end: --until"
    )
    assert lines == [
        "BTC/USDT: 240 bars; left out nothing", told, "SOL/USDT: 240 bars; left out nothing", told,
    ]  # fmt: skip
    assert flaw_lines(read(folder), now, until=now) == []


def test_a_file_that_was_shuffled_is_refused(folder: Path) -> None:
    file = folder / "SOL_USDT-1h.parquet"
    rows = pl.read_parquet(file)
    rows.sample(fraction=1.0, shuffle=True, seed=1).write_parquet(file)
    with pytest.raises(TiltyardError) as caught:
        read(folder)
    assert str(caught.value).startswith(f"FEED_REFUSED {file}: 2")
    assert "of 240 bars come behind a later one. sort the file by time" in str(caught.value).lower()


def test_prices_that_no_market_quotes_are_left_out(folder: Path) -> None:
    change(folder, WITHIN < 9, {name: pl.col(name) * 1e300 for name in PRICES})
    assert read(folder).flawed["SOL/USDT"] == {"impossible": 9}
