"""What a replay writes: actions while it runs, and its end, in one transaction.

Nothing of it is seen before :meth:`ReplayRecord.finish`; a replay that is interrupted
leaves the database as it began.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tiltyard.facts.arm import Roster
from tiltyard.facts.content import content_of
from tiltyard.facts.trade import Trade
from tiltyard.kernel.clock import microseconds
from tiltyard.shell.store.anchors import append_anchor
from tiltyard.shell.store.audit_table import append_audit
from tiltyard.shell.store.roster_table import ArmColumns, write_metrics, write_roster
from tiltyard.shell.store.tables import policies, trades

BATCH = 1000


class ReplayRecord:
    """One replay's writing; made by :meth:`tiltyard.shell.store.ledger.Ledger.recording`.

    Args:
        connection: In a transaction of its own.
        at: Now.
        actor: For the audit.

    Attributes:
        actions: How many were written.
        moved: How many trades became shadow trades.
    """

    def __init__(self, connection: sa.Connection, at: datetime, actor: str) -> None:
        self._connection = connection
        self._at = at
        self._actor = actor
        self._ids = {row.name: row.id for row in connection.execute(sa.select(policies))}
        self._events: list[Mapping[str, object]] = []
        self._moved: list[dict[str, Any]] = []
        self.actions = 0
        self.moved = 0

    def act(self, event: Mapping[str, object]) -> None:
        """One more action."""
        self.actions += 1
        self._events.append(event)
        if len(self._events) >= BATCH:
            self._write_events()

    def to_shadow(self, trade: Trade) -> None:
        """A stored trade belongs to the shadow book: its next revision says so."""
        self.moved += 1
        moved = trade._replace(book="shadow", revision=trade.revision + 1)
        row: dict[str, Any] = moved._asdict()
        del row["seq"], row["policy"]
        row["policy_id"] = self._ids[trade.policy]
        row["opened_at"] = microseconds(trade.opened_at)
        row["closed_at"] = microseconds(trade.closed_at)
        row["content"] = content_of(moved)
        row["known_at"] = microseconds(self._at)
        self._moved.append(row)
        if len(self._moved) >= BATCH:
            self._write_moved()

    def finish(
        self,
        roster: Roster,
        columns: Mapping[str, ArmColumns],
        closing: Mapping[str, object],
    ) -> None:
        """The arms as they end, their metrics, and the event that says it is complete."""
        self._write_events()
        self._write_moved()
        if self.moved:
            said = {"actor": self._actor, "source": "replay", "new": 0, "corrected": self.moved,
                    "quarantined": 0}  # fmt: skip
            append_anchor(self._connection, said, at=self._at)
        write_roster(self._connection, roster, self._at)
        write_metrics(self._connection, columns, self._at)
        append_audit(self._connection, [closing], self._at)

    def _write_events(self) -> None:
        append_audit(self._connection, self._events, self._at)
        self._events.clear()

    def _write_moved(self) -> None:
        if self._moved:
            self._connection.execute(trades.insert(), self._moved)
            self._moved.clear()
