"""A running desk that trades: every arm of whose kind we have the policy, on paper, over bars.

After each step of the desk it does one thing after the other. When everything there is has been
judged, the arms decide by the interval that was played last, by the shares as they stand then;
what they ordered is written together with who got which episode. Then the next interval is
played, once its bars have closed: what was ordered fills at its open, a stop inside it closes a
position, what is open is valued at its close. The facts, and what stands after them, are written
in one transaction, and the desk judges them in its next step, before anybody decides again. So
guards come first at every event, and a desk that was killed goes on from what is written.

Intervals that were missed are played, so that stops and orders that stood are not lost; but
nobody decides by a bar that closed longer ago than one interval, and people are told when no newer
ones come. While the desk observes, its database is in trouble or entries are stopped, nobody
enters for real, and paper goes on.

What goes wrong here is told and tried again; it never keeps the desk from judging.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from random import Random

from tiltyard.facts.arm import Roster
from tiltyard.facts.decision import Decision
from tiltyard.facts.mark import Mark
from tiltyard.facts.trade import Trade
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import format_money
from tiltyard.market.paper import PaperVenue, Position
from tiltyard.router.floor import Floor, FloorState, Reporter
from tiltyard.router.lifecycle import ONLY_LEAVES
from tiltyard.router.split import Split
from tiltyard.shell.feeds.files import interval_text
from tiltyard.shell.feeds.folder import BarFolder
from tiltyard.shell.floor.facts import (
    SOURCE,
    append_decisions,
    append_marks,
    in_their_account,
    under_free_names,
)
from tiltyard.shell.floor.lateness import Lateness
from tiltyard.shell.floor.other_bars import on_bars_of
from tiltyard.shell.floor.readings import Readings
from tiltyard.shell.floor.seats import Seats
from tiltyard.shell.floor.text import Played, played_from, text_of
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.models.stable import Stable
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.audit_table import identity_of
from tiltyard.shell.store.floor_table import read_floor, write_floor
from tiltyard.shell.store.lease import check_lease
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.plain_errors import UNAVAILABLE

PLAYED, RECORDED, DECIDED, ORDERED = STAGES = ("played", "recorded", "decided", "ordered")
"""What is passed: an interval is written, and committed; decisions are written, and committed."""

_LOG = logging.getLogger(__name__)


class Trader:
    """Trades for the arms of a running desk.

    Args:
        ledger: Where facts and state go.
        settings: The market, the account, and what capital a policy has that names none.
        token: Of the desk's lease.
        bars: Where they come from.
        models: What was trained, and arms are traded by; None where nobody is.
        say: Told, for people, what is wrong.
        on_stage: Told each stage that is passed.

    Attributes:
        trouble: Why nothing can be traded now; None when it can.
    """

    def __init__(
        self,
        ledger: Ledger,
        settings: Settings,
        token: int,
        bars: BarFolder,
        *,
        models: Stable | None = None,
        say: Callable[[str], object] = lambda _: None,
        on_stage: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._token = token
        self._bars = bars
        self._say = say
        self._on_stage = on_stage
        self._rng = Random(0)  # noqa: S311 no secret
        self._readings = Readings(bars)
        costs, account = settings.market.costs(), settings.account
        self._live = PaperVenue(costs, bars.interval)
        self._paper = PaperVenue(costs, bars.interval)
        reporter = Reporter(SOURCE, account.name, account.currency)
        self._floor = Floor(self._live, self._paper, reporter, self._rng)
        self._seats = Seats(
            ledger, settings, token, bars, self._floor, self._readings, models=models, say=say
        )
        self._lateness = Lateness(bars, say)
        self._salt = ""
        self._until: datetime | None = None
        self._has_begun = self._has_decided = False
        self.trouble: TiltyardError | None = None

    @property
    def interval(self) -> timedelta:
        """How long a bar lasts."""
        return self._bars.interval

    @property
    def seated(self) -> Sequence[str]:
        """The arms that it trades for."""
        return self._seats.taken

    @property
    def open_positions(self) -> Sequence[Position]:
        """What is held for real, by arm and symbol."""
        return [position for _, position in sorted(self._live.positions.items())]

    @property
    def story(self) -> str:
        """What it trades on and for, for people."""
        arms = "1 arm" if len(self.seated) == 1 else f"{len(self.seated)} arms"
        arms += " until models are loaded" if self._seats.is_waiting else ""
        positions = {0: "nothing", 1: "1 position"}.get(
            count := len(self.open_positions), f"{count} positions"
        )
        until = "" if self._until is None else f", played until {time_text(self._until)}"
        late = f", {self._lateness.story}" if self._lateness.story else ""
        return (
            f"the floor trades on bars of {interval_text(self._bars.interval)} in "
            f"{self._bars.folder}: {arms}, {positions} open{until}{late}"
        )

    @property
    def left_open(self) -> Sequence[str]:
        """What stays open when the desk ends, a line each, for people."""
        return [
            f"stays open: {one.entry.lane.policy} {one.entry.direction} {one.entry.lane.symbol} "
            f"since {time_text(one.opened_at)}, {format_money(one.entry.notional)} at {one.price:g}"
            for one in self.open_positions
        ]

    def begin(self, roster: Roster) -> None:
        """Read what stands, and seat whom the roster has; what is in trouble is tried again later.

        Raises:
            TiltyardError: ``LEASE_LOST``.
        """
        self._guarded(lambda: self._go_on(roster))

    def follow(self, desk: LiveDesk, now: datetime) -> bool:
        """What comes after a step of the desk; whether there is more to do, after another step.

        Args:
            desk: It has just made a step.
            now: UTC.

        Raises:
            TiltyardError: ``LEASE_LOST``.
        """
        if desk.is_blind or (desk.is_behind and desk.trouble is None):
            return False  # what was played last is to be judged first
        return self._guarded(lambda: self._follow(desk, now))

    def _guarded(self, work: Callable[[], bool | None]) -> bool:
        try:
            has_more = bool(work())
        except TiltyardError as error:
            if error.code == "LEASE_LOST":
                raise
            self._stop(error)
            return False
        except Exception as error:  # noqa: BLE001 a defect here must not keep the desk from judging
            trouble = TiltyardError("TRADING_FAILED", "floor", f"{type(error).__name__}: {error}")
            if str(trouble) != str(self.trouble):
                _LOG.exception("trading has failed")
            self._stop(trouble)
            return False
        if self.trouble is not None and self.trouble.code not in UNAVAILABLE:
            self._say("the floor trades again")
        self.trouble = None
        return has_more

    def _stop(self, trouble: TiltyardError) -> None:
        """Nothing is traded until it has passed; then what is written counts.

        When the database does not answer, the desk says so.
        """
        if trouble.code not in UNAVAILABLE and str(trouble) != str(self.trouble):
            self._say(f"{trouble}\n  nobody trades on bars until that has passed")
        self.trouble, self._has_begun = trouble, False

    def _follow(self, desk: LiveDesk, now: datetime) -> bool:
        if not self._go_on(desk.roster):
            return False
        if self._bars.look(self._until):
            return True  # one file at a time: the desk judges between them
        self._lateness.look(now)
        if self._until is None:
            self._until = self._bars.newest(now)  # a first desk trades from now on
        if self._until is None:
            return False
        self._floor.only_leaves(self._who_may_not_enter(desk))
        if not self._has_decided and now - self._until <= self._bars.interval:
            if self._readings.catch_up(self._until):
                return True  # one symbol at a time, as well
            self._decide(desk, self._until, now)
        at = self._bars.following(self._until, now)
        if at is None:
            return False
        self._play(at, self._until, now)
        return True

    def _go_on(self, roster: Roster) -> bool:
        """What stands is read, and who trades has a seat; False while a model is waited for."""
        if not self._has_begun:
            with self._ledger.snapshot() as still:
                text, self._salt = read_floor(still.connection), identity_of(still.connection)
            played = None
            if text is not None:
                played = on_bars_of(self._bars.interval, played_from(text), self._say)
            self._floor.restore(FloorState() if played is None else played.floor)
            self._until = None if played is None else played.until
            self._has_decided = played is not None and played.has_decided
            self._seats.begin_again()
            self._has_begun = True
        return self._seats.take(roster)

    def _who_may_not_enter(self, desk: LiveDesk) -> Iterable[str]:
        """Whose orders to enter for real are dropped, and who only leaves."""
        arms = desk.roster.arms.values()
        if desk.observes or desk.roster.entries_stopped_by:
            return [arm.name for arm in arms]
        return [
            arm.name
            for arm in arms
            if not arm.share or arm.state in ONLY_LEAVES or arm.name in self._seats.foreign
        ]

    def _play(self, at: datetime, until: datetime, now: datetime) -> None:
        """One interval: fills, stops, marks."""
        bars, closes_at = self._bars.at(at), at + self._bars.interval
        if at > until:
            self._floor.open_bars({})  # there was no price: who wanted in has missed it
        trades = self._floor.open_bars(bars) + self._floor.close_bars(bars)
        for name in {one.policy for one in trades if one.book == "live"}:
            self._floor.mark_again(name)  # also who has entered and left within the interval
        prices = {symbol: bar.close for symbol, bar in bars.items()}
        marks = self._floor.marks(prices, closes_at)
        self._write(closes_at, now, PLAYED, trades=trades, marks=marks)
        self._until, self._has_decided = closes_at, False
        self._on_stage(RECORDED)

    def _decide(self, desk: LiveDesk, until: datetime, now: datetime) -> None:
        """Every arm decides by what is known since the last interval has closed.

        What was missed for longer than an interval is not made up.
        """
        known, wild = self._readings.at(until)
        self._rng.seed(f"{self._salt} {time_text(until)}")
        before = self._floor.snapshot()
        barred = self._settings.market.barred(known, until)
        decisions = self._floor.decide(known, self._split(desk), wild, barred)
        self._seats.tell_failed()
        if decisions or self._floor.snapshot() != before:
            self._write(until, now, DECIDED, decisions=decisions)
            self._on_stage(ORDERED)
        self._has_decided = True

    def _split(self, desk: LiveDesk) -> Split | None:
        """Who gets an episode for real; None while nobody does."""
        roster = desk.roster
        if desk.trouble or desk.observes or roster.entries_stopped_by or not roster.arms:
            return None
        shares = {name: arm.share for name, arm in roster.arms.items()}
        return Split(shares, revision=desk.told_revision, salt=self._salt)

    def _write(
        self,
        until: datetime,
        now: datetime,
        stage: str,
        *,
        trades: Sequence[Trade] = (),
        marks: Sequence[Mark] = (),
        decisions: Sequence[Decision] = (),
    ) -> None:
        """Facts and what stands after them, both or neither."""
        said: list[str] = []
        with ExitStack() as stack:
            staging = stack.enter_context(self._ledger.staging()) if trades else None
            connection = stack.enter_context(self._ledger.transaction(staging)).connection
            check_lease(connection, self._token)
            if staging is not None:
                named, said = under_free_names(
                    connection, in_their_account(trades, self._seats.foreign)
                )
                staging.add([(number, one, False) for number, one in enumerate(named, start=1)])
                staging.append(now=now, known_at=now, actor=SOURCE, source=SOURCE)
            own = in_their_account(marks, self._seats.foreign)
            for name, told in append_marks(connection, own, now).items():
                self._floor.mark_again(name)
                said.append(told)
            for episode, told in append_decisions(connection, decisions, now).items():
                self._floor.withdraw(episode)
                said.append(told)
            floor, has_decided = self._floor.snapshot(), stage == DECIDED
            state = Played(until, self._bars.interval, floor, has_decided, tuple(self.seated))
            write_floor(connection, text_of(state), now)
            self._on_stage(stage)
        for line in said:
            self._say(line)
