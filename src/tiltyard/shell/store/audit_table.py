"""The audit in the database: rows go to the end of the chain, and stay as they are."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from tiltyard.facts.audit import GENESIS, canonical, chain
from tiltyard.shell.store.tables import audit, tells_of

BATCH = 1000
_HEAD = sa.select(audit.c.hash).order_by(audit.c.seq.desc()).limit(1)
_BEGAN = sa.select(audit.c.at).order_by(audit.c.seq).limit(1)
_POSITION = sa.select(sa.func.max(audit.c.seq))


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One link of the chain."""

    seq: int
    body: str
    previous: str
    hash: str


def append_audit(
    connection: sa.Connection, events: Iterable[Mapping[str, object]], at: datetime
) -> None:
    """Append events to the chain, within the transaction of the connection."""
    head = audit_head(connection)
    batch: list[dict[str, Any]] = []
    for event in events:
        body = canonical(event)
        digest = chain(head, body)
        batch.append({"at": at, "body": body, "previous": head, "hash": digest})
        head = digest
        if len(batch) >= BATCH:
            connection.execute(audit.insert(), batch)
            batch.clear()
    if batch:
        connection.execute(audit.insert(), batch)


def audit_head(connection: sa.Connection) -> str:
    """Hash of the newest row; of nothing, :data:`GENESIS`."""
    return connection.scalar(_HEAD) or GENESIS


def audit_position(connection: sa.Connection) -> int:
    """Position of the newest row; 0 for none."""
    return connection.scalar(_POSITION) or 0


def began_at(connection: sa.Connection) -> datetime | None:
    """When the oldest row was written; None where there is none."""
    at: datetime | None = connection.scalar(_BEGAN)
    return at


def identity_of(connection: sa.Connection) -> str:
    """What tells this ledger from every other: the hash of the oldest row of its audit.

    A copy of a ledger has it, too. Empty where there is no row, and so no arm either.
    """
    return connection.scalar(sa.select(audit.c.hash).order_by(audit.c.seq).limit(1)) or ""


def audit_rows(connection: sa.Connection, after: int) -> Iterator[AuditRow]:
    """The chain, oldest first, from behind a position on."""
    query = sa.select(audit.c.seq, audit.c.body, audit.c.previous, audit.c.hash)
    behind = query.where(audit.c.seq > after).order_by(audit.c.seq)
    rows = connection.execute(behind.execution_options(yield_per=BATCH))
    try:
        for row in rows:
            yield AuditRow(*row)
    finally:  # also where its reader stops early, as one does who has found a broken link
        if not connection.closed:
            rows.close()


def every_event(connection: sa.Connection, event: str) -> Iterator[tuple[int, str]]:
    """Position and body of every event of this name, oldest first; all of the audit is read."""
    query = sa.select(audit.c.seq, audit.c.body).where(tells_of(event)).order_by(audit.c.seq)
    for row in connection.execute(query):
        yield row.seq, row.body


def newest_event(connection: sa.Connection, event: str) -> str | None:
    """The body of the newest event of this name, of which there is an index; None for none."""
    return connection.scalar(_newest(event))


@cache
def _newest(event: str) -> sa.Select[str]:
    newest = sa.select(audit.c.body).where(tells_of(event)).order_by(audit.c.seq.desc())
    return newest.limit(1)
