"""Anchors: what ties the trades of the ledger to its audit.

Whatever appends trades appends to the audit, in the same transaction, up to which
position it went and the digest of every trade so far. The digest goes on from the
anchor before, so its cost is that of the new trades alone.
"""

import json
from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from tiltyard.facts.audit import GENESIS
from tiltyard.facts.content import FactsDigest, trade_line
from tiltyard.shell.store.audit_table import append_audit, newest_event
from tiltyard.shell.store.tables import trades

EVENT = "ingest"
CHUNK = 5000
_T = trades.c
_BEHIND = (
    sa.select(_T.seq, _T.revision, _T.content, _T.known_at)
    .where(_T.seq > sa.bindparam("seq"))
    .order_by(_T.seq)
    .execution_options(yield_per=CHUNK)
)


def append_anchor(
    connection: sa.Connection, said: Mapping[str, object], *, at: datetime
) -> tuple[int, str]:
    """Anchor the trades that were appended since the last anchor.

    Args:
        connection: In the transaction that appended them.
        said: Who appended what, from where: ``actor``, ``source`` and counts.
        at: Now.

    Returns:
        The last position, and the digest of all trades up to it.
    """
    up_to_seq, digest = last_anchor(connection)
    running = FactsDigest(digest)
    result = connection.execute(_BEHIND, {"seq": up_to_seq})
    for rows in result.partitions():
        running.add("\n".join([trade_line(*row) for row in rows]))
        up_to_seq = rows[-1][0]
    facts = running.value()
    event = {**said, "event": EVENT, "at": at, "up_to_seq": up_to_seq, "facts": facts}
    append_audit(connection, [event], at)
    return up_to_seq, facts


def last_anchor(connection: sa.Connection) -> tuple[int, str]:
    """The last position that the audit vouches for, and the digest up to it."""
    body = newest_event(connection, EVENT)
    if body is None:
        return 0, GENESIS
    event = json.loads(body)
    return event["up_to_seq"], event["facts"]
