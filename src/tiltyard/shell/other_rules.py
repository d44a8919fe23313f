"""What each other rule would have made, from a ledger: read, and nothing written.

Comes in: a ledger. Goes out: a line for each rule. The audit says who was on the floor with what
share; in a database that a replay kept, since the last replay began.
"""

import json
from collections.abc import Callable
from datetime import datetime

from tiltyard.actions.record import after
from tiltyard.facts.arm import Roster
from tiltyard.kernel.clock import moment
from tiltyard.kernel.undefined import Undefined
from tiltyard.scaling.floor_record import FloorRecord
from tiltyard.scaling.other_rules import OtherRules
from tiltyard.shell.replaying.start import last_start
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger


def other_rules_of(
    ledger: Ledger,
    settings: Settings,
    now: datetime,
    *,
    progress: Callable[[int], object] = lambda _: None,
) -> OtherRules | Undefined:
    """What the other rules would have made of a ledger.

    Args:
        ledger: Where the record and the trades are.
        settings: With schedule, bounds of shares, and the capital of arms that were allotted none.
        now: What was done and closed by then counts, UTC.
        progress: Told the number of plays that are over.
    """
    schedule, capital = settings.schedule, settings.default_capital()
    record = FloorRecord(schedule.nightly, schedule.zone, capital, settings.shares.rules())
    _follow_audit(record, ledger, now)
    for trade in ledger.trades(closed_by=now):
        record.see(trade)
    return record.other_rules(now, settings.scaling.rule, progress=progress)


def _follow_audit(record: FloorRecord, ledger: Ledger, now: datetime) -> None:
    began = last_start(ledger)
    roster = Roster()
    for row in ledger.audit():
        event = json.loads(row.body)
        at = moment(event["at"])
        if row.seq > began and at > now:
            continue
        roster = after(roster, event)
        if row.seq >= began:
            record.stand(roster, at)
