"""What has been decided and is not in the database yet: it stands in memory until it is.

Whoever decides, a desk in its step or a person's verb where no desk runs, collects it here,
and writes all of it in one transaction.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from tiltyard.actions.record import Event
from tiltyard.facts.arm import Roster
from tiltyard.facts.command import Outcome
from tiltyard.shell.store.audit_table import append_audit
from tiltyard.shell.store.command_table import write_outcome
from tiltyard.shell.store.desk_record import note_run
from tiltyard.shell.store.roster_table import write_roster


@dataclass(slots=True)
class Unwritten:
    """What was decided and is not in the database yet.

    Attributes:
        events: For the audit, in order.
        outcomes: Of commands, by position.
        nights: Trading days whose night was run, on the whole or for an arm.
    """

    events: list[Event] = field(default_factory=list)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    nights: list[tuple[str, str]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.events or self.outcomes or self.nights)

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
    ) -> None:
        """Write it, inside a transaction of whoever holds the lease.

        Args:
            connection: In that transaction.
            roster: What the events have made of the arms.
            now: UTC.
            news: Events for the audit that have changed nothing, before the others.

        Raises:
            TiltyardError: ``ROSTER_CHANGED`` when somebody else has changed an arm meanwhile.
        """
        if self.events:
            write_roster(connection, roster, now)
        append_audit(connection, [*news, *self.events], now)
        for seq, outcome in self.outcomes.items():
            write_outcome(connection, seq, outcome)
        for day, policy in self.nights:
            note_run(connection, day, policy, now)

    def copy(self) -> "Unwritten":
        """As it is now, whatever is decided later."""
        return Unwritten(list(self.events), dict(self.outcomes), list(self.nights))

    def less(self, written: "Unwritten") -> "Unwritten":
        """What is left when the first of it, ``written``, is in the database."""
        return Unwritten(
            self.events[len(written.events) :],
            {seq: said for seq, said in self.outcomes.items() if seq not in written.outcomes},
            [night for night in self.nights if night not in written.nights],
        )
