"""What the running desk learns from the ledger: facts, measured and judged one by one.

It remembers how far the ledger was read, and what the metric columns say. A fact that
comes late is put in its place by the panel. Where it lies too far back for that, its arm is
read again, after the step and outside its transaction, so that nobody who appends waits
for it: until then the arm is judged by what is known, and right after by everything.
"""

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime

from tiltyard.facts.action import Action
from tiltyard.facts.arm import Roster
from tiltyard.facts.correction import Correction
from tiltyard.facts.decision import Decision
from tiltyard.facts.mark import Mark
from tiltyard.facts.trade import Trade
from tiltyard.kernel.clock import FUTURE
from tiltyard.router.realised import RealisedTraffic
from tiltyard.shell.desk import Desk
from tiltyard.shell.holding import pausing
from tiltyard.shell.metric_columns import panel_columns
from tiltyard.shell.replaying.measure import facts_in_order, take_in
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.news import News, Positions
from tiltyard.shell.store.roster_table import ArmColumns
from tiltyard.shell.store.trade_table import Totals

MOST_KNOWN = 10_000
"""So many of what was judged are timed, while nobody takes the times."""


class Incoming:
    """The facts that a desk has taken in.

    Args:
        seen: Up to where the ledger was read.

    Attributes:
        seen: The same, as it goes on.
        is_remeasured: An arm has been measured anew, and is not judged by that yet.
        has_more: The last look did not come to the end of what there is.
        known_at: When the ledger learnt of what was judged last, until somebody takes that.
        traffic: Where the episodes of the last day went.
    """

    def __init__(self, seen: Positions) -> None:
        self.seen = seen
        self.is_remeasured = False
        self.has_more = False
        self.known_at: deque[datetime] = deque(maxlen=MOST_KNOWN)
        self.traffic = RealisedTraffic()
        self._totals: dict[str, Totals] = {}
        self._columns: dict[str, ArmColumns] = {}
        self._traded: set[str] = set()

    def begin(self, still: Ledger, desk: Desk, on_pause: Callable[[], None]) -> None:
        """Measure everything up to :attr:`seen`, and judge nothing.

        Args:
            still: The ledger as it stands.
            desk: It has seen nothing yet.
            on_pause: Called now and then.
        """
        for fact in pausing(facts_in_order(still, up_to=self.seen), on_pause):
            if not take_in(desk.panel, fact):
                desk.behind.add(fact.policy)
            if isinstance(fact, Decision):
                self.traffic.see(fact)
        self._columns = dict(still.metrics())
        self.count_newcomers(still, desk.roster)

    def feed(self, ledger: Ledger, desk: Desk, now: datetime) -> tuple[int, list[Action]]:
        """Judge what is new; how many facts that were, and what was done about them."""
        look = ledger.facts_after(self.seen)
        self.seen, self.has_more = look.seen, not look.is_all
        self.known_at.extend(look.known_at)
        done: list[Action] = []
        late: list[Decision] = []
        due: list[News] = []
        for fact in look.facts:
            if isinstance(fact, Decision):
                self.traffic.see(fact)
            if isinstance(fact, Decision) and desk.panel.is_overtaken(fact):
                late.append(fact)  # nothing is judged by it, so it keeps no trade waiting
            else:
                due.append(fact)
        desk.decide_late(late)
        for fact in due:
            done += self._feed(fact, desk, now)
        return len(look.facts), done

    def catch_up(self, still: Ledger, desk: Desk, on_pause: Callable[[], None]) -> None:
        """Measure arms anew that have fallen behind; not inside a transaction that writes.

        Args:
            still: The ledger as it stands.
            desk: It knows which arms those are.
            on_pause: Called now and then.
        """
        for policy in sorted(desk.behind):
            trades = still.trades(policy, up_to_seq=self.seen.trades)
            marks = still.marks(policy, up_to_seq=self.seen.marks)
            decisions = still.decisions(policy, up_to_seq=self.seen.decisions)
            desk.measure_again(
                policy, pausing(trades, on_pause), pausing(marks, on_pause),
                pausing(decisions, on_pause),
            )  # fmt: skip
            self.is_remeasured = True

    def count_newcomers(self, ledger: Ledger, roster: Roster) -> None:
        """Arms that have joined may have traded before."""
        for name in roster.arms:
            if name not in self._totals:
                self._totals[name] = ledger.totals(name, up_to_seq=self.seen.trades)

    def changed_columns(
        self, desk: Desk, now: datetime, *, everybody: bool
    ) -> Mapping[str, ArmColumns]:
        """Rows of metrics that are other than those that the database has.

        Args:
            desk: It has measured them.
            now: UTC.
            everybody: Of every arm, and not only of those that have traded since the last look;
                the champion's trades concern every arm.
        """
        until = now + FUTURE  # whatever the ledger took in counts
        arms = desk.roster.arms
        everybody |= any(arms[name].role == "champion" for name in self._traded & arms.keys())
        rows = {
            name: panel_columns(desk.panel, name, self._totals.get(name, Totals()), until)
            for name in (arms if everybody else self._traded & arms.keys())
        }
        return {name: row for name, row in rows.items() if self._columns.get(name) != row}

    def have_written(self, columns: Mapping[str, ArmColumns]) -> None:
        """The database has these rows now."""
        self._columns |= columns
        self._traded.clear()

    def _feed(self, fact: News, desk: Desk, now: datetime) -> list[Action]:
        if isinstance(fact, Trade):
            self._count(fact)
            return desk.feed(fact, now)
        if isinstance(fact, Correction):
            self._count(fact.trade, instead_of=fact.before)
            return desk.correct(fact, now)
        if isinstance(fact, Mark):
            return desk.mark(fact, now)
        if isinstance(fact, Decision):
            desk.decide(fact)
            return []
        return desk.observe(fact, now)

    def _count(self, trade: Trade, *, instead_of: Trade | None = None) -> None:
        self._traded.add(trade.policy)
        totals = self._totals.get(trade.policy)
        if totals is None:
            return
        if instead_of is not None and instead_of.book == "live":
            totals = totals.minus(instead_of.pnl)
        if trade.book == "live":
            totals = totals.plus(trade.pnl)
        self._totals[trade.policy] = totals
