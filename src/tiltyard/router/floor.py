"""The floor: every arm sees every bar, and an episode it begins is live when it is its turn.

An arm runs one course of episodes on paper, whatever traffic it has. So what it would have
done is known, and what befalls another arm changes nothing in it. When an episode begins at
an opportunity that the split gives to the arm, it is filled for real as well, and left when
the one on paper is left: the trade on paper is then the *twin* of the live one. The others
are the arm's *shadow* book.

An opportunity is a symbol after a bar has closed. Who gets it is asked once, and written
down when somebody would begin an episode there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random

from tiltyard.facts.decision import Decision
from tiltyard.facts.mark import Mark
from tiltyard.facts.trade import Book, Trade
from tiltyard.features.vector import Features
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.money import Money, money_text
from tiltyard.market.bar import Bar
from tiltyard.market.paper import Closed, Entry, Lane, PaperVenue
from tiltyard.policies.policy import Holding, Observation, Policy
from tiltyard.router.split import Split


@dataclass(frozen=True, slots=True)
class Seat:
    """Who trades for an arm, and with what.

    Attributes:
        policy: Decides.
        capital: Equity that was allotted.
        sized: What a position is worth at entry, as a fraction of the capital.
    """

    policy: Policy
    capital: Money
    sized: float

    @property
    def notional(self) -> Money:
        """What a position is worth at entry."""
        return Money(round(self.capital * self.sized))


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

    def seat(self, name: str, seat: Seat) -> None:
        """An arm joins, or trades by another policy from now on."""
        self._seats[name] = seat

    def only_leaves(self, names: Iterable[str]) -> None:
        """These, and no others, may only leave what they hold for real."""
        self._leaving = frozenset(names)
        for name in self._seats:
            self._live.reduce_only(name, is_so=name in self._leaving)

    def flatten(self, name: str) -> None:
        """Leave everything that an arm holds for real, at the next prices."""
        self._live.flatten(name)

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

        Args:
            prices: The last of each symbol that has one.
            at: UTC.
        """
        held: dict[str, list[tuple[Money, Money]]] = {}
        for lane, position in self._live.positions.items():
            price = prices.get(lane.symbol, position.price)
            worth = Money(position.value(price) - position.fee)
            held.setdefault(lane.policy, []).append((worth, position.entry.notional))
        told = sorted(held.keys() | self._marked)
        self._marked = set(held)
        return [self._mark(name, held.get(name, []), at) for name in told]

    def decide(
        self, known: Mapping[str, Features], split: Split | None, terciles: Mapping[str, int]
    ) -> list[Decision]:
        """Ask every arm about every symbol, and order what follows.

        Args:
            known: By symbol, what is known now.
            split: Who gets an opportunity; None when nobody may enter.
            terciles: By symbol, how wild it is: 0, 1 or 2.
        """
        decisions = []
        for symbol, features in known.items():
            entries = self._wanted(symbol, features)
            if not entries:
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
                        episode, symbol, *choice, features.as_of, terciles.get(symbol, 1),
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
            intent = seat.policy.act(Observation(features, holding), self._rng)
            if intent.hold == holding:
                continue
            self._paper.leave(lane)
            self._live.leave(lane)
            if intent.hold != "nothing":
                entries.append(Entry(lane, episode, intent.hold, seat.notional, intent.stop))
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
        return Trade(
            reporter.source, f"{entry.episode_id} {policy} {book}", policy, entry.lane.symbol,
            entry.direction, position.opened_at, closed.closed_at, closed.pnl,
            book=book, account=reporter.account, currency=reporter.currency,
            capital=self._seats[policy].capital, risk=position.risk or None,
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
