"""The last facts of an arm, kept so that a late or a corrected one can be put in its place.

A bot reports a trade a minute after it closed, when its positions have been marked since;
or it corrects the fees of a trade that was measured an hour ago. Measures are a one-way
pass, so the arm is kept twice: as it is, and as it was before its last facts. To put a fact
in its place is to go that last stretch again, with it. What lies further back cannot be
reached: then the arm is measured anew from the ledger.
"""

from bisect import insort
from collections.abc import Iterable
from datetime import datetime

from tiltyard.facts.decision import Decision
from tiltyard.facts.mark import Mark
from tiltyard.facts.trade import Trade
from tiltyard.metrics.arm_measures import ArmMeasures

KEPT = 100
"""So many facts of an arm, up to twice as many, can be gone through again."""

ArmFact = Trade | Mark | Decision
Place = tuple[datetime, int, str, int, str]
"""Of one moment: what was decided, then trades in judged order, then marks."""


class RecentFacts:
    """What an arm was, and what it has learnt since.

    Args:
        before: Its measures before the first fact that is noted here.
        kept: So many facts at least are kept.
    """

    def __init__(self, before: ArmMeasures, kept: int = KEPT) -> None:
        self._before = before.copy()
        self._kept = kept
        self._facts: list[tuple[Place, ArmFact]] = []
        self._reaches_from: Place | None = None

    def note(self, fact: ArmFact, measures: ArmMeasures) -> None:
        """The arm has just learnt of ``fact``, and ``measures`` is what it is now."""
        insort(self._facts, (place_of(fact), fact), key=_place)
        self._forget_oldest(measures)

    def reaches(self, fact: ArmFact) -> bool:
        """Whether a fact belongs into the stretch that can be gone through again."""
        return self._reaches_from is None or place_of(fact) > self._reaches_from

    def holds(self, trade: Trade) -> bool:
        """Whether a trade is among the last facts, as it was told."""
        return self._index(trade) is not None

    def put(
        self, facts: Iterable[ArmFact], measures: ArmMeasures, *, instead_of: Trade | None = None
    ) -> ArmMeasures:
        """What the arm is when facts have their places among the last ones.

        Args:
            facts: Those that :meth:`reaches` says yes to; the stretch is gone through once.
            measures: What the arm is without them.
            instead_of: The trade that it corrects, one that this :meth:`holds`.
        """
        if instead_of is not None and (index := self._index(instead_of)) is not None:
            del self._facts[index]
        for fact in facts:
            insort(self._facts, (place_of(fact), fact), key=_place)
        self._keep_up_with(measures)
        again = self._before.copy()
        for _, one in self._facts:
            _learn(again, one)
        self._forget_oldest(again)
        return again

    def _index(self, trade: Trade) -> int | None:
        place = place_of(trade)
        return next((i for i, (known, _) in enumerate(self._facts) if known == place), None)

    def _forget_oldest(self, measures: ArmMeasures) -> None:
        if len(self._facts) < 2 * self._kept:
            return
        self._keep_up_with(measures)
        forgotten = len(self._facts) // self._kept * self._kept - self._kept
        for _, earlier in self._facts[:forgotten]:
            _learn(self._before, earlier)
        last = self._facts[forgotten - 1][0]
        self._reaches_from = max(last, self._reaches_from or last)
        del self._facts[:forgotten]

    def _keep_up_with(self, measures: ArmMeasures) -> None:
        """A trial that has begun since, a throttle and a capital count here, too."""
        before = self._before
        before.capital = measures.capital
        if before.trial_started_at != measures.trial_started_at:
            before.start_trial(measures.trial_started_at)
        if before.throttled_at != measures.throttled_at:
            before.throttle(measures.throttled_at)


def time_of(fact: ArmFact) -> datetime:
    """When a fact could first be measured."""
    if isinstance(fact, Decision):
        return fact.decided_at
    return fact.marked_at if isinstance(fact, Mark) else fact.closed_at


def place_of(fact: ArmFact) -> Place:
    """Where a fact belongs among those of its arm."""
    if isinstance(fact, Decision):
        return (fact.decided_at, -1, "", 0, fact.episode_id)
    if isinstance(fact, Mark):
        return (fact.marked_at, 1, "", fact.seq, "")
    return (fact.closed_at, 0, fact.source, len(fact.trade_id), fact.trade_id)


def _place(entry: tuple[Place, ArmFact]) -> Place:
    return entry[0]


def _learn(measures: ArmMeasures, fact: ArmFact) -> None:
    if isinstance(fact, Trade):
        measures.close(fact)
    elif isinstance(fact, Mark):
        measures.value_open(fact)
    else:
        measures.decide(fact)
