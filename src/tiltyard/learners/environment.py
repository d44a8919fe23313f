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

Equal, bar by bar, to :class:`~tiltyard.market.paper.PaperVenue` (up to its rounding to 1e-8). What
one player does changes nothing for another: each draws for itself where its episodes begin.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import copysign
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.compiling import compiled
from tiltyard.learners.tracks import BAR, FUNDED, NO_ROW, Tracks
from tiltyard.market.costs import BPS

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Records = NDArray[np.void]
Starts = NDArray[np.int32]

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
        drawdown: Taken off for each notional that equity falls further below its peak, from one bar
            to the next.
        ruin: An episode is terminated where a step ends with so much of the notional lost.
        longest: Bars after which an episode is truncated, when somebody next decides.
    """

    fee_bps: float = 5.0
    half_spread_bps: float = 1.0
    turnover: float = 0.0
    drawdown: float = 0.0
    ruin: float = 0.5
    longest: int = 24 * 30


PLAYER = np.dtype(
    [
        ("bar", "i4"), ("stop", "i4"), ("left", "i4"), ("since", "i4"), ("row", "i4"),
        ("position", "i4"), ("quantity", "f8"), ("cash", "f8"), ("equity", "f8"), ("peak", "f8"),
        ("chance", "u8"),
    ],
    align=True,
)  # fmt: skip
"""Where a player stands.

bar: The last one that has closed.
stop: The one after the last that may be played.
left: Bars until the episode's time is over.
since: Bar at whose open what is held was filled.
row: What is known.
position: Held, a place in :data:`POSITIONS`.
quantity: Held, in notionals by price; below 0 is short.
cash: In notionals, 0 at the beginning; what was bought is paid, costs included.
equity: The same, with what is held at the last close.
peak: The highest equity of the episode.
chance: Who draws where the next episode begins.
"""


PRICED = np.dtype(
    [(name, "f8") for name in ("fee", "spread", "turnover", "drawdown", "ruin", "longest")]
)
"""The rules, costs as shares."""


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
    terminated: Flags
    truncated: Flags
    row: Integers
    position: Integers


class Walked(NamedTuple):
    """What playing a range once came to.

    Attributes:
        equity: By the close of each bar of the span but the first, in notionals; shape (bars,).
        wanted: How often each position was; shape (positions,).
        reward: Of all steps, with the same prices as in learning.
    """

    equity: Floats
    wanted: Integers
    reward: float


class Environment:
    """Players in a market, each in an episode of its own.

    The first step in a process waits until the loops are compiled, or read where they were compiled
    before: :func:`prepare` does that by itself.

    Args:
        tracks: The market.
        rules: Costs and rewards.
        spans: Where may be played, as :meth:`~tiltyard.learners.tracks.Tracks.spans` says.
        count: Players.
        rng: Says what each player draws by.

    Attributes:
        players: Where they stand, a :data:`PLAYER` each; changed by each step.

    Raises:
        TiltyardError: ``RANGE_EMPTY`` where nobody may play.
    """

    def __init__(
        self, tracks: Tracks, rules: Rules, spans: Integers, count: int, rng: np.random.Generator
    ) -> None:
        self._tracks, self._priced = tracks, _priced(rules)
        self._starts = _starts(tracks, spans)
        self.players = np.zeros(count, PLAYER)
        self.restart(rng)

    @property
    def rows(self) -> Integers:
        """What each player knows now: a row of what is known; shape (players,)."""
        rows: Integers = self.players["row"].astype(np.int64)
        return rows

    @property
    def positions(self) -> Integers:
        """What each holds now, a place in :data:`POSITIONS`; shape (players,)."""
        positions: Integers = self.players["position"].astype(np.int64)
        return positions

    def step(self, actions: NDArray[np.integer[Any]]) -> Stepped:
        """Everybody wants to hold something from now on; what comes of it.

        Players whose episode is over are in another one afterwards.

        Args:
            actions: Places in :data:`POSITIONS`; shape (players,).
        """
        count = len(self.players)
        rewards, over = np.empty(count), np.empty((2, count), np.bool_)
        seen = np.empty((2, count), np.int64)
        _step(
            self._tracks.bars, self._tracks.funding, self._starts, self._priced, self.players,
            np.array(actions, np.int64), rewards, over, seen,
        )  # fmt: skip
        return Stepped(rewards, over[0], over[1], seen[0], seen[1])

    def restart(self, rng: np.random.Generator | None = None) -> None:
        """Everybody begins another episode.

        Args:
            rng: Says anew what each player draws by; None to go on as before.
        """
        if rng is not None:
            most = np.iinfo(np.uint64).max
            self.players["chance"] = rng.integers(most, size=len(self.players), dtype=np.uint64)
        _restart(self._tracks.bars, self._starts, self._priced, self.players)

    def state(self) -> dict[str, NDArray[Any]]:
        """Where everybody stands and what is drawn next, to go on from."""
        return {name: self.players[name].copy() for name in PLAYER.fields or ()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what :meth:`state` told."""
        for name, column in state.items():
            self.players[name] = column


