"""Bars and funding rates from files: parquet, csv and feather, one symbol a file.

A file is called as freqtrade and most exports call it: ``SOL_USDT-1h.feather``, also with
``-futures`` behind it; who has another name says symbol and interval. Funding rates are in
``SOL_USDT-funding.parquet``. What is no price is found by :mod:`tiltyard.market.quality`, and
named; it stays out of the market. A value that is no number is no price either.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from math import isfinite
from pathlib import Path
from typing import NamedTuple

import polars as pl
from polars.exceptions import PolarsError

from tiltyard.kernel.clock import moment, span_text
from tiltyard.kernel.errors import Fault, Faults, TiltyardError
from tiltyard.market.bar import Bar
from tiltyard.market.costs import FundingRates
from tiltyard.market.quality import Flaw, inspect
from tiltyard.market.spacing import spacing

SUFFIXES = (".parquet", ".csv", ".feather", ".arrow", ".ipc")
"""Of files that may hold bars."""
TIMES = ("timestamp", "date", "open_time", "time", "datetime")
"""Columns that may say when a bar opened."""
SHOWN_FAULTS = 20
PRICES = ("open", "high", "low", "close", "volume")
_NAME = re.compile(r"(?P<base>[A-Za-z0-9]+)_(?P<quote>[A-Za-z0-9]+)(?:_[A-Za-z0-9]+)?"
                   r"-(?P<count>\d+)(?P<unit>[mhd])(?:-futures)?")  # fmt: skip
_FUNDING = re.compile(r"(?P<base>[A-Za-z0-9]+)_(?P<quote>[A-Za-z0-9]+)(?:_[A-Za-z0-9]+)?-funding")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class Feed:
    """The bars of one file.

    Attributes:
        symbol: As the venue writes it.
        interval: How long a bar lasts.
        bars: Those that are prices, in time order.
        flaws: What is none.
    """

    symbol: str
    interval: timedelta
    bars: Sequence[Bar]
    flaws: Sequence[Flaw]


class FeedName(NamedTuple):
    """What the name of a file of bars tells.

    Attributes:
        symbol: As the venue writes it.
        interval: How long a bar lasts.
    """

    symbol: str
    interval: timedelta


def feed_name(file: Path) -> FeedName | None:
    """What the name of a file tells; None when it tells nothing."""
    named = _NAME.fullmatch(file.stem)
    if named is None or not int(named["count"]):
        return None
    interval = int(named["count"]) * _UNITS[named["unit"]]
    return FeedName(f"{named['base']}/{named['quote']}".upper(), interval)


def funding_symbol(file: Path) -> str | None:
    """Whose funding rates a file has, by its name; None when it is not called so.

    >>> funding_symbol(Path("bars/SOL_USDT-funding.parquet"))
    'SOL/USDT'
    """
    named = _FUNDING.fullmatch(file.stem)
    return None if named is None else f"{named['base']}/{named['quote']}".upper()


def interval_text(interval: timedelta) -> str:
    """How long a bar lasts, for people.

    >>> interval_text(timedelta(minutes=15)), interval_text(timedelta(hours=4))
    ('15 min', '4 h')
    """
    unit = max(unit for unit in _UNITS.values() if not interval % unit)
    name = {"m": "min", "h": "h", "d": "d"}[next(k for k, v in _UNITS.items() if v == unit)]
    return f"{interval // unit} {name}"


def read_feed(
    file: Path,
    *,
    symbol: str | None = None,
    interval: timedelta | None = None,
    assume_utc: bool = False,
    last: int | None = None,
) -> Feed:
    """The bars of a file.

    Args:
        file: Parquet, csv or feather, by its suffix.
        symbol: Whose they are; by the name of the file when None.
        interval: How long a bar lasts; by the name of the file when None.
        assume_utc: Read times without an offset as UTC.
        last: Only so many rows, from the end of the file.

    Raises:
        TiltyardError: ``FEED_UNNAMED``, ``FEED_UNREADABLE``, ``FEED_REFUSED``.
        Faults: ``COLUMNS_MISSING``, ``TIMES_INVALID``.
    """
    named = feed_name(file)
    if named is not None:
        symbol, interval = symbol or named.symbol, interval or named.interval
    if not symbol or not interval:
        raise TiltyardError(
            "FEED_UNNAMED", str(file), "its name tells neither symbol nor interval",
            "call it as SOL_USDT-1h, or say both",
        )  # fmt: skip
    bars = list(bars_of(table_of_bars(file, last), file, symbol, assume_utc=assume_utc))
    refuse_other_length(file, bars, interval)
    found = inspect(bars, interval)
    _refuse_disordered(file, len(bars), found.flaws)
    return Feed(symbol, interval, found.bars, found.flaws)


def _refuse_disordered(file: Path, rows: int, flaws: Sequence[Flaw]) -> None:
    late = sum(flaw.bars for flaw in flaws if flaw.kind == "disorder")
    if late > rows / 2:
        raise TiltyardError(
            "FEED_REFUSED", str(file), f"{late:,} of {rows:,} bars come behind a later one",
            "sort the file by time",
        )  # fmt: skip


def refuse_other_length(file: Path, bars: Sequence[Bar], interval: timedelta) -> None:
    """Refuse bars most of which are not as far apart as they are said to last.

    Args:
        file: Where they are from.
        bars: As they are there.
        interval: How long a bar lasts, by whoever says so.

    Raises:
        TiltyardError: ``FEED_REFUSED``.
    """
    found = spacing(bars)
    if found is None or found.length == interval:
        return
    minute = _UNITS["m"]
    apart = (span_text if found.length % minute else interval_text)(found.length)
    raise TiltyardError(
        "FEED_REFUSED", str(file),
        f"{found.times:,} of {found.of:,} bars open {apart} after the one before, and not "
        f"{interval_text(interval)}",
        "call it by how long its bars last, or fetch them anew",
    )  # fmt: skip


def read_funding(file: Path, *, assume_utc: bool = False) -> FundingRates:
    """The funding rates of a file: a time and ``funding_rate``, a fraction.

    Raises:
        TiltyardError: ``FEED_UNREADABLE``.
        Faults: ``COLUMNS_MISSING``, ``TIMES_INVALID``.
    """
    return FundingRates(read_rates(file, assume_utc=assume_utc))


def read_rates(file: Path, *, assume_utc: bool = False) -> list[tuple[datetime, float]]:
    """As :func:`read_funding`, by time, in time order; a rate that is no number is none."""
    rows = _rows(file, _table(file, ("funding_rate",)), assume_utc=assume_utc)
    rates = {at: rate for at, (rate,) in rows if rate is not None and isfinite(rate)}
    return sorted(rates.items())


def table_of_bars(file: Path, last: int | None = None) -> pl.DataFrame:
    """The rows of a file of bars as they are there: a time first, then prices and volume.

    Args:
        file: Parquet, csv or feather, by its suffix.
        last: Only so many rows, from the end of the file.

    Raises:
        TiltyardError: ``FEED_UNREADABLE``.
        Faults: ``COLUMNS_MISSING``.
    """
    return _table(file, PRICES, last)


def bars_of(
    table: pl.DataFrame, file: Path, symbol: str, *, assume_utc: bool = False
) -> Iterator[Bar]:
    """The bars of such rows, prices or not.

    Raises:
        Faults: ``TIMES_INVALID``.
    """
    for at, values in _rows(file, table, assume_utc=assume_utc):
        prices = (float("nan") if value is None else value for value in values)
        yield Bar(symbol, at, *prices)


def _table(file: Path, columns: Sequence[str], last: int | None = None) -> pl.DataFrame:
    frame = _frame(file) if last is None else _frame(file).tail(last)
    when = next((name for name in TIMES if name in frame.columns), None)
    missing = [name for name in columns if name not in frame.columns]
    if when is None or missing:
        faults = [Fault("header", f"no column {name!r}") for name in missing]
        if when is None:
            faults.insert(0, Fault("header", f"no time: expected one of {', '.join(TIMES)}"))
        raise Faults("COLUMNS_MISSING", str(file), faults, remedy="rename the columns of the file")
    return frame.select(when, pl.col(columns).cast(pl.Float64, strict=False))


def _rows(
    file: Path, table: pl.DataFrame, *, assume_utc: bool
) -> Iterator[tuple[datetime, tuple[float | None, ...]]]:
    """Times and numbers; what is no number is None."""
    times = _times(file, table.to_series(0), assume_utc=assume_utc)
    return zip(times, table[:, 1:].iter_rows(), strict=True)


def _times(file: Path, values: pl.Series, *, assume_utc: bool) -> list[datetime]:
    times: list[datetime] = []
    faults: list[Fault] = []
    count = 0
    for row, value in enumerate(values, start=1):
        try:
            times.append(moment(value, assume_utc=assume_utc))
        except TiltyardError as error:
            count += 1
            if len(faults) < SHOWN_FAULTS:
                faults.append(Fault(f"row {row}, column {values.name}", str(error)))
    if faults:
        raise Faults("TIMES_INVALID", str(file), faults, total=count, remedy="mend these rows")
    return times


def _frame(file: Path) -> pl.DataFrame:
    """What is in a file, read whole first: somebody may be writing to it, or cut it short."""
    try:
        match file.suffix:
            case ".parquet":
                return pl.read_parquet(BytesIO(file.read_bytes()))
            case ".feather" | ".arrow" | ".ipc":
                return pl.read_ipc(BytesIO(file.read_bytes()))
            case ".csv":
                return pl.read_csv(BytesIO(file.read_bytes()), infer_schema_length=None)
    except (PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        first = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise TiltyardError("FEED_UNREADABLE", str(file), first) from None
    raise TiltyardError(
        "FEED_UNREADABLE", str(file), f"no file of bars ends in {file.suffix or 'nothing'}",
        "expected .parquet, .csv or .feather",
    )  # fmt: skip
