"""What a rule has followed of each arm: its row, made from the facts alone.

Comes in: decisions, and the trades of all books as they close, in the order of their times. Goes
out, once a trading day has begun: what the rule knows of the champion and of each challenger as
of that moment, so that whoever asks later on the same day is told the same.

A live trade counts in R when it closes, since the arm's trial began. A rule that compares on
paper is shown every opportunity as well, a given episode: what each arm made of it, for real
where it was given to it and on paper elsewhere, and 0 where an arm began none. An opportunity
counts when the longest trade so far would be over; a trade that was still longer is put in its
place when it closes. An arm is compared from the first opportunity on that it entered on paper;
``flat``, which trades nothing, always. What an arm made is compared with what the present
champion made, also of what was before its reign, and evidence of before a trial goes on.

The unit is R where every trade of the arms says what it risked, else percent of capital. Rules are
written for R: so percent is told to them by what the champion usually loses. The median of its
first thirty losing trades, everybody's where ``flat`` is champion, counts as .9 R, which is what a
loss costs in the world that the rules were tried in.

Everything is told once and kept in one record, a line for each trade and opportunity. The rows are
that record gone through; with another champion, arm or trial it is gone through again. So they
depend on the facts, and not on when somebody asked.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from math import nan
from statistics import median
from typing import NamedTuple

from tiltyard.facts.arm import FLAT
from tiltyard.facts.decision import Decision
from tiltyard.facts.trade import Trade
from tiltyard.kernel.clock import EARLIEST
from tiltyard.metrics.terciles import MOST
from tiltyard.metrics.unit import clipped, made
from tiltyard.scaling.contender import Contender
from tiltyard.scaling.in_force import Rule
from tiltyard.scaling.optimism import estimate, see_twin
from tiltyard.scaling.overtime import copied
from tiltyard.scaling.paired import see_level, see_pair

SHORT = 30
"""Trades, live and on paper, that the profit factor of an arm's last ones is made of."""
R, PERCENT = 0, 1
"""Which of the results of a trade are counted."""
TYPICAL_LOSS = 0.9
"""In R."""
_DAY = timedelta(days=1)
Trials = Mapping[str, datetime | None]
"""When the trial of each arm began, in the order of the roster; None counts all its trades."""


Results = tuple[float | None, float | None]
"""What a trade made in R, and in percent of capital; None where it does not say enough."""
_Made = tuple[datetime, Results]
"""When it closed, and what it made."""


@dataclass(slots=True)
class _Opportunity:
    """What has become of a decision so far; who is missing began nothing."""

    decided_at: datetime
    given_to: str
    live: list[_Made] = field(default_factory=list)
    paper: dict[str, list[_Made]] = field(default_factory=dict)
    is_recorded: bool = False


class _Closed(NamedTuple):
    """A trade that counts by itself."""

    policy: str
    closed_at: datetime
    is_live: bool
    made: Results


class _DayBegins(NamedTuple):
    """A trading day has begun: what paper says too much is estimated anew."""