def walk(tracks: Tracks, rules: Rules, span: Integers, choices: NDArray[np.integer[Any]]) -> Walked:
    """Play a range once from its beginning to its end, by a table.

    What is held in the end is left at the last open, as in a walk-forward; nobody is stopped.

    Args:
        tracks: The market.
        rules: Costs and rewards.
        span: First bar after which is decided, and the one after the last; shape (2,).
        choices: What is wanted, by row and by what is held, places in :data:`POSITIONS`; shape
            (rows, positions).
    """
    equity = np.empty(span[1] - span[0] - 1)
    wanted = np.zeros(len(POSITIONS), np.int64)
    player = np.zeros(1, PLAYER)
    player["bar"], player["position"] = span[0], NOTHING
    reward = _walk(
        tracks.bars, tracks.funding, _priced(rules), player, span[1], np.array(choices, np.int64),
        equity, wanted,
    )  # fmt: skip
    return Walked(equity, wanted, reward)


def prepare() -> None:
    """Compile the loops, or read what was compiled before.

    It takes some seconds the first time on a machine, so who waits should have been told.
    """
    bars, funding = np.zeros(3, BAR), np.zeros(3, FUNDED)
    bars["open"] = bars["close"] = 1.0
    tracks = Tracks(("",), (0, 3), np.arange(3), 1, bars, funding)
    span = np.array([0, 3])
    Environment(tracks, Rules(), span[None], 1, np.random.default_rng(0)).step(np.array([NOTHING]))
    walk(tracks, Rules(), span, np.full((1, len(POSITIONS)), NOTHING))


def _starts(tracks: Tracks, spans: Integers) -> Starts:
    """Bars after which an episode may begin, and where it must have ended; shape (n, 2)."""
    found = [np.empty((0, 2), np.int32)]
    for first, stop in spans:
        decided = first + np.flatnonzero(tracks.bars["row"][first : stop - 1] != NO_ROW)
        found.append(np.stack([decided, np.full_like(decided, stop)], axis=1).astype(np.int32))
    if not sum(map(len, found)):
        raise TiltyardError(
            "RANGE_EMPTY", ", ".join(tracks.symbols), "there is no bar to play after a decision",
            "name a longer range, or features that are known in it",
        )  # fmt: skip
    return np.concatenate(found)


def _priced(rules: Rules) -> Records:
    """What the loops calculate with; shape (1,)."""
    return np.array([(
        rules.fee_bps / BPS, rules.half_spread_bps / BPS, rules.turnover, rules.drawdown,
        rules.ruin, rules.longest,
    )], PRICED)  # fmt: skip


@compiled
def _drawn(player: Any) -> np.uint64:  # noqa: ANN401 a record, of which types know nothing
    """The next number of a player, of 64 bits.

    Source: SplitMix64; Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators,
    OOPSLA 2014.
    """
    player.chance += np.uint64(0x9E3779B97F4A7C15)
    mixed: np.uint64 = player.chance
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


