"""What would it have made? Trading a past that was not learnt from, fill by fill.

A range is cut into *folds*: each is tested on days of its own, by a head that has learnt from
everything before them alone. Between the two lies an *embargo*, so that no label of the training
range reaches into the test. All symbols are cut at the same moments, because they move together.

The trades are made by :class:`~tiltyard.market.paper.PaperVenue`, the one that the desk fills on
paper with, in the order of events of its floor: what was ordered fills at a bar's open, stops are
looked for inside it, and when it has closed everybody decides. Each symbol has one position at a
time, of a fixed notional. What is held in the end is left at the last open.

>>> day = 24 * 3600
>>> for fold in folds(0, 100 * day, count=2, embargo=day):
...     print([at // day for at in fold])
[0, 49, 50, 75]
[0, 74, 75, 100]
"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from random import Random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiltyard.features.technical import Indicators
from tiltyard.features.vector import Features
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import UNITS, Money
from tiltyard.learners.acting import Acting, intent_of
from tiltyard.learners.performance import Result
from tiltyard.market.bar import Bar
from tiltyard.market.candles import Candles, bars_of
from tiltyard.market.costs import Costs, FundingRates
from tiltyard.market.paper import Closed, Entry, Lane, PaperVenue
from tiltyard.policies.policy import Holding, Intent, Observation, Policy
from tiltyard.policies.trend import Trend

Floats = NDArray[np.float64]
Market = Mapping[str, Candles]
Decide = Callable[[str, int, Holding, float], Intent]
"""Of a symbol, after its bar of this number has closed, what is held of it, and how much."""

DAY = 86_400
NOTIONAL = Money(1_000 * UNITS)
TREND = Trend(20, 100)


class Fold(NamedTuple):
    """A range to learn from, and one to be tested on; seconds since 1970, each up to its end.

    Attributes:
        train_since: The first decision that is learnt from.
        train_until: Decisions before it are learnt from.
        test_since: The first decision that is tested.
        test_until: Decisions before it are tested.
    """

    train_since: int
    train_until: int
    test_since: int
    test_until: int


def folds(first: int, last: int, count: int, embargo: int, initial: float = 0.5) -> list[Fold]:
    """Training ranges that grow, and test ranges that follow each other, cut at midnights UTC.

    Args:
        first: Seconds since 1970.
        last: Likewise; nothing is tested from it on.
        count: How many.
        embargo: Seconds between a training range and its test.
        initial: Share of the range that is before all tests.

    Raises:
        TiltyardError: ``DATA_INSUFFICIENT`` where a test has less than a day, or nothing is left to
            learn from.
    """
    begins = first + round(initial * (last - first))
    cuts = [(begins + (last - begins) * n // count) // DAY * DAY for n in range(count + 1)]
    made = [Fold(first, since - embargo, since, until) for since, until in pairwise(cuts)]
    if any(one.train_until <= first or one.test_until <= one.test_since for one in made):
        raise TiltyardError(
            "DATA_INSUFFICIENT", "folds",
            f"{max(0, last - first) / DAY:.1f} days for {count} folds after {initial:.0%} of them "
            f"and an embargo of {embargo / DAY:.1f} days",
            "give a longer range of bars, or ask for fewer folds",
        )  # fmt: skip
    return made


class Range(NamedTuple):
    """When decisions are made; seconds since 1970.

    Attributes:
        since: From this moment on.
        until: Before this one.
    """

    since: int
    until: int


def simulate(
    market: Market,
    moves: Mapping[str, Floats],
    acting: Acting,
    costs: Costs,
    within: Range,
    ranges: Mapping[str, Floats] | None = None,
) -> Result:
    """Trade by expected moves.

    Args:
        market: The bars, by symbol.
        moves: What is expected when each bar has closed, by symbol; shape (n,), NaN for unknown.
        acting: How it is acted on.
        costs: Of trading.
        within: When.
        ranges: Mean true range when each bar has closed, by symbol; for stops alone.
    """
    told = {
        symbol: (candles.close.tolist(), moves[symbol].tolist(),
                 ranges[symbol].tolist() if ranges else [None] * len(candles))
        for symbol, candles in market.items()
    }  # fmt: skip

    def decide(symbol: str, number: int, holding: Holding, _size: float) -> Intent:
        close, move, mean_range = told[symbol]
        return intent_of(acting, move[number], holding, close[number], mean_range[number])

    return play(market, decide, costs, within)


def baselines(market: Market, costs: Costs, within: Range) -> dict[str, Result]:
    """What doing nothing, holding, and an old rule would have made of the same range."""
    return {
        "flat": play(market, lambda *_: Intent("nothing"), costs, within),
        "buy_and_hold": play(market, lambda *_: Intent("long"), costs, within),
        "trend_20_100": play(market, by_policy(TREND, market, within), costs, within),
    }


def by_policy(
    policy: Policy, market: Market, within: Range, funding: Mapping[str, FundingRates] | None = None
) -> Decide:
    """Decisions of a policy that looks at indicators and the last bars; it draws nothing.

    Args:
        policy: Whose.
        market: All bars there are: those before the range warm its indicators up.
        within: When it will be asked.
        funding: Rates by symbol, for who looks at them.
    """
    known = known_to(policy, market, within, funding)
    rng = Random(0)  # noqa: S311 of rules that draw nothing

    def decide(symbol: str, number: int, holding: Holding, size: float) -> Intent:
        return policy.act(Observation(known[symbol][number], holding, size), rng)

    return decide


def known_to(
    policy: Policy, market: Market, within: Range, funding: Mapping[str, FundingRates] | None = None
) -> dict[str, dict[int, Features]]:
    """What a policy is told when each bar closes, by symbol and number; as :func:`by_policy`."""
    known: dict[str, dict[int, Features]] = {}
    for symbol, candles in market.items():
        rates = (funding or {}).get(symbol)
        indicators = Indicators(symbol, policy.needs, candles.interval, rates)
        bars = bars_of(candles, stop=int(np.searchsorted(candles.closed_at, within.until)))
        first = int(np.searchsorted(candles.closed_at, within.since))
        recent: deque[Bar] = deque(maxlen=policy.looks_back)
        known[symbol] = {}
        for number, bar in enumerate(bars):
            recent.append(bar)
            features = indicators.see(bar)
            if number >= first:
                known[symbol][number] = features._replace(recent=tuple(recent))
    return known


def play(
    market: Market, decide: Decide, costs: Costs, within: Range, notional: Money = NOTIONAL
) -> Result:
    """Trade by a rule, bar by bar.

    Args:
        market: The bars, by symbol, all of one interval.
        decide: The rule.
        costs: Of trading.
        within: When it decides.
        notional: Of each whole position.

    Raises:
        TiltyardError: ``RANGE_EMPTY`` where no symbol has two bars in it.
    """
    spans = {symbol: _span(candles, within) for symbol, candles in market.items()}
    spans = {symbol: span for symbol, span in spans.items() if span.stop - span.start > 1}
    if not spans:
        raise range_empty(market, *within, "trade")
    interval = next(iter(market.values())).interval
    book = _Book(PaperVenue(costs, interval), notional, Money(notional * len(market)))
    last = {symbol: span.stop - 1 for symbol, span in spans.items()}
    step, before = round(interval.total_seconds()), within.since
    for at, numbered in _clock(market, spans):
        if at - before > step:
            book.venue.open_bars({})  # there was no price: who wanted in has missed it
        before = at
        opened = {symbol: bar for symbol, (_, bar) in numbered.items()}
        if at >= within.since:
            book.play(opened, (min(at, within.until - 1)) // DAY)
        book.decide(decide, numbered, last)
    return book.result()


def range_empty(
    market: Market, since: int | None, until: int | None, purpose: str
) -> TiltyardError:
    """There is nothing in a range; says what there is.

    Args:
        market: The bars, by symbol.
        since: Seconds since 1970; None for the first bar.
        until: Likewise; None for the last.
        purpose: What for: ``trade`` …
    """
    there = ", ".join(
        f"{symbol} {_text(int(one.opened_at[0]))} to {_text(int(one.closed_at[-1]))}"
        for symbol, one in sorted(market.items())
        if len(one)
    )
    begun, ended = ("…" if at is None else _text(at) for at in (since, until))
    return TiltyardError(
        "RANGE_EMPTY", f"{begun} to {ended}",
        f"no bars to {purpose} there; there are {there or 'none'}", "name a range that has bars",
    )  # fmt: skip


class _Book:
    """One position in each symbol, and what has come of them."""

    def __init__(self, venue: PaperVenue, notional: Money, capital: Money) -> None:
        self.venue = venue
        self._notional, self._capital = notional, capital
        self._closed: list[Closed] = []
        self._closed_on: list[int] = []
        self._equity: dict[int, int] = {}
        self._wanted: dict[str, Counter[str]] = defaultdict(Counter)
        self._price: dict[str, float] = {}
        self._realised = self._peak = self._fall = self._held = 0

    def play(self, bars: Mapping[str, Bar], day: int) -> None:
        """An interval: fills, stops, and what it is worth then."""
        closed = self.venue.open_bars(bars)
        self._held += sum(lane.symbol in bars for lane in self.venue.positions)
        closed += self.venue.close_bars(bars)
        self._closed += closed
        self._closed_on += [day] * len(closed)
        self._realised += sum(one.pnl for one in closed)
        self._price.update((symbol, bar.close) for symbol, bar in bars.items())
        equity = self._realised + sum(
            one.value(self._price[lane.symbol]) - one.fee
            for lane, one in self.venue.positions.items()
        )
        self._equity[day] = equity
        self._peak = max(self._peak, equity)
        self._fall = max(self._fall, self._peak - equity)

    def decide(
        self, decide: Decide, bars: Mapping[str, tuple[int, Bar]], last: Mapping[str, int]
    ) -> None:
        """Ask about every symbol that has a price, and order what follows."""
        for symbol, (number, _) in bars.items():
            if number >= last[symbol]:
                continue
            lane = Lane("candidate", symbol)
            position = self.venue.positions.get(lane)
            holding: Holding = position.entry.direction if position else "nothing"
            size = position.entry.size if position else 1.0
            is_end = number == last[symbol] - 1
            intent = Intent("nothing") if is_end else decide(symbol, number, holding, size)
            if not is_end:
                self._wanted[symbol][_called(intent)] += 1
            if intent.is_held(holding, size):
                continue
            self.venue.leave(lane)
            if intent.hold != "nothing":
                episode, notional = f"{symbol} {number}", Money(round(self._notional * intent.size))
                self.venue.enter(
                    Entry(lane, episode, intent.hold, notional, intent.stop, size=intent.size)
                )

    def result(self) -> Result:
        days = np.arange(min(self._equity), max(self._equity) + 1, dtype=np.int64)
        known, equity = 0, []
        for day in days.tolist():
            known = self._equity.get(day, known)
            equity.append(known / self._capital)
        return Result(
            tuple(self._closed), np.array(self._closed_on, np.int64), days, np.array(equity),
            self._capital, self._fall / self._capital,
            {symbol: dict(counts) for symbol, counts in self._wanted.items()}, self._held,
        )  # fmt: skip


def _called(intent: Intent) -> str:
    """What is wanted, in a word; sizes are told apart."""
    is_whole = intent.hold == "nothing" or intent.size == 1
    return intent.hold if is_whole else f"{intent.hold} {intent.size:g}"


def _span(candles: Candles, within: Range) -> range:
    """Bars that are played: from the one whose close is decided on first, to the last open."""
    first = int(np.searchsorted(candles.closed_at, within.since))
    return range(first, int(np.searchsorted(candles.opened_at, within.until, side="right")))


def _clock(
    market: Market, spans: Mapping[str, range]
) -> Iterator[tuple[int, Mapping[str, tuple[int, Bar]]]]:
    """Every moment at which a bar opens, with the bars, by symbol, and their numbers."""
    bars = {
        symbol: list(bars_of(market[symbol], span.start, span.stop))
        for symbol, span in spans.items()
    }
    opened = {symbol: market[symbol].opened_at.tolist() for symbol in spans}
    place = {symbol: span.start for symbol, span in spans.items()}
    moments = np.unique(
        np.concatenate(
            [market[one].opened_at[span.start : span.stop] for one, span in spans.items()]
        )
    )
    for at in moments.tolist():
        there = {}
        for symbol, span in spans.items():
            number = place[symbol]
            if number < span.stop and opened[symbol][number] == at:
                there[symbol] = (number, bars[symbol][number - span.start])
                place[symbol] += 1
        yield at, there


def _text(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"
