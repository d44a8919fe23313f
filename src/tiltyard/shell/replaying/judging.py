"""The pass over the facts that a replay makes, and that a verification makes again.

Comes in: a ledger, a roster, and what was recorded at the start. Goes out: each fact that
is judged, in time order, with what the desk did about it, and which trades it moved to the
shadow book. Decisions are measured, and nothing is judged by them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from tiltyard.facts.action import Action
from tiltyard.facts.arm import Roster
from tiltyard.facts.decision import Decision
from tiltyard.facts.mark import Mark
from tiltyard.facts.observation import Observation
from tiltyard.facts.trade import Trade
from tiltyard.shell.desk import Desk
from tiltyard.shell.metric_columns import panel_columns
from tiltyard.shell.replaying.measure import facts_in_order, time_of
from tiltyard.shell.replaying.start import Start
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.roster_table import ArmColumns
from tiltyard.shell.store.trade_table import Totals


@dataclass(frozen=True, slots=True)
class Judged:
    """One fact, judged.

    Attributes:
        fact: As it was fed to the desk.
        actions: What was done, the nights before it included.
        was_live: Whether it is a trade and counted as live.
        moved: The stored trade, when it is in the live book and counted as shadow.
    """

    fact: Trade | Mark | Observation
    actions: list[Action]
    was_live: bool
    moved: Trade | None


class Judging:
    """One pass; iterate it once.

    Args:
        ledger: The facts.
        settings: Those of the start.
        roster: As it was at the start.
        start: Which facts, and since when there is a champion.

    Attributes:
        desk: As it stands so far.
        trades: How many were judged.
        moved: How many of them became shadow trades.
        began: Time of the first fact.
        ended: Time of the last.
    """

    def __init__(self, ledger: Ledger, settings: Settings, roster: Roster, start: Start) -> None:
        self.desk = Desk(settings, roster)
        self.trades = 0
        self.moved = 0
        self.began: datetime | None = None
        self.ended: datetime | None = None
        self._ledger = ledger
        self._start = start
        self._totals: dict[str, Totals] = {}

    def __iter__(self) -> Iterator[Judged]:
        for fact in facts_in_order(self._ledger, up_to=self._start.up_to):
            if isinstance(fact, Decision):
                self.desk.decide(fact)
                continue
            judged = self._judge(fact)
            self.ended = time_of(fact)
            self.began = self.began or self.ended
            yield judged

    def columns(self) -> Mapping[str, ArmColumns]:
        """The metric columns of every arm, as the desk has measured them."""
        if self.ended is None:
            return {}
        return {
            name: panel_columns(self.desk.panel, name, self._totals.get(name, Totals()), self.ended)
            for name in self.desk.roster.arms
        }

    def _judge(self, fact: Trade | Mark | Observation) -> Judged:
        if isinstance(fact, Trade):
            return self._trade(fact)
        actions = self.desk.mark(fact) if isinstance(fact, Mark) else self.desk.observe(fact)
        return Judged(fact, actions, was_live=False, moved=None)

    def _trade(self, stored: Trade) -> Judged:
        since = self._start.champion_since
        fed = stored
        if since is not None and stored.opened_at < since:
            fed = stored._replace(book="shadow")
        before = self.desk.panel.arm(fed.policy).lifetime_trades
        actions = self.desk.feed(fed)
        was_live = self.desk.panel.arm(fed.policy).lifetime_trades > before
        self.trades += 1
        if was_live:
            self._totals[fed.policy] = self._totals.get(fed.policy, Totals()).plus(fed.pnl)
        moved = stored if stored.book == "live" and not was_live else None
        self.moved += moved is not None
        return Judged(fed, actions, was_live, moved)
