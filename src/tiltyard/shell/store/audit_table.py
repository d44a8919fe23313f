"""The chain of the audit in the database: its newest link, and new ones after it.

Call these inside a write transaction, together with the change that they record.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

import sqlalchemy as sa

from tiltyard.facts.audit import GENESIS, canonical, chain
from tiltyard.shell.store.tables import audit


def head(connection: sa.Connection) -> str:
    """Hash of the newest audit row."""
    newest = sa.select(audit.c.hash).order_by(audit.c.seq.desc()).limit(1)
    return connection.scalar(newest) or GENESIS


def append_audit(
    connection: sa.Connection, events: Iterable[Mapping[str, object]], at: datetime
) -> None:
    """Append events, each chained to the one before."""
    previous = head(connection)
    for event in events:
        body = canonical(event)
        digest = chain(previous, body)
        connection.execute(audit.insert().values(at=at, body=body, previous=previous, hash=digest))
        previous = digest
