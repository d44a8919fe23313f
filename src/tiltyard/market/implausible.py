"""What no market does: to leap away and be back with the next bar, or to stand still while traded.

Each bar of such a feed may be a price by itself (:mod:`tiltyard.market.quality` judges that); only
its neighbours show that it is none. So this is for whoever has a whole past to learn from: a desk
knows no next bar yet.

A *spike* lies beyond the closes on both sides of it, and goes. Where prices *stand still*, each
close is the one before. Both are left out. A *leap* that stays may be a crash, or other units from
then on; nobody can tell which, so it is told and kept.

>>> from datetime import UTC, datetime
>>> from tiltyard.market.bar import HOUR
>>> noon = datetime(2024, 10, 28, 12, tzinfo=UTC)
>>> closes = [100.0, 101.0, 101_000.0, 100.5]
>>> bars = [Bar("BTC/USDT", noon + n * HOUR, c, c, c, c, 1.0) for n, c in enumerate(closes)]
>>> found = look(bars, HOUR)
>>> len(found.bars), str(found.flaws[0])
(3, 'BTC/USDT spike 2024-10-28T14:00:00Z: 1 bar, high 101,000 between closes of 101 and 100.5')
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from operator import attrgetter

from tiltyard.market.bar import Bar
from tiltyard.market.quality import Flaw, blame

APART = 5.0
"""So many times another price is no market's doing within a bar. In the hours of BTC, ETH and SOL
from October 2020 to June 2025 no bar reached further beyond the closes on both sides of it than
1.67 times (ETH, 2021-05-19 13:00), and none closed further from the one before than 1.40 times (SOL
at 12:00 that day). A decimal point that has slipped makes ten."""
STILL_BARS = 24
"""So many closes alike in a row stand still: a window of an encoder. There were 3 at most in those
hours, and 6 in the minutes of BTC and SOL of May 2025."""


@dataclass(frozen=True, slots=True)
class Leap:
    """From one bar to the next, and not back.

    Attributes:
        symbol: Whose.
        at: When the second of the two opened.
        before: The close of the first, quote currency.
        after: That of the second.
    """

    symbol: str
    at: datetime
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Looked:
    """Bars of one symbol, and what no market does.

    Attributes:
        bars: Without spikes, and without those that stand still; in time order.
        flaws: Those that were left out: ``spike`` and ``still``.
        leaps: What is kept, and should be looked at.
    """

    bars: Sequence[Bar]
    flaws: Sequence[Flaw]
    leaps: Sequence[Leap]


def look(bars: Sequence[Bar], interval: timedelta) -> Looked:
    """Part the bars of one symbol once more, by their neighbours.

    Of a stretch that stands still the first bar is kept: it is the last price there was. Nobody can
    say of the first and the last bar whether they are spikes.

    Args:
        bars: Prices all of them, in time order.
        interval: From one bar's opening to the next one's.
    """
    flaws: list[Flaw] = []
    within = list(_without_spikes(bars, interval, flaws))
    moving = list(_without_still(within, interval, flaws))
    leaps = [
        Leap(bar.symbol, bar.opened_at, before.close, bar.close)
        for before, bar in pairwise(moving)
        if bar.opened_at - before.opened_at == interval
        and max(before.close, bar.close) >= APART * min(before.close, bar.close)
    ]
    return Looked(moving, flaws, leaps)


def _without_spikes(bars: Sequence[Bar], interval: timedelta, flaws: list[Flaw]) -> Iterator[Bar]:
    before: Bar | None = None
    for bar, after in pairwise([*bars, None]):
        if bar is None:
            continue
        told = None if before is None or after is None else _spike(before.close, bar, after.close)
        if told is None:
            before = bar
            yield bar
        else:
            blame(flaws, "spike", bar, told, interval)


def _spike(before: float, bar: Bar, after: float) -> str | None:
    """Which price of a bar lies far beyond two closes; None where none does."""
    if bar.high >= APART * max(before, after):
        far = f"high {bar.high:,.10g}"
    elif APART * bar.low <= min(before, after):
        far = f"low {bar.low:,.10g}"
    else:
        return None
    return f"{far} between closes of {before:,.10g} and {after:,.10g}"


def _without_still(bars: Sequence[Bar], interval: timedelta, flaws: list[Flaw]) -> Iterator[Bar]:
    for close, alike in groupby(bars, key=attrgetter("close")):
        first, *rest = alike
        yield first
        if len(rest) + 1 < STILL_BARS:
            yield from rest
            continue
        for bar in rest:
            blame(flaws, "still", bar, f"every close {close:,.10g}", interval)
