"""A market to learn in: many players at once, bar by bar, filled as the paper venue fills.

A player holds one of five positions in one symbol: short or long, a half or the whole of a
notional, or nothing. It says after a bar has closed what it wants to hold. What differs from what
it holds is done at the next bar's open, at half a spread's loss and a fee each way: the old
position is left, and the new one is opened. A change of size costs as much as that, because on the
desk a position belongs to an episode and is left as a whole. Where no bar follows, whoever wants in
has missed it, and whoever wants out waits. After a bar without a row nobody decides, and a step
goes on to the next one that has one.

The *reward* of a step is what equity has gained by the close of its last bar, as a share of the
notional, with all costs; less a price for what was traded (turnover) and for how much further
equity has fallen below its peak of the episode (drawdown).

An episode is *terminated* where a player has lost so much that it would have been stopped; nothing
comes after that. It is *truncated* where its bars or its time are over; what would have come next
is not 0 but unknown, so the last observation is handed out before the next episode begins.

Equal, bar by bar, to :class:`~tiltyard.market.paper.PaperVenue` (up to its rounding to 1e-8).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tiltyard.learners.tracks import Prices, Tracks
from tiltyard.market.costs import BPS

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

POSITIONS = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""What may be held, as a share of the whole notional; below 0 is short."""
NOTHING = POSITIONS.index(0.0)


@dataclass(frozen=True, slots=True)
class Rules:
    """What trading costs, and what a step is worth.

    Attributes:
        fee_bps: Of the value traded, each way.
        half_spread_bps: By how much a fill is worse than the price.
        turnover: Taken off the reward for each notional that is bought or sold, beside its costs.
        drawdown: Taken off for each notional that equity falls further below its peak.
        ruin: An episode is terminated where so much of the notional is lost.
        longest: Bars after which an episode is truncated.
    """

    fee_bps: float = 5.0
    half_spread_bps: float = 1.0
    turnover: float = 0.0
    drawdown: float = 0.0
    ruin: float = 0.5
    longest: int = 24 * 30


class Players(NamedTuple):
    """Where all players stand; columns of shape (players,).

    Attributes:
        bar: The last one that has closed.
        stop: The one after the last that may be played.
        left: Bars until the episode's time is over.
        position: Held, a place in :data:`POSITIONS`.
        quantity: Held, in notionals by price; below 0 is short.
        price: At which it was filled.
        fee: That was paid at entry.
        since: Bar at whose open it was filled.
        realised: Gained by positions that were left, after costs, in notionals.
        equity: The same, with what is held at the last close.
        peak: The highest equity of the episode.
    """

    bar: Integers
    stop: Integers
    left: Integers
    position: Integers
    quantity: Floats
    price: Floats
    fee: Floats
    since: Integers
    realised: Floats
    equity: Floats
    peak: Floats


class Stepped(NamedTuple):
    """What a step came to; columns of shape (players,).

    Attributes:
        reward: Of each.
        terminated: Ruined; nothing comes after it.
        truncated: Over, though something would have come after it.
        row: What was known at the end of the step, before another episode began.
        position: What was held then.
    """

    reward: Floats
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    row: Integers
    position: Integers


