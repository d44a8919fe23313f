"""The running desk: the one process that judges what comes in and writes what follows.

A step is one transaction. Under the lease it takes what others have done since (edits by
SQL, registrations), obeys commands for safety, judges every fact that the ledger has
learnt and what only time makes true, obeys the other commands, runs the night once in a
trading day, and writes actions, audit, memories, effects and how far it came: all or
nothing. So a process that is killed anywhere, and another that goes on, come to the same
state.

When the database is locked, full or away, what the desk decides stands in memory: a halt
holds at once, and is written with the next step that succeeds. What a step gave that could
not be written is taken back, and decided again when the database answers, from what is
there then.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from tiltyard.actions.plan import plan_expiry
from tiltyard.actions.record import Event
from tiltyard.actions.silence import DEADMAN, freeze_in_silence
from tiltyard.facts.arm import Roster
from tiltyard.facts.command import SAFETY, Command
from tiltyard.facts.verdict import Mode
from tiltyard.kernel.errors import TiltyardError
from tiltyard.router.realised import RealisedTraffic
from tiltyard.shell.bounds import tell_bounds
from tiltyard.shell.desk import Desk
from tiltyard.shell.doing import Doing
from tiltyard.shell.effects.announce import Announcing, shares_taken
from tiltyard.shell.holding import Holding
from tiltyard.shell.incoming import Incoming
from tiltyard.shell.nights import read_ahead, run_if_due
from tiltyard.shell.pulse import Pulse
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.command_table import pending_commands
from tiltyard.shell.store.desk_record import Progress, read_progress, write_progress
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.news import Positions, is_anything_new
from tiltyard.shell.store.plain_errors import UNAVAILABLE
from tiltyard.shell.writing import Writing

BEGUN, READ, JUDGED, WRITTEN, COMMITTED = STAGES = (
    "begun", "read", "judged", "written", "committed",
)  # fmt: skip
"""What a desk passes: ``begun`` once in the life of a ledger, ``read`` once, when it has
started, and the others in every step."""
TICK = timedelta(seconds=5)


class LiveDesk:
    """A desk over a ledger, under a lease.

    Args:
        ledger: The facts, and where state is written.
        settings: Bounds, schedule and checklist.
        token: Of the lease.
        clock: The time of day, by which the lease is renewed while much is read.
        announcing: Which effects outside follow from what is done.
        on_stage: Told each stage that a step has passed.
        observe: Guards are judged and recorded, and nothing is done.
        night_after: So long it leaves the night of a trading day to whoever else asks for it; None
            for good.
        tick: How often everything is judged when nothing comes in.

    Attributes:
        trouble: What the database last said; None when it answers.
    """

    def __init__(
        self,
        ledger: Ledger,
        settings: Settings,
        token: int,
        *,
        clock: Callable[[], datetime] | None = None,
        announcing: Announcing | None = None,
        on_stage: Callable[[str], None] = lambda _: None,
        observe: bool = False,
        night_after: timedelta | None = timedelta(),
        tick: timedelta = TICK,
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._holding = Holding(ledger, token, clock)
        self._on_stage = on_stage
        self._observe = observe
        self._night_after = None if observe else night_after
        self._tick = tick
        self._desk = Desk(settings, Roster(), live=True, observe=observe)
        self._standing = Roster()
        modes: dict[str, Mode] = {
            guard.name: "observe" if observe else guard.mode for guard in settings.checklist.guards
        }
        in_service = night_after is not None
        self._writing = Writing(token, announcing or Announcing(), modes, in_service=in_service)
        self._doing = Doing(settings, self._desk, self._writing)
        self._incoming = Incoming(Positions(0, 0, 0, 0))
        self._begins_again = False
        self._edited: list[Event] = []
        self._ticked_at: datetime | None = None
        self._served_at: datetime | None = None
        self._has_judged = False
        self._pulse = Pulse()
        self._is_blind = False
        self.trouble: TiltyardError | None = None

    @property
    def roster(self) -> Roster:
        """Arms as they are now, whether that is written yet or not."""
        return self._desk.roster

    @property
    def judging(self) -> Desk:
        """What it measures and judges with; for its own thread alone, between two steps."""
        return self._desk

    @property
    def traffic(self) -> RealisedTraffic:
        """Where the episodes of the last day went; as :attr:`judging`."""
        return self._incoming.traffic

    @property
    def shares_alone(self) -> dict[str, object]:
        """Who gets how much while that cannot be written: nobody more than is written."""
        return shares_taken(self.roster, self._standing)

    @property
    def revision(self) -> int:
        """Of the shares that the database knows; what is sent without it counts on from there."""
        return self._writing.announcing.revision

    @property
    def told_revision(self) -> int:
        """Under which the shares as they stand were last told, and every bot chooses by them."""
        return self._writing.announcing.told

    @property
    def observes(self) -> bool:
        """Whether it changes nothing."""
        return self._observe

    @property
    def is_blind(self) -> bool:
        """Whether the last step could not even read what has come in."""
        return self._is_blind

    @property
    def is_behind(self) -> bool:
        """Whether there is more to judge at once: more facts, or an arm that is measured anew."""
        return self._incoming.is_remeasured or self._incoming.has_more or bool(self._desk.behind)

    @property
    def decided_alone(self) -> Sequence[Event]:
        """What is decided and stands in memory, because the database cannot be written."""
        return self._writing.unwritten.events

    @property
    def has_news(self) -> bool:
        """Whether others have written what it has not looked at; also when nobody can say."""
        try:
            with self._ledger.snapshot() as still:
                return is_anything_new(still.connection, self._incoming.seen)
        except TiltyardError:
            return True  # the next step finds out what is wrong

    def tell_again(self, why: str) -> None:
        """Others were told something else meanwhile: the next step tells them how it stands.

        Args:
            why: For the audit, whose rows number what is told.
        """
        self._writing.tell_again(why)

    def take_known(self) -> list[datetime]:
        """When the ledger learnt of what was judged since the last call; as :attr:`judging`.

        Nothing while what follows from it is not committed.
        """
        if self.trouble is not None:
            return []
        known = self._incoming.known_at
        taken = list(known)
        known.clear()
        return taken

    def judge_by(self, settings: Settings) -> None:
        """Other settings count from the next step on, as if a desk began with them."""
        self._settings, self._begins_again = settings, True

    def refuse_replaced(self) -> None:
        """Whether the ledger is still the one that was opened.

        Raises:
            TiltyardError: ``DATABASE_REPLACED``.
        """
        self._ledger.refuse_replaced()

    def start(self) -> None:
        """Read the ledger up to where the last desk judged; nothing is judged or done meanwhile.

        A first desk takes everything that is there as read, and judges what it adds up to. From
        where on that is, it writes before anything else, so that the next desk goes on from there
        however early this one is killed.

        Raises:
            TiltyardError: ``LEASE_LOST``.
        """
        begun = self._begin_or_go_on()
        with self._ledger.snapshot() as still:
            roster = still.roster()
            desk = Desk(self._settings, roster, live=True, observe=self._observe)
            incoming = Incoming(begun.positions())
            incoming.begin(still, desk, self._holding.keep_while_reading)
            desk.guards.memories = self._writing.begin(still)
            doing = Doing(self._settings, desk, self._writing)
            doing.look(still.connection)
        self._desk, self._incoming, self._standing = desk, incoming, roster
        self._doing = doing
        self._writing.settle(begun)
        self._served_at = self._writing.written_at
        self._on_stage(READ)

    def _begin_or_go_on(self) -> Progress:
        with self._ledger.snapshot() as still:
            progress = read_progress(still.connection)
        if progress is not None:
            return progress
        with self._ledger.transaction() as inside:
            began_at = self._holding.check(inside).renewed_at
            progress = Progress.of(inside.positions(), step=0, judged_at=began_at)
            write_progress(inside.connection, progress)
        self._on_stage(BEGUN)
        return progress

    def step(self, now: datetime, steady: float | None = None) -> list[Event]:
        """Everything that is due, as one transaction; what was written to the audit.

        Args:
            now: UTC.
            steady: Seconds on a clock that is never set, by which silence is measured; None
                goes by the time of day.

        Raises:
            TiltyardError: ``LEASE_LOST`` when another process has taken over.
        """
        self._pulse.at(now.timestamp() if steady is None else steady)
        try:
            if self._begins_again:
                self._begin_again()
            if self._desk.ruling.reads:
                read_ahead(
                    self._ledger, self._desk, self._writing.unwritten, now,
                    self._holding.keep_while_reading, nights=self._night_after is not None,
                )  # fmt: skip
            with self._ledger.transaction() as inside:
                self._catch_up(inside, now)
                self._dead_man(now)
                waiting = pending_commands(inside.connection)
                self._obey(inside, [one for one in waiting if one.verb in SAFETY], now)
                self._judge(inside, now)
                self._on_stage(JUDGED)
                if not self._incoming.has_more:
                    self._give(inside, waiting, now)
                everybody = bool(self._writing.unwritten.events) or self._ticked_at == now
                columns = self._incoming.changed_columns(self._desk, now, everybody=everybody)
                is_step = self._writing.write(
                    inside, self._desk, columns, self._incoming.seen, now,
                    has_judged=self._has_judged, served_at=self._served_at, edited=self._edited,
                    before=self._standing,
                )  # fmt: skip
                if self._ticked_at == now:
                    tell_bounds(inside.connection, self._settings, now)
                self._holding.keep_at_the_end(inside, now)
                self._on_stage(WRITTEN)
        except TiltyardError as error:
            if error.code not in UNAVAILABLE:
                raise
            self._stand(error, now)
            return []
        events = self._writing.committed(self._desk, self._served_at, is_step=is_step)
        written, self._edited = [*self._edited, *events], []
        self._incoming.have_written(columns)
        self._standing, self.trouble = self.roster, None
        self._on_stage(COMMITTED)
        self._measure_late()
        return written

    def _catch_up(self, inside: Ledger, now: datetime) -> None:
        """The roster as others have left it, and on it what we decided and could not write."""
        self._holding.keep(inside, now)
        self._writing.catch_up(inside)
        self._doing.look(inside.connection)
        if self.trouble is not None:  # others may have been told without the database
            self.tell_again(f"the database answers again, after {self.trouble.code}")
        self._desk.takes_only = False
        self._edited = list(inside.edits_to_audit())
        self._standing = inside.roster_to_change(at=now)
        self._desk.adopt(self._writing.unwritten.stand_on(self._standing))
        self._incoming.count_newcomers(inside, self.roster)

    def _dead_man(self, now: datetime) -> None:
        seconds = self._pulse.silence
        is_silence = seconds > self._settings.run.deadman and not self._observe
        if is_silence and DEADMAN not in self.roster.challengers_frozen_by:
            frozen = freeze_in_silence(now, f"nothing was judged for {seconds:.0f} s")
            self._doing.record(self._desk.do([frozen]), now)

    def _obey(self, inside: Ledger, commands: Iterable[Command], now: datetime) -> None:
        self._doing.obey(inside, commands, now)
        self._incoming.count_newcomers(inside, self.roster)

    def _judge(self, ledger: Ledger, now: datetime) -> None:
        if not self._writing.step:
            self._doing.record(self._desk.tick(now), now)  # what a first desk began with
        facts, done = self._incoming.feed(ledger, self._desk, now)
        self._doing.record(done, now)
        if not (self._observe or self._desk.takes_only or self._incoming.has_more):
            self._doing.record(self._desk.admit(now), now)
        if self._is_due(now):
            self._doing.record(self._desk.tick(now), now)
            self._ticked_at, self._incoming.is_remeasured = now, False
        self._has_judged = bool(facts) or self._ticked_at == now
        self._pulse.beat()
        self._is_blind = False
        if not self._observe:
            self._doing.record(self._desk.do(plan_expiry(self.roster, now)), now)
            self._doing.page_for_what_is_left(now)
        self._doing.have_judged()

    def _is_due(self, now: datetime) -> bool:
        if self._ticked_at is None or self._incoming.is_remeasured:
            return True  # the first step of a desk judges everything
        return not timedelta() <= now - self._ticked_at < self._tick

    def _measure_late(self) -> None:
        """Arms whose late facts lie too far back, read again while others may write."""
        if not self._desk.behind:
            return
        try:
            with self._ledger.snapshot() as still:
                self._incoming.catch_up(still, self._desk, self._holding.keep_while_reading)
        except TiltyardError as error:
            if error.code not in UNAVAILABLE:
                raise  # else they are behind until the database answers

    def _give(self, inside: Ledger, waiting: Iterable[Command], now: datetime) -> None:
        """When all there is has been judged: what is asked for without haste, and the night.

        Nobody grows by what is known to be measured wrongly: then the night, and whoever asks for
        it, waits for the next step, which follows at once.
        """
        asked = [one for one in waiting if one.verb not in SAFETY]
        self._obey(inside, [one for one in asked if one.verb != "scale"], now)
        if self.is_behind:
            return
        self._obey(inside, [one for one in asked if one.verb == "scale"], now)
        if self._night_after is not None:
            unwritten, judged_at = self._writing.unwritten, self._writing.written_at
            done = run_if_due(
                inside, self._desk, unwritten, now, judged_at, after=self._night_after
            )
            self._doing.record(done, now)
        if self._has_judged:
            self._served_at = now

    def _stand(self, trouble: TiltyardError, now: datetime) -> None:
        """The database cannot be written: judge what can be read, and keep in memory what follows.

        Only what takes is done: nobody joins, comes back or grows, and verbs for safety are
        obeyed. What cannot be read either is no judgement; when that lasts, the challengers lose
        their traffic.
        """
        self.trouble = trouble
        if trouble.code == "DATABASE_LOCKED":
            self._holding.keep_apart(now)
        self._take_back_what_was_given()
        self._desk.takes_only = True
        self._dead_man(now)
        try:
            with self._ledger.snapshot() as still:
                self._holding.check(still)
                waiting = pending_commands(still.connection)
                self._obey(still, [one for one in waiting if one.verb in SAFETY], now)
                self._judge(still, now)
        except TiltyardError as error:
            if error.code not in UNAVAILABLE:
                raise
            self._is_blind = True
            self._doing.record(self._desk.tick(now), now)

    def _take_back_what_was_given(self) -> None:
        if not self._writing.take_back_what_was_given():
            return
        self._desk.adopt(self._writing.unwritten.stand_on(self._standing))
        self._begins_again = True  # measures and memories have gone on from what was given

    def _begin_again(self) -> None:
        """From what the database has, and on it what stands in memory."""
        self.start()
        self._desk.adopt(self._writing.unwritten.stand_on(self._standing))
        self._doing.go_on_from_what_stands()
        self._begins_again = False
