"""Whether bars still come, so that people know why nobody decides.

Nobody decides by a bar that closed longer ago than one interval. So where whoever writes the bars
has died, the floor looks like one on which nobody wants anything. It is told once when the newest
bar closed more than two intervals ago, and once when one is there again by which somebody may
decide: for the whole folder, or for a symbol alone while others go on. Of a file that is gone or
cannot be read the folder has told already.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from tiltyard.kernel.clock import EPOCH, span_text, time_text
from tiltyard.shell.feeds.folder import BarFolder

LATE_AFTER = 2
"""Intervals after its close; so long a bar that is written late is waited for in silence."""
EVERYBODY = ""
"""The whole folder, where otherwise a symbol is."""


class Lateness:
    """Of the bars in one folder.

    Args:
        bars: The folder.
        say: Told, for people, when bars stay away, and when they come again.
    """

    def __init__(self, bars: BarFolder, say: Callable[[str], object]) -> None:
        self._bars = bars
        self._say = say
        self._late: Mapping[str, datetime] = {}

    @property
    def story(self) -> str:
        """Who waits for bars, for people; empty while nobody does."""
        if not self._late:
            return ""
        of = "" if EVERYBODY in self._late else f" of {', '.join(self._late)}"
        return f"no newer bars{of} come"

    def look(self, now: datetime) -> None:
        """See what has come by now; every file that has changed has been read.

        Args:
            now: UTC.
        """
        reach = {} if self._bars.is_complete else self._bars.reach
        late = {symbol: at for symbol, at in reach.items() if self._is_late(symbol, at, now)}
        if late and len(late) == len(reach):
            newest = max(reach.values())
            late = {EVERYBODY: newest, **{one: late[one] for one in late.keys() & self._late}}
        for subject, at in late.items():
            if subject not in self._late:
                self._tell_late(subject, at, now)
        for subject in self._late.keys() - late.keys():
            if subject in reach:
                self._say(f"bars of {subject} come again, until {time_text(reach[subject])}")
            elif subject == EVERYBODY and reach:
                self._say(f"bars come again, until {time_text(max(reach.values()))}")
        self._late = late

    def _is_late(self, symbol: str, at: datetime, now: datetime) -> bool:
        """Who is late stays so until somebody may decide by what came."""
        is_told = bool(self._late.keys() & {symbol, EVERYBODY})
        return now - at > (1 if is_told else LATE_AFTER) * self._bars.interval

    def _tell_late(self, subject: str, at: datetime, now: datetime) -> None:
        of, on = (f"of {subject}", " on it") if subject else (f"in {self._bars.folder}", "")
        if at == EPOCH:
            self._say(f"there is no bar {of} yet: nobody decides{on} until one comes")
            return
        self._say(
            f"the newest bar {of} closed {time_text(at)}, {span_text(now - at)} ago: nobody "
            f"decides{on} until newer bars come"
        )
