"""A folder of bars that somebody keeps writing to: what of it is known, and what comes next.

A file is read again when it has changed. What cannot be read is told once until it changes, and
its symbol is stale meanwhile; so is one whose file is gone. A bar counts when it has closed.
Where files are written one after the other, the next interval waits for those that have kept up
until now, a tenth of an interval and a minute at most.

What was used stays as it was used: a bar that is another afterwards, or comes too late, is told.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tiltyard.kernel.clock import EPOCH, time_text
from tiltyard.kernel.errors import Fault, Faults, TiltyardError
from tiltyard.market.bar import Bar
from tiltyard.market.quality import Flaw
from tiltyard.shell.feeds.files import (
    SUFFIXES,
    FeedName,
    feed_name,
    funding_symbol,
    interval_text,
)
from tiltyard.shell.feeds.funding import FundingFolder
from tiltyard.shell.feeds.growing import LOOKS_BACK, GrowingFeed, Read
from tiltyard.shell.feeds.stamp import Stamp, stamp_of

PART, MOST_PATIENCE = 10, timedelta(minutes=1)
"""The next interval waits for files that lag: a tenth of an interval, and a minute at most."""
MOST_FLAWS = 5
"""Of a kind, when a file is read, with a line of their own each."""
TRADED_AT = frozenset({"frozen", "no_volume"})
"""A row that is no price for these reasons says that there will be no other."""

_TICK = timedelta(microseconds=1)


def named_files(folder: Path) -> Mapping[Path, FeedName]:
    """The files of bars in a folder, and what their names tell."""
    return {file: found for file in _files(folder) if (found := feed_name(file))}


def interval_in(folder: Path) -> timedelta:
    """How long a bar lasts in a folder.

    Raises:
        TiltyardError: ``FEED_MISSING``.
        Faults: ``FEED_MIXED``.
    """
    if not folder.is_dir():
        raise TiltyardError("FEED_MISSING", str(folder), "there is no such folder")
    files = named_files(folder)
    intervals = {name.interval for name in files.values()}
    if len(intervals) > 1:
        faults = [
            Fault(file.name, f"bars of {interval_text(name.interval)}")
            for file, name in files.items()
        ]
        raise Faults(
            "FEED_MIXED", str(folder), faults, remedy="keep each interval in a folder of its own"
        )
    if not intervals:
        raise TiltyardError(
            "FEED_MISSING", str(folder), "no file of bars is there, so nobody knows how long a "
            "bar lasts", "put the first one there, called as SOL_USDT-1h.parquet",
        )  # fmt: skip
    return intervals.pop()


@dataclass(slots=True)
class _Symbol:
    """What is known of one symbol.

    Attributes:
        feed: Where it is from.
        stamp: Of the file, when it was last read.
        times: When the bars that are prices opened, in time order.
        bars: Those, by that time.
        until: When the last row of it had closed that is there to stay.
        is_away: The file is gone, or cannot be read.
    """

    feed: GrowingFeed
    stamp: Stamp | None
    times: list[datetime]
    bars: dict[datetime, Bar]
    until: datetime
    is_away: bool = False

    @property
    def file(self) -> Path:
        """Where it is from."""
        return self.feed.file

    def place(self, at: datetime) -> int:
        """How many of the bars opened before a time."""
        return bisect_left(self.times, at)


class BarFolder:
    """The bars in a folder.

    Args:
        folder: Where the files are.
        interval: How long each bar lasts.
        say: Told, for people, what is wrong.
        is_complete: Nobody writes there any more, so no file is waited for, and each is read from
            its beginning.
        assume_utc: Read times without an offset as UTC.

    Attributes:
        is_complete: As given.
        funding: The funding rates that lie beside the bars.
    """

    def __init__(
        self,
        folder: Path,
        interval: timedelta,
        say: Callable[[str], object],
        *,
        is_complete: bool = False,
        assume_utc: bool = False,
    ) -> None:
        self.folder = folder
        self.interval = interval
        self.is_complete = is_complete
        self.funding = FundingFolder(say, assume_utc=assume_utc)
        self._say = say
        self._symbols: dict[str, _Symbol] = {}
        self._there: Collection[Path] | None = None
        self._refused: dict[Path, Stamp | None] = {}
        self._changed: list[Path] = []
        self._told: set[tuple[str, str, datetime]] = set()
        self._assume_utc = assume_utc
        self._looks_back = None if is_complete else LOOKS_BACK
        self._patience = timedelta() if is_complete else min(interval / PART, MOST_PATIENCE)

    @property
    def symbols(self) -> Sequence[str]:
        """Those that have been seen, in the order of their names."""
        return sorted(self._symbols)

    @property
    def offered(self) -> Collection[str]:
        """Symbols whose bars were read, or lie there by the name of a file and may be read."""
        named = (feed_name(file) for file in self._seen() if file not in self._refused)
        return {name.symbol for name in named if name}.union(self._symbols)

    @property
    def funded(self) -> Collection[str]:
        """Symbols whose funding rates are known, or lie there and were not read yet."""
        return self.funding.known | self.funding.unread(self._seen())

    @property
    def reach(self) -> Mapping[str, datetime]:
        """Until when what is there of each symbol goes, a market that stood still included.

        ``EPOCH`` where nothing is. Without those whose file is gone, or cannot be read.
        """
        return {name: one.until for name, one in sorted(self._symbols.items()) if not one.is_away}

    def look(self, used: datetime | None) -> bool:
        """Read one file that has changed; whether others have that are to be read first, too.

        What changes meanwhile waits: a file that is written all the time keeps nobody.

        Args:
            used: Bars that had closed by then have been used; None when none have.
        """
        self._there = _files(self.folder)
        there = {file: stamp for file in self._there if (stamp := stamp_of(file))}
        rates = {file: stamp for file, stamp in there.items() if funding_symbol(file)}
        found = {file: stamp for file, stamp in there.items() if file not in rates}
        for known in self._symbols.values():
            if known.file not in found and not known.is_away:
                known.is_away, known.stamp = True, None
                self._refused = dict.fromkeys(self._refused)  # another file may have its bars
                self._say(f"{known.file.name} is gone: its market is stale")
        self._refused = {file: stamp for file, stamp in self._refused.items() if file in found}
        waiting = self._changed or [
            file for file, stamp in found.items() if self._is_new(file, stamp)
        ]
        self._changed = [file for file in waiting if file in found]
        if self._changed:
            file = self._changed.pop(0)
            self._look_at(file, found[file], used)
            return bool(self._changed or rates)
        return self.funding.look(rates)

    def first_close(self, at: datetime) -> datetime | None:
        """When the first bar closed, at a time or later; None where none did."""
        first = (one.times[one.place(at - self.interval) :][:1] for one in self._here())
        return min((time + self.interval for times in first for time in times), default=None)

    def newest(self, now: datetime) -> datetime | None:
        """When the last bar that has closed by ``now`` had closed; None where none has."""
        opened = now - self.interval
        last = [one.times[: one.place(opened + _TICK)][-1:] for one in self._here()]
        return max((at + self.interval for times in last for at in times), default=None)

    def following(self, until: datetime, now: datetime) -> datetime | None:
        """When the next interval began of which there are bars; None while there is none to play.

        Args:
            until: Everything is played until then.
            now: UTC.
        """
        begun = (one.times[one.place(until) :][:1] for one in self._here())
        at = min((time for times in begun for time in times), default=None)
        if at is None or at + self.interval > now:
            return None
        lags = any(until <= one.until < at + self.interval for one in self._symbols.values())
        return None if lags and now < at + self.interval + self._patience else at

    def at(self, opened_at: datetime) -> dict[str, Bar]:
        """The bars of an interval that are prices, by symbol."""
        here = ((name, one) for name, one in sorted(self._symbols.items()) if not one.is_away)
        return {name: one.bars[opened_at] for name, one in here if opened_at in one.bars}

    def count_since(self, symbol: str, after: datetime, until: datetime) -> int:
        """How many bars those are that :meth:`since` gives."""
        known = self._symbols[symbol]
        return known.place(until - self.interval + _TICK) - known.place(after + _TICK)

    def since(self, symbol: str, after: datetime, until: datetime) -> Iterator[Bar]:
        """The bars of a symbol that opened after a time and had closed until another."""
        known = self._symbols[symbol]
        first, end = known.place(after + _TICK), known.place(until - self.interval + _TICK)
        return (known.bars[at] for at in known.times[first:end])

    def _seen(self) -> Collection[Path]:
        """The files that may hold bars or rates, as they were when it last looked."""
        if self._there is None:
            self._there = _files(self.folder)
        return self._there

    def _here(self) -> Iterator[_Symbol]:
        return (one for one in self._symbols.values() if not one.is_away)

    def _is_new(self, file: Path, stamp: Stamp) -> bool:
        if self._refused.get(file) == stamp:
            return False
        name = feed_name(file)
        known = self._symbols.get(name.symbol) if name else None
        return known is None or known.file != file or known.stamp != stamp

    def _look_at(self, file: Path, stamp: Stamp, used: datetime | None) -> None:
        name = feed_name(file)
        known = self._symbols.get(name.symbol) if name else None
        try:
            if known is not None and known.file != file and not known.is_away:
                raise _refused(file, f"{known.file.name} has the bars of the same symbol")
            feed = (
                known.feed if known is not None and known.file == file else self._feed(file, name)
            )
            read = self._read(file, feed, used)
        except TiltyardError as error:
            self._refused[file] = stamp
            self._say(str(error))
            if known is not None and known.file == file:
                known.is_away, known.stamp = True, None
                known.feed.forget()
            return
        if self._refused.pop(file, None):
            self._say(f"{file.name} is read again")
        self._take_in(feed, stamp, read, used)

    def _feed(self, file: Path, name: FeedName | None) -> GrowingFeed:
        if name is None:
            raise TiltyardError(
                "FEED_UNNAMED", str(file), "its name tells neither symbol nor interval",
                "call it as SOL_USDT-1h",
            )  # fmt: skip
        if name.interval != self.interval:
            lasts, others = interval_text(name.interval), interval_text(self.interval)
            raise _refused(file, f"bars of {lasts}, and the others last {others}")
        return GrowingFeed(
            file, name.symbol, self.interval, looks_back=self._looks_back,
            assume_utc=self._assume_utc,
        )  # fmt: skip

    def _read(self, file: Path, feed: GrowingFeed, used: datetime | None) -> Read:
        """What is new in a file; whatever is wrong with it is wrong with it alone."""
        try:
            read = feed.read(used)
            self._refuse_off_grid(file, read)
            for bar in read.bars:
                bar.closes_at(self.interval)  # is there such a time?
        except TiltyardError:
            raise
        except Exception as error:
            feed.forget()
            said = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            raise TiltyardError("FEED_UNREADABLE", str(file), said) from error
        return read

    def _refuse_off_grid(self, file: Path, read: Read) -> None:
        if read.bars and (read.bars[0].opened_at - EPOCH) % self.interval:
            told = time_text(read.bars[0].opened_at)
            raise _refused(
                file, f"bars open at {told}, not at a multiple of {interval_text(self.interval)}"
            )

    def _take_in(self, feed: GrowingFeed, stamp: Stamp, read: Read, used: datetime | None) -> None:
        known = self._symbols.get(feed.symbol)
        bars = {bar.opened_at: bar for bar in read.bars}
        if used is not None:
            if known is not None and known.bars:
                self._tell_changes(feed.symbol, known.bars, bars, used, is_whole=read.is_whole)
            self._tell_flaws(read.flaws, used)
        ends = [bar.closes_at(self.interval) for bar in read.bars[-1:]]
        ends += [self._end(flaw) for flaw in read.flaws if flaw.kind in TRADED_AT]
        if known is None or read.is_whole:
            until = max(ends, default=EPOCH)
            self._symbols[feed.symbol] = _Symbol(feed, stamp, list(bars), bars, until)
            return
        known.stamp, known.is_away, known.until = stamp, False, max([known.until, *ends])
        known.times.extend(bars)
        known.bars.update(bars)

    def _end(self, flaw: Flaw) -> datetime:
        return flaw.at + flaw.bars * self.interval

    def _tell_flaws(self, flaws: Iterable[Flaw], used: datetime) -> None:
        """What is no price and was not told before; of many of a kind, the first few."""
        told: Counter[str] = Counter()
        for flaw in flaws:
            key = (flaw.symbol, flaw.kind, flaw.at)
            if self._end(flaw) > used and key not in self._told:
                self._told.add(key)
                told[flaw.kind] += 1
                if told[flaw.kind] <= MOST_FLAWS:
                    self._say(f"stale: {flaw}")
        for kind, count in told.items():
            if count > MOST_FLAWS:
                self._say(f"stale: and {count - MOST_FLAWS:,} more of the kind {kind}")

    def _tell_changes(
        self,
        symbol: str,
        before: Mapping[datetime, Bar],
        after: Mapping[datetime, Bar],
        used: datetime,
        *,
        is_whole: bool,
    ) -> None:
        """Of what both know: a file that is cut off at its beginning rewrites nothing."""
        last = used - self.interval
        if is_whole:
            first = max(min(before), min(after, default=used))
            times = {at for at in before.keys() | after.keys() if first <= at <= last}
            changed = sorted(at for at in times & before.keys() if before[at] != after.get(at))
            if changed:
                self._tell_late(symbol, changed, "changed after use; what was done stands")
        else:
            times = {at for at in after if at <= last}
        if late := sorted(times - before.keys()):
            self._tell_late(symbol, late, "came after the interval was played; it was stale")

    def _tell_late(self, symbol: str, times: Sequence[datetime], what: str) -> None:
        bars = "1 bar" if len(times) == 1 else f"{len(times):,} bars"
        self._say(f"{symbol}: {bars} from {time_text(times[0])} on {what}")


def _refused(file: Path, facts: str) -> TiltyardError:
    return TiltyardError("FEED_REFUSED", str(file), facts, "its bars are not traded on")


def _files(folder: Path) -> list[Path]:
    """Files that may hold bars, in the order of their names; none where there is no folder."""
    try:
        every = sorted(folder.iterdir())
    except OSError:
        return []
    return [one for one in every if one.suffix in SUFFIXES and not one.name.startswith(".")]