@compiled
def _begin(bars: Records, starts: Starts, rules: Any, player: Any) -> None:  # noqa: ANN401
    """A new episode, from a bar drawn evenly of all after which somebody decides."""
    drawn = int((_drawn(player) >> np.uint64(11)) * 2.0**-53 * len(starts))
    player.bar, player.stop = starts[drawn, 0], starts[drawn, 1]
    player.left, player.since = rules.longest, player.bar
    player.row, player.position = bars[player.bar].row, NOTHING
    player.quantity = player.cash = player.equity = player.peak = 0.0


@compiled
def _restart(bars: Records, starts: Starts, priced: Records, players: Records) -> None:
    for who in range(len(players)):
        _begin(bars, starts, priced[0], players[who])


@compiled
def _fill(
    bars: Records, funding: Records, rules: Any, player: Any, at: int, wanted: int  # noqa: ANN401
) -> float:  # fmt: skip
    """Leave what is held at a bar's open, and open what is wanted; value traded, in notionals."""
    fee, spread = rules.fee, rules.spread
    price, held = bars[at].open, player.quantity
    left = held * price * (1 - copysign(spread, held))
    since, now = funding[player.since], funding[at]
    paid = now.paid - since.paid if now.missed == since.missed else 0.0
    cash = player.cash + left - fee * abs(left) - _size(player.position) * paid
    player.position = wanted if bars[at].follows else NOTHING
    size = _size(player.position)
    player.cash = cash - size - fee * abs(size)
    player.quantity = size / (price * (1 + copysign(spread, size)))
    player.since = at
    return float(abs(left) + abs(size))


@compiled
def _size(position: int) -> float:
    return (position - NOTHING) / NOTHING


@compiled
def _close(bars: Records, rules: Any, player: Any, at: int) -> float:  # noqa: ANN401
    """A bar has closed; what it gained, less what a further fall below the peak costs."""
    before, fallen = player.equity, player.peak - player.equity
    equity = player.cash + player.quantity * bars[at].close
    player.peak = max(player.peak, equity)
    player.equity = equity
    return float(equity - before - rules.drawdown * max(0.0, player.peak - equity - fallen))


@compiled
def _step(
    bars: Records, funding: Records, starts: Starts, priced: Records, players: Records,
    actions: Integers, rewards: Floats, over: Flags, seen: Integers,
) -> None:  # fmt: skip
    rules = priced[0]
    for who in range(len(players)):
        player = players[who]
        at, reward = player.bar + 1, 0.0
        if actions[who] != player.position:
            traded = _fill(bars, funding, rules, player, at, actions[who])
            reward -= rules.turnover * traded
        while True:
            reward += _close(bars, rules, player, at)
            player.left -= 1
            is_last = at + 1 >= player.stop
            if bars[at].row != NO_ROW or is_last:
                break
            at += 1
        player.bar, player.row = at, bars[at].row
        is_ruined = player.equity <= -rules.ruin
        is_over = is_last or player.left <= 0
        rewards[who] = reward
        over[0, who], over[1, who] = is_ruined, is_over and not is_ruined
        seen[0, who], seen[1, who] = player.row, player.position
        if is_ruined or is_over:
            _begin(bars, starts, rules, player)


@compiled
def _walk(
    bars: Records, funding: Records, priced: Records, players: Records, stop: int, choices: Integers,
    equity: Floats, wanted: Integers,
) -> float:  # fmt: skip
    rules, player, reward = priced[0], players[0], 0.0
    first = player.bar
    for at in range(first + 1, stop):
        want, row = player.position, bars[at - 1].row
        if at == stop - 1:
            want = NOTHING
        elif row != NO_ROW:
            want = choices[row, player.position]
            wanted[want] += 1
        if want != player.position:
            reward -= rules.turnover * _fill(bars, funding, rules, player, at, want)
        reward += _close(bars, rules, player, at)
        equity[at - first - 1] = player.equity
    return reward
