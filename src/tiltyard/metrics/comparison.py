"""A challenger against the champion: what a trade of the one made more, in one unit.

Only what both met counts: trades opened from the first trade of the later one on, to the last of
the one that ended earlier. Of the live trades, only those opened while neither was without
traffic. A trade belongs to the day on which it was opened, and a day is one block for both
arms: a day that was good for both moves both means, and not their difference, so the interval
is narrower where they share a market, and wider where losses come together.

It is counted in R where both say what they risk, else in percent of the capital of each. A trade
that does not say enough is left out. An R counts from -2.5 to 6 (:mod:`~tiltyard.metrics.unit`),
that of a live trade and of its twin before the one is taken from the other; how many do not count
in full is said.

Three comparisons, told apart: ``live``; ``paper``, which is what every episode made on paper,
given or not; and ``paper as live``, which is paper plus what live trades made more than their
twins, with the doubt about that in the interval.

>>> from datetime import UTC, timedelta
>>> noon = datetime(2025, 7, 7, 12, tzinfo=UTC)
>>> found = Comparison("bot", "prod")
>>> for number in range(120):
...     at, made = noon + timedelta(hours=6 * number), 1 + number % 3
...     for policy, pnl in (("bot", made + 1), ("prod", made)):
...         found.see(Trade("bot", str(number), policy, "SOL", "long", at, at, pnl, risk=2))
>>> found.read("live")
Difference(mean=0.5, low=0.5, high=0.5, better=1.0, trades=120, against=120, days=31, clipped=0)
>>> print(found.read("paper"))
undefined (warming: 0 trades against 0; 30 of each are needed)
"""

from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime
from typing import Literal, NamedTuple

from tiltyard.facts.decision import Decision
from tiltyard.facts.trade import Trade
from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.blocks import NEEDED as DAYS_NEEDED
from tiltyard.metrics.blocks import chance_above_zero, deviation, sigmas
from tiltyard.metrics.shadow_gap import ANY, gap_of
from tiltyard.metrics.terciles import Terciles
from tiltyard.metrics.twins import Twins
from tiltyard.metrics.unit import SAYS, SCALE, UNITS, Unit, is_clipped, scaled

Kind = Literal["live", "paper", "paper as live"]
KINDS: tuple[Kind, ...] = ("live", "paper", "paper as live")
TRADES_NEEDED = 30
_Share = Literal["live", "paper", "gap"]
_PARTS: dict[Kind, tuple[_Share, ...]] = {
    "live": ("live",),
    "paper": ("paper",),
    "paper as live": ("paper", "gap"),
}


class Difference(NamedTuple):
    """What a trade of the challenger made more than one of the champion.

    Attributes:
        mean: In the unit of the comparison.
        low: Lower end of the interval of 95 %.
        high: Upper end.
        better: How probable it is that the challenger makes more, 0..1.
        trades: Of the challenger.
        against: Of the champion.
        days: On which the one traded that traded on fewer.
        clipped: How many of the trades made more R than counts, or lost more.
    """

    mean: float
    low: float
    high: float
    better: float
    trades: int
    against: int
    days: int
    clipped: int = 0


class _Seen(NamedTuple):
    """What is kept of a trade, or of a pair, in both units; some three hundred bytes."""

    opened_at: datetime
    made: tuple[int | None, int | None]
    symbol: str
    tercile: int | None
    is_clipped: bool = False


class _Mean(NamedTuple):
    """A mean, and what each day adds to it beyond its share."""

    mean: float
    days: dict[date, float]


