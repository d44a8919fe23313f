"""What is wrong with the bars of a training, for people: what was left out, and what to do."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from tiltyard.kernel.clock import time_text
from tiltyard.market.implausible import STILL_BARS, Leap
from tiltyard.market.quality import Flaw
from tiltyard.shell.training.bars import KINDS, Bars

MOST_NAMED = 5
"""Spikes and leaps of a symbol, with a line of their own each."""


def flaw_lines(bars: Bars, now: datetime, until: datetime | None = None) -> list[str]:
    """What was left out of the bars, and what no market does, of symbols with either.

    Args:
        bars: What is learnt from.
        now: UTC; what closes later has not happened.
        until: What closes later is not learnt from; None for all.
    """
    lines = []
    for symbol, counts in bars.flawed.items():
        named = [*_future_lines(bars, symbol, now, until), *named_flaws(bars, symbol)]
        if counts or named:
            lines += [_count_line(bars, symbol, counts), *(f"  {line}" for line in named)]
    return lines


def named_flaws(bars: Bars, symbol: str) -> list[str]:
    """Spikes, the longest stretch that stands still, and leaps, each with its remedy."""
    spikes = [_spike_line(flaw) for flaw in bars.flaws[symbol] if flaw.kind == "spike"]
    leaps = [_leap_line(leap) for leap in bars.leaps.get(symbol, ())]
    return [*_first(spikes, "spikes"), *_still_lines(bars, symbol), *_first(leaps, "leaps")]


def _count_line(bars: Bars, symbol: str, counts: Mapping[str, int]) -> str:
    told = ", ".join(f"{count:,} {KINDS[kind]}" for kind, count in counts.items()) or "nothing"
    remedy = "; sort the file by time" if "disorder" in counts else ""
    return f"{symbol}: {len(bars.candles.get(symbol, ())):,} bars; left out {told}{remedy}"


def _future_lines(bars: Bars, symbol: str, now: datetime, until: datetime | None) -> Iterator[str]:
    """That bars have not happened, where some have not."""
    if symbol not in bars.candles:
        return
    closed_at = bars.candles[symbol].closed_at
    late = closed_at[closed_at > now.timestamp()]
    if until is not None:
        late = late[late <= until.timestamp()]
    if count := len(late):
        ends = time_text(datetime.fromtimestamp(late[-1], UTC))
        yield (
            f"{count:,} close after now, the last one at {ends}. They are learnt from; look at the "
            "times of the file, or name an end: --until"
        )


def _spike_line(flaw: Flaw) -> str:
    return f"{time_text(flaw.at)} leaps away and back: {flaw.told}; mend that row"


def _leap_line(leap: Leap) -> str:
    return (
        f"{time_text(leap.at)} leaps and stays: the close goes from {leap.before:,.10g} to "
        f"{leap.after:,.10g}. That is learnt from, as it may be a crash; mend the rows if it is not"
    )


def _still_lines(bars: Bars, symbol: str) -> Iterator[str]:
    """The longest stretch, where one is as long as a window."""
    still = [flaw for flaw in bars.flaws[symbol] if flaw.kind in ("still", "frozen")]
    longest = max(still, key=lambda flaw: flaw.bars, default=None)
    if longest is None or longest.bars + 1 < STILL_BARS:
        return
    ends = longest.at + longest.bars * bars.interval
    yield (
        f"{time_text(longest.at)} to {time_text(ends)} stands still, {longest.bars:,} bars, the "
        f"most in a row: {longest.told}; fetch them anew"
    )


def _first(lines: list[str], what: str) -> list[str]:
    more = len(lines) - MOST_NAMED
    return lines if more <= 0 else [*lines[:MOST_NAMED], f"and {more:,} more {what}"]
