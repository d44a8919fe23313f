"""When pictures are made: between two steps of the desk, by its own thread, and never in the way.

A picture of two hundred arms takes some 25 ms. Whoever makes it looks every few milliseconds
whether something has come in, and if so lets that be judged first and begins anew a little later,
so a halt hardly waits. One is made once a second at most, less often where that costs more than a
hundredth of the time; what was judged before one was due is painted as soon as it is, without
waiting for another step; and while something comes in all the time, one is put off for half a
second, and then made to its end.

A picture that cannot be made is logged, and nothing else: the desk goes on, whoever scrapes is
given the last one, and its heartbeat grows old.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from tiltyard.checklist.guard import Checklist
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.exporter.counted import NIGHTLY, Counted
from tiltyard.shell.exporter.paint import paint
from tiltyard.shell.exporter.picture import Picture
from tiltyard.shell.gpu.readings import GpuReading
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.store.ledger import Ledger

EVERY = 1.0
PUT_OFF, AGAIN = 0.5, 0.25
"""Seconds for which what comes in may put one off, and after which it is begun anew."""
LONGEST_PAUSE = 5.0
MOST_OF_THE_TIME = 0.01
AT_A_TIME = 0.004
"""Seconds between two looks whether something has come in."""
LOOK_AGAIN = 10.0
"""Seconds between two looks whether the night of the trading day was run."""
_LOG = logging.getLogger(__name__)


class _SomethingNewError(Exception):
    """The picture has to wait."""


def _go_on() -> None:
    """It has waited for long enough."""


class Painter:
    """Makes the pictures of one desk.

    Args:
        desk: Started.
        ledger: Its own.
        checklist: Whose guards are shown.
        steady: Seconds on a clock that is never set.
        gpus: What is known of the GPUs; None where nobody reads them.
        restarts: How often the learner was restarted; None where the desk supervises none.

    Attributes:
        picture: The last; any thread may take it.
    """

    def __init__(
        self,
        desk: LiveDesk,
        ledger: Ledger,
        checklist: Checklist,
        *,
        steady: Callable[[], float],
        gpus: Callable[[], GpuReading] | None = None,
        restarts: Callable[[], int | None] | None = None,
    ) -> None:
        self.picture: Picture | None = None
        self._desk = desk
        self._ledger = ledger
        self._steady = steady
        self._gpus = gpus
        self._restarts = restarts
        self._counted = Counted(checklist)
        self._next = self._overdue = self._looked = self._next_look = 0.0
        self._owed: datetime | None = None
        self._fault = ""
        self._has_begun = False

    def begin(self) -> None:
        """Count what was done before; the desk has not stepped yet, and steps whatever comes."""
        try:
            with self._ledger.snapshot() as still:
                self._counted.begin(still)
                self._has_begun = True
        except Exception as error:  # noqa: BLE001 it is tried again with the next picture
            self._tell(error)

    def beat(self, now: datetime) -> None:
        """Something was judged; a picture is made of it if that is due."""
        self._owed = now
        try:
            self._counted.note_latencies(self._desk.take_known(), now)
        except Exception as error:  # noqa: BLE001 the desk goes on
            self._tell(error)
        self.go_on()

    def go_on(self) -> None:
        """Between two steps: what was judged is painted, if it is not yet and that is due."""
        if self._owed is None:
            return
        began = self._looked = self._steady()
        if began < (self._overdue if self._desk.is_behind else self._next):
            return
        try:
            self._paint(self._owed, began)
        except _SomethingNewError:
            self._next = self._steady() + AGAIN
        except Exception as error:  # noqa: BLE001 the desk halts and throttles, seen or unseen
            self._tell(error)
            self._next = self._overdue = self._steady() + LONGEST_PAUSE

    def _paint(self, judged_at: datetime, began: float) -> None:
        may_pause = began < self._overdue and self._desk.trouble is None
        self._read_on(began, judged_at)
        self.picture = paint(
            self._desk.judging, self._counted, self._desk.traffic.at(judged_at), judged_at,
            None if self._gpus is None else self._gpus(),
            restarts=None if self._restarts is None else self._restarts(),
            breathe=self._breathe if may_pause else _go_on,
        )  # fmt: skip
        self._owed, ended = None, self._steady()
        pause = (ended - began) / MOST_OF_THE_TIME
        self._next = ended + min(max(EVERY, pause), LONGEST_PAUSE)
        self._overdue = self._next + PUT_OFF
        self._fault = ""

    def _tell(self, error: Exception) -> None:
        """The same is told once."""
        if self._fault != repr(error):
            self._fault = repr(error)
            _LOG.error("/metrics keeps its last picture: %s", self._fault, exc_info=error)

    def _breathe(self) -> None:
        at = self._steady()
        if at - self._looked < AT_A_TIME:
            return
        if self._desk.has_news:
            raise _SomethingNewError
        self._looked = self._steady()

    def _read_on(self, at: float, now: datetime) -> None:
        """What the ledger says by now; while the database is away, later."""
        if self._desk.trouble is not None:
            return
        if not self._has_begun:
            self.begin()
        with suppress(TiltyardError), self._ledger.snapshot() as still:
            self._counted.read_on(still)
            if self._is_night_wanted(at, now):
                self._next_look = at + LOOK_AGAIN
                self._counted.look_at_nights(still)

    def _is_night_wanted(self, at: float, now: datetime) -> bool:
        """Until that of this trading day is noted."""
        trading_day = self._desk.judging.trading_day
        ran_at = self._counted.succeeded.get(NIGHTLY)
        noted = ran_at is not None and trading_day(ran_at) == trading_day(now)
        return at >= self._next_look and not noted
