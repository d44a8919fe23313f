"""What has been decided and is not in the database yet: it stands in memory until it is.

Whoever decides, a desk in its step or a person's verb where no desk runs, collects it here,
and writes all of it in one transaction.
"""

from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from tiltyard.actions.record import Event, after
from tiltyard.facts.action import GIVING, PROTECTIVE
from tiltyard.facts.arm import Roster
from tiltyard.facts.command import SAFETY, Command, Outcome
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.audit_table import append_audit
from tiltyard.shell.store.command_table import write_outcome
from tiltyard.shell.store.desk_record import note_run
from tiltyard.shell.store.roster_table import write_roster


@dataclass(slots=True)
class Unwritten:
    """What was decided and is not in the database yet.

    Attributes:
        events: For the audit, in order.
        answers: Commands and what came of them, by position.
        nights: Trading days whose night was run, on the whole or for an arm.
    """

    events: list[Event] = field(default_factory=list)
    answers: dict[int, tuple[Command, Outcome]] = field(default_factory=dict)
    nights: list[tuple[str, str]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.events or self.answers or self.nights)

    @property
    def gives(self) -> bool:
        """Whether somebody has or may have more by it than before."""
        return any(_gives(event) for event in self.events)

    def answer(self, command: Command, outcome: Outcome) -> None:
        """A command was carried out, or refused."""
        self.answers[command.seq] = command, outcome

    def note_night(self, day: str, policy: str = "") -> None:
        """The night of a trading day was run: of an arm, or on the whole."""
        if (day, policy) not in self.nights:
            self.nights.append((day, policy))

    def write(
        self,
        connection: sa.Connection,
        roster: Roster,
        now: datetime,
        *,
        news: Iterable[Event] = (),
        before: Roster | None = None,
    ) -> None:
        """Write it, inside a transaction of whoever holds the lease.

        Args:
            connection: In that transaction.
            roster: What the events have made of the arms.
            now: UTC.
            news: Events for the audit that have changed nothing, before the others.
            before: The arms as this transaction has read them; None has them read.

        Raises:
            TiltyardError: ``ROSTER_CHANGED`` when somebody else has changed an arm meanwhile.
        """
        if self.events:
            write_roster(connection, roster, now, before=before)
        append_audit(connection, [*news, *self.events], now)
        for seq, (_, outcome) in self.answers.items():
            write_outcome(connection, seq, outcome)
        for day, policy in self.nights:
            note_run(connection, day, policy, now)

    def stand_on(self, roster: Roster) -> Roster:
        """The arms after its events; those that fit no more after what others did are dropped."""
        standing: list[Event] = []
        for event in self.events:
            try:
                roster = after(roster, event)
            except TiltyardError:
                continue
            standing.append(event)
        self.events = standing
        return roster

    def copy(self) -> "Unwritten":
        """As it is now, whatever is decided later."""
        return Unwritten(list(self.events), dict(self.answers), list(self.nights))

    def takings(self) -> "Unwritten":
        """What of it stands though it cannot be written: whatever gives nobody anything.

        Whatever else there was is decided again when the database answers: commands wait there,
        so does the night, and guards go back to what they remembered.
        """
        safe = {seq: one for seq, one in self.answers.items() if one[0].verb in SAFETY}
        return Unwritten([event for event in self.events if _stands(event, safe)], safe)

    def less(self, written: "Unwritten") -> "Unwritten":
        """What is left when that of it which was ``written`` is in the database.

        The very events: what was dropped or decided since changes nothing in that.
        """
        done = {id(event) for event in written.events}
        return Unwritten(
            [event for event in self.events if id(event) not in done],
            {seq: said for seq, said in self.answers.items() if seq not in written.answers},
            [night for night in self.nights if night not in written.nights],
        )


def _stands(event: Event, answered: Container[int]) -> bool:
    """Whether it has taken something: by a person's word that is answered, or protecting."""
    by_word = event.get("command") in answered
    return by_word or (event["event"] in PROTECTIVE and not _gives(event))


def _gives(event: Event) -> bool:
    """A rollback crowns somebody, too, and is asked for in haste."""
    return event["event"] in GIVING and event.get("cause") != "rollback"
