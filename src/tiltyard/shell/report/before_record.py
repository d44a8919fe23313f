"""Trades from before the record: what was done since then cannot be compared by them."""

import json
from datetime import datetime

from tiltyard.facts.arm import FLAT
from tiltyard.kernel.clock import moment
from tiltyard.shell.replaying.closed_record import record_end
from tiltyard.shell.store.ledger import Ledger


def before_record(ledger: Ledger) -> list[str]:
    """What to say where every trade closed before the first arm was registered; else nothing."""
    spans, began = ledger.spans(), _first_registration(ledger)
    if not spans or began is None or record_end(ledger) is not None:
        return []
    if max(closed for _, closed, _ in spans.values()) >= began:
        return []
    count = sum(trades for _, _, trades in spans.values())
    said = f"All {count:,} trades" if count > 1 else "The only trade"
    return [
        f"{said} closed before the record begins, {began:%Y-%m-%d %H:%M}Z, with the first arm.",
        "To have them judged as if the arms had been there: tiltyard replay --into record.db,",
        "and then report with --db record.db.",
    ]


def _first_registration(ledger: Ledger) -> datetime | None:
    for row in ledger.audit():
        event = json.loads(row.body)
        if event["event"] == "register" and event["arm"]["name"] != FLAT:
            return moment(event["at"])
    return None
