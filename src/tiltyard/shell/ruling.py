"""What moves shares at night: the ladder, or another rule and what it has followed.

A replay and a course meet every fact in time order, and the rule follows them as they come. A
running desk is told facts late, and corrections: before a night it reads on in the ledger, up to
the beginning of the trading day. Where something has come in since that lies further back, or the
capital of a policy was said only now, it reads everything again. So the same facts give the same
night, whoever was there when they came.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from heapq import merge
from typing import cast

from tiltyard.facts.allotment import sized
from tiltyard.facts.arm import GONE, Roster
from tiltyard.facts.decision import Decision
from tiltyard.facts.trade import Trade
from tiltyard.kernel.clock import EARLIEST
from tiltyard.kernel.money import Money
from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.panel import Panel
from tiltyard.metrics.recent import time_of
from tiltyard.scaling.by_rule import steps_by
from tiltyard.scaling.followed import Followed
from tiltyard.scaling.ladder import Standing, Step, ladder
from tiltyard.scaling.reading import Known
from tiltyard.shell.holding import pausing
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.news import Positions

_JUST_BEFORE = timedelta(microseconds=1)
_HALF_READ = datetime.max.replace(tzinfo=UTC)


class Ruling:
    """The rule in force, and what it knows.

    Args:
        settings: Which rule, the bounds of shares, and the schedule.
        in_order: Every fact comes in time order.
    """

    def __init__(self, settings: Settings, *, in_order: bool) -> None:
        self._bounds = settings.shares.rules()
        self._schedule = settings.schedule
        self._rule = settings.scaling.in_force(self._bounds)
        self._in_order = in_order
        self._default_capital = settings.default_capital()
        self._allotted: Mapping[str, Money | None] = {}
        self._followed = self._nothing_yet()
        self._read_until = EARLIEST
        self._seen = Positions(0, 0, 0, 0)
        self.name = settings.scaling.rule

    def close(self, trade: Trade) -> None:
        """A trade has closed."""
        if self._in_order:
            self._tell(trade)

    def decide(self, decision: Decision) -> None:
        """An episode was given to an arm."""
        if self._in_order:
            self._tell(decision)

    @property
    def reads(self) -> bool:
        """Whether it has to read in the ledger before a night."""
        return self._followed is not None and not self._in_order

    def lags(self, at: datetime) -> bool:
        """Whether it has not read up to the trading day of ``at``."""
        return self._schedule.day_begins(at) != self._read_until

    def read_on(
        self, ledger: Ledger, at: datetime, on_pause: Callable[[], None] = lambda: None
    ) -> None:
        """Follow what the ledger has, up to the beginning of the trading day of ``at``.

        Args:
            ledger: The facts.
            at: UTC.
            on_pause: Called now and then.
        """
        if self._followed is None or self._in_order:
            return
        until = self._schedule.day_begins(at)
        roster = ledger.roster()
        allotted = {name: arm.capital for name, arm in roster.arms.items()}
        is_completed = any(
            capital != self._allotted.get(name) for name, capital in allotted.items()
        )
        if (
            until < self._read_until
            or is_completed
            or ledger.has_learnt_of(self._read_until, self._seen)
        ):
            self._followed, self._read_until = self._nothing_yet(), EARLIEST
        self._allotted = allotted
        seen, since, last = ledger.positions(), self._read_until, until - _JUST_BEFORE
        self._read_until = _HALF_READ  # whoever is interrupted reads everything again
        decisions = ledger.decisions(since=since, by=last, up_to_seq=seen.decisions)
        trades = ledger.trades(closed_from=since, closed_by=last, up_to_seq=seen.trades)
        told = (sized(one, roster, self._default_capital) for one in trades)
        with closing(decisions), closing(trades):
            for fact in pausing(_in_order(decisions, told), on_pause):
                self._tell(fact)
        self._read_until, self._seen = until, seen

    def _tell(self, fact: Decision | Trade) -> None:
        if self._followed is None:
            return
        if isinstance(fact, Decision):
            self._followed.decide(fact)
        else:
            self._followed.close(fact)

    def known(self, roster: Roster, at: datetime) -> Mapping[str, Known]:
        """What the rule knows of the champion and of every challenger that is not out."""
        if self._followed is None:
            return {}
        champion = roster.champion()
        arms = [champion, *(arm for arm in roster.challengers() if arm.state not in GONE)]
        trials = {arm.name: arm.trial_started_at for arm in arms}
        return self._followed.known(champion.name, trials, at)

    def steps(
        self,
        roster: Roster,
        standings: Mapping[str, Standing],
        panel: Panel,
        at: datetime,
        only: str = "",
    ) -> list[Step]:
        """The night's steps.

        Args:
            roster: As it is before.
            standings: Of the challengers, by name.
            panel: The measurements.
            at: UTC.
            only: The one challenger that may step; empty for all.
        """
        if self._rule is None:
            return ladder(roster, standings, self._bounds, only)
        fallen = {name: _with_fall(one, panel, name, at) for name, one in standings.items()}
        known = self.known(roster, at)
        return steps_by(self._rule, roster, known, fallen, self._bounds, only)

    def _nothing_yet(self) -> Followed | None:
        return None if self._rule is None else Followed(self._rule, self._schedule.day_begins)


def _with_fall(standing: Standing, panel: Panel, policy: str, at: datetime) -> Standing:
    """The same with the largest fall of the whole trial where that has fewer than 150 trades."""
    if isinstance(standing.dd_150, Undefined) and standing.dd_150.state == "warming":
        fall = panel.read("dd_challenger_pct", policy, at).reading
        return replace(standing, dd_150=fall)
    return standing


def _in_order(decisions: Iterable[Decision], trades: Iterable[Trade]) -> Iterator[Decision | Trade]:
    """Both, in time order; what was decided comes before the trades of the same moment."""
    every: Iterator[Decision | Trade] = merge(
        cast("Iterable[Decision | Trade]", decisions), trades, key=time_of
    )
    return every
