"""The record of what a rule has followed, gone through for one champion and his challengers.

Comes in: trades by themselves, opportunities and beginnings of trading days, in the order in which
they count. Goes out: the row of each arm, and what is missing for it to be believed.

What a trade made counts from -2.5 to 6 R, on paper and live. One that a trade does not tell is not
0: an opportunity at which an arm's result is not known is left out for this arm, and for all where
it is the champion's; and a pair of a live trade and a twin that says too little is no pair.

Which arm is on paper, and whether all of its paper is told, says
:mod:`tiltyard.metrics.told_whole`. Who is not, or tells a part, is known by its live trades alone;
where that is the champion, so is everybody. ``flat`` trades nothing, on paper as well.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import nan
from typing import NamedTuple

from tiltyard.facts.arm import FLAT
from tiltyard.kernel.clock import EARLIEST
from tiltyard.kernel.money import Money
from tiltyard.metrics.told_whole import ToldWhole
from tiltyard.metrics.unit import Unit, clipped
from tiltyard.scaling.contender import Contender
from tiltyard.scaling.in_force import Rule
from tiltyard.scaling.optimism import estimate, see_twin
from tiltyard.scaling.overtime import copied
from tiltyard.scaling.paired import see_level, see_pair

SHORT = 30
"""Trades, live and on paper, that the profit factor of an arm's last ones is made of."""
_DAY = timedelta(days=1)
Trials = Mapping[str, datetime | None]
"""When the trial of each arm began, in the order of the roster; None counts all its trades."""


class Result(NamedTuple):
    """What is kept of a trade.

    Attributes:
        closed_at: UTC.
        pnl: Net.
        risk: What it risked; None when it does not say.
        capital: On which it was sized; None when nobody said.
    """

    closed_at: datetime
    pnl: Money
    risk: Money | None
    capital: Money | None


@dataclass(slots=True)
class Given:
    """An opportunity that was given to an arm, so far; who is missing began nothing.

    Attributes:
        decided_at: UTC.
        given_to: The arm.
        live: Its live trades.
        paper: The trades of each arm on paper.
        is_recorded: It has its place in the record.
    """

    decided_at: datetime
    given_to: str
    live: list[Result] = field(default_factory=list)
    paper: dict[str, list[Result]] = field(default_factory=dict)
    is_recorded: bool = False


class Closed(NamedTuple):
    """A trade that counts by itself: any but a twin."""

    policy: str
    is_live: bool
    result: Result


class DayBegins(NamedTuple):
    """A trading day has begun: what paper says too much is estimated anew."""


Entry = Given | Closed | DayBegins


class Counted(NamedTuple):
    """How results are counted.

    Attributes:
        unit: What trades tell.
        scale: So much of it is an R; 1 where it is R.
    """

    unit: Unit
    scale: float = 1.0

    def made(self, one: Result, by: Result | None = None) -> float | None:
        """What a trade counts for, in R; None when it, or the one it goes by, says too little."""
        by = by or one
        if self.unit == "R":
            return clipped(one.pnl / by.risk) if by.risk else None
        return clipped(100 * one.pnl / by.capital / self.scale) if by.capital else None


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


class _Arm:
    """What is read of one arm so far."""

    def __init__(self, place: int, name: str, trial: datetime | None) -> None:
        self.place = place
        self.name = name
        self.since = trial or EARLIEST
        self.arrived = trial
        self.row = Contender(present=1.0)
        self.recent = deque[tuple[float, bool]](maxlen=SHORT)
        self.silent = 0
        self.told = ToldWhole()

    @property
    def is_on_paper(self) -> bool:
        return self.name == FLAT or (self.told.is_on_paper and not self.told.lack)

    def arrive(self, at: datetime) -> None:
        if self.arrived is None:
            self.arrived = at

    @property
    def lacks(self) -> str:
        if self.silent:
            do = "does" if self.silent == 1 else "do"
            return f"{self.silent:,} of its trades {do} not say what they risked"
        return ""

    def known(self, at: datetime, *, is_compared: bool) -> Known:
        age = 0.0 if self.arrived is None else max(0.0, (at - self.arrived) / _DAY)
        row = replace(copied(self.row), age=age, pf_30=self._profit_factor())
        return Known(row, is_compared and self.is_on_paper, self.lacks)

    def _profit_factor(self) -> float:
        """Of its last trades, paper less what it says too much; unknown without any loss."""
        less = self.row.optimism if self.is_on_paper else 0.0
        each = [result - less if paper else result for result, paper in self.recent]
        losses = -sum(result for result in each if result < 0)
        if len(each) < SHORT or not losses:
            return nan
        return sum(result for result in each if result > 0) / losses


