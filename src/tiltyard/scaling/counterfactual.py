"""What a rule would have done, had it given the traffic on a record of paper.

Comes in: the opportunities of a record, the nights between them, who was on the floor when, and a
rule. Goes out: which part of each opportunity every arm would have had, and what the rule would
have decided. The rule is played as in the benchmark's arena: an opportunity goes to one arm, by
the shares as they stand, and what was given so counts as the arm's live trades; every night the
rule is asked and followed at once. The arms that it promotes and retires are those of its own
world. Beside it stand the hard limits of its entry, and those of the floor: all challengers
together have what the champion's floor leaves, beyond that only who has 500 live trades.

A rule knows nothing early: what was begun at an opportunity is told when all of it has closed.

**Who began none.** An opportunity that was given to an arm which began nothing there is no trade
of it. It is known to have made 0, for real and on paper, and the two are compared; but it counts
in no number of trades, no profit factor and no mean of live trades.

**Whose time is up** by the rule is noted once, and goes on by its evidence, as at a desk: nobody
waits for its place.

**Unknown never promotes**: who has no profit factor of 30 trades yet, or whose drawdown is not
known, since nobody said its capital, is not made champion, whatever the rule says.

**Nothing of later.** What is told of an opportunity is made from what had closed when it had, and
where an R is not known yet no rule is asked.

Otherwise than in the arena nobody turns up by a schedule: who was registered is on the floor, so
no challenger has to go to make room for another. Who was retired and came back is a newcomer, and
what was open when it left is told to nobody. What a rule decides depends a little on who was
given what, so it is played with several salts; the parts are the mean over them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from heapq import heappop, heappush
from math import isnan
from typing import Literal, NamedTuple

from tiltyard.kernel.clock import EARLIEST
from tiltyard.scaling.catalogue import RuleEntry
from tiltyard.scaling.contender import PROMOTE, RETIRE, TIME_OUT, Contender, Rows
from tiltyard.scaling.ladder import ShareRules
from tiltyard.scaling.opportunities import Cell, Opportunity
from tiltyard.scaling.overtime import ask_beyond_time
from tiltyard.scaling.played_book import PlayedBook
from tiltyard.simulation.arena import EARLY_TRADES, is_below, push
from tiltyard.simulation.world import World

Kind = Literal["promote", "retire", "time_out", "halt", "throttle"]
Parts = Mapping[str, float]
"""Of one opportunity, what part each arm has, by its share and the size of its positions."""
Route = Callable[[Opportunity, Sequence[tuple[str, float]]], str]
"""To whom an opportunity goes; empty for the champion. Told the share of each challenger."""

_POINTS = 1 << 64
_OF_LIVE = (
    "live_trades", "live_wins", "live_mean", "live_squares", "ratio", "pairs", "paper_more",
)  # fmt: skip


class Stay(NamedTuple):
    """When an arm was on the floor.

    Attributes:
        since: From then on, UTC.
        until: Until then; None to the end.
    """

    since: datetime
    until: datetime | None = None


class Deed(NamedTuple):
    """What a rule, or a hard limit beside it, did to an arm.

    Attributes:
        at: When, UTC.
        kind: What; ``time_out`` for the first night on which its time was up, which ends nothing.
        policy: To whom.
    """

    at: datetime
    kind: Kind
    policy: str


class Setting(NamedTuple):
    """Where rules are played.

    Attributes:
        opportunities: In the order in which they began.
        nights: In order, UTC.
        champion: Whose everything is in the beginning.
        stays: Of each challenger that trades, in order.
        asked_since: Before, what the arms made cannot be told, and no rule is asked.
        bounds: Of shares, as the desk has them.
    """

    opportunities: Sequence[Opportunity]
    nights: Sequence[datetime]
    champion: str
    stays: Mapping[str, Sequence[Stay]]
    asked_since: datetime = EARLIEST
    bounds: ShareRules = ShareRules()


class Play(NamedTuple):
    """What one rule did with one salt.

    Attributes:
        parts: Of each opportunity.
        deeds: In the order of their times.
    """

    parts: Sequence[Parts]
    deeds: Sequence[Deed]


def by_salt(salt: str) -> Route:
    """A stable choice: a hash of the episode is a point between 0 and 1, which the arms share.

    >>> from datetime import UTC
    >>> noon = datetime(2025, 7, 7, 12, tzinfo=UTC)
    >>> by_salt("a")(Opportunity("SOL/USDT noon", noon, noon, {}), [("bot", 1.0)])
    'bot'
    """
    prefix = blake2b(f"{salt}\0".encode(), digest_size=8)

    def route(opportunity: Opportunity, shares: Sequence[tuple[str, float]]) -> str:
        if not shares:
            return ""
        hashed = prefix.copy()
        hashed.update(opportunity.episode.encode())
        point = int.from_bytes(hashed.digest(), "big") / _POINTS
        for name, share in shares:
            if point < share:
                return name
            point -= share
        return ""

    return route


def play(setting: Setting, entry: RuleEntry, route: Route) -> Play:
    """Play a rule on a record, from the beginning to the end.

    Args:
        setting: Where.
        entry: The rule, with its hard limits.
        route: To whom an opportunity goes.
    """
    return _Course(setting, entry, route).play()


class _Course:
    """One rule's own world, while it is played."""

    def __init__(self, setting: Setting, entry: RuleEntry, route: Route) -> None:
        self._setting = setting
        self._entry = entry
        self._world: World = entry.world
        self._route = route
        self._names = [setting.champion]
        self._rows = [Contender(present=1.0, share=1.0)]
        self._books = [PlayedBook()]
        self._leaves: list[datetime | None] = [None]
        self._coming = [(stay, name) for name, stays in setting.stays.items() for stay in stays]
        self._coming.sort(key=lambda coming: coming[0].since)
        self._joined: dict[str, datetime] = {}
        self._night = 0
        self._open: list[tuple[datetime, int, str]] = []
        self._deeds: list[Deed] = []
        self._overdue: set[str] = set()

    def play(self) -> Play:
        """To the end."""
        parts, nights = [], iter(self._setting.nights)
        night = next(nights, None)
        for number, opportunity in enumerate(self._setting.opportunities):
            while night is not None and night <= opportunity.began:
                self._hear(night)
                self._move(night, is_night=True)
                self._run_night(night)
                night = next(nights, None)
            self._hear(opportunity.began)
            self._move(opportunity.began)
            shares = list(self._shares())
            routed = self._route(opportunity, [(self._names[p], share) for p, share in shares])
            heappush(self._open, (opportunity.ended, number, routed or self._names[0]))
            parts.append(self._parts(shares))
        return Play(parts, self._deeds)

    def _move(self, at: datetime, *, is_night: bool = False) -> None:
        """Who has joined sits down, who has left goes; who joins in a night comes after it."""
        while self._coming and self._coming[0][0].since <= at:
            if is_night and self._coming[0][0].since == at:
                break
            self._sit(*self._coming.pop(0), at)
        for place in range(1, len(self._rows)):
            until = self._leaves[place] if self._rows[place].present else None
            if until is not None and until <= at:
                self._clear(place)

    def _sit(self, stay: Stay, name: str, at: datetime) -> None:
        if name == self._names[0]:
            return
        self._joined[name] = at
        self._overdue.discard(name)
        self._names.append(name)
        self._leaves.append(stay.until)
        self._rows.append(Contender(present=1.0, share=self._world.start))
        self._books.append(PlayedBook(arrived=self._night))

    def _clear(self, place: int) -> None:
        """Nobody sits there any more."""
        self._rows[place], self._books[place] = Contender(), PlayedBook()

    def _run_night(self, at: datetime) -> None:
        self._night += 1
        for row, book in zip(self._rows, self._books, strict=True):
            if row.present:
                book.measure(row, self._night)
        if at < self._setting.asked_since:
            return
        first = ask_beyond_time(self._rows, self._ask)
        for place in range(1, len(self._rows)):
            row, name = self._rows[place], self._names[place]
            if not row.present:
                continue
            if first[place].fate == TIME_OUT and name not in self._overdue:
                self._overdue.add(name)
                self._deeds.append(Deed(at, "time_out", name))
            if row.fate == PROMOTE and not isnan(row.pf_30) and not isnan(row.drawdown):
                self._deeds.append(Deed(at, "promote", name))
                self._crown(place)
            elif row.fate == RETIRE:
                self._deeds.append(Deed(at, "retire", name))
                self._clear(place)

    def _ask(self, rows: Rows) -> None:
        self._entry.night(rows, self._entry.settings)

    def _crown(self, place: int) -> None:
        self._entry.crowned(self._rows, place, self._entry.settings)
        self._rows[0], self._books[0] = self._rows[place], self._books[place]
        self._names[0] = self._names[place]
        self._clear(place)

    def _shares(self) -> Iterator[tuple[int, float]]:
        """What each challenger has now, by its place; the rest is the champion's."""
        given = 0.0
        for place in range(1, len(self._rows)):
            row = self._rows[place]
            if not (row.present and row.share) or self._is_paused(place):
                continue
            is_early = row.live_trades < EARLY_TRADES
            room = (self._setting.bounds.most() if is_early else 1.0) - given
            share = min(row.share, room)
            if share > 0:
                given += share
                yield place, share

    def _is_paused(self, place: int) -> bool:
        return is_below(self._books[place], self._world.pause_below)

    def _parts(self, shares: Sequence[tuple[int, float]]) -> Parts:
        left = 1.0
        parts: dict[str, float] = {}
        for place, share in shares:
            parts[self._names[place]] = share * self._rows[place].position_size
            left -= share
        parts[self._names[0]] = left * self._rows[0].position_size
        return parts

    def _hear(self, until: datetime) -> None:
        """What has closed by then."""
        while self._open and self._open[0][0] <= until:
            _, number, routed = heappop(self._open)
            opportunity = self._setting.opportunities[number]
            for place, name in enumerate(self._names):
                is_there = self._rows[place].present and not self._came_after(name, opportunity)
                if name == routed and is_there:
                    self._tell(opportunity, place)
                    break

    def _came_after(self, name: str, opportunity: Opportunity) -> bool:
        """Whether an opportunity was there before an arm."""
        return name in self._joined and self._joined[name] > opportunity.began

    def _tell(self, opportunity: Opportunity, routed: int) -> None:
        cells, rows = opportunity.cells, self._rows
        absent = [
            row
            for name, row in zip(self._names, rows, strict=True)
            if row.present and self._came_after(name, opportunity)
        ]
        for row in absent:
            row.present = 0.0
        live, paper = [], []
        for name, row in zip(self._names, rows, strict=True):
            cell = cells.get(name)
            live.append(cell.live if cell else 0.0)
            paper.append(cell.paper if cell else row.optimism)
        own = cells.get(self._names[routed])
        self._remember(cells, routed, own)
        kept = [getattr(rows[routed], name) for name in _OF_LIVE] if own is None else ()
        self._entry.see(rows, routed, live, paper, self._entry.settings)
        for name, value in zip(_OF_LIVE, kept, strict=False):
            setattr(rows[routed], name, value)
        for row in absent:
            row.present = 1.0
        if routed:
            self._stop_at_limits(routed, opportunity.ended)

    def _remember(self, cells: Mapping[str, Cell], routed: int, own: Cell | None) -> None:
        rows, books = self._rows, self._books
        if own is not None:
            row, book = rows[routed], books[routed]
            made = row.position_size * own.live
            book.trade(made, row.position_size * own.of_capital)
            row.drawdown = book.drawdown
            row.room = (self._world.dd_limit - row.drawdown) / 100 / own.risk
        for place in range(1, len(rows)):
            cell = cells.get(self._names[place])
            if cell is None or not rows[place].present:
                continue
            if place == routed:
                push(books[place], cell.live)
            elif self._world.pause_below:
                push(books[place], cell.paper - rows[place].optimism)

    def _stop_at_limits(self, routed: int, at: datetime) -> None:
        if self._rows[routed].drawdown > self._world.dd_limit:
            self._deeds.append(Deed(at, "halt", self._names[routed]))
            self._clear(routed)
        elif is_below(self._books[routed], self._world.throttle_below):
            self._deeds.append(Deed(at, "throttle", self._names[routed]))
            self._clear(routed)
