"""The floor: every arm sees every bar, and an episode it begins is live when it is its turn.

An arm runs one course of episodes on paper, whatever traffic it has. So what it would have
done is known, and what befalls another arm changes nothing in it. When an episode begins at
an opportunity that the split gives to the arm, it is filled for real as well, and left when
the one on paper is left: the trade on paper is then the *twin* of the live one. The others
are the arm's *shadow* book.

An opportunity is a symbol after a bar has closed. Who gets it is asked once, and written
down when somebody would begin an episode there.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import NamedTuple

from tiltyard.facts.decision import Decision
from tiltyard.facts.mark import Mark
from tiltyard.facts.trade import Book, Trade
from tiltyard.features.vector import Features
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import Money, money_text
from tiltyard.market.bar import Bar
from tiltyard.market.paper import Closed, Entry, Holdings, Lane, PaperVenue
from tiltyard.policies.policy import Holding, Observation, Policy
from tiltyard.router.split import Split


@dataclass(frozen=True, slots=True)
class Seat:
    """Who trades for an arm, and with what.

    Attributes:
        policy: Decides.
        capital: Equity that was allotted.
        sized: What a whole position is worth at entry, as a fraction of the capital.
    """

    policy: Policy
    capital: Money
    sized: float

    def notional(self, size: float = 1.0) -> Money:
        """What a position is worth at entry.

        Args:
            size: How much of a whole one it is.

        Raises:
            TiltyardError: ``ORDER_INVALID``.
        """
        if not 0 < size <= 1:
            raise TiltyardError(
                "ORDER_INVALID", f"size {size}", "it is no share of a position",
                "expected a size above 0 and at most 1",
            )  # fmt: skip
        return Money(round(self.capital * self.sized * size))


@dataclass(frozen=True, slots=True)
class Reporter:
    """What the floor's facts say of where they come from.

    Attributes:
        source: Who reports.
        account: Where the money is.
        currency: Of every amount.
    """

    source: str = "floor"
    account: str = "default"
    currency: str = ""


class FloorState(NamedTuple):
    """All that a floor has to know to go on, beside who is seated.

    Attributes:
        live: What is held and ordered for real.
        paper: The same on paper.
        lived: Episodes on paper that were filled for real as well, in the order of their lanes.
        marked: Arms whose last mark told of something open.
    """

    live: Holdings = Holdings()
    paper: Holdings = Holdings()
    lived: tuple[tuple[Lane, str], ...] = ()
    marked: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """Every arm that anything of it is about."""
        entries = (*self.live.entries, *self.paper.entries)
        entries += tuple(one.entry for one in (*self.live.positions, *self.paper.positions))
        return frozenset(self.marked) | {entry.lane.policy for entry in entries}


class Floor:
    """The seats of all arms, and what they hold.

    Args:
        live: Where what is given to an arm is filled.
        paper: Where everything is filled on paper.
        reporter: What the facts say of themselves.
        rng: For policies that draw.
    """

    def __init__(
        self, live: PaperVenue, paper: PaperVenue, reporter: Reporter, rng: Random
    ) -> None:
        self._live = live
        self._paper = paper
        self._reporter = reporter
        self._rng = rng
        self._seats: dict[str, Seat] = {}
        self._lived: set[tuple[Lane, str]] = set()
        self._marked: set[str] = set()
        self._leaving: frozenset[str] = frozenset()
        self._failed: dict[Lane, Exception] = {}

    @property
    def holding(self) -> frozenset[str]:
        """Arms that hold something for real."""
        return frozenset(lane.policy for lane in self._live.positions)

    @property
    def holding_on_paper(self) -> frozenset[str]:
        """Arms that hold something on paper."""
        return frozenset(lane.policy for lane in self._paper.positions)

    @property
    def ordering(self) -> frozenset[str]:
        """Arms that have ordered to enter for real."""
        return frozenset(entry.lane.policy for entry in self._live.snapshot().entries)

    @property
    def failed(self) -> Mapping[str, Exception]:
        """Why arms could not decide when they were last asked, by name."""
        return {lane.policy: error for lane, error in self._failed.items()}

    def seat(self, name: str, seat: Seat) -> None:
        """An arm joins, or trades by another policy from now on."""
        self._seats[name] = seat

    def unseat(self, name: str, *, returns: bool = False) -> None:
        """An arm trades no more; what it held on paper is no trade, and it must hold nothing else.

        Args:
            name: One that holds nothing for real.
            returns: It is absent for a while, and will go on with what it holds on paper; stops
                of that count meanwhile.
        """
        self._seats.pop(name, None)
        self._live.forget(name)
        self._marked.discard(name)
        self._failed = {lane: why for lane, why in self._failed.items() if lane.policy != name}
        if not returns:
            self._paper.forget(name)
            self._lived = {one for one in self._lived if one[0].policy != name}

    def snapshot(self) -> FloorState:
        """What is held, ordered and told."""
        live, paper = self._live.snapshot(), self._paper.snapshot()
        return FloorState(live, paper, tuple(sorted(self._lived)), tuple(sorted(self._marked)))

    def restore(self, state: FloorState) -> None:
        """Go on from what was held, ordered and told then, and from nothing else."""
        self._live.restore(state.live)
        self._paper.restore(state.paper)
        self._lived, self._marked = set(state.lived), set(state.marked)

    def only_leaves(self, names: Iterable[str]) -> None:
        """These, and no others, may only leave what they hold for real."""
        self._leaving = frozenset(names)
        for name in self._seats:
            self._live.reduce_only(name, is_so=name in self._leaving)

    def flatten(self, name: str) -> None:
        """Leave everything that an arm holds for real, at the next prices."""
        self._live.flatten(name)

    def withdraw(self, episode_id: str) -> None:
        """Nobody enters for real in this episode after all; on paper it goes on."""
        self._live.withdraw(episode_id)

    def mark_again(self, name: str) -> None:
        """What was told of an arm last is not written: it is told when the next bar closes."""
        self._marked.add(name)

    def open_bars(self, bars: Mapping[str, Bar]) -> list[Trade]:
        """An interval begins: what was ordered is filled; the trades that have closed by it.

        Args:
            bars: By symbol, those that are prices; the others are stale.
        """
        left = self._live.open_bars(bars)
        for lane, position in self._live.positions.items():
            self._lived.add((lane, position.entry.episode_id))
        return self._trades(left, self._paper.open_bars(bars))

    def close_bars(self, bars: Mapping[str, Bar]) -> list[Trade]:
        """The interval ends: the trades that were stopped in it."""
        return self._trades(self._live.close_bars(bars), self._paper.close_bars(bars))

    def marks(self, prices: Mapping[str, float], at: datetime) -> list[Mark]:
        """What each arm's real positions are worth; one that has left everything says so once.

        What an arm with a position in a stale market is worth is not known, so nothing is said.

        Args:
            prices: Of each symbol that has one now.
            at: UTC.
        """
        held: dict[str, list[tuple[Money, Money]]] = {}
        unknown: set[str] = set()
        for lane, position in self._live.positions.items():
            if lane.symbol not in prices:
                unknown.add(lane.policy)
                continue
            worth = Money(position.value(prices[lane.symbol]) - position.fee)
            held.setdefault(lane.policy, []).append((worth, position.entry.notional))
        told = sorted((held.keys() | self._marked) - unknown)
        self._marked = held.keys() | (self._marked & unknown)
        return [self._mark(name, held.get(name, []), at) for name in told]

    def decide(
        self,
        known: Mapping[str, Features],
        split: Split | None,
        terciles: Mapping[str, int | None],
        barred: Collection[str] = (),
    ) -> list[Decision]:
        """Ask every arm about every symbol, and order what follows.

        An arm whose policy fails, or orders what nobody can order, stays with what it holds until
        it is asked again, and nobody else is kept by it.

        Args:
            known: By symbol, what is known now.
            split: Who gets an opportunity; None when nobody may enter.
            terciles: By symbol, how wild it is: 0, 1 or 2; None while nobody knows.
            barred: Symbols in which nobody may enter now, on paper either; leaving goes on.
        """
        decisions = []
        for symbol, features in known.items():
            entries = self._wanted(symbol, features)
            if not entries or symbol in barred:
                continue
            episode = entries[0].episode_id
            choice = split.choose(episode) if split else None
            for entry in entries:
                self._paper.enter(entry)
                if choice and entry.lane.policy == choice.policy not in self._leaving:
                    self._live.enter(entry)
            if choice is not None:
                decisions.append(
                    Decision(
                        episode, symbol, *choice, features.as_of, terciles.get(symbol),
                        features.as_of.hour,
                    )
                )  # fmt: skip
        return decisions

    def _wanted(self, symbol: str, features: Features) -> list[Entry]:
        """The episodes that arms would begin; what they want to leave is left."""
        entries = []
        episode = f"{symbol} {time_text(features.as_of)}"
        for name, seat in self._seats.items():
            lane = Lane(name, symbol)
            position = self._paper.positions.get(lane)
            holding: Holding = position.entry.direction if position else "nothing"
            size = position.entry.size if position else 1.0
            try:
                intent = seat.policy.act(Observation(features, holding, size), self._rng)
                entry = None
                if intent.hold != "nothing" and not intent.is_held(holding, size):
                    entry = Entry(
                        lane, episode, intent.hold, seat.notional(intent.size), intent.stop,
                        seat.capital, intent.size,
                    )  # fmt: skip
                    entry.check()
            except Exception as error:  # noqa: BLE001 a defect of one arm must not keep the others
                self._failed[lane] = error
                continue
            self._failed.pop(lane, None)
            if intent.is_held(holding, size):
                continue
            self._paper.leave(lane)
            self._live.leave(lane)
            if entry is not None:
                entries.append(entry)
        return entries

    def _trades(self, live: Iterable[Closed], paper: Iterable[Closed]) -> list[Trade]:
        trades = [self._trade(closed, "live") for closed in live]
        for closed in paper:
            episode = (closed.position.entry.lane, closed.position.entry.episode_id)
            trades.append(self._trade(closed, "twin" if episode in self._lived else "shadow"))
            self._lived.discard(episode)
        return trades

    def _trade(self, closed: Closed, book: Book) -> Trade:
        position, entry = closed.position, closed.position.entry
        reporter, policy = self._reporter, entry.lane.policy
        seat = self._seats.get(policy)
        return Trade(
            reporter.source, f"{entry.episode_id} {policy} {book}", policy, entry.lane.symbol,
            entry.direction, position.opened_at, closed.closed_at, closed.pnl,
            book=book, account=reporter.account, currency=reporter.currency,
            capital=entry.capital or (seat.capital if seat else None), risk=position.risk or None,
            notional=entry.notional, fees=closed.fees, funding=closed.funding,
            quantity=money_text(Money(position.quantity)), entry_price=repr(position.price),
            exit_price=repr(closed.price), episode_id=entry.episode_id,
        )  # fmt: skip

    def _mark(self, name: str, held: Iterable[tuple[Money, Money]], at: datetime) -> Mark:
        worth, notional = [one for one, _ in held], [other for _, other in held]
        return Mark(
            name, at, Money(sum(worth)), len(worth), capital=self._seats[name].capital,
            account=self._reporter.account, currency=self._reporter.currency,
            exposure=Money(sum(notional)),
        )  # fmt: skip
