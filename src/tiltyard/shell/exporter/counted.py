"""What the desk has done, as counters that never fall: what the ledger says, row by row.

Whoever wrote a row, this desk, one before it or a person's command, it is counted once, and from
the same rows by every desk, so one that is started anew goes on where the one before had come to.
Of actions only those count that were carried out: what a guard in mode ``observe`` would have done
does not. A trade counts in the book in which it was first told. How long things took is counted
from the start of the process.
"""

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import get_args

from tiltyard.checklist.guard import Checklist
from tiltyard.facts.action import CAUSES, Kind
from tiltyard.kernel.undefined import Value
from tiltyard.metrics.panel import Panel
from tiltyard.shell.exporter.picture import LATENCY_BUCKETS, Histogram
from tiltyard.shell.store.desk_record import last_night
from tiltyard.shell.store.fact_tables import last_observed
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.trade_table import count_new

_KINDS: frozenset[str] = frozenset(get_args(Kind)) - {"register", "skip_scale"}
"""A registration is written by whoever asks for it, and what was skipped was not done."""
_CARRIED_OUT, _NOT_DONE = '"mode":"enforce"', '"event":"skip_scale"'
"""As the bodies of the audit have it, which are canonical; most rows need not be read further."""
TASKS = {"weekly": "weekly_run", "snapshot": "snapshot_run"}
"""Tasks of others, and the gauge by which they say how their last run ended."""
NIGHTLY = "nightly"


class Counted:
    """The counters of one desk.

    Args:
        checklist: Whose guards are counted; whatever other name an action follows from is not.

    Attributes:
        actions: How often which guard or cause did what.
        trades: Of each policy and book, as they were first told.
        succeeded: When each task last succeeded.
    """

    def __init__(self, checklist: Checklist) -> None:
        self._causes: Collection[str] = CAUSES | {guard.name for guard in checklist.guards}
        self.actions: Counter[tuple[str, str]] = Counter()
        for guard in checklist.guards:
            self.actions[guard.name, guard.effect] = 0
        self.trades: Counter[tuple[str, str]] = Counter()
        self.succeeded: dict[str, datetime] = {}
        self._latency = [0] * (len(LATENCY_BUCKETS) + 1)
        self._waited = 0.0
        self._audit = self._trades = 0

    def begin(self, still: Ledger) -> None:
        """What the ledger says was done before.

        Args:
            still: The ledger as it stands; the desk has not stepped yet.
        """
        self.read_on(still)
        for task, gauge in TASKS.items():
            self._succeed(task, last_observed(still.connection, gauge, 1.0))
        self.look_at_nights(still)

    def look_at_nights(self, still: Ledger) -> None:
        """When the last night was run."""
        self._succeed(NIGHTLY, last_night(still.connection))

    def read_on(self, still: Ledger) -> None:
        """Count what was written since the last look, by whomever."""
        for row in still.audit(after=self._audit):
            self._audit = row.seq
            if _CARRIED_OUT in row.body and _NOT_DONE not in row.body:
                self._note(json.loads(row.body))
        counts, self._trades = count_new(still.connection, self._trades)
        self.trades.update(counts)

    def _note(self, event: Mapping[str, str]) -> None:
        kind, cause = event["event"], event.get("cause", "")
        if event.get("mode") == "enforce" and kind in _KINDS and cause in self._causes:
            self.actions[cause, kind] += 1

    def note_latencies(self, known_at: Iterable[datetime], committed_at: datetime) -> None:
        """What follows from facts that were known then is committed."""
        for known in known_at:
            waited = max(timedelta(), committed_at - known).total_seconds()
            self._latency[bisect_left(LATENCY_BUCKETS, waited)] += 1
            self._waited += waited

    def note_measured(self, panel: Panel, now: datetime) -> None:
        """How the tasks of others last went, as the desk has been told."""
        for task, gauge in TASKS.items():
            measured = panel.read(gauge, "", now)
            if isinstance(measured.reading, Value) and measured.reading.number == 1:
                self._succeed(task, measured.as_of)

    @property
    def latency(self) -> Histogram:
        """How long facts have waited."""
        return Histogram(tuple(self._latency), self._waited)

    def _succeed(self, task: str, at: datetime | None) -> None:
        known = self.succeeded.get(task)
        if at is not None and (known is None or at > known):
            self.succeeded[task] = at
