"""Bars and funding rates from files: parquet, csv and feather, one symbol a file.

A file is called as freqtrade and most exports call it: ``SOL_USDT-1h.feather``, also with
``-futures`` behind it; who has another name says symbol and interval. What is no price is
found by :mod:`tiltyard.market.quality`, and named; it stays out of the market. A value that
is no number is no price either.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from tiltyard.kernel.clock import moment
from tiltyard.kernel.errors import Fault, Faults, TiltyardError
from tiltyard.market.bar import Bar
from tiltyard.market.costs import FundingRates
from tiltyard.market.quality import Flaw, inspect

TIMES = ("timestamp", "date", "open_time", "time", "datetime")
"""Columns that may say when a bar opened."""
SHOWN_FAULTS = 20
PRICES = ("open", "high", "low", "close", "volume")
_NAME = re.compile(r"(?P<base>[A-Za-z0-9]+)_(?P<quote>[A-Za-z0-9]+)(?:_[A-Za-z0-9]+)?"
                   r"-(?P<count>\d+)(?P<unit>[mhd])(?:-futures)?")  # fmt: skip
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


def read_feed(
    file: Path,
    *,
    symbol: str | None = None,
    interval: timedelta | None = None,
    assume_utc: bool = False,
) -> Feed:
    """The bars of a file.

    Args:
        file: Parquet, csv or feather, by its suffix.
        symbol: Whose they are; by the name of the file when None.
        interval: How long a bar lasts; by the name of the file when None.
        assume_utc: Read times without an offset as UTC.

    Raises:
        TiltyardError: ``FEED_UNNAMED``, ``FEED_UNREADABLE``.
        Faults: ``COLUMNS_MISSING``, ``TIMES_INVALID``.
    """
    named = _NAME.fullmatch(file.stem)
    if named is not None:
        symbol = symbol or f"{named['base']}/{named['quote']}".upper()
        interval = interval or int(named["count"]) * _UNITS[named["unit"]]
    if not symbol or not interval:
        raise TiltyardError(
            "FEED_UNNAMED", str(file), "its name tells neither symbol nor interval",
            "call it as SOL_USDT-1h, or say both",
        )  # fmt: skip
    found = inspect(_bars(file, symbol, assume_utc=assume_utc), interval)
    return Feed(symbol, interval, found.bars, found.flaws)


def read_funding(file: Path, *, assume_utc: bool = False) -> FundingRates:
    """The funding rates of a file: a time and ``funding_rate``, a fraction.

    Raises:
        TiltyardError: ``FEED_UNREADABLE``.
        Faults: ``COLUMNS_MISSING``, ``TIMES_INVALID``.
    """
    rows = _rows(file, ("funding_rate",), assume_utc=assume_utc)
    rates = {at: rate for at, (rate,) in rows if rate is not None}
    return FundingRates(sorted(rates.items()))


def _bars(file: Path, symbol: str, *, assume_utc: bool) -> Iterator[Bar]:
    for at, values in _rows(file, PRICES, assume_utc=assume_utc):
        prices = (float("nan") if value is None else value for value in values)
        yield Bar(symbol, at, *prices)


def _rows(
    file: Path, columns: Sequence[str], *, assume_utc: bool
) -> Iterator[tuple[datetime, tuple[float | None, ...]]]:
    """Times and numbers; what is no number is None."""
    frame = _frame(file)
    when = next((name for name in TIMES if name in frame.columns), None)
    missing = [name for name in columns if name not in frame.columns]
    if when is None or missing:
        faults = [Fault("header", f"no column {name!r}") for name in missing]
        if when is None:
            faults.insert(0, Fault("header", f"no time: expected one of {', '.join(TIMES)}"))
        raise Faults("COLUMNS_MISSING", str(file), faults, remedy="rename the columns of the file")
    times = _times(file, frame[when], assume_utc=assume_utc)
    numbers = frame.select(pl.col(columns).cast(pl.Float64, strict=False)).iter_rows()
    yield from zip(times, numbers, strict=True)


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
    try:
        match file.suffix:
            case ".parquet":
                return pl.read_parquet(file, glob=False)
            case ".feather" | ".arrow" | ".ipc":
                return pl.read_ipc(file)
            case ".csv":
                return pl.read_csv(file, infer_schema_length=None, glob=False)
    except (PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        first = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise TiltyardError("FEED_UNREADABLE", str(file), first) from None
    raise TiltyardError(
        "FEED_UNREADABLE", str(file), f"no file of bars ends in {file.suffix or 'nothing'}",
        "expected .parquet, .csv or .feather",
    )  # fmt: skip