class Reading:
    """The record, gone through for one champion and his challengers.

    Args:
        rule: The one in force.
        trials: Of the champion, who comes first, and of all that are compared with him.
        counted: How results are counted.

    Attributes:
        read: So many entries of the record have been gone through.
    """

    def __init__(self, rule: Rule, trials: Trials, counted: Counted) -> None:
        self._rule = rule
        self._of = list(trials.items()), counted
        self._counted = counted
        self._arms = {
            name: _Arm(place, name, at) for place, (name, at) in enumerate(trials.items())
        }
        self._champion = next(iter(self._arms.values()))
        self._rows = [arm.row for arm in self._arms.values()]
        self.read = 0

    def is_of(self, trials: Trials, counted: Counted) -> bool:
        """Whether it is of these arms, in this order, in these trials, and counts alike."""
        return self._of == (list(trials.items()), counted)

    def go_on(self, entries: Sequence[Entry]) -> None:
        """Read what comes next in the record."""
        for entry in entries:
            if isinstance(entry, Given):
                self._compare(entry)
            elif isinstance(entry, DayBegins):
                estimate(self._rows)
            elif (arm := self._arms.get(entry.policy)) is not None:
                self._count(arm, entry)
        self.read += len(entries)

    def known(self, at: datetime) -> Mapping[str, Known]:
        """Of each arm."""
        is_compared = self._champion.is_on_paper
        return {name: arm.known(at, is_compared=is_compared) for name, arm in self._arms.items()}

    def _count(self, arm: _Arm, closed: Closed) -> None:
        one = closed.result
        is_in_trial = one.closed_at > arm.since
        arm.arrive(one.closed_at)
        result = self._counted.made(one)
        if result is None:
            arm.silent += is_in_trial
            return
        arm.recent.append((result, not closed.is_live))
        if closed.is_live and is_in_trial:
            nothing = [0.0] * len(self._rows)
            live = [*nothing[: arm.place], result, *nothing[arm.place + 1 :]]
            self._rule.see(self._rows, arm.place, live, nothing, self._rule.alone)

    def _compare(self, one: Given) -> None:
        for name, arm in self._arms.items():
            arm.told.see(
                one.decided_at.date(),
                is_given=name == one.given_to,
                is_live=name == one.given_to and bool(one.live),
                is_on_paper=name in one.paper,
            )
            if name in one.paper:
                arm.arrive(one.decided_at)
        if (owner := self._arms.get(one.given_to)) is not None:
            self._see_twin(owner.row, one)
        champion = self._champion
        other, other_on_paper = self._made_by(champion, one)
        if other is None or not champion.is_on_paper:
            return
        see_level(champion.row, other, other_on_paper)
        for arm in self._arms.values():
            own, on_paper = self._made_by(arm, one)
            if arm is not champion and arm.is_on_paper and own is not None:
                see_pair(arm.row, champion.row, own, other, on_paper, other_on_paper)

    def _see_twin(self, row: Contender, one: Given) -> None:
        """A live trade and its twin are compared where they closed together, by what one risked."""
        twins = one.paper.get(one.given_to, [])
        if not one.live or [live.closed_at for live in one.live] != [x.closed_at for x in twins]:
            return
        pairs = zip(one.live, twins, strict=True)
        sums = [0.0, 0.0]
        for pair in pairs:
            for place, trade in enumerate(pair):
                made = self._counted.made(trade, pair[1])
                if made is None:
                    return
                sums[place] += made
        see_twin(row, *sums)

    def _made_by(self, arm: _Arm, one: Given) -> tuple[float | None, int]:
        """What an arm made of an opportunity, and 1 where that is on paper, else 0."""
        if arm.name == one.given_to:
            return self._sum(one.live), 0
        return self._sum(one.paper.get(arm.name, [])), 1

    def _sum(self, trades: Iterable[Result]) -> float | None:
        results = [self._counted.made(one) for one in trades]
        return None if None in results else clipped(sum(result or 0.0 for result in results))
