"""The door to the ledger.

Anyone may append facts; each append is one transaction, and a fact that is already
there is passed over. How it is opened, and how several reads and writes are made one, is in
:mod:`tiltyard.shell.store.database`.

Current trades are the highest revision of each; they are read in judged order, in chunks,
so memory does not grow with the ledger.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tiltyard.facts.arm import Roster
from tiltyard.facts.decision import Decision
from tiltyard.facts.mark import LastMark, Mark
from tiltyard.facts.observation import Observation
from tiltyard.facts.trade import Book, Trade
from tiltyard.kernel.clock import microseconds
from tiltyard.shell.store.anchors import last_anchor
from tiltyard.shell.store.audit_table import (
    AuditRow,
    append_audit,
    audit_head,
    audit_rows,
    newest_event,
)
from tiltyard.shell.store.beginnings import begin_what_lies_ahead
from tiltyard.shell.store.database import Database
from tiltyard.shell.store.edits import absorb_edits, pending_edits
from tiltyard.shell.store.fact_tables import append_facts, every_decision, every_mark
from tiltyard.shell.store.last_marks import last_marks
from tiltyard.shell.store.last_observed import last_observed
from tiltyard.shell.store.news import Look, Positions, facts_after
from tiltyard.shell.store.quarantine import QuarantinedFact, quarantined_now
from tiltyard.shell.store.replay_record import ReplayRecord
from tiltyard.shell.store.roster_table import (
    ArmColumns,
    lock_arms,
    read_metrics,
    read_roster,
    write_metrics,
    write_roster,
)
from tiltyard.shell.store.tables import decisions, marks, observations, policies, trades
from tiltyard.shell.store.trade_table import (
    JUDGED_ORDER,
    CapitalSaid,
    Quarantined,
    StoredTrade,
    Totals,
    capital_said,
    current_trades,
    every_trade,
    live_totals,
    quarantined,
    spans_of,
    trade_from,
)

CHUNK = 5000

RosterChange = Callable[[Roster], tuple[Roster, Sequence[Mapping[str, object]]]]
"""From the roster as it stands to the next one and the events that led there."""

EVERYTHING = Positions()
Rows = sa.CursorResult[Any]


class Ledger(Database):
    """Facts, audit and projection in one database."""

    def trades(
        self,
        policy: str | None = None,
        *,
        up_to_seq: int | None = None,
        closed_from: datetime | None = None,
        closed_by: datetime | None = None,
    ) -> Generator[Trade, None, None]:
        """Current trades in judged order.

        Args:
            policy: Only of this one.
            up_to_seq: As the ledger stood at this position.
            closed_from: Only those closed then or later.
            closed_by: Only those closed by then.
        """
        query = current_trades(up_to_seq)
        if policy is not None:
            query = query.where(policies.c.name == policy)
        if closed_from is not None:
            query = query.where(trades.c.closed_at >= microseconds(closed_from))
        if closed_by is not None:
            query = query.where(trades.c.closed_at <= microseconds(closed_by))
        with self._reading() as connection:
            chunked = query.order_by(*JUDGED_ORDER).execution_options(yield_per=CHUNK)
            with _closing(connection, connection.execute(chunked)) as rows:
                for row in rows:
                    yield trade_from(row)

    def tail(
        self, policy: str, *, count: int, book: Book = "live", since: datetime | None = None
    ) -> list[Trade]:
        """The last ``count`` current trades of one policy and book, in judged order."""
        query = current_trades(None).where(policies.c.name == policy, trades.c.book == book)
        if since is not None:
            query = query.where(trades.c.closed_at >= microseconds(since))
        newest_first = query.order_by(*(column.desc() for column in JUDGED_ORDER)).limit(count)
        with self._reading() as connection:
            return [trade_from(row) for row in connection.execute(newest_first)][::-1]

    def totals(self, policy: str, *, up_to_seq: int | None = None) -> Totals:
        """Lifetime counts of one policy's live trades, as the ledger stands or stood."""
        with self._reading() as connection:
            return live_totals(connection, policy, up_to_seq)

    def capital_said(self, policy: str) -> CapitalSaid:
        """What the facts of a policy say of its capital."""
        with self._reading() as connection:
            return capital_said(connection, policy)

    def spans(self) -> Mapping[str, tuple[datetime, datetime, int]]:
        """First open, last close and number of the trades of each policy."""
        with self._reading() as connection:
            return spans_of(connection)

    def learnt_after(self, at: datetime) -> int:
        """How many trades that had closed by ``at`` the ledger learnt of only later."""
        query = sa.select(sa.func.count()).where(
            trades.c.closed_at <= microseconds(at), trades.c.known_at > microseconds(at)
        )
        with self._reading() as connection:
            return int(connection.execute(query).scalar_one())

    def positions(self, *, known_by: datetime | None = None) -> Positions:
        """The last fact of each kind; 0 where there is none.

        Args:
            known_by: As the ledger stood then; None for the present.
        """
        by = None if known_by is None else microseconds(known_by)
        with self._reading() as connection:
            tables = (trades, marks, observations, decisions)
            return Positions(*(connection.scalar(_last(table, by)) or 0 for table in tables))

    def has_learnt_of(self, past: datetime, seen: Positions) -> bool:
        """Whether a trade or decision behind these positions is of before, or corrects a trade."""
        is_late = sa.or_(trades.c.closed_at < microseconds(past), trades.c.revision > 1)
        queries = (
            sa.exists().where(trades.c.seq > (seen.trades or 0), is_late),
            sa.exists().where(
                decisions.c.seq > (seen.decisions or 0), decisions.c.decided_at < past
            ),
        )
        with self._reading() as connection:
            return bool(connection.scalar(sa.select(sa.or_(*queries))))

    def facts_after(self, seen: Positions) -> Look:
        """Facts behind these positions, in time order, and how far they go."""
        with self._reading() as connection:
            return facts_after(connection, seen)

    def append_marks(self, items: Iterable[Mark], *, known_at: datetime) -> int:
        """Append marks; how many were new."""
        with self._writing() as connection:
            return append_facts(connection, marks, items, known_at)

    def append_decisions(self, items: Iterable[Decision], *, known_at: datetime) -> int:
        """Append decisions; how many were new."""
        with self._writing() as connection:
            return append_facts(connection, decisions, items, known_at)

    def append_observations(self, items: Iterable[Observation], *, known_at: datetime) -> int:
        """Append observations; how many were new."""
        with self._writing() as connection:
            return append_facts(connection, observations, items, known_at)

    def marks(
        self,
        policy: str | None = None,
        *,
        by: datetime | None = None,
        up_to_seq: int | None = None,
    ) -> Iterator[Mark]:
        """Marks in time order, of one policy or all, as the ledger stands or stood."""
        query = every_mark()
        if policy is not None:
            query = query.where(policies.c.name == policy)
        if by is not None:
            query = query.where(marks.c.marked_at <= by)
        if up_to_seq is not None:
            query = query.where(marks.c.seq <= up_to_seq)
        yield from self._facts(query.order_by(marks.c.marked_at, marks.c.seq), Mark)

    def last_marks(self) -> Mapping[str, LastMark]:
        """The last mark of every arm that has one, and what its trades have said since."""
        with self._reading() as connection:
            return last_marks(connection)

    def observations(
        self, *, by: datetime | None = None, up_to_seq: int | None = None
    ) -> Iterator[Observation]:
        """Observations in time order, as the ledger stands or stood."""
        query = sa.select(observations)
        if by is not None:
            query = query.where(observations.c.observed_at <= by)
        if up_to_seq is not None:
            query = query.where(observations.c.seq <= up_to_seq)
        order = (observations.c.observed_at, observations.c.seq)
        yield from self._facts(query.order_by(*order), Observation)

    def last_observed(self, name: str) -> Mapping[str, datetime]:
        """When a gauge was last observed of each policy that it was observed of."""
        with self._reading() as connection:
            return last_observed(connection, name)

    def decisions(
        self,
        policy: str | None = None,
        *,
        since: datetime | None = None,
        by: datetime | None = None,
        up_to_seq: int | None = None,
    ) -> Generator[Decision, None, None]:
        """Decisions in time order, for one policy or all, as the ledger stands or stood."""
        query = every_decision()
        if since is not None:
            query = query.where(decisions.c.decided_at >= since)
        if policy is not None:
            query = query.where(policies.c.name == policy)
        if by is not None:
            query = query.where(decisions.c.decided_at <= by)
        if up_to_seq is not None:
            query = query.where(decisions.c.seq <= up_to_seq)
        order = (decisions.c.decided_at, decisions.c.seq)
        yield from self._facts(query.order_by(*order), Decision)

    def quarantined(self) -> list[Quarantined]:
        """Trades kept apart that have not come in properly since."""
        with self._reading() as connection:
            return quarantined(connection)

    def quarantined_facts(self) -> list[QuarantinedFact]:
        """Marks and observations kept apart that have not been told again in their time."""
        with self._reading() as connection:
            return quarantined_now(connection)

    def roster(self) -> Roster:
        """Arms, reviews and holds as they stand."""
        with self._reading() as connection:
            return read_roster(connection)

    def roster_to_change(self, *, at: datetime) -> Roster:
        """The roster inside a transaction that will change it; edits by SQL are audited first.

        What was to begin in a far future has begun then. Of reviews and proposals it has those
        that matter.
        """
        lock_arms(self.connection)  # first: no edit may come in between
        absorb_edits(self.connection, at)
        begin_what_lies_ahead(self.connection, at)
        return read_roster(self.connection, whole=False)

    def edits_to_audit(self) -> Sequence[Mapping[str, Any]]:
        """Edits by SQL that the audit does not tell of yet, as the events they will be."""
        with self._reading() as connection:
            return list(pending_edits(connection))

    def change_roster(self, change: RosterChange, *, at: datetime) -> Roster:
        """Make one roster of another, and audit it; nobody else's change is lost.

        Args:
            change: Given the roster as it stands, inside the transaction that writes.
            at: Now.
        """
        with self.transaction() as inside:
            before = inside.roster_to_change(at=at)
            after, events = change(before)
            if events or after != before:
                inside.save_roster(after, events, at=at)
            return after

    def save_roster(
        self, roster: Roster, events: Sequence[Mapping[str, object]], *, at: datetime
    ) -> None:
        """Replace the roster and append to the audit, both or neither.

        Raises:
            TiltyardError: ``ROSTER_CHANGED`` when an arm was changed since ``roster`` was
                read; :meth:`change_roster` reads it in the transaction that writes.
        """
        with self._writing() as connection:
            write_roster(connection, roster, at)
            append_audit(connection, events, at)

    def set_metrics(self, rows: Mapping[str, ArmColumns], *, at: datetime) -> None:
        """Set the metric columns of ``bandit_arms``."""
        with self._writing() as connection:
            write_metrics(connection, rows, at)

    def metrics(self) -> Mapping[str, ArmColumns]:
        """The metric columns of every arm."""
        with self._reading() as connection:
            return read_metrics(connection)

    @contextmanager
    def recording(self, *, at: datetime, actor: str) -> Iterator[ReplayRecord]:
        """Write what a replay does: all of it in one transaction, or nothing."""
        with self._writing() as connection:
            yield ReplayRecord(connection, at, actor)

    def audit(self, *, after: int = 0) -> Iterator[AuditRow]:
        """The chain, oldest first, from behind a position on."""
        with self._reading() as connection:
            yield from audit_rows(connection, after)

    def audit_head(self) -> str:
        """Hash of the newest audit row."""
        with self._reading() as connection:
            return audit_head(connection)

    def is_record(self) -> bool:
        """Whether it holds the record of a replay."""
        with self._reading() as connection:
            return newest_event(connection, "replay") is not None

    def anchor(self) -> tuple[int, str]:
        """The last position of a trade that the audit vouches for, and the digest so far."""
        with self._reading() as connection:
            return last_anchor(connection)

    def stored_trades(self) -> Iterator[StoredTrade]:
        """Every revision of every trade by position, with what the store says of it."""
        query = every_trade().add_columns(trades.c.content, trades.c.known_at)
        with self._reading() as connection:
            chunked = query.order_by(trades.c.seq).execution_options(yield_per=CHUNK)
            for *row, content, known_at in connection.execute(chunked):
                yield StoredTrade(trade_from(row), content, known_at)

    def _facts(self, query: sa.Select[Any], kind: Any) -> Iterator[Any]:  # noqa: ANN401 one of the facts
        chunked = query.execution_options(yield_per=CHUNK)
        with (
            self._reading() as connection,
            _closing(connection, connection.execute(chunked)) as rows,
        ):
            for row in rows.mappings():
                yield kind(**{name: row[name] for name in kind._fields})


@contextmanager
def _closing(connection: sa.Connection, rows: Rows) -> Iterator[Rows]:
    """Close what is read when its reader stops early, if the connection has not ended before."""
    try:
        yield rows
    finally:
        if not connection.closed:
            rows.close()


def _last(table: sa.Table, by: int | None) -> sa.Select[int]:
    """Position of the last fact of a kind, or of the last that was known by some microsecond."""
    query = sa.select(sa.func.max(table.c.seq))
    if by is None:
        return query
    return query.where(sa.type_coerce(table.c.known_at, sa.BigInteger) <= by)
