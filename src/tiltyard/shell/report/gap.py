"""Live less paper, as a report says it: of all pairs, by volatility, by symbol, and by both."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from tiltyard.facts.decision import VOLATILITY
from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.shadow_gap import ANY, UNKNOWN, Gap, ShadowGap
from tiltyard.metrics.unit import Unit
from tiltyard.shell.report.signed import signed, span

MOST_SYMBOLS = 4
"""With a line of its own each."""
_WORDS: dict[int | None, str] = {UNKNOWN: "unknown", **dict(enumerate(VOLATILITY))}


class GapLine(NamedTuple):
    """The gap of an arm somewhere, when the market was so wild.

    Attributes:
        symbol: Empty for all.
        volatility: ``calm``, ``usual`` or ``wild`` when it was decided; ``unknown`` when nobody
            has said so; empty for all.
        reading: Or why there is none.
        unit: R, or percent of capital of an arm whose trades never say what they risk.
    """

    symbol: str
    volatility: str
    reading: Gap | Undefined
    unit: Unit


def gap_lines(gap: ShadowGap) -> list[GapLine]:
    """Everything that the pairs of an arm say; nothing where there are none.

    Calm, usual and wild are there whether they have pairs or not; all else only with pairs.
    """
    symbols = gap.symbols
    if not symbols:
        return []
    unit = gap.unit
    found = [GapLine("", "", gap.read(unit=unit), unit), *_by_volatility(gap, "")]
    for symbol in symbols:
        own = gap.read(symbol, unit=unit)
        found += [GapLine(symbol, "", own, unit), *_by_volatility(gap, symbol)]
    return found


def gap_section(lines: Sequence[GapLine], width: int = 10) -> Iterator[str]:
    """For people: all, by volatility, and by symbol where there are few of those.

    Args:
        lines: Of one arm.
        width: Of the first column.
    """
    symbols = {line.symbol for line in lines if line.symbol}
    width = max(width, *(len(symbol) for symbol in symbols), 0)
    for symbol, volatility, reading, _ in lines:
        if not symbol or (not volatility and len(symbols) <= MOST_SYMBOLS):
            yield f"{symbol or volatility or 'all':<{width}}  {gap_text(reading)}"


def gap_text(gap: Gap | Undefined) -> str:
    """The mean, its interval of 95 %, and how many pairs it is made from."""
    if isinstance(gap, Undefined):
        return str(gap)
    return f"{signed(gap.mean, 3)}, {span(gap.low, gap.high, 3)}, {gap.pairs:,} pairs"


def gap_json(line: GapLine) -> dict[str, Any]:
    """The same for programs. The field names are a contract."""
    reading = line.reading
    known = reading if isinstance(reading, Gap) else None
    return {
        "symbol": line.symbol or None,
        "volatility": line.volatility or None,
        "unit": line.unit,
        "mean": known and known.mean,
        "low": known and known.low,
        "high": known and known.high,
        "pairs": reading.samples if isinstance(reading, Undefined) else reading.pairs,
        "state": reading.state if isinstance(reading, Undefined) else "defined",
        "reason": reading.reason if isinstance(reading, Undefined) else None,
    }


def _by_volatility(gap: ShadowGap, symbol: str) -> Iterator[GapLine]:
    for tercile in ANY:
        reading = gap.read(symbol, [tercile], gap.unit)
        has_pairs = isinstance(reading, Gap) or reading.samples > 0
        if has_pairs or (not symbol and tercile is not UNKNOWN):
            yield GapLine(symbol, _WORDS[tercile], reading, gap.unit)
