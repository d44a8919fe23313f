"""The opportunities of a record: what every arm made at each, or would have made for real.

Comes in: trades as they close, each at the same cost. Goes out: the opportunities in the order in
which they began. An opportunity is an episode at which at least one arm began a trade. What an
arm made there is its trade on paper plus its measured gap (live less twin), its live trade where
it has none on paper, and nothing where it began none.

**The unit** is R where every trade that counts says what it risked, else percent of capital. The
rules are written for R, so percent is told to them in units of a typical loss: the median of the
champion's losing trades counts as .9 R, which is what a loss costs in the world that the rules
were tried in.

**What may still run is left out**: opportunities younger than the longest trade. Were they in,
what closes early would count and what runs long would not, and winners run longest.

>>> from datetime import UTC, datetime, timedelta
>>> noon = datetime(2025, 7, 7, 12, tzinfo=UTC)
>>> seen = Opportunities()
>>> for arm, pnl in (("prod", 1), ("bot", -2)):
...     seen.see(Trade("bot", arm, arm, "SOL", "long", noon, noon, pnl, book="shadow", risk=2,
...                    capital=1_000, episode_id="one"))
>>> found = seen.read("prod", noon + timedelta(hours=1))
>>> [cell[:3] for cell in found.each[0].cells.values()]
[(0.5, 0.5, 0.002), (-1.0, -1.0, 0.002)]
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isnan, nan, sqrt
from statistics import fmean, median, stdev
from typing import NamedTuple

from tiltyard.facts.trade import Trade
from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.unit import UNITS, Unit, made
from tiltyard.scaling.optimism import GAP_SPREAD

PAIRS_NEEDED = 30
BOTH = 2
TYPICAL_LOSS = 0.9
"""In R."""


class Cell(NamedTuple):
    """What an arm made at an opportunity.

    Attributes:
        live: For real, or as it would have been, R.
        paper: On paper, R.
        risk: Fraction of the arm's capital that an R is; NaN when nobody said.
        trades: On paper.
    """

    live: float
    paper: float
    risk: float
    trades: int = 1


class Opportunity(NamedTuple):
    """One chance to begin an episode.

    Attributes:
        episode: Its name.
        began: When the first arm began there, UTC.
        ended: When everything that was begun there had closed.
        cells: What each arm made that began there.
    """

    episode: str
    began: datetime
    ended: datetime
    cells: Mapping[str, Cell]


class KnownGap(NamedTuple):
    """What an arm's live trades made more than those on paper.

    Attributes:
        mean: R a trade; 0 while too few pairs have said it.
        spread: How far off that may be: one standard deviation.
    """

    mean: float
    spread: float


UNKNOWN_GAP = KnownGap(0.0, GAP_SPREAD)


class Found(NamedTuple):
    """Everything that may be weighed.

    Attributes:
        each: In the order in which they began.
        unit: What the trades were counted in.
        scale: So much of the unit is an R here; 1 where the unit is R.
        gaps: Of each arm.
        without_paper: Arms of which it is not known what they would have done elsewhere.
        lasts: Nine of ten trades have closed after so long.
    """

    each: Sequence[Opportunity]
    unit: Unit
    scale: float
    gaps: Mapping[str, KnownGap]
    without_paper: Sequence[str]
    lasts: timedelta


@dataclass(slots=True)
class _Sums:
    """The trades of one arm in one book at one opportunity, in both units; NaN when not told."""

    trades: int = 0
    made: list[float] = field(default_factory=lambda: [0.0, 0.0])
    risk: float = 0.0
    closed: datetime | None = None

    def add(self, trade: Trade) -> None:
        self.trades += 1
        for index, unit in enumerate(UNITS):
            self.made[index] += _or_nan(made(trade, unit))
        self.risk += trade.risk / trade.capital if trade.risk and trade.capital else nan
        self.closed = trade.closed_at


@dataclass(slots=True)
class _Chance:
    began: datetime
    ended: datetime
    arms: dict[str, dict[bool, _Sums]] = field(default_factory=dict)


class Opportunities:
    """Gathers them."""

    def __init__(self) -> None:
        self._seen: dict[str | tuple[str, str], _Chance] = {}
        self._with_course: set[str] = set()
        self._longest = timedelta(0)
        self._lasted: list[timedelta] = []

    def see(self, trade: Trade) -> None:
        """One more trade has closed, of any arm and book; its capital is the arm's."""
        key = trade.episode_id or (trade.source, trade.trade_id)
        chance = self._seen.get(key)
        if chance is None:
            chance = self._seen[key] = _Chance(trade.opened_at, trade.closed_at)
        chance.began = min(chance.began, trade.opened_at)
        chance.ended = max(chance.ended, trade.closed_at)
        books = chance.arms.setdefault(trade.policy, {})
        is_live = trade.book == "live"
        books.setdefault(is_live, _Sums()).add(trade)
        if not is_live or trade.episode_id is None:
            self._with_course.add(trade.policy)
        lasted = trade.closed_at - trade.opened_at
        self._longest = max(self._longest, lasted)
        self._lasted.append(lasted)

    @property
    def arms(self) -> set[str]:
        """Everybody who has traded."""
        return {name for chance in self._seen.values() for name in chance.arms}

    def read(
        self, champion: str, now: datetime, since: datetime | None = None
    ) -> Found | Undefined:
        """What there is.

        Args:
            champion: Whose losses say how large an R is where nobody says it.
            now: UTC.
            since: Those that began earlier do not count; None counts all.
        """
        chosen = {
            key: chance
            for key, chance in self._seen.items()
            if now - chance.began > self._longest and (since is None or chance.began >= since)
        }
        if not chosen:
            return Undefined("warming", "no opportunity has closed yet")
        unit = _unit(chosen.values())
        if unit is None:
            return Undefined("no_risk", "trades say neither what they risked nor their capital")
        place = UNITS.index(unit)
        scale = 1.0 if unit == "R" else _typical_loss(chosen.values(), champion) / TYPICAL_LOSS
        if not scale:
            return Undefined("no_losses", "no losing trade says how large a risk is")
        arms = {name for chance in chosen.values() for name in chance.arms}
        gaps = {name: _gap(chosen.values(), name, place, scale) for name in arms}
        each = [
            Opportunity(
                key if isinstance(key, str) else " ".join(key),
                chance.began,
                chance.ended,
                {n: _cell(books, place, scale, gaps[n].mean) for n, books in chance.arms.items()},
            )
            for key, chance in chosen.items()
        ]
        each.sort(key=lambda one: (one.began, one.episode))
        lasts = sorted(self._lasted)[len(self._lasted) * 9 // 10]
        return Found(each, unit, scale, gaps, sorted(arms - self._with_course), lasts)


def _counting(books: Mapping[bool, _Sums]) -> _Sums:
    """The trades that say what an arm made: those on paper, where there are any."""
    return books[False] if False in books else books[True]


def _unit(chosen: Collection[_Chance]) -> Unit | None:
    """What every trade that counts is told in; None when they have nothing in common."""
    counting = [_counting(books) for chance in chosen for books in chance.arms.values()]
    for place, unit in enumerate(UNITS):
        if not any(isnan(sums.made[place]) for sums in counting):
            return unit
    return None


def _typical_loss(chosen: Collection[_Chance], champion: str) -> float:
    """What a trade of the champion that loses loses, percent; of anybody, where it has none."""
    losses: dict[bool, list[float]] = {True: [], False: []}
    for chance in chosen:
        for name, books in chance.arms.items():
            sums = _counting(books)
            if sums.made[1] < 0:
                losses[name == champion].append(-sums.made[1] / sums.trades)
    told = losses[True] or losses[False]
    return median(told) if told else 0.0


def _gap(chosen: Collection[_Chance], policy: str, place: int, scale: float) -> KnownGap:
    """Live less twin, where both were one trade and left together."""
    more = []
    for chance in chosen:
        books = chance.arms.get(policy, {})
        if len(books) == BOTH:
            live, paper = books[True], books[False]
            apart = (live.made[place] - paper.made[place]) / scale
            if live.trades == paper.trades == 1 and live.closed == paper.closed:
                more.append(apart)
    more = [one for one in more if not isnan(one)]
    if len(more) < PAIRS_NEEDED:
        return UNKNOWN_GAP
    return KnownGap(fmean(more), stdev(more) / sqrt(len(more)))


def _cell(books: Mapping[bool, _Sums], place: int, scale: float, gap: float) -> Cell:
    sums = _counting(books)
    paper = sums.made[place] / scale
    risk = sums.risk / sums.trades if UNITS[place] == "R" else scale / 100
    trades = sums.trades if False in books else 0
    return Cell(paper + gap * trades, paper, risk, trades)


def _or_nan(number: float | None) -> float:
    return nan if number is None else number
