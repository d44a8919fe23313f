"""A course: bars, played as fast as they can be read, on a floor of paper.

Comes in: who trades, and the bars of every interval. Goes out: a desk that has judged every
trade as it closed, the curves, what every action was worth by what came after, and what other
rules would have made. An interval goes like this. The nights since the last one are run. What was
ordered fills, and each trade that closes by it is judged at once. What is open is marked; a stop
inside the bars closes it, and is judged. Then every arm decides, by the shares as they stand after
all that.
When the champion is halted, ``flat`` takes over as on any desk, and trades nothing.

Nobody sleeps and no clock is read: the same bars and seed are the same course.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from tiltyard.actions.apply import apply
from tiltyard.actions.movement import Movement, movement
from tiltyard.actions.receipt import Settled
from tiltyard.actions.receipt_book import ReceiptBook
from tiltyard.actions.statement import Statement
from tiltyard.facts.action import Action
from tiltyard.facts.arm import FLAT, Arm, Roster
from tiltyard.facts.trade import Trade
from tiltyard.features.technical import Indicators
from tiltyard.features.vector import Features
from tiltyard.features.wildness import Wildness
from tiltyard.kernel.undefined import Undefined
from tiltyard.market.bar import Bar
from tiltyard.market.costs import Costs
from tiltyard.market.paper import PaperVenue
from tiltyard.policies.policy import Policy
from tiltyard.router.floor import Floor, Reporter, Seat
from tiltyard.router.lifecycle import ONLY_LEAVES
from tiltyard.router.split import Split
from tiltyard.scaling.floor_record import FloorRecord
from tiltyard.scaling.other_rules import OtherRules
from tiltyard.scaling.trading_day import nights_between
from tiltyard.shell.desk import Desk
from tiltyard.shell.receipts import Receipts
from tiltyard.shell.replaying.recording import Recording
from tiltyard.shell.settings import Settings

TOLD_EVERY = 100
"""Intervals between two words of how far it is."""

Hour = tuple[datetime, Mapping[str, Bar]]
"""When an interval began, and the bars of it that are prices."""


@dataclass(frozen=True, slots=True)
class Venue:
    """Where a course is played.

    Attributes:
        interval: How long a bar lasts.
        costs: Of trading there.
        live_costs: What real fills cost, where that is more than on paper.
    """

    interval: timedelta
    costs: Costs
    live_costs: Costs | None = None


class Course:
    """One course; play it once.

    Args:
        settings: Bounds, schedule and checklist.
        seats: Who trades, by name, in order of registration.
        champion: Which of them is the champion.
        venue: Where.
        began: When it begins, UTC.
        seed: Of whatever is drawn, and of the choice who gets an episode.

    Attributes:
        desk: As it stands so far.
        recording: The curves.
        trades: How many trades were judged, twins included.
        has_live_costs: Whether real fills cost something else than those on paper.
    """

    def __init__(
        self,
        settings: Settings,
        seats: Mapping[str, Seat],
        champion: str,
        venue: Venue,
        began: datetime,
        *,
        seed: int,
    ) -> None:
        settings = settings.marked_every(venue.interval)
        self._roster = _registered(seats, champion, settings, began)
        self.desk = Desk(settings, self._roster, live=True, in_order=True)
        self.recording = Recording()
        self.trades = 0
        self.has_live_costs = venue.live_costs is not None
        self._schedule = settings.schedule
        self._interval = venue.interval
        live = PaperVenue(venue.live_costs or venue.costs, venue.interval)
        paper = PaperVenue(venue.costs, venue.interval)
        self._floor = Floor(live, paper, Reporter("course"), Random(seed))  # noqa: S311 no secret
        self._policies: list[Policy] = []
        for name, seat in seats.items():
            self._floor.seat(name, seat)
            self._policies.append(seat.policy)
        self._seen: dict[str, tuple[Indicators, Wildness, deque[Bar]]] = {}
        self._salt = str(seed)
        self._revision = 0
        self._shares: Mapping[str, float] = {}
        self._split: Split | None = None
        self._last = began
        self._done: list[Action] = []
        self._book = ReceiptBook()
        self._moved: list[Movement] = []
        self._settled: dict[int, Settled] = {}
        self._acted = 0
        capital = settings.default_capital()
        self._record = FloorRecord(
            self._schedule.nightly, self._schedule.zone, capital, settings.shares.rules()
        )
        self._note(self.desk.admit(began), began)
        self._follow_shares()

    def play(
        self,
        hours: Iterable[Hour],
        *,
        on_action: Callable[[Action], None] = lambda _: None,
        progress: Callable[[int], object] = lambda _: None,
    ) -> None:
        """Play these intervals, in time order.

        Args:
            hours: When each began, and its bars.
            on_action: Told what was done.
            progress: Told the number of intervals that are over, now and then.
        """
        for number, (at, bars) in enumerate(hours, start=1):
            for action in self._interval_of(at, bars):
                on_action(action)
            if number % TOLD_EVERY == 0:
                progress(number)

    def receipts(self) -> Receipts:
        """What each action so far was worth, numbered in their order; and the statement."""
        self._keep(self._book.over_by(self._last + self._interval))
        pending = {one.movement.number: one for one in self._book.pending()}
        each, statement = [], Statement()
        for number in (one.number for one in self._moved):
            if number in pending:
                statement.wait(pending[number])
                each.append(pending[number])
            else:
                statement.add(self._settled[number])
                each.append(self._settled[number].receipt)
        finals = [self._settled[number] for number in sorted(self._settled)]
        return Receipts(each, statement, finals)

    def other_rules(self, enforced: str) -> OtherRules | Undefined:
        """What other rules would have made so far; it plays each of them."""
        return self._record.other_rules(self._last + self._interval, enforced)

    def _interval_of(self, at: datetime, bars: Mapping[str, Bar]) -> list[Action]:
        """One interval; what was done in it."""
        self._done = []
        self._run_nights(at)
        self._judge(self._floor.open_bars(bars), at)
        for mark in self._floor.marks({name: bar.open for name, bar in bars.items()}, at):
            self._note(self.desk.mark(mark, at), at)
        self._judge(self._floor.close_bars(bars), at + self._interval)
        self._follow_shares()
        known = {symbol: self._see(bar) for symbol, bar in bars.items()}
        wild = {symbol: self._seen[symbol][1].tercile for symbol in known}
        for decision in self._floor.decide(known, self._split, wild):
            self.desk.decide(decision)
        return self._done

    def _run_nights(self, at: datetime) -> None:
        for night in nights_between(self._last, at, self._schedule.nightly, self._schedule.zone):
            self._note(self.desk.raise_ceilings(night) + self.desk.night(night), night)
        self._last = at

    def _judge(self, trades: Iterable[Trade], at: datetime) -> None:
        for trade in trades:
            self.trades += 1
            done = self.desk.feed(trade, at)
            self.recording.note(self.desk, trade, [], was_live=trade.book == "live")
            self._record.see(trade)
            self._keep(self._book.see(trade))
            self._note(done, at)

    def _keep(self, finals: Iterable[Settled]) -> None:
        self._settled.update({final.receipt.movement.number: final for final in finals})

    def _note(self, actions: Sequence[Action], at: datetime) -> None:
        self._record.stand(self.desk.roster, at)
        if not actions:
            return
        self.recording.act(self.desk, at, list(actions))
        for action in actions:
            self._acted += 1
            moved = movement(self._acted, self._roster, action)
            self._roster = apply(self._roster, action)
            if moved is not None:
                self._moved.append(moved)
                self._book.open(moved)
        self._done += actions

    def _follow_shares(self) -> None:
        """The next choices are made from the shares as they stand."""
        roster = self.desk.roster
        shares = {name: arm.share for name, arm in roster.arms.items()}
        if shares != self._shares:
            self._shares = shares
            self._revision += 1
        self._split = None
        if not roster.entries_stopped_by:
            self._split = Split(shares, revision=self._revision, salt=self._salt)
        self._floor.only_leaves(n for n, arm in roster.arms.items() if arm.state in ONLY_LEAVES)

    def _see(self, bar: Bar) -> Features:
        if bar.symbol not in self._seen:
            needs = [name for policy in self._policies for name in policy.needs]
            looks_back = max(policy.looks_back for policy in self._policies)
            self._seen[bar.symbol] = (
                Indicators(bar.symbol, needs, self._interval),
                Wildness(),
                deque(maxlen=looks_back),
            )
        indicators, wildness, recent = self._seen[bar.symbol]
        wildness.see(bar)
        recent.append(bar)
        return indicators.see(bar)._replace(recent=tuple(recent))


def hours_of(feeds: Iterable[Sequence[Bar]]) -> Iterator[Hour]:
    """The bars of several symbols by the intervals that they opened in, in time order.

    Args:
        feeds: Of each symbol, its bars in time order.
    """
    by_time: dict[datetime, dict[str, Bar]] = {}
    for bars in feeds:
        for bar in bars:
            by_time.setdefault(bar.opened_at, {})[bar.symbol] = bar
    for at in sorted(by_time):
        yield at, by_time[at]


def _registered(
    seats: Mapping[str, Seat], champion: str, settings: Settings, began: datetime
) -> Roster:
    """The champion, everybody else as a candidate, and ``flat``, which has no seat."""
    last = Arm(FLAT, "challenger", "deposed", 0, 1, 0, None, began, kind=FLAT)
    first = Arm(champion, "champion", "champion", 1, 1, 1, seats[champion].capital, began)
    roster, rules = Roster().with_arm(last).with_arm(first), settings.shares.rules()
    for name, seat in seats.items():
        if name != champion:
            roster = roster.with_arm(
                Arm(name, "challenger", "candidate", 0, rules.start, 0, seat.capital, began)
            )
    return roster
