"""The running desk: the one process that judges what comes in and writes what follows.

A step is one transaction. Under the lease it takes what others have done since (edits by
SQL, registrations), obeys commands for safety, judges every fact that the ledger has
learnt and what only time makes true, obeys the other commands, runs the night once in a
trading day, and writes actions, audit, memories, effects and how far it came: all or
nothing. So a process that is killed anywhere, and another that goes on, come to the same
state.

When the database is locked, full or away, what the desk decides stands in memory: a halt
holds at once, and is written with the next step that succeeds.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from tiltyard.actions.plan import plan_expiry
from tiltyard.actions.record import Event, after
from tiltyard.actions.silence import DEADMAN, freeze_in_silence
from tiltyard.checklist.judge import Memory
from tiltyard.facts.action import Action
from tiltyard.facts.arm import Roster
from tiltyard.facts.command import Command, Outcome, in_turn
from tiltyard.facts.mark import Mark
from tiltyard.facts.trade import Trade
from tiltyard.kernel.errors import TiltyardError
from tiltyard.policies.name import select
from tiltyard.scaling.trading_day import starts_at
from tiltyard.shell.announce import ALONE, Announcing, shares_taken
from tiltyard.shell.bounds import tell_bounds
from tiltyard.shell.desk import Desk
from tiltyard.shell.left_open import left_open
from tiltyard.shell.measure import Fact, facts_in_order, take_in
from tiltyard.shell.metric_columns import panel_columns
from tiltyard.shell.obey import obey, told
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.audit_table import append_audit, audit_position
from tiltyard.shell.store.command_table import pending_commands, write_outcome
from tiltyard.shell.store.desk_record import (
    Progress,
    note_run,
    read_memories,
    read_progress,
    runs_of,
    write_memories,
    write_progress,
)
from tiltyard.shell.store.lease import RENEW_EVERY, check_lease, renew_lease
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.news import Positions
from tiltyard.shell.store.roster_table import ArmColumns, write_metrics, write_roster
from tiltyard.shell.store.staging import FUTURE
from tiltyard.shell.store.trade_table import Totals
from tiltyard.shell.unwritten import Unwritten

ACTOR = "desk"
BEGUN, READ, JUDGED, WRITTEN, COMMITTED = STAGES = (
    "begun", "read", "judged", "written", "committed",
)  # fmt: skip
"""What a desk passes: ``begun`` once in the life of a ledger, ``read`` once, when it has
started, and the others in every step."""
UNAVAILABLE = frozenset(
    {"DATABASE_LOCKED", "DATABASE_FULL", "DATABASE_UNREACHABLE", "DATABASE_READ_ONLY"}
)
"""Troubles of the database that pass: the desk stands by what it knows, and writes later."""
TICK = timedelta(seconds=5)
RENEW_AFTER = 20_000
"""Facts that are read at the start between two renewals of the lease: about a second."""


class LiveDesk:
    """A desk over a ledger, under a lease.

    Args:
        ledger: The facts, and where state is written.
        settings: Bounds, schedule and checklist.
        token: Of the lease.
        announcing: Which effects outside follow from what is done.
        on_stage: Told each stage that a step has passed.
        observe: Guards are judged and recorded, and nothing is done.
        nights: It runs the night of each trading day.
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
        announcing: Announcing | None = None,
        on_stage: Callable[[str], None] = lambda _: None,
        observe: bool = False,
        nights: bool = True,
        tick: timedelta = TICK,
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._token = token
        self._announcing = announcing or Announcing()
        self._on_stage = on_stage
        self._observe = observe
        self._nights = nights
        self._tick = tick
        self._desk = self._desk_of(Roster())
        self._standing = Roster()
        self._modes = {
            guard.name: "observe" if observe else guard.mode for guard in settings.checklist.guards
        }
        self._seen = Positions(0, 0, 0)
        self._step = 0
        self._revision = self._next_revision = 0
        self._news = "began"
        self._totals: dict[str, Totals] = {}
        self._columns: dict[str, ArmColumns] = {}
        self._kept: dict[tuple[str, str], Memory] = {}
        self._unwritten = Unwritten()
        self._attempted = Unwritten()
        self._edited: list[Event] = []
        self._late: set[str] = set()
        self._corrected = False
        self._served_at: datetime | None = None
        self._written_at: datetime | None = None
        self._steady = 0.0
        self._alive_at: float | None = None
        self._is_blind = False
        self.trouble: TiltyardError | None = None

    @property
    def roster(self) -> Roster:
        """Arms as they are now, whether that is written yet or not."""
        return self._desk.roster

    @property
    def shares_alone(self) -> dict[str, object]:
        """Who gets how much while that cannot be written: nobody more than is written."""
        return shares_taken(self.roster, self._standing)

    @property
    def revision(self) -> int:
        """Of the shares that the database knows; what is sent without it counts on from there."""
        return self._revision

    @property
    def observes(self) -> bool:
        """Whether it changes nothing."""
        return self._observe

    @property
    def is_blind(self) -> bool:
        """Whether the last step could not even read what has come in."""
        return self._is_blind

    @property
    def stands_alone(self) -> bool:
        """Whether something is decided that the database does not have yet."""
        return bool(self._unwritten.events)

    def refuse_replaced(self) -> None:
        """Whether the ledger is still the one that was opened.

        Raises:
            TiltyardError: ``DATABASE_REPLACED``.
        """
        self._ledger.refuse_replaced()

    def start(self, clock: Callable[[], datetime] | None = None) -> None:
        """Read the ledger up to where the last desk judged; nothing is judged or done meanwhile.

        A first desk takes everything that is there as read, and judges what it adds up to. From
        where on that is, it writes before anything else, so that the next desk goes on from there
        however early this one is killed.

        Args:
            clock: The time of day, by which the lease is renewed while a large ledger is read.

        Raises:
            TiltyardError: ``LEASE_LOST``.
        """
        self._go_on_from(self._begun())
        with self._ledger.snapshot() as still:
            self._standing = roster = still.roster()
            self._desk = self._desk_of(roster)
            for number, fact in enumerate(facts_in_order(still, up_to=self._seen)):
                take_in(self._desk.panel, fact)
                if clock is not None and number % RENEW_AFTER == 0:
                    self._renew(clock())
            self._kept = read_memories(still.connection, self._modes)
            self._desk.memories = dict(self._kept)
            self._totals = {name: self._totals_of(still, name) for name in roster.arms}
            self._columns = dict(still.metrics())
            self._revision = audit_position(still.connection) * ALONE
        self._on_stage(READ)

    def _begun(self) -> Progress:
        """How far the last desk came; a first one has begun with what is there."""
        with self._ledger.snapshot() as still:
            progress = read_progress(still.connection)
        if progress is not None:
            return progress
        with self._ledger.transaction() as inside:
            lease = check_lease(inside.connection, self._token)
            trades, marks, observations = (position or 0 for position in inside.positions())
            progress = Progress(0, trades, marks, observations, lease.renewed_at)
            write_progress(inside.connection, progress)
        self._on_stage(BEGUN)
        return progress

    def _renew(self, now: datetime) -> None:
        with self._ledger.transaction() as inside:
            check_lease(inside.connection, self._token)
            renew_lease(inside.connection, self._token, now)

    def step(self, now: datetime, steady: float | None = None) -> list[Event]:
        """Everything that is due, as one transaction; what was written to the audit.

        Args:
            now: UTC.
            steady: Seconds on a clock that is never set, by which silence is measured; None
                goes by the time of day.

        Raises:
            TiltyardError: ``LEASE_LOST`` when another process has taken over.
        """
        self._steady = now.timestamp() if steady is None else steady
        try:
            with self._ledger.transaction() as inside:
                self._catch_up(inside, now)
                self._dead_man(now)
                first, others = in_turn(pending_commands(inside.connection))
                self._obey(inside, first, now)
                self._judge(inside, now)
                self._on_stage(JUDGED)
                self._obey(inside, others, now)
                self._night(inside, now)
                columns = self._changed_columns(now)
                is_written = self._write(inside, columns, now)
                self._on_stage(WRITTEN)
        except TiltyardError as error:
            if error.code not in UNAVAILABLE:
                raise
            self._stand(error, now)
            return []
        written = [*self._edited, *self._unwritten.events]
        self._edited, self._unwritten = [], Unwritten()
        self._columns |= columns
        self._standing = self.roster
        if is_written:
            self._step += 1
            self._revision, self._news = self._next_revision, ""
            self._written_at = self._served_at
            self._kept = dict(self._desk.memories)
            self._announcing.committed()
        self.trouble = None
        self._on_stage(COMMITTED)
        return written

    def _desk_of(self, roster: Roster) -> Desk:
        return Desk(self._settings, roster, live=True, observe=self._observe, history=self._history)

    def _history(self, policy: str) -> Iterable[Trade]:
        return self._ledger.trades(policy, up_to_seq=self._seen.trades) if policy else ()

    def _go_on_from(self, progress: Progress) -> None:
        self._seen = Positions(progress.trades, progress.marks, progress.observations)
        self._step = progress.step
        if progress.step:  # who only began has judged nothing, and no night is due to it
            self._served_at = self._written_at = progress.judged_at

    def _catch_up(self, inside: Ledger, now: datetime) -> None:
        """The roster as others have left it, and on it what we decided and could not write."""
        lease = check_lease(inside.connection, self._token)
        if not timedelta() <= now - lease.renewed_at < RENEW_EVERY:
            renew_lease(inside.connection, self._token, now)
        progress = read_progress(inside.connection)
        if progress is not None and progress.step > self._step:
            # the last attempt was written after all, and only the answer was lost
            self._step, self._written_at = progress.step, progress.judged_at
            self._unwritten = self._unwritten.less(self._attempted)
            self._announcing.committed()
            self._kept = read_memories(inside.connection, self._modes)
        self._attempted = Unwritten()
        if self.trouble is not None:
            self._announcing.forget()  # others may have been told without the database
            self._news = f"the database answers again, after {self.trouble.code}"
        self._desk.takes_only = False
        self._edited = list(inside.edits_to_audit())
        self._standing = roster = inside.roster_to_change(at=now)
        standing: list[Event] = []
        for event in self._unwritten.events:
            try:
                roster = after(roster, event)
            except TiltyardError:
                continue  # it no longer fits what others have done meanwhile
            standing.append(event)
        self._unwritten.events = standing
        self._desk.adopt(roster)
        self._count_newcomers(inside)

    def _count_newcomers(self, inside: Ledger) -> None:
        for name in self.roster.arms:
            if name not in self._totals:
                self._totals[name] = self._totals_of(inside, name)

    def _dead_man(self, now: datetime) -> None:
        if self._observe or self._alive_at is None:
            return
        seconds = self._steady - self._alive_at
        is_silence = seconds > self._settings.run.deadman
        if is_silence and DEADMAN not in self.roster.challengers_frozen_by:
            frozen = freeze_in_silence(now, f"nothing was judged for {seconds:.0f} s")
            self._record(self._desk.do([frozen]), now)

    def _obey(self, inside: Ledger, commands: Iterable[Command], now: datetime) -> None:
        for command in commands:
            if command.seq in self._unwritten.outcomes:
                continue
            if command.verb == "scale":
                outcome = self._scale(inside, command, now)
            else:
                marks = self._desk.panel.last_marks()
                roster, events, outcome = obey(
                    command, self.roster, marks, self._settings, now,
                    is_sized=lambda arm: self._desk.knows_capital(arm.name),
                )  # fmt: skip
                self._desk.adopt(roster)
                self._unwritten.events += events
            self._unwritten.outcomes[command.seq] = outcome
        self._count_newcomers(inside)

    def _scale(self, inside: Ledger, command: Command, now: datetime) -> Outcome:
        try:
            only = select(command.policy, list(self.roster.arms)) if command.policy else ""
        except TiltyardError as error:
            return Outcome(error.code, str(error), now)
        if self._observe:
            return Outcome("DESK_OBSERVES", "DESK_OBSERVES scale: the running desk only observes. "
                           "stop it, and run one that acts", now)  # fmt: skip
        day = self._desk.trading_day(now).isoformat()
        ran = self._ran(inside, day)
        done = self._desk.night(now, only, barred=ran)
        self._record(done, now)
        if not only and "" not in ran:
            self._note_night(day)
        return Outcome("", "\n".join(_steps(done)) or "there is no challenger", now)

    def _judge(self, inside: Ledger, now: datetime) -> None:
        if not self._step:
            self._record(self._desk.tick(now), now)  # what a first desk began with
        facts, seen = inside.facts_after(self._seen)
        for fact in facts:
            self._late |= self._feed(fact, now)
        self._seen = seen
        for policy in sorted(self._late):
            self._measure_again(inside, policy, now)
            self._late.discard(policy)
        self._corrected = False
        if not self._observe and not self._desk.takes_only:
            self._record(self._desk.admit(now), now)
        if facts or self._is_due(now):
            self._record(self._desk.tick(now), now)
            self._served_at = now
        self._alive_at, self._is_blind = self._steady, False
        if not self._observe:
            self._record(self._desk.do(plan_expiry(self.roster, now)), now)
            self._record(
                left_open(self.roster, self._desk.panel.last_marks(), self._desk.memories, now), now
            )

    def _is_due(self, now: datetime) -> bool:
        if self._alive_at is None or self._served_at is None:
            return True  # the first step of a desk judges everything
        return not timedelta() <= now - self._served_at < self._tick

    def _feed(self, fact: Fact, now: datetime) -> set[str]:
        """Judge one new fact; or the arm that has to be measured anew, because it comes late."""
        if isinstance(fact, Trade):
            if fact.revision > 1:
                self._corrected = True
                return {fact.policy}
            if self._desk.panel.arm(fact.policy).is_late(fact):
                self._desk.panel.count_late(fact)
                return {fact.policy}
            if fact.book == "live" and fact.policy in self._totals:
                self._totals[fact.policy] = self._totals[fact.policy].plus(fact.pnl)
            self._record(self._desk.feed(fact, now), now)
        elif isinstance(fact, Mark):
            if self._desk.panel.arm(fact.policy).is_old(fact):
                return {fact.policy}
            self._record(self._desk.mark(fact, now), now)
        else:
            self._record(self._desk.observe(fact, now), now)
        return set()

    def _measure_again(self, inside: Ledger, policy: str, now: datetime) -> None:
        trades = inside.trades(policy, up_to_seq=self._seen.trades)
        marks = (m for m in inside.marks(up_to_seq=self._seen.marks) if m.policy == policy)
        everybody = inside.trades(up_to_seq=self._seen.trades) if self._corrected else None
        self._record(self._desk.measure_again(policy, trades, marks, everybody, now), now)
        self._totals[policy] = self._totals_of(inside, policy)

    def _totals_of(self, ledger: Ledger, policy: str) -> Totals:
        return ledger.totals(policy, up_to_seq=self._seen.trades)

    def _night(self, inside: Ledger, now: datetime) -> None:
        """The night of this trading day, once; a day that began before any desk has none.

        What counts is when the last step was written: a desk that stood in memory when the
        day began runs its night as soon as it can write.
        """
        if self._observe or not self._nights:
            return
        self._record(self._desk.raise_ceilings(now), now)
        day = self._desk.trading_day(now)
        ran = self._ran(inside, day.isoformat())
        if "" in ran:
            return
        schedule, before = self._settings.schedule, self._written_at
        if before is not None and before < starts_at(day, schedule.nightly, schedule.zone):
            self._record(self._desk.night(now, barred=ran), now)
        self._note_night(day.isoformat())

    def _ran(self, inside: Ledger, day: str) -> set[str]:
        """Whose night of a trading day was run already; the empty name is the night itself."""
        return runs_of(inside.connection, day) | {
            policy for noted, policy in self._unwritten.nights if noted == day
        }

    def _note_night(self, day: str, policy: str = "") -> None:
        if (day, policy) not in self._unwritten.nights:
            self._unwritten.nights.append((day, policy))

    def _record(self, actions: Iterable[Action], now: datetime) -> None:
        digest, marks = self._settings.checklist.digest, self._desk.panel.last_marks()
        for action in actions:
            self._unwritten.events.append(told(action, digest, ACTOR, marks, now))
            if action.kind == "scale":
                self._note_night(self._desk.trading_day(now).isoformat(), action.policy)

    def _write(self, inside: Ledger, columns: Mapping[str, ArmColumns], now: datetime) -> bool:
        """Whether there was anything to write."""
        connection, waiting = inside.connection, self._unwritten
        if not (waiting or columns or self._news or self._served_at == now):
            return False
        if waiting.events:
            write_roster(connection, self.roster, now)
        append_audit(connection, [*self._own_news(now), *waiting.events], now)
        for seq, outcome in waiting.outcomes.items():
            write_outcome(connection, seq, outcome)
        for day, policy in waiting.nights:
            note_run(connection, day, policy, now)
        write_memories(connection, self._kept, self._desk.memories, self._modes)
        write_metrics(connection, columns, now)
        tell_bounds(connection, self._settings, now)
        key = f"{self._token}-{self._step + 1}"
        memories = self._desk.memories
        self._announcing.request(connection, key, waiting.events, self.roster, now, memories)
        self._next_revision = audit_position(connection) * ALONE
        trades, marks, observations = (position or 0 for position in self._seen)
        served_at = self._served_at or now
        progress = Progress(self._step + 1, trades, marks, observations, served_at)
        write_progress(connection, progress)
        self._attempted = waiting.copy()
        return True

    def _own_news(self, now: datetime) -> list[Event]:
        """When a desk begins or goes on, the audit tells; shares are numbered by its rows."""
        if not self._news:
            return []
        return [{"event": "desk", "at": now, "actor": ACTOR, "lease": self._token,
                 "said": self._news}]  # fmt: skip

    def _changed_columns(self, now: datetime) -> dict[str, ArmColumns]:
        until = now + FUTURE  # whatever the ledger took in counts
        panel = self._desk.panel
        rows = {
            name: panel_columns(panel, name, self._totals.get(name, Totals()), until)
            for name in self.roster.arms
        }
        return {name: row for name, row in rows.items() if self._columns.get(name) != row}

    def _stand(self, trouble: TiltyardError, now: datetime) -> None:
        """The database cannot be written: judge what can be read, and keep in memory what follows.

        Only what takes is done: nobody joins, comes back or grows. What cannot be read either
        is no judgement; when that lasts, the challengers lose their traffic.
        """
        self.trouble = trouble
        self._desk.takes_only = True
        self._dead_man(now)
        try:
            with self._ledger.snapshot() as still:
                self._judge(still, now)
        except TiltyardError as error:
            if error.code not in UNAVAILABLE:
                raise
            self._is_blind = True
            self._record(self._desk.tick(now), now)


def _steps(done: Iterable[Action]) -> list[str]:
    """What a night brought each arm, a line each."""
    return [
        f"{step.policy}: {100 * (step.before or 0):.1f} % to {100 * (step.after or 0):.1f} %, "
        f"{step.reason}"
        for step in done
        if step.kind in ("scale", "skip_scale")
    ]
