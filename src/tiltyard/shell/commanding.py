"""How a command gets to whoever may carry it out, and its outcome back.

The command is appended, where nobody can lose it. If a desk lives, it answers, and we wait
for it. If none lives we take the lease ourselves, carry out what waits, and give it back.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from tiltyard.facts.arm import Roster
from tiltyard.facts.command import SAFETY, Command, Outcome, Verb
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.text import refuse_long, shortened
from tiltyard.metrics.catalogue import GAUGES
from tiltyard.shell.bounds import tell_bounds
from tiltyard.shell.effects.announce import Announcing
from tiltyard.shell.effects.delivery import deliver
from tiltyard.shell.floor.written import WrittenFloor
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.metric_columns import refresh_metrics
from tiltyard.shell.notify.people import People
from tiltyard.shell.obey import obey
from tiltyard.shell.replaying.closed_record import refuse_record
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.command_table import (
    append_command,
    outcome_of,
    pending_commands,
)
from tiltyard.shell.store.desk_record import forget_trial
from tiltyard.shell.store.lease import (
    LASTS,
    Lease,
    Watch,
    check_lease,
    read_lease,
    release_lease,
    take_lease,
)
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import untold_targets
from tiltyard.shell.store.plain_errors import UNAVAILABLE
from tiltyard.shell.targets import Target
from tiltyard.shell.unwritten import Unwritten
from tiltyard.shell.without_desk import knows_capital, raise_ceilings

PASSING = UNAVAILABLE | {"LEASE_LOST"}
"""What keeps a command that is recorded from being carried out now, and not for ever."""
WAIT_SECONDS = 5.0
SAFETY_SECONDS = LASTS.total_seconds() + 1
"""What is asked for safety waits until the lease of a desk that has died is over."""
STOP_YOURSELF = (
    "ask again; until then, stop the bots themselves, or the desk: bots trade the champion alone "
    "120 s after it has ended"
)
"""What to do while nobody can be asked for safety."""
_ELSEWHERE = "ask it of the ledger that a desk runs on: --db FILE"
(OBEYED,) = STAGES = ("obeyed",)
"""What is passed when commands are carried out without a desk: all is written, nothing
committed."""


@dataclass(frozen=True, slots=True)
class Times:
    """The clocks of a process that waits.

    Attributes:
        now: The time of day, UTC.
        steady: Seconds on a clock that is never set, and goes on while the machine sleeps.
        wait: Wait until something is written or so many seconds have passed.
    """

    now: Callable[[], datetime]
    steady: Callable[[], float]
    wait: Callable[[float], object]


def command_of(
    verb: Verb,
    policy: str,
    arguments: Mapping[str, str],
    *,
    reason: str,
    actor: str,
    key: str,
    now: datetime,
) -> Command:
    """A command as somebody has put it; a key of its own where none is given.

    What is asked for safety does not wait until its reason is shorter.

    Raises:
        TiltyardError: ``TEXT_TOO_LONG``.
    """
    if verb in SAFETY:
        reason = shortened(reason)
    refuse_long(**arguments, policy=policy, reason=reason, actor=actor, key=key)
    return Command(key or str(uuid.uuid4()), verb, policy, actor, reason, now, arguments)


def ask(
    ledger: Ledger,
    settings: Settings,
    command: Command,
    times: Times,
    *,
    holder: str,
    targets: Mapping[str, Target],
    on_stage: Callable[[str], None] = lambda _: None,
    patience: float | None = None,
    stands_in: bool = True,
) -> Outcome:
    """Append a command, and see that it is carried out.

    Args:
        ledger: Where it goes.
        settings: Bounds and checklist, should we have to act ourselves.
        command: What is asked.
        times: Clocks.
        holder: Our name on the lease.
        targets: Who outside is told, should we have to act ourselves.
        on_stage: Told each stage that is passed, should we have to act ourselves.
        patience: Seconds; None for 5 s, and 16 s for a verb of safety.
        stands_in: Where no desk runs, we act ourselves.

    Raises:
        TiltyardError: ``RECORD_CLOSED`` for the record of a replay, where nothing is recorded.
            ``COMMAND_WAITING`` when nobody has answered in time, also because the database does
            not let anybody write. The command stands, and is carried out by whoever acts next.
            Whatever keeps it from being recorded for as long: then nothing stands.
    """
    began = times.steady()
    if patience is None:
        patience = SAFETY_SECONDS if command.verb in SAFETY else WAIT_SECONDS
    seq, answered = _append(ledger, command, times, until=began + patience)
    if answered is not None:
        return answered
    stand_in = _StandIn(ledger, settings, times, holder, targets, on_stage)
    while True:
        try:
            with ledger.snapshot() as still:
                outcome = outcome_of(still.connection, seq)
                lease = read_lease(still.connection)
            if outcome is not None:
                stand_in.leave()
                return stand_in.answer(outcome)
            if stands_in and stand_in.acts(lease):
                continue
            acting = lease.holder if lease else "the desk"
            why = f"{acting} has not carried it out in {patience:.0f} s"
        except TiltyardError as error:
            if error.code not in PASSING:
                raise
            why = f"for {patience:.0f} s it could not be carried out: {error.code}, {error.facts}"
        if times.steady() - began >= patience:
            until = f", until {time_text(command.expires_at)}" if command.expires_at else ""
            raise TiltyardError(
                "COMMAND_WAITING", str(command), f"it is recorded as command {seq}, and {why}",
                f"whoever acts next will{until}; see: tiltyard commands",
            )  # fmt: skip
        times.wait(0.1)


def _append(
    ledger: Ledger, command: Command, times: Times, *, until: float
) -> tuple[int, Outcome | None]:
    """Where the command stands, and what was answered if it was asked by this key before."""
    while True:
        try:
            with ledger.transaction() as inside:
                refuse_record(inside, "a command would change", _ELSEWHERE)
                seq = append_command(inside.connection, command)
                before = outcome_of(inside.connection, seq)
        except TiltyardError as error:
            if error.code not in UNAVAILABLE:
                raise
            if times.steady() >= until:
                remedy = STOP_YOURSELF if command.verb in SAFETY else "ask again"
                facts = f"it is not recorded: {error.facts}"
                raise TiltyardError(error.code, str(command), facts, remedy) from None
            times.wait(0.1)
            continue
        if before is None or before.refused:
            return seq, before
        said = f"  so it was answered at {time_text(before.at)}, and nothing was done now: this key"
        return seq, replace(before, text=f"{before.text}\n{said} was asked before")


@dataclass(slots=True)
class _StandIn:
    """Whoever asks, acting where no desk runs.

    Attributes:
        token: Of the lease while it is ours, also when it could not be given back.
        untold: Targets that could not be told of what was done.
    """

    ledger: Ledger
    settings: Settings
    times: Times
    holder: str
    targets: Mapping[str, Target]
    on_stage: Callable[[str], None]
    watch: Watch = field(default_factory=Watch)
    token: int | None = None
    untold: Sequence[str] = ()

    def acts(self, lease: Lease | None) -> bool:
        """Carry out what waits, if nobody else has the lease; whether it was done."""
        if lease is None or lease.token != self.token or not lease.holder:
            self.token = self._take(lease)
        if self.token is None:
            return False
        try:
            self._carry_out(self.token)
        finally:
            give_back(self.ledger, self.token)
        self.token = None
        return True

    def leave(self) -> None:
        """Give the lease back, if that was not possible before; else it ends by itself."""
        if self.token is not None:
            with suppress(TiltyardError):
                give_back(self.ledger, self.token)

    def answer(self, outcome: Outcome) -> Outcome:
        """With who has not been told: no desk runs that would try again by itself."""
        if outcome.refused or not self.untold:
            return outcome
        said = f"  not told yet: {', '.join(self.untold)}; whoever acts next tries again, as"
        return replace(outcome, text=f"{outcome.text}\n{said} tiltyard run --once does")

    def _take(self, lease: Lease | None) -> int | None:
        times = self.times
        dead = lease if lease is not None and self.watch.is_dead(lease, times.steady()) else None
        is_free = lease is None or dead is not None or not lease.is_held(times.now())
        return take(self.ledger, self.holder, times.now(), dead=dead) if is_free else None

    def _carry_out(self, token: int) -> None:
        takes = {name: target.takes for name, target in self.targets.items()}
        now = self.times.now()
        announcing = Announcing(takes, people=People.of(self.settings))
        carry_out(self.ledger, self.settings, token, now, announcing, on_stage=self.on_stage)
        self.untold = sorted(self.targets)
        with suppress(TiltyardError):  # what is not delivered stays for who acts next
            began = self.times.now()
            deliver(
                self.ledger, token, self.targets, began, on_stage=self.on_stage, in_service=False
            )
            with self.ledger.snapshot() as still:
                untold = untold_targets(still.connection, began)
            # what is for one that our settings do not name waits for a desk, and we not for it
            self.untold = [name for name in untold if name in self.targets]


def take(ledger: Ledger, holder: str, now: datetime, *, dead: Lease | None = None) -> int | None:
    """Take the lease; its token, or None when somebody has it.

    Args:
        ledger: Where the lease is.
        holder: Our name on it.
        now: UTC.
        dead: The lease of a holder that is known to be gone. If it has changed meanwhile,
            somebody else was faster.
    """
    with ledger.transaction() as inside:
        connection = inside.connection
        is_gone = dead is not None and read_lease(connection) == dead
        return take_lease(connection, holder, now, dead=is_gone)


def give_back(ledger: Ledger, token: int) -> None:
    """Give the lease back, unless another has it by now."""
    with ledger.transaction() as inside:
        release_lease(inside.connection, token)


def carry_out(
    ledger: Ledger,
    settings: Settings,
    token: int,
    now: datetime,
    announcing: Announcing,
    *,
    on_stage: Callable[[str], None] = lambda _: None,
) -> None:
    """Carry out every command that waits, by the holder of the lease, where no desk runs.

    A drill alone goes on waiting: it is of a desk, and nobody else answers for one. Only a night
    has to measure the ledger for it; what a person asks for in haste does not wait for that.
    """
    with ledger.transaction() as inside:
        check_lease(inside.connection, token)
        waiting = [one for one in pending_commands(inside.connection) if one.verb != "drill"]
        nights = [one for one in waiting if one.verb == "scale" and one.refusal(now) is None]
        quick = [one for one in waiting if one not in nights]
        _obey_all(inside, quick, settings, now, announcing, token)
        on_stage(OBEYED)
    announcing.committed()
    if nights:
        desk = LiveDesk(
            ledger, settings, token, announcing=announcing, on_stage=on_stage, night_after=None
        )
        desk.start()
        desk.step(now)
        while desk.trouble is None and desk.is_behind:
            desk.step(now)
        if desk.trouble is not None:
            raise desk.trouble


def _obey_all(
    inside: Ledger,
    commands: Sequence[Command],
    settings: Settings,
    now: datetime,
    announcing: Announcing,
    token: int,
) -> None:
    before = inside.roster_to_change(at=now)
    marks, floor = inside.last_marks(), WrittenFloor(settings)
    floor.look(inside.connection)
    decided = Unwritten()
    roster, decided.events = raise_ceilings(before, settings, now, "ladder")
    for command in commands:
        roster, done, outcome = obey(
            command, roster, marks, settings, now,
            knows_capital=lambda arm: knows_capital(inside, arm, settings), on_floor=floor.held,
        )  # fmt: skip
        decided.events += done
        decided.answer(command, outcome)
    decided.write(inside.connection, roster, now)
    tell_bounds(inside.connection, settings, now)
    gauged = [g.name for g in settings.checklist.guards if g.metric in GAUGES]
    anew = _begun_anew(before, roster)
    for name in anew:
        forget_trial(inside.connection, name, gauged)
    if anew or before.arms.keys() != roster.arms.keys() or _reigns(before) != _reigns(roster):
        refresh_metrics(inside, settings, now)
    if decided.events:
        announcing.request(
            inside.connection, f"{token}-asked", decided.events, roster, now, marks=marks
        )


def _begun_anew(before: Roster, roster: Roster) -> list[str]:
    """Arms that have begun another trial."""
    known = before.arms
    return [
        arm.name
        for arm in roster.arms.values()
        if arm.name in known and known[arm.name].trial_started_at != arm.trial_started_at
    ]


def _reigns(roster: Roster) -> str:
    """The champion's name; empty where there are no arms."""
    return roster.champion().name if roster.arms else ""