_Entry = _Opportunity | _Closed | _DayBegins


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one arm.

    Attributes:
        row: The rule's, to be changed at will.
        is_on_paper: It trades on paper, so that it can be compared on every opportunity.
        lacks: What is missing for anything to be known, for people; empty for nothing.
    """

    row: Contender
    is_on_paper: bool
    lacks: str = ""


class Followed:
    """What one rule has followed.

    Args:
        rule: The one in force.
        begins: When the trading day began that a time lies in.
    """

    def __init__(self, rule: Rule, begins: Callable[[datetime], datetime]) -> None:
        self._rule = rule
        self._begins = begins
        self._record: list[_Entry] = []
        self._days: list[tuple[datetime, int]] = []
        self._waiting: OrderedDict[str, _Opportunity] = OrderedDict()
        self._settled: OrderedDict[str, _Opportunity] = OrderedDict()
        self._silent: tuple[set[str], set[str]] = set(), set()
        self._longest = timedelta(0)
        self._ends: datetime | None = None
        self._reading: _Reading | None = None

    def decide(self, decision: Decision) -> None:
        """An episode was given to an arm."""
        if self._rule.compares_on_paper:
            self.turn(decision.decided_at)
            self._waiting.setdefault(
                decision.episode_id, _Opportunity(decision.decided_at, decision.policy)
            )
            if len(self._waiting) > MOST:
                self._settle(*self._waiting.popitem(last=False))

    def close(self, trade: Trade) -> None:
        """A trade of any book has closed."""
        self.turn(trade.closed_at)
        results = made(trade, "R"), made(trade, "%")
        if trade.book != "twin":
            for unit, result in enumerate(results):
                if result is None:
                    self._silent[unit].add(trade.policy)
            entry = _Closed(trade.policy, trade.closed_at, trade.book == "live", results)
            self._record.append(entry)
        if self._rule.compares_on_paper and trade.episode_id is not None:
            self._credit(trade, trade.episode_id, (trade.closed_at, results))

    def turn(self, at: datetime) -> None:
        """It is ``at``: where a trading day has begun, what is known of what was before is kept."""
        if self._ends is not None and at < self._ends:
            return
        day = self._begins(at)
        self._record.append(_DayBegins())
        for name, opportunity in list(self._waiting.items()):
            if day - opportunity.decided_at <= self._longest:
                break
            self._settle(name, self._waiting.pop(name))
        self._days.append((day, len(self._record)))
        self._ends = self._begins(day + timedelta(hours=36))  # no day is longer than 25

    def known(self, champion: str, trials: Trials, at: datetime) -> Mapping[str, Known]:
        """What is known of each arm as of when the trading day of ``at`` began.

        Args:
            champion: Who it is now.
            trials: Of all arms that are to be compared, the champion's included.
            at: UTC.
        """
        self.turn(at)
        ordered = {champion: trials.get(champion)} | dict(trials)
        today = self._begins(at)
        complete = next((end for day, end in reversed(self._days) if day <= today), 0)
        in_r, in_percent = (silent.isdisjoint(ordered) for silent in self._silent)
        unit = PERCENT if in_percent and not in_r else R
        scale, lacks = (1.0, "") if unit == R else self._scale(champion, complete)
        if lacks:
            return {name: Known(Contender(), is_on_paper=False, lacks=lacks) for name in ordered}
        if self._reading is None or not self._reading.is_of(ordered, scale):
            self._reading = _Reading(self._rule, ordered, unit, scale)
        self._reading.go_on(self._record[self._reading.read : complete])
        return self._reading.known(today)

    def _scale(self, champion: str, complete: int) -> tuple[float, str]:
        """So many percent of capital are an R; or what is missing to say that."""
        losses: list[float] = []
        for entry in islice(self._record, complete):
            if isinstance(entry, _Closed) and champion in (entry.policy, FLAT):
                result = entry.made[PERCENT] or 0.0
                if result < 0:
                    losses.append(-result)
            if len(losses) == SHORT:
                return median(losses) / TYPICAL_LOSS, ""
        whose = "all arms have" if champion == FLAT else "the champion has"
        told = f"trades do not say what they risked, and {whose} {len(losses)} of {SHORT} losing "
        return 1.0, f"{told}trades that would say what one usually loses"

    def _credit(self, trade: Trade, episode: str, result: _Made) -> None:
        opportunity = self._waiting.get(episode) or self._settled.get(episode)
        if opportunity is None:
            return
        self._longest = max(self._longest, trade.closed_at - opportunity.decided_at)
        if trade.book != "live":
            opportunity.paper.setdefault(trade.policy, []).append(result)
        elif trade.policy == opportunity.given_to:
            opportunity.live.append(result)
        if opportunity.is_recorded:
            self._reading = None  # it was taken for complete

    def _settle(self, name: str, opportunity: _Opportunity) -> None:
        opportunity.is_recorded = True
        self._record.append(opportunity)
        self._settled[name] = opportunity
        if len(self._settled) > MOST:
            self._settled.popitem(last=False)


class _Reading:
    """The record, gone through for one champion and his challengers."""

    def __init__(self, rule: Rule, trials: Trials, unit: int, scale: float) -> None:
        self._rule = rule
        self._unit = unit
        self._scale = scale
        self._trials = dict(trials)
        self._places = {name: place for place, name in enumerate(trials)}
        self._since = [at or EARLIEST for at in trials.values()]
        self._rows = [Contender(present=1.0) for _ in trials]
        self._recent = [deque[tuple[float, bool]](maxlen=SHORT) for _ in trials]
        self._silent = [0 for _ in trials]
        self._arrived: list[datetime | None] = list(trials.values())
        self._on_paper = [name == FLAT for name in trials]
        self.read = 0

    def is_of(self, trials: Trials, scale: float) -> bool:
        """Whether it is of these arms, in this order, in these trials, and counts alike."""
        return (list(self._trials.items()), self._scale) == (list(trials.items()), scale)

    def go_on(self, entries: Sequence[_Entry]) -> None:
        """Read what comes next in the record."""
        for entry in entries:
            self._take(entry)
        self.read += len(entries)

    def known(self, at: datetime) -> Mapping[str, Known]:
        """Of each arm."""
        return {
            name: Known(self._row(place, at), self._on_paper[place], self._lacks(place))
            for name, place in self._places.items()
        }

    def _row(self, place: int, at: datetime) -> Contender:
        row, arrived = self._rows[place], self._arrived[place]
        age = 0.0 if arrived is None else max(0.0, (at - arrived) / _DAY)
        factor = nan
        if len(self._recent[place]) == SHORT:
            less = row.optimism if self._on_paper[place] else 0.0
            each = [result - less if paper else result for result, paper in self._recent[place]]
            losses = -sum(result for result in each if result < 0)
            factor = sum(result for result in each if result > 0) / max(losses, 1e-9)
        return replace(copied(row), age=age, pf_30=factor)

    def _take(self, entry: _Entry) -> None:
        if isinstance(entry, _Opportunity):
            self._compare(entry)
        elif isinstance(entry, _DayBegins):
            estimate(self._rows)
        elif entry.policy not in self._places:
            return
        else:
            self._count(entry, self._places[entry.policy])

    def _count(self, closed: _Closed, place: int) -> None:
        is_in_trial = closed.closed_at > self._since[place]
        self._arrive(place, closed.closed_at)
        result = closed.made[self._unit]
        if result is None:
            self._silent[place] += is_in_trial
            return
        result /= self._scale
        self._recent[place].append((result, not closed.is_live))
        if closed.is_live and is_in_trial:
            nothing = [0.0] * len(self._rows)
            live = [*nothing[:place], result, *nothing[place + 1 :]]
            self._rule.see(self._rows, place, live, nothing, self._rule.alone)

    def _compare(self, one: _Opportunity) -> None:
        for name in one.paper:
            if name in self._places:
                self._on_paper[self._places[name]] = True
                self._arrive(self._places[name], one.decided_at)
        if one.given_to in self._places:
            self._see_twin(self._rows[self._places[one.given_to]], one)
        if not self._on_paper[0]:
            return
        champion, *_ = self._places
        other, other_on_paper = self._made_by(champion, one)
        see_level(self._rows[0], other, other_on_paper)
        for name, place in self._places.items():
            if place and self._on_paper[place]:
                own, on_paper = self._made_by(name, one)
                see_pair(self._rows[place], self._rows[0], own, other, on_paper, other_on_paper)

    def _see_twin(self, row: Contender, one: _Opportunity) -> None:
        """A live trade and its twin are compared where they closed together."""
        live, twins = one.live, one.paper.get(one.given_to, [])
        if live and [at for at, _ in live] == [at for at, _ in twins]:
            see_twin(row, self._sum(live), self._sum(twins))

    def _made_by(self, name: str, one: _Opportunity) -> tuple[float, int]:
        """What an arm made of an opportunity, clipped, and 1 where that is on paper, else 0."""
        if name == one.given_to:
            return clipped(self._sum(one.live)), 0
        return clipped(self._sum(one.paper.get(name, []))), 1

    def _sum(self, trades: Iterable[_Made]) -> float:
        return sum((results[self._unit] or 0.0 for _, results in trades), 0.0) / self._scale

    def _lacks(self, place: int) -> str:
        silent = self._silent[place]
        return f"{silent:,} of its trades do not say what they risked" if silent else ""

    def _arrive(self, place: int, at: datetime) -> None:
        if self._arrived[place] is None:
            self._arrived[place] = at
