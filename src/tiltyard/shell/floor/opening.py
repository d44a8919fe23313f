"""Whether a running desk can trade on its folder of bars, and how long a bar lasts there.

The folder may be empty yet, or hold bars of two lengths. That keeps the floor shut, and nobody
from being judged: it is told, looked at again after each step, and the floor opens when it has
passed. What is held for real stays on the bars that it was opened on: other files beside them
are refused one by one, and a folder that has only others is not traded on.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from tiltyard.facts.arm import Roster
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.feeds.folder import BarFolder, interval_in, named_files
from tiltyard.shell.floor.other_bars import refuse_other_bars
from tiltyard.shell.floor.text import played_from
from tiltyard.shell.floor.trading import Trader
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.models.stable import Stable
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.floor_table import read_floor
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.plain_errors import UNAVAILABLE


def interval_to_trade(ledger: Ledger, settings: Settings) -> timedelta | None:
    """How long the bars last that a desk trades on; None where on none, or nobody can say yet."""
    try:
        return _interval(ledger, settings)
    except TiltyardError as error:
        if error.code in UNAVAILABLE:
            raise
        return None


def trader_on(
    ledger: Ledger,
    settings: Settings,
    token: int,
    interval: timedelta | None,
    *,
    models: Stable | None = None,
    say: Callable[[str], object],
) -> "Opening | None":
    """The floor of a desk, by the market of its settings; None where it trades on no bars."""
    if not settings.market.feed:
        return None
    return Opening(ledger, settings, token, interval, models=models, say=say)


class Opening:
    """The floor of a running desk, open or shut.

    Args:
        ledger: Where facts and state go.
        settings: As the desk judges by them.
        token: Of the desk's lease.
        interval: How long a bar lasts, and by what the age of a mark is judged; None when that
            was not known when the desk began.
        models: What was trained, and arms are traded by; None where nobody is.
        say: Told, for people, what is wrong.

    Attributes:
        trader: Trades; None while the floor is shut.
    """

    def __init__(
        self,
        ledger: Ledger,
        settings: Settings,
        token: int,
        interval: timedelta | None,
        *,
        models: Stable | None = None,
        say: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._token = token
        self._interval = interval
        self._models = models
        self._say = say
        self.trader: Trader | None = None
        self._shut_by: TiltyardError | None = None

    @property
    def trouble(self) -> TiltyardError | None:
        """Why nothing can be traded now, the floor shut or open; None when it can."""
        return self._shut_by if self.trader is None else self.trader.trouble

    @property
    def seated(self) -> Collection[str]:
        """The arms that it trades for."""
        return () if self.trader is None else self.trader.seated

    @property
    def story(self) -> str:
        """What it trades on and for, for people."""
        return "the floor is shut" if self.trader is None else self.trader.story

    @property
    def left_open(self) -> Sequence[str]:
        """What stays open when the desk ends, a line each, for people."""
        return [] if self.trader is None else self.trader.left_open

    def begin(self, roster: Roster) -> None:
        """Open the floor, if the folder lets it.

        Raises:
            TiltyardError: ``LEASE_LOST``.
        """
        interval = self._interval or self._look()
        if interval is None:
            return
        bars = BarFolder(Path(self._settings.market.feed), interval, self._say)
        self.trader = Trader(
            self._ledger, self._settings, self._token, bars, models=self._models, say=self._say
        )
        self.trader.begin(roster)

    def follow(self, desk: LiveDesk, now: datetime) -> bool:
        """What comes after a step of the desk; whether there is more to do, after another step.

        Raises:
            TiltyardError: ``LEASE_LOST``.
        """
        if self.trader is not None:
            return self.trader.follow(desk, now)
        self.begin(desk.roster)
        if self.trader is None:
            return False
        self._say(self.story)
        if self._interval is None:
            self._judge_marks_by_bars(desk, self.trader.interval)
        return True

    def _judge_marks_by_bars(self, desk: LiveDesk, interval: timedelta) -> None:
        """A mark is as old as a bar before the next is due, from now on."""
        self._interval = interval
        desk.judge_by(self._settings.marked_every(interval))

    def _look(self) -> timedelta | None:
        try:
            interval = _interval(self._ledger, self._settings)
        except TiltyardError as error:
            if error.code not in UNAVAILABLE and str(error) != str(self._shut_by):
                self._say(f"{error}\n  nobody trades on bars until that has passed")
                self._shut_by = error
            return None
        self._shut_by = None
        return interval


def _interval(ledger: Ledger, settings: Settings) -> timedelta | None:
    """How long the bars last that a desk is to trade on; None where it is to trade on none.

    Raises:
        TiltyardError: ``FEED_MISSING``, ``INTERVAL_DIFFERS``, ``FLOOR_UNREADABLE``.
        Faults: ``FEED_MIXED``.
    """
    if not settings.market.feed:
        return None
    folder = Path(settings.market.feed)
    with ledger.snapshot() as still:
        text = read_floor(still.connection)
    played = None if text is None else played_from(text)
    if played is None or not played.floor.live.positions:
        return interval_in(folder)
    intervals = {name.interval for name in named_files(folder).values()}
    if intervals and played.interval not in intervals:
        refuse_other_bars(played, min(intervals))
    return played.interval
