"""A ledger, measured: every current fact up to a time, fed to a desk that only looks."""

from collections.abc import Callable, Iterator
from datetime import datetime
from heapq import merge
from itertools import chain

from tiltyard.facts.arm import Roster
from tiltyard.facts.decision import Decision
from tiltyard.facts.mark import Mark
from tiltyard.facts.observation import Observation
from tiltyard.facts.trade import Trade
from tiltyard.metrics import recent
from tiltyard.metrics.panel import Panel
from tiltyard.shell.desk import Desk
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import EVERYTHING, Ledger
from tiltyard.shell.store.news import Positions

Fact = Decision | Trade | Mark | Observation


def measure(
    ledger: Ledger,
    settings: Settings,
    now: datetime,
    roster: Roster,
    see: Callable[[Trade | Decision], object] = lambda _: None,
) -> Desk:
    """A desk that has seen every current fact up to ``now`` and done nothing about it.

    Args:
        ledger: The facts.
        settings: Bounds and checklist.
        now: UTC.
        roster: As it stood then.
        see: Also shown every trade and decision.
    """
    desk = Desk(settings, roster, measure_only=True)
    for fact in facts_in_order(ledger, now):
        if isinstance(fact, Trade):
            desk.feed(fact)
            see(fact)
        elif isinstance(fact, Mark):
            desk.mark(fact)
        elif isinstance(fact, Decision):
            desk.decide(fact)
            see(fact)
        else:
            desk.observe(fact)
    return desk


def facts_in_order(
    ledger: Ledger, until: datetime | None = None, *, up_to: Positions = EVERYTHING
) -> Iterator[Fact]:
    """Trades by close, decisions, marks and observations by their time, merged.

    What was decided comes before the trades of the same moment.

    Args:
        ledger: Where they are.
        until: Only those of this time or earlier.
        up_to: As the ledger stood at these positions.
    """
    decisions: Iterator[Fact] = chain(ledger.decisions(by=until, up_to_seq=up_to.decisions))
    trades: Iterator[Fact] = chain(ledger.trades(closed_by=until, up_to_seq=up_to.trades))
    marks: Iterator[Fact] = chain(ledger.marks(by=until, up_to_seq=up_to.marks))
    observations: Iterator[Fact] = chain(
        ledger.observations(by=until, up_to_seq=up_to.observations)
    )
    yield from merge(decisions, trades, marks, observations, key=time_of)


def take_in(panel: Panel, fact: Fact) -> bool:
    """Measure a fact, and judge nothing; False when its arm has to be measured anew."""
    if isinstance(fact, Trade):
        return panel.record(fact)
    if isinstance(fact, Mark):
        return panel.value_open(fact)
    if isinstance(fact, Decision):
        return panel.decide(fact)
    panel.observe(fact)
    return True


def time_of(fact: Fact) -> datetime:
    """When a fact could first be judged."""
    return fact.observed_at if isinstance(fact, Observation) else recent.time_of(fact)
