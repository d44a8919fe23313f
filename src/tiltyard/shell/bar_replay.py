"""Replay on bars: what the desk would have traded, judged and done on them.

Comes in: who trades, on a scratch database, and a folder of bars that is complete. Goes out: the
record that a desk leaves, of every fact, decision and action. It is the running desk that judges
and its floor that trades; only the clock is ours, and goes from one close to the next. Nothing is
brought to the world outside.

A night that falls due is run before what closed then is judged, as by a desk that looks every few
seconds while the bars are still on their way.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tiltyard.actions.record import Event
from tiltyard.facts.arm import Roster
from tiltyard.kernel.clock import EPOCH, time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.scaling.trading_day import nights_between
from tiltyard.shell.bar_folder import BarFolder, interval_in
from tiltyard.shell.commanding import give_back, take
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.trading import Trader

HOLDER = "replay"
TOLD_EVERY = 100
"""Intervals between two words of how far it is."""


@dataclass(frozen=True, slots=True)
class Span:
    """The bars that a replay plays.

    Attributes:
        interval: How long each lasts.
        began: When the first desk began, which decides by the bar that closed then.
        ended: When the last bar closed.
    """

    interval: timedelta
    began: datetime
    ended: datetime

    def moments(self) -> Iterator[datetime]:
        """When a bar may close, in time order."""
        at = self.began
        while at < self.ended:
            at += self.interval
            yield at


def bars_to_play(
    folder: Path,
    since: datetime | None,
    until: datetime,
    *,
    say: Callable[[str], object] = lambda _: None,
) -> tuple[BarFolder, Span]:
    """All bars of a folder, and which of them are played.

    Args:
        folder: Where they are; nobody writes there meanwhile.
        since: Nobody decides before, and what comes before is known; None begins with the first
            bar. UTC.
        until: Bars that close later are not played, UTC.
        say: Told, for people, what is wrong with them.

    Raises:
        TiltyardError: ``FEED_MISSING``; ``REPLAY_EMPTY`` when no bar is left to play.
        Faults: ``FEED_MIXED``.
    """
    bars = BarFolder(folder, interval_in(folder), say, is_complete=True)
    while bars.look(since or EPOCH):
        pass  # it reads one file at a time
    began, ended = bars.oldest(), bars.newest(until)
    if began is not None and since is not None:
        began = bars.newest(since) or began
    if began is None or ended is None or began >= ended:
        said = "" if since is None else f" from {time_text(since)}"
        raise TiltyardError(
            "REPLAY_EMPTY", str(folder), f"there is no bar to replay{said} until {time_text(until)}"
        )
    return bars, Span(bars.interval, began, ended)


class BarReplay:
    """One replay; play it once.

    Args:
        scratch: Holds the arms as they are when the span begins, and nothing else.
        settings: Bounds, schedule, checklist, and what trading costs.
        bars: All there are.
        span: Which of them are played.
        say: Told, for people, what is wrong with the bars.

    Raises:
        TiltyardError: ``REPLAY_EMPTY`` when nobody is there who trades on bars.
    """

    def __init__(
        self,
        scratch: Ledger,
        settings: Settings,
        bars: BarFolder,
        span: Span,
        *,
        say: Callable[[str], object] = lambda _: None,
    ) -> None:
        settings = settings.marked_every(bars.interval)
        self._scratch = scratch
        self._bars = bars
        self._span = span
        self._nightly = settings.schedule.nightly, settings.schedule.zone
        self._token = _lease(scratch, span.began)
        self._desk = LiveDesk(scratch, settings, self._token)
        self._desk.start()
        self._trader = Trader(scratch, settings, self._token, bars, say=say)
        self._trader.begin(self._desk.roster)
        if not self._trader.seated:
            raise TiltyardError(
                "REPLAY_EMPTY", str(bars.folder), "no arm trades on bars: none has a capital and "
                "a kind that does", "see: tiltyard policy register --help",
            )  # fmt: skip

    @property
    def roster(self) -> Roster:
        """Arms as they are now."""
        return self._desk.roster

    @property
    def left_open(self) -> list[str]:
        """What is open at the end, a line each, for people."""
        return list(self._trader.left_open)

    def play(self, *, progress: Callable[[int], object] = lambda _: None) -> Iterator[Event]:
        """Play it to the end; what the desk writes to the audit, as it does.

        Args:
            progress: Told the number of intervals that are over, now and then.

        Raises:
            TiltyardError: What keeps the floor from trading, or the desk from writing.
        """
        yield from self._desk.step(self._span.began, steady=0.0)
        yield from follow_all(self._desk, self._trader, self._span.began)
        for number, now in enumerate(self._span.moments(), start=1):
            if self._is_night(now) or not self._bars.at(now - self._bars.interval):
                yield from self._desk.step(now, steady=0.0)
            yield from follow_all(self._desk, self._trader, now)
            trouble = self._trader.trouble or self._desk.trouble
            if trouble is not None:
                raise trouble
            if number % TOLD_EVERY == 0:
                progress(number)
        give_back(self._scratch, self._token)

    def _is_night(self, now: datetime) -> bool:
        return any(nights_between(now - self._bars.interval, now, *self._nightly))


def follow_all(desk: LiveDesk, trader: Trader, now: datetime) -> Iterator[Event]:
    """What the floor does after a step of a desk, and each step after that, until all is done.

    Args:
        desk: It judges.
        trader: It trades for the arms.
        now: UTC; no time passes meanwhile, so nobody is silent for long.
    """
    while trader.follow(desk, now) or (desk.is_behind and desk.trouble is None):
        yield from desk.step(now, steady=0.0)


def _lease(scratch: Ledger, at: datetime) -> int:
    token = take(scratch, HOLDER, at)
    if token is None:
        raise TiltyardError("LEASE_HELD", "replay", "somebody else writes to its database")
    return token
