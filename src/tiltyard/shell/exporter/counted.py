"""What the desk has done, as counters that never fall; they begin with what the ledger says.

So a desk that is started anew goes on where the one before had come to, and nobody sees a jump.
Actions are counted as they are written, and only those that were carried out: what a guard in
mode ``observe`` would have done is not. How long things took is counted from the start of the
process.
"""

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import get_args

from tiltyard.actions.record import Event
from tiltyard.checklist.guard import Checklist
from tiltyard.facts.action import CAUSES, Kind
from tiltyard.kernel.undefined import Value
from tiltyard.metrics.panel import Panel
from tiltyard.shell.exporter.picture import LATENCY_BUCKETS, Histogram
from tiltyard.shell.store.desk_record import last_night
from tiltyard.shell.store.fact_tables import last_observed
from tiltyard.shell.store.ledger import Ledger

_KINDS: frozenset[str] = frozenset(get_args(Kind)) - {"register"}
_CARRIED_OUT = '"mode":"enforce"'
TASKS = {"weekly": "weekly_run", "snapshot": "snapshot_run"}
"""Tasks of others, and the gauge by which they say how their last run ended."""
NIGHTLY = "nightly"


class Counted:
    """The counters of one desk.

    Args:
        checklist: Whose guards are counted; whatever other name an action follows from is not.

    Attributes:
        actions: How often which guard or cause did what.
        trades: Of each policy and book.
        succeeded: When each task last succeeded.
    """

    def __init__(self, checklist: Checklist) -> None:
        self._causes: Collection[str] = CAUSES | {guard.name for guard in checklist.guards}
        self.actions: Counter[tuple[str, str]] = Counter()
        for guard in checklist.guards:
            self.actions[guard.name, guard.effect] = 0
        self.trades: dict[tuple[str, str], int] = {}
        self.succeeded: dict[str, datetime] = {}
        self._latency = [0] * (len(LATENCY_BUCKETS) + 1)
        self._waited = 0.0

    def begin(self, still: Ledger) -> None:
        """What the ledger says was done before.

        Args:
            still: The ledger as it stands; the desk has not stepped yet.
        """
        for row in still.audit():
            if _CARRIED_OUT in row.body:
                self.note(json.loads(row.body))
        for task, gauge in TASKS.items():
            self._succeed(task, last_observed(still.connection, gauge, 1.0))
        self.look_at_nights(still)

    def look_at_nights(self, still: Ledger) -> None:
        """When the last night was run."""
        self._succeed(NIGHTLY, last_night(still.connection))

    def note(self, event: Event) -> None:
        """An event was written to the audit."""
        kind, cause = event["event"], event.get("cause", "")
        if event.get("mode") == "enforce" and kind in _KINDS and cause in self._causes:
            self.actions[cause, kind] += 1

    def note_latencies(self, known_at: Iterable[datetime], committed_at: datetime) -> None:
        """What follows from facts that were known then is committed."""
        for known in known_at:
            waited = max(timedelta(), committed_at - known).total_seconds()
            self._latency[bisect_left(LATENCY_BUCKETS, waited)] += 1
            self._waited += waited

    def note_measured(self, panel: Panel, policies: Iterable[str], now: datetime) -> None:
        """How much has come in; a trade that is corrected away leaves the counter as it was."""
        for policy in policies:
            measures = panel.arm(policy)
            live = measures.lifetime_trades
            self._rise((policy, "live"), live)
            self._rise((policy, "shadow"), measures.trades - live)
        for task, gauge in TASKS.items():
            measured = panel.read(gauge, "", now)
            if isinstance(measured.reading, Value) and measured.reading.number == 1:
                self._succeed(task, measured.as_of)

    @property
    def latency(self) -> Histogram:
        """How long facts have waited."""
        return Histogram(tuple(self._latency), self._waited)

    @property
    def restarts(self) -> int:
        """Restarts of the learner that guards have asked for."""
        return sum(n for (_, kind), n in self.actions.items() if kind == "restart_learner")

    def _rise(self, key: tuple[str, str], count: int) -> None:
        self.trades[key] = max(count, self.trades.get(key, 0))

    def _succeed(self, task: str, at: datetime | None) -> None:
        known = self.succeeded.get(task)
        if at is not None and (known is None or at > known):
            self.succeeded[task] = at