class Environment:
    """Players in a market, each in an episode of its own.

    Args:
        tracks: The market.
        rules: Costs and rewards.
        spans: Where may be played, as :meth:`~tiltyard.learners.tracks.Tracks.spans` says.
        count: Players.
        rng: Draws where episodes begin.

    Attributes:
        players: Where they stand; changed by each step.
    """

    def __init__(
        self, tracks: Tracks, rules: Rules, spans: Integers, count: int, rng: np.random.Generator
    ) -> None:
        self._prices, self._rules, self._spans, self._rng = tracks.prices, rules, spans, rng
        self._weights = (spans[:, 1] - spans[:, 0] - 1).cumsum()
        whole, parts = np.zeros(count, np.int64), np.zeros(count)
        self.players = Players(
            *(whole.copy() for _ in range(4)), *(parts.copy() for _ in range(3)),
            whole.copy(), *(parts.copy() for _ in range(3)),
        )  # fmt: skip
        self._begin(np.arange(count))

    @property
    def rows(self) -> Integers:
        """What each player knows now: a row of what is known; shape (players,)."""
        rows: Integers = self._prices.row[self.players.bar]
        return rows

    @property
    def positions(self) -> Integers:
        """What each holds now, a place in :data:`POSITIONS`; shape (players,)."""
        return self.players.position

    def step(self, actions: Integers) -> Stepped:
        """Everybody wants to hold something from now on; what comes of it.

        Players whose episode is over are in another one afterwards.

        Args:
            actions: Places in :data:`POSITIONS`; shape (players,).
        """
        count = len(self.players.bar)
        rewards, over = np.empty(count), np.zeros((2, count), np.bool_)
        costs = self._rules
        _step(
            self._prices, self.players, actions, costs.fee_bps / BPS,
            costs.half_spread_bps / BPS, costs.turnover, costs.drawdown, costs.ruin, rewards,
            over[0], over[1],
        )  # fmt: skip
        row, position = self.rows, self.players.position.copy()
        if over.any():
            self._begin(np.flatnonzero(over[0] | over[1]))
        return Stepped(rewards, over[0], over[1], row, position)

    def state(self) -> dict[str, NDArray[Any]]:
        """Where everybody stands, to go on from; who draws is not part of it."""
        return {name: one.copy() for name, one in self.players._asdict().items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what :meth:`state` told."""
        for name, one in self.players._asdict().items():
            one[:] = state[name]

    def _begin(self, who: Integers) -> None:
        """New episodes, from a bar drawn evenly of all after which somebody decides."""
        players, row = self.players, self._prices.row
        for one in who:
            while True:
                drawn = self._rng.integers(self._weights[-1])
                span = int(np.searchsorted(self._weights, drawn, side="right"))
                bar = self._spans[span, 1] - 1 - (self._weights[span] - drawn)
                if row[bar] >= 0:
                    break
            players.bar[one], players.stop[one] = bar, self._spans[span, 1]
            players.left[one], players.position[one] = self._rules.longest, NOTHING
        for column in players[4:]:
            column[who] = 0


def walk(
    tracks: Tracks, rules: Rules, span: Integers, choices: NDArray[np.int64]
) -> tuple[Floats, Integers]:
    """Play a range once from its beginning to its end, by a table.

    What is held in the end is left at the last open, as in a walk-forward.

    Args:
        tracks: The market.
        rules: Costs.
        span: First bar after which is decided, and the one after the last; shape (2,).
        choices: What is wanted, by row and by what is held, places in :data:`POSITIONS`; shape
            (rows, positions).

    Returns:
        Equity by the close of each bar of the span but the first, in notionals; and how often
        each position was wanted, shape (positions,).
    """
    equity = np.empty(span[1] - span[0] - 1)
    wanted = np.zeros(len(POSITIONS), np.int64)
    _walk(
        tracks.prices, span[0], span[1], choices, rules.fee_bps / BPS,
        rules.half_spread_bps / BPS, equity, wanted,
    )  # fmt: skip
    return equity, wanted


@njit(cache=True, nogil=True)
def _funding(prices: Prices, since: int, until: int) -> float:
    """Rates that a position met; 0 where one of them is not known."""
    if prices.told[until] - prices.told[since] != prices.due[until] - prices.due[since]:
        return 0.0
    return prices.paid[until] - prices.paid[since]


@njit(cache=True, nogil=True)
def _fill(
    prices: Prices, players: Players, who: int, bar: int, wanted: int, fee: float, spread: float
) -> float:
    """Leave what is held at a bar's open, and open what is wanted; value traded, in notionals."""
    traded = 0.0
    quantity = players.quantity[who]
    if quantity != 0:
        price = prices.open[bar] * (1 - spread if quantity > 0 else 1 + spread)
        paid = fee * abs(quantity) * price
        funding = -quantity * players.price[who] * _funding(prices, players.since[who], bar)
        players.realised[who] += (
            quantity * (price - players.price[who]) - paid - players.fee[who] + funding
        )
        traded += abs(quantity) * price
    size = (wanted - 2) / 2.0
    players.position[who] = 2
    players.quantity[who], players.price[who], players.fee[who] = 0.0, 0.0, 0.0
    if size != 0 and prices.follows[bar]:
        price = prices.open[bar] * (1 + spread if size > 0 else 1 - spread)
        players.position[who], players.price[who] = wanted, price
        players.quantity[who], players.fee[who] = size / price, fee * abs(size)
        players.since[who] = bar
        traded += abs(size)
    return traded


@njit(cache=True, nogil=True)
def _worth(prices: Prices, players: Players, who: int, bar: int) -> float:
    """Equity at the close of a bar, without what leaving would cost."""
    held = players.quantity[who] * (prices.close[bar] - players.price[who]) - players.fee[who]
    return players.realised[who] + held


@njit(cache=True, nogil=True)
def _step(
    prices: Prices, players: Players, actions: Integers, fee: float, spread: float,
    turnover: float, drawdown: float, ruin: float, rewards: Floats,
    terminated: NDArray[np.bool_], truncated: NDArray[np.bool_],
) -> None:  # fmt: skip
    for who in range(len(actions)):
        before, fallen = players.equity[who], players.peak[who] - players.equity[who]
        bar, traded, deepest = players.bar[who] + 1, 0.0, fallen
        if actions[who] != players.position[who]:
            traded = _fill(prices, players, who, bar, actions[who], fee, spread)
        while True:
            equity = _worth(prices, players, who, bar)
            players.peak[who] = max(players.peak[who], equity)
            deepest = max(deepest, players.peak[who] - equity)
            players.left[who] -= 1
            if prices.row[bar] >= 0 or bar + 1 >= players.stop[who]:
                break
            bar += 1
        players.bar[who], players.equity[who] = bar, equity
        rewards[who] = equity - before - turnover * traded - drawdown * (deepest - fallen)
        terminated[who] = equity <= -ruin
        truncated[who] = not terminated[who] and (
            bar + 1 >= players.stop[who] or players.left[who] <= 0
        )


@njit(cache=True, nogil=True)
def _walk(
    prices: Prices, first: int, stop: int, choices: Integers, fee: float, spread: float,
    equity: Floats, wanted: Integers,
) -> None:  # fmt: skip
    whole, parts = np.zeros((5, 1), np.int64), np.zeros((6, 1))
    player = Players(
        whole[0], whole[1], whole[2], whole[3], parts[0], parts[1], parts[2], whole[4],
        parts[3], parts[4], parts[5],
    )  # fmt: skip
    player.position[0] = 2
    for bar in range(first, stop - 1):
        held, want = player.position[0], player.position[0]
        if bar == stop - 2:
            want = 2
        elif prices.row[bar] >= 0:
            want = choices[prices.row[bar], held]
            wanted[want] += 1
        if want != held:
            _fill(prices, player, 0, bar + 1, want, fee, spread)
        equity[bar - first] = _worth(prices, player, 0, bar + 1)
