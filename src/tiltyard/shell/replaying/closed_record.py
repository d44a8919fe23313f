"""The finished record of a replay, as the commands meet it: its time has ended.

Whoever reads it asks as of its end, not as of today, and nobody acts in it: no desk, no command
and no ingest goes on from what a replay left.
"""

import json
from datetime import datetime

from tiltyard.actions.record import Event
from tiltyard.kernel.clock import moment
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.replaying.start import EVENT, FINISHED
from tiltyard.shell.store.audit_table import newest_event
from tiltyard.shell.store.ledger import Ledger


def record_end(ledger: Ledger) -> datetime | None:
    """When the record that a ledger holds ends; None where no replay has finished."""
    with ledger.snapshot() as still:
        body = newest_event(still.connection, FINISHED)
    at = None if body is None else json.loads(body)["at"]
    return None if at is None else moment(at)


def last_start_event(ledger: Ledger) -> Event | None:
    """The event with which the last replay began whose record a ledger holds; None without one."""
    with ledger.snapshot() as still:
        body = newest_event(still.connection, EVENT)
    return None if body is None else json.loads(body)


def refuse_record(ledger: Ledger, whoever: str, remedy: str) -> None:
    """Refuse to act in the record of a replay.

    Args:
        ledger: Where it would be done.
        whoever: Would do what to it, such as ``a desk would go on from``.
        remedy: What to do instead.

    Raises:
        TiltyardError: ``RECORD_CLOSED``.
    """
    if ledger.is_record():
        raise TiltyardError(
            "RECORD_CLOSED", str(ledger.url.database),
            f"it holds the record of a replay, which {whoever}", remedy,
        )  # fmt: skip
