"""The opportunities of a record: what every arm made at each, or would have made for real.

Comes in: trades as they close, each at the same cost. Goes out: the opportunities in the order in
which they began. An opportunity is an episode at which at least one arm began a trade. What an
arm made there is its trade on paper plus its gap, live less paper; its live trade where it has
none on paper; and nothing where it began none.

**Two values.** What a rule is told of an opportunity uses nothing of later: the gap is that of the
pairs which had closed by the time the opportunity had. What was earned there is counted at the
end, by the gap of all pairs.

**The unit** is R where every trade that counts says what it risked, else percent of capital. An
R-multiple counts from -2.5 to 6, as in the evidence rule and in receipts: one whose stop lay very
near measures how near it lay, and would outweigh all others. What a trade did to the arm's capital
counts in full, as does percent where it is earned. Told to a rule it is in units of a typical loss
(:mod:`~tiltyard.scaling.typical_loss`), within the bounds of an R. Before the champion's thirtieth
loss a rule that goes by what the arms made knows nothing, as on a desk.

**What may still run is left out**: opportunities younger than the longest trade. Were they in,
what closes early would count and what runs long would not, and winners run longest.

**A book on paper** says what an arm does at what others were given. A twin is of a live trade,
and says nothing of that: so an arm has one when it has told a trade in the book ``shadow`` that
has no twin, or trades all that it likes to, without an episode. A shadow trade with a twin was
live, until a replay found that its arm had no traffic: it stands for both, and not beside them.

>>> from datetime import UTC, datetime, timedelta
>>> noon = datetime(2025, 7, 7, 12, tzinfo=UTC)
>>> seen = Opportunities()
>>> for arm, pnl in (("prod", 1), ("bot", -20)):
...     seen.see(Trade("bot", arm, arm, "SOL", "long", noon, noon, pnl, book="shadow", risk=2,
...                    capital=1_000, episode_id="one"))
>>> found = seen.read("prod", noon + timedelta(hours=1))
>>> [cell[:4] for cell in found.each[0].cells.values()]
[(0.5, 0.5, 0.5, 0.001), (-2.5, -2.5, -2.5, -0.02)]
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil, isnan, nan
from typing import NamedTuple

from tiltyard.facts.trade import Book, Trade
from tiltyard.kernel.clock import EARLIEST
from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.unit import UNITS, Unit, clipped, made
from tiltyard.scaling.live_less_paper import KnownGap, LiveLessPaper
from tiltyard.scaling.typical_loss import LOSSES_NEEDED, percent_of_an_r, too_few_losses


class Cell(NamedTuple):
    """What an arm made at an opportunity.

    Attributes:
        live: For real, or as it would have been, R; as it was known when everything had closed.
        paper: On paper, R.
        earned: As ``live``, as it is known at the end.
        of_capital: What that was of the arm's capital, in full, as it was known when everything
            had closed: a fraction; NaN when nobody said the capital.
        risk: Fraction of the arm's capital that an R is; NaN when nobody said.
        trades: On paper.
    """

    live: float
    paper: float
    earned: float
    of_capital: float
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


class Found(NamedTuple):
    """Everything that may be weighed.

    Attributes:
        each: In the order in which they began.
        unit: What the trades were counted in.
        scale: So much of the unit is an R here; 1 where the unit is R.
        scaled_since: When that was known.
        gaps: Of each arm.
        without_paper: Arms of which it is not known what they would have done elsewhere.
        without_capital: Arms of which it is not known how far they fell.
        block_days: Days that meet one market: so many as nine of ten trades last.
    """

    each: Sequence[Opportunity]
    unit: Unit
    scale: float
    scaled_since: datetime
    gaps: Mapping[str, KnownGap]
    without_paper: Sequence[str]
    without_capital: Sequence[str]
    block_days: int


@dataclass(slots=True)
class _Sums:
    """The trades of one arm in one book at one opportunity, in both units; NaN when not told."""

    trades: int = 0
    r: float = 0.0
    percent: float = 0.0
    risk: float = 0.0

    def add(self, trade: Trade) -> None:
        self.trades += 1
        r = made(trade, "R")
        self.r += nan if r is None else clipped(r)
        self.percent += _or_nan(made(trade, "%"))
        self.risk += trade.risk / trade.capital if trade.risk and trade.capital else nan

    def made(self, unit: Unit) -> float:
        return self.r if unit == "R" else self.percent


@dataclass(slots=True)
class _Chance:
    began: datetime
    ended: datetime
    arms: dict[str, dict[Book, _Sums]] = field(default_factory=dict)


class Opportunities:
    """Gathers them."""

    def __init__(self) -> None:
        self._seen: dict[str | tuple[str, str], _Chance] = {}
        self._unrouted: set[str] = set()
        self._gaps: dict[str, LiveLessPaper] = defaultdict(LiveLessPaper)
        self._losses: dict[str, list[tuple[datetime, float]]] = defaultdict(list)
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
        books.setdefault(trade.book, _Sums()).add(trade)
        if trade.book == "live" and trade.episode_id is None:
            self._unrouted.add(trade.policy)
        self._gaps[trade.policy].see(trade)
        self._note_loss(trade)
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
            since: Those that began earlier do not count; None counts all. Live trades and their
                twins say before as well how real fills are.
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
        scale = (1.0, EARLIEST) if unit == "R" else self._typical_loss(champion)
        if isinstance(scale, Undefined):
            return scale
        arms = {name for chance in chosen.values() for name in chance.arms}
        days = self._block_days()
        gaps = {name: self._gaps[name].read(unit, scale[0], days) for name in arms}
        each = list(self._each(chosen, unit, scale[0], gaps))
        each.sort(key=lambda one: (one.began, one.episode))
        silent = {name for one in each for name, cell in one.cells.items() if isnan(cell.risk)}
        return Found(
            each, unit, *scale, gaps, sorted(arms - self._with_course()), sorted(silent), days
        )

    def _note_loss(self, trade: Trade) -> None:
        loss = -_or_nan(made(trade, "%"))
        losses = self._losses[trade.policy]
        if trade.book != "twin" and loss > 0 and len(losses) < LOSSES_NEEDED:
            losses.append((trade.closed_at, loss))

    def _typical_loss(self, champion: str) -> tuple[float, datetime] | Undefined:
        """So many percent of capital are an R, and since when that is known."""
        losses = self._losses[champion]
        if len(losses) < LOSSES_NEEDED:
            told = too_few_losses(len(losses), "the champion has")
            return Undefined("no_losses", told, len(losses))
        return percent_of_an_r([loss for _, loss in losses]), losses[-1][0]

    def _each(
        self,
        chosen: Mapping[str | tuple[str, str], _Chance],
        unit: Unit,
        scale: float,
        gaps: Mapping[str, KnownGap],
    ) -> Iterator[Opportunity]:
        told = {name: self._gaps[name].as_of(unit, scale) for name in gaps}
        for key, chance in chosen.items():
            cells = {
                name: _cell(books, unit, scale, told[name](chance.ended), gaps[name].mean)
                for name, books in chance.arms.items()
            }
            name = key if isinstance(key, str) else " ".join(key)
            yield Opportunity(name, chance.began, chance.ended, cells)

    def _with_course(self) -> set[str]:
        """Arms of which it is known what they do at what others were given."""
        elsewhere = (
            name
            for chance in self._seen.values()
            for name, books in chance.arms.items()
            if "shadow" in books and "twin" not in books
        )
        return self._unrouted.union(elsewhere)

    def _block_days(self) -> int:
        lasts = sorted(self._lasted)[len(self._lasted) * 9 // 10]
        return max(1, ceil(lasts / timedelta(days=1)))


def _counting(books: Mapping[Book, _Sums]) -> _Sums:
    """The trades that say what an arm made: those on paper, where there are any."""
    return books.get("shadow") or books.get("twin") or books["live"]


def _unit(chosen: Collection[_Chance]) -> Unit | None:
    """What every trade that counts is told in; None when they have nothing in common."""
    counting = [_counting(books) for chance in chosen for books in chance.arms.values()]
    for unit in UNITS:
        if not any(isnan(sums.made(unit)) for sums in counting):
            return unit
    return None


def _cell(books: Mapping[Book, _Sums], unit: Unit, scale: float, told: float, known: float) -> Cell:
    """Of one arm, with its gap as it was known then and as it is."""
    sums = _counting(books)
    paper = sums.made(unit) / scale
    told_paper = paper if unit == "R" else clipped(paper)
    risk = sums.risk / sums.trades if unit == "R" else scale / 100
    trades = 0 if sums is books.get("live") else sums.trades
    live, of_capital = told_paper + told * trades, sums.percent / 100 + told * trades * risk
    return Cell(live, told_paper, paper + known * trades, of_capital, risk, trades)


def _or_nan(number: float | None) -> float:
    return nan if number is None else number