class Comparison:
    """Two arms, over all of their trades.

    Args:
        challenger: Its name.
        champion: The other's.
        counts: Whether a live trade that was opened then is one of both's time.
    """

    def __init__(
        self, challenger: str, champion: str, counts: Callable[[datetime], bool] = lambda _: True
    ) -> None:
        self._arms = (challenger, champion)
        self._counts = counts
        self._twins = (Twins(), Twins())
        self._terciles = Terciles()
        self._bare: set[tuple[Unit, _Share, int]] = set()
        self._told: set[tuple[Unit, _Share, int]] = set()
        self._seen: dict[_Share, tuple[list[_Seen], list[_Seen]]] = {
            "live": ([], []), "paper": ([], []), "gap": ([], []),
        }  # fmt: skip

    def decide(self, decision: Decision) -> None:
        """An episode was given to somebody, before trades of it close."""
        self._terciles.note(decision)

    def see(self, trade: Trade) -> None:
        """One more trade of either arm, in judged order."""
        side = self._arms.index(trade.policy)
        tercile = self._terciles.of(trade.episode_id or "", trade.closed_at)
        if (pair := self._twins[side].see(trade)) is not None:
            more = gap_of(*pair, "R"), gap_of(*pair, "%")
            self._note("gap", side, _Seen(pair[1].opened_at, more, trade.symbol, tercile))
        book: _Share = "live" if trade.book == "live" else "paper"
        made = scaled(trade.pnl, trade, "R"), scaled(trade.pnl, trade, "%")
        if book == "paper" or self._counts(trade.opened_at):
            seen = _Seen(trade.opened_at, made, trade.symbol, tercile, is_clipped(trade))
            self._note(book, side, seen)

    @property
    def unit(self) -> Unit:
        """R, unless all that one of them did in some book is silent about what it risked."""
        silent = {unit for unit, part, side in self._bare - self._told}
        return next((unit for unit in UNITS if unit not in silent), "R")

    @property
    def symbols(self) -> list[str]:
        """Where either has traded."""
        index = UNITS.index(self.unit)
        of = (seen for pair in self._seen.values() for side in pair for seen in side)
        return sorted({seen.symbol for seen in of if seen.made[index] is not None})

    def has_both(self, kind: Kind) -> bool:
        """Whether each of them has traded so."""
        part = _PARTS[kind][0]
        return all(("R", part, side) in self._bare | self._told for side in (0, 1))

    def read(
        self, kind: Kind, symbol: str = "", terciles: Collection[int | None] = ANY
    ) -> Difference | Undefined:
        """The difference in one symbol or in all, when the market was so wild.

        Args:
            kind: Of which trades.
            symbol: Empty for all.
            terciles: Which of 0, 1, 2 and None count.
        """
        if silent := self._silent(_PARTS[kind][0]):
            return silent
        index = UNITS.index(self.unit)
        span = self._span(index, _PARTS[kind][0])
        means: list[tuple[int, _Mean]] = []
        counted: tuple[list[_Seen], ...] = ()
        for part in _PARTS[kind]:
            chosen = tuple(
                [
                    one
                    for one in side
                    if one.made[index] is not None
                    and span is not None
                    and span[0] <= one.opened_at <= span[1]
                    and symbol in ("", one.symbol)
                    and one.tercile in terciles
                ]
                for side in self._seen[part]
            )
            counted = counted or chosen
            if lack := _lack(part, chosen):
                return lack
            means += [
                (sign, _mean(side, index)) for sign, side in zip((1, -1), chosen, strict=True)
            ]
        clipped = self.unit == "R" and sum(one.is_clipped for side in counted for one in side)
        return _difference(means, *map(len, counted))._replace(clipped=int(clipped))

    def _note(self, part: _Share, side: int, seen: _Seen) -> None:
        self._seen[part][side].append(seen)
        for unit, made in zip(UNITS, seen.made, strict=True):
            (self._bare if made is None else self._told).add((unit, part, side))

    def _silent(self, part: _Share) -> Undefined | None:
        """That no trade of an arm says enough for either unit; None when one of each does."""
        for side, name in enumerate(self._arms):
            if (self.unit, part, side) in self._bare - self._told:
                said = "; ".join(f"no trade of {name} {says}" for says in SAYS.values())
                return Undefined("no_risk", said)
        return None

    def _span(self, index: int, part: _Share) -> tuple[datetime, datetime] | None:
        """From the later of the first trades to the earlier of the last, by their opening."""
        challenger, champion = (
            [seen.opened_at for seen in side if seen.made[index] is not None]
            for side in self._seen[part]
        )
        if not challenger or not champion:
            return None
        return max(min(challenger), min(champion)), min(max(challenger), max(champion))


def _lack(part: _Share, chosen: Sequence[Sequence[_Seen]]) -> Undefined | None:
    """Why there is nothing to say; None when there is enough."""
    counts = [len(side) for side in chosen]
    if min(counts) < TRADES_NEEDED:
        what = "pairs" if part == "gap" else "trades"
        told = f"{counts[0]:,} {what} against {counts[1]:,}; {TRADES_NEEDED} of each are needed"
        return Undefined("warming", told, min(counts))
    days = min(len({one.opened_at.date() for one in side}) for side in chosen)
    if days < DAYS_NEEDED:
        return Undefined("warming", f"on {days} of {DAYS_NEEDED} days", min(counts))
    return None


def _mean(seen: Sequence[_Seen], index: int) -> _Mean:
    count = len(seen)
    sums: dict[date, tuple[int, int]] = {}
    for one in seen:
        day = one.opened_at.date()
        made, trades = sums.get(day, (0, 0))
        sums[day] = (made + (one.made[index] or 0), trades + 1)
    mean = sum(made for made, _ in sums.values()) / count / SCALE
    days = {
        day: (made / SCALE - mean * trades) / count for day, (made, trades) in sums.items()
    }  # fmt: skip
    return _Mean(mean, days)


def _difference(means: Sequence[tuple[int, _Mean]], trades: int, against: int) -> Difference:
    """Of signed means, day by day, so that what all of them share in a day cancels."""
    challenger, champion = (
        sum(one.mean for sign, one in means if sign == side) for side in (1, -1)
    )
    days = sorted({day for _, one in means for day in one.days})
    error = deviation(
        sum(one.days.get(day, 0.0) for sign, one in means if sign > 0)
        - sum(one.days.get(day, 0.0) for sign, one in means if sign < 0)
        for day in days
    )
    mean, fewest = challenger - champion, min(len(one.days) for _, one in means)
    away = sigmas(fewest) * error
    better = chance_above_zero(mean, error, fewest)
    return Difference(
        round(mean, 6), round(mean - away, 6), round(mean + away, 6), round(better, 6),
        trades, against, fewest,
    )  # fmt: skip
