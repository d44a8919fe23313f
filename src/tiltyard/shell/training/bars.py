"""What a folder of bars has to learn from: the bars of the symbols that are wanted, and funding.

Flaws stay out, and are counted; so do bars that no market makes. Everything that is wrong with what
was asked for is said at once, with what there is.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from pathlib import Path

from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import Fault, Faults, TiltyardError
from tiltyard.market.bar import HOUR
from tiltyard.market.candles import Candles, candles_of
from tiltyard.market.costs import FundingRates
from tiltyard.market.implausible import Leap, look
from tiltyard.market.quality import Flaw
from tiltyard.shell.feeds.files import (
    FeedName,
    funding_symbol,
    interval_text,
    read_feed,
    read_funding,
)
from tiltyard.shell.feeds.folder import named_files
from tiltyard.shell.training.standing_still import refuse_still

KINDS = {
    "gap": "missing",
    "frozen": "frozen",
    "no_volume": "without volume",
    "impossible": "impossible",
    "duplicate": "told twice",
    "disorder": "out of order",
    "off_grid": "between two intervals",
    "spike": "leaping away and back",
    "still": "standing still",
}
"""Of flaws, for people."""


@dataclass(frozen=True, slots=True)
class Bars:
    """What is there.

    Attributes:
        interval: How long each bar lasts.
        candles: Those that are prices, by symbol.
        funding: Rates by symbol, where there are any.
        flaws: What was left out, by symbol, in time order.
        leaps: What was not, and should be looked at, by symbol.
    """

    interval: timedelta
    candles: Mapping[str, Candles]
    funding: Mapping[str, FundingRates]
    flaws: Mapping[str, Sequence[Flaw]]
    leaps: Mapping[str, Sequence[Leap]] = field(default_factory=dict)

    @property
    def flawed(self) -> dict[str, dict[str, int]]:
        """How many bars each kind of flaw covers, by symbol."""
        counts: dict[str, dict[str, int]] = {}
        for symbol, flaws in sorted(self.flaws.items()):
            count: Counter[str] = Counter()
            for flaw in flaws:
                count[flaw.kind] += flaw.bars
            counts[symbol] = dict(sorted(count.items()))
        return counts


def read_bars(
    folder: Path,
    symbols: Sequence[str],
    interval: timedelta | None,
    since: datetime | None,
    until: datetime | None,
    *,
    assume_utc: bool = False,
) -> Bars:
    """Read the bars of a folder; those from before ``since`` are read, too, to warm up by.

    Args:
        folder: Of files that are called as ``SOL_USDT-1h.parquet``.
        symbols: ``SOL/USDT``, or ``SOL`` where that is one market alone; empty for all.
        interval: How long a bar lasts; None for the only one, or an hour among several.
        since: From when on is learnt; None from the first bar on.
        until: What has closed by then is known; None for all.
        assume_utc: Read times without an offset as UTC.

    Raises:
        TiltyardError: ``FEED_MISSING``, ``FEED_UNREADABLE``.
        Faults: ``FEED_MISSING``, ``FEED_MIXED``, ``PRICES_STILL``, ``RANGE_EMPTY``, and as
            :func:`~tiltyard.shell.feeds.files.read_feed`.
    """
    if not folder.is_dir():
        raise TiltyardError("FEED_MISSING", str(folder), "there is no such folder")
    named = named_files(folder)
    interval = _interval(folder, named, interval)
    files = _by_symbol(folder, {f: n for f, n in named.items() if n.interval == interval})
    chosen = _chosen(folder, files, symbols, interval)
    feeds = {name: read_feed(files[name], assume_utc=assume_utc) for name in chosen}
    refuse_still(folder, feeds, since, until)
    looked = {name: look(feed.bars, interval) for name, feed in feeds.items()}
    candles = {name: candles_of(one.bars, interval) for name, one in looked.items() if one.bars}
    flaws = {
        name: sorted([*feed.flaws, *looked[name].flaws], key=attrgetter("at"))
        for name, feed in feeds.items()
    }
    _refuse_empty(folder, chosen, candles, flaws, since, until)
    rates = {funding_symbol(file): file for file in sorted(folder.iterdir())}
    funding = {
        name: read_funding(rates[name], assume_utc=assume_utc) for name in chosen if name in rates
    }  # fmt: skip
    return Bars(
        interval, candles, funding, flaws, {name: one.leaps for name, one in looked.items()}
    )


def _interval(folder: Path, named: Mapping[Path, FeedName], wanted: timedelta | None) -> timedelta:
    found = sorted({name.interval for name in named.values()})
    there = ", ".join(map(interval_text, found))
    if not found:
        raise TiltyardError(
            "FEED_MISSING", str(folder), "no file of bars is there",
            "put one there that is called as SOL_USDT-1h.parquet",
        )  # fmt: skip
    if wanted is not None and wanted not in found:
        raise TiltyardError(
            "FEED_MISSING", str(folder), f"no bars of {interval_text(wanted)}; there are {there}"
        )
    if wanted is None and len(found) > 1 and HOUR not in found:
        raise TiltyardError(
            "FEED_MIXED", str(folder), f"bars of {there}, and none of an hour",
            "say which: --interval",
        )  # fmt: skip
    return wanted or (HOUR if HOUR in found else found[0])


def _by_symbol(folder: Path, named: Mapping[Path, FeedName]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    faults = []
    for file, name in sorted(named.items()):
        if name.symbol in files:
            faults.append(Fault(file.name, f"{files[name.symbol].name} has {name.symbol}, too"))
        files.setdefault(name.symbol, file)
    if faults:
        raise Faults("FEED_MIXED", str(folder), faults, remedy="keep one file of each market")
    return files


def _chosen(
    folder: Path, files: Mapping[str, Path], symbols: Sequence[str], interval: timedelta
) -> list[str]:
    if not symbols:
        return sorted(files)
    chosen, faults = [], []
    for wanted in symbols:
        name = wanted.strip().upper()
        found = [one for one in files if name in (one, one.partition("/")[0])]
        if len(found) == 1:
            chosen += found
        else:
            several = f"{len(found)} markets: {', '.join(found)}"
            faults.append(Fault(wanted, several if found else "no bars of it"))
    if faults:
        there = ", ".join(sorted(files))
        raise Faults(
            "FEED_MISSING", str(folder), faults,
            remedy=f"Bars of {interval_text(interval)} are there of {there}",
        )  # fmt: skip
    return sorted(set(chosen))


def _refuse_empty(
    folder: Path,
    chosen: Sequence[str],
    candles: Mapping[str, Candles],
    flaws: Mapping[str, Sequence[Flaw]],
    since: datetime | None,
    until: datetime | None,
) -> None:
    """A range that some symbol has no bars in, of all symbols at once."""
    faults = []
    for name in chosen:
        one = candles.get(name)
        if one is None:
            kinds = (
                ", ".join(sorted({KINDS[flaw.kind] for flaw in flaws[name]})) or "the file is empty"
            )
            faults.append(Fault(name, f"no bar of it is a price: {kinds}"))
            continue
        inside = one.closed_at > (0 if since is None else since.timestamp())
        if until is not None:
            inside &= one.closed_at <= until.timestamp()
        if not inside.any():
            first, last = (
                time_text(datetime.fromtimestamp(at, UTC)) for at in one.closed_at[[0, -1]].tolist()
            )
            faults.append(Fault(name, f"no bars there; they close from {first} to {last}"))
    if faults:
        begun, ended = ("…" if at is None else time_text(at) for at in (since, until))
        raise Faults(
            "RANGE_EMPTY", f"{begun} to {ended} in {folder}", faults,
            remedy="name a range that every one of them has, or leave them out: --symbols",
        )  # fmt: skip
