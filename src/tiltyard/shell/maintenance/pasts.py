"""What a ledger knows of each arm's past: what the purge judges by."""

import json
from collections.abc import Mapping
from datetime import datetime

from tiltyard.actions.low_since import low_since
from tiltyard.actions.purge import Past
from tiltyard.facts.arm import Arm, Roster
from tiltyard.metrics.profit_factor import ProfitFactor
from tiltyard.metrics.rolling import Running
from tiltyard.shell.floor.written import WrittenFloor
from tiltyard.shell.obey import positions_held
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger


def pasts_of(ledger: Ledger, settings: Settings, now: datetime) -> tuple[Roster, dict[str, Past]]:
    """The arms, and the past of each challenger, all as of one moment.

    Args:
        ledger: Whose.
        settings: Whether a desk trades for arms itself.
        now: UTC; trades that have closed by then count.
    """
    with ledger.snapshot() as still:
        roster = still.roster()
        low = low_since((json.loads(row.body) for row in still.audit()), roster, now)
        floor = WrittenFloor(settings)
        floor.look(still.connection)
        held = positions_held(roster, still.last_marks(), floor.held)
        pasts = {arm.name: _past(still, arm, low, held, now) for arm in roster.challengers()}
    return roster, pasts


def _past(
    still: Ledger,
    arm: Arm,
    low: Mapping[str, datetime | None],
    held: Mapping[str, int | None],
    now: datetime,
) -> Past:
    trial, has_traded, live = 0, False, Running(ProfitFactor())
    for trade in still.trades(arm.name, closed_by=now):
        if trade.book == "twin":  # it is only compared
            continue
        has_traded = True
        if arm.trial_started_at is None or trade.closed_at > arm.trial_started_at:
            trial += 1
            if trade.book == "live":
                live.push((trade.pnl, 0, 0))
    return Past(low[arm.name], trial, has_traded, live.value(), held.get(arm.name))
