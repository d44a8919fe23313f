"""Which bars are prices, and which only look like some.

A feed that has frozen repeats its last price with no volume; a venue that was down leaves a
hole; a file that was put together twice has an hour twice. Such bars are found and named,
and left out: where they were, the market is *stale*. Nothing is filled there, and no position
is valued by them. Each row is counted once: one that comes too late is out of order, and not also
missing where it belongs, and one that was told before is a duplicate wherever it stands.

>>> from datetime import UTC, datetime
>>> from tiltyard.market.bar import HOUR, Bar
>>> noon = datetime(2024, 10, 28, 12, tzinfo=UTC)
>>> good = Bar("BTC/USDT", noon, 100.0, 101.0, 99.0, 100.5, 12.0)
>>> frozen = Bar("BTC/USDT", noon + HOUR, 100.5, 100.5, 100.5, 100.5, 0.0)
>>> found = inspect([good, frozen], HOUR)
>>> len(found.bars), str(found.flaws[0])
(1, 'BTC/USDT frozen 2024-10-28T13:00:00Z: 1 bar, no volume, every price 100.5')
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from typing import Literal

from tiltyard.kernel.clock import time_text
from tiltyard.market.bar import Bar

LOWEST, HIGHEST = 1e-15, 1e15
"""Prices that a market may quote; beyond them money is no number of 28 digits any more."""
FlawKind = Literal[
    "gap",
    "frozen",
    "no_volume",
    "impossible",
    "duplicate",
    "disorder",
    "off_grid",
    "spike",
    "still",
]


@dataclass(frozen=True, slots=True)
class Flaw:
    """A stretch of one symbol that is no price.

    Attributes:
        kind: ``gap`` (bars that are missing), ``frozen`` (no volume, one price),
            ``no_volume`` (prices that nobody traded at), ``impossible`` (a price that is no
            positive number, or that no market quotes, or a high below a low), ``duplicate``,
            ``disorder`` (it came behind a later one), ``off_grid`` (it opens between two intervals,
            counted from the first), and by :mod:`~tiltyard.market.implausible` ``spike`` and
            ``still``.
        symbol: Whose.
        at: When the first bar of it opened, or should have.
        bars: How many bars it covers.
        told: What was seen, for people.
    """

    kind: FlawKind
    symbol: str
    at: datetime
    bars: int
    told: str

    def __str__(self) -> str:
        count = "1 bar" if self.bars == 1 else f"{self.bars:,} bars"
        told = f", {self.told}" if self.told else ""
        return f"{self.symbol} {self.kind} {time_text(self.at)}: {count}{told}"


@dataclass(frozen=True, slots=True)
class Inspected:
    """Bars of one symbol that are prices, in time order, and what is wrong between them."""

    bars: list[Bar]
    flaws: list[Flaw]


def inspect(bars: Iterable[Bar], interval: timedelta) -> Inspected:
    """Part the bars of one symbol into prices and flaws.

    A second bar of one time makes neither of the two a price, unless they say the same.

    Args:
        bars: As they come.
        interval: From one bar's opening to the next one's.
    """
    inspector = Inspector(interval)
    inspector.see(bars)
    return Inspected(inspector.good, inspector.flaws)


class Inspector:
    """Parts bars as they come.

    Args:
        interval: From one bar's opening to the next one's.

    Attributes:
        good: Those that are prices, in time order.
        flaws: What is wrong between them; the last of them may become longer.
    """

    def __init__(self, interval: timedelta) -> None:
        self.good: list[Bar] = []
        self.flaws: list[Flaw] = []
        self._interval = interval
        self._first: datetime | None = None
        self._last: Bar | None = None

    def see(self, bars: Iterable[Bar]) -> None:
        """The next bars of the symbol.

        They are gone through by time, so that one that comes late is missed nowhere.

        Args:
            bars: As they come.
        """
        arrived = list(self._arrivals(bars))
        for bar, later in sorted(arrived, key=lambda arrival: arrival[0].opened_at):
            self._see(bar, later)

    def _arrivals(self, bars: Iterable[Bar]) -> Iterator[tuple[Bar, datetime | None]]:
        """Each bar, with the later one that it came behind; None where it came in time."""
        newest = self._last.opened_at if self._last else None
        for bar in bars:
            self._first = self._first or bar.opened_at
            is_late = newest is not None and bar.opened_at < newest
            yield bar, newest if is_late else None
            if not is_late and not self._is_off_grid(bar):
                newest = bar.opened_at

    def _see(self, bar: Bar, later: datetime | None) -> None:
        last = self._last
        if last is not None and bar.opened_at == last.opened_at:
            self._see_twice(bar, last)
            return
        if self._is_off_grid(bar):
            told = f"not a multiple of {self._interval} after the first"
            self._blame("off_grid", bar, told)
            return
        if last is None or bar.opened_at > last.opened_at:
            self._look_for_gap(last, bar)
            self._last = bar
        if later is not None:
            self._blame("disorder", bar, f"after the bar of {time_text(later)}")
        elif (fault := _fault(bar)) is None:
            self.good.append(bar)
        else:
            self._blame(fault[0], bar, fault[1])

    def _is_off_grid(self, bar: Bar) -> bool:
        return self._first is not None and bool((bar.opened_at - self._first) % self._interval)

    def _see_twice(self, bar: Bar, first: Bar) -> None:
        if bar == first:
            self._blame("duplicate", bar, "told twice")
            return
        self._blame("duplicate", bar, f"another close: {first.close:g} and {bar.close:g}")
        if self.good and self.good[-1].opened_at == bar.opened_at:
            self.good.pop()

    def _look_for_gap(self, last: Bar | None, bar: Bar) -> None:
        if last is None:
            return
        missing = (bar.opened_at - last.opened_at) // self._interval - 1
        if missing:
            at = last.opened_at + self._interval
            self.flaws.append(Flaw("gap", bar.symbol, at, missing, "missing"))

    def _blame(self, kind: FlawKind, bar: Bar, told: str) -> None:
        blame(self.flaws, kind, bar, told, self._interval)


def blame(flaws: list[Flaw], kind: FlawKind, bar: Bar, told: str, interval: timedelta) -> None:
    """Name what is wrong with a bar; one with the flaw of the bar before it makes that longer.

    Args:
        flaws: Those so far; the last may become longer.
        kind: Of the flaw.
        bar: Whose flaw it is.
        told: What was seen, for people.
        interval: From one bar's opening to the next one's.
    """
    last = flaws[-1] if flaws else None
    if (
        last is not None
        and (last.kind, last.told) == (kind, told)
        and bar.opened_at == last.at + last.bars * interval
    ):
        flaws[-1] = Flaw(kind, bar.symbol, last.at, last.bars + 1, told)
    else:
        flaws.append(Flaw(kind, bar.symbol, bar.opened_at, 1, told))


def _fault(bar: Bar) -> tuple[FlawKind, str] | None:
    """Why a bar by itself is no price; None when it is one."""
    if (why := _impossible(bar)) is not None:
        return "impossible", why
    if not bar.volume and bar.high == bar.low:
        return "frozen", f"no volume, every price {bar.close:g}"
    return None if bar.volume else ("no_volume", "prices that nobody traded at")


def _impossible(bar: Bar) -> str | None:
    """What cannot be about a bar; None when it can be."""
    prices = (bar.open, bar.high, bar.low, bar.close)
    if not all(isfinite(price) and price > 0 for price in prices):
        return f"open, high, low, close {', '.join(f'{price:g}' for price in prices)}"
    if not all(LOWEST <= price <= HIGHEST for price in prices):
        return f"{min(prices):g} to {max(prices):g}, which no market quotes"
    if bar.high < max(prices) or bar.low > min(prices):
        return f"low {bar.low:g} and high {bar.high:g} do not hold the rest"
    if not (isfinite(bar.volume) and bar.volume >= 0):
        return f"volume {bar.volume:g}"
    return None
