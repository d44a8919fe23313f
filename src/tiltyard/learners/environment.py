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
equity has fallen below its peak of the episode (drawdown). Funding is taken off equity when a
position is left, as on paper, but off the reward, and off the equity that drawdown goes by, by the
bar at whose open it was due: else who holds would never learn what holding costs. What an episode
made is the same in the end; what was truncated has paid what was due when its last bar opened.
Where a rate that is due is not known, nothing is counted for the position, and what was taken off
comes back.

An episode is *terminated* where a player has lost so much that it would have been stopped; nothing
comes after that. It is *truncated* where its bars or its time are over; what would have come next
is not 0 but unknown, so the last observation is handed out before the next episode begins.

Equal, bar by bar, to :class:`~tiltyard.market.paper.PaperVenue` (up to its rounding to 1e-8). What
one player does changes nothing for another: each draws for itself where its episodes begin.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.playing import (
    NOTHING,
    PLAYER,
    POSITIONS,
    PRICED,
    Flags,
    Floats,
    Integers,
    Records,
    Starts,
    restart,
    retrace,
    step,
    walk_through,
)
from tiltyard.learners.tracks import BAR, FUNDED, NO_ROW, Tracks
from tiltyard.market.costs import BPS


@dataclass(frozen=True, slots=True)
class Rules:
    """What trading costs, and what a step is worth.

    Attributes:
        fee_bps: Of the value traded, each way.
        half_spread_bps: By how much a fill is worse than the price.
        turnover: Taken off the reward for each notional that is bought or sold, beside its costs.
        drawdown: Taken off for each notional that equity, less the funding that is owed, falls
            further below its peak, from one bar to the next.
        ruin: An episode is terminated where a step ends with so much of the notional lost, by
            equity, as a desk would see it.
        longest: Bars after which an episode is truncated, when somebody next decides.
    """

    fee_bps: float = 5.0
    half_spread_bps: float = 1.0
    turnover: float = 0.0
    drawdown: float = 0.0
    ruin: float = 0.5
    longest: int = 24 * 30


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
        step(
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
        restart(self._tracks.bars, self._starts, self._priced, self.players)

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
    reward = walk_through(
        tracks.bars, tracks.funding, _priced(rules), player, span[1], np.array(choices, np.int64),
        equity, wanted,
    )  # fmt: skip
    return Walked(equity, wanted, reward)


class Retraced(NamedTuple):
    """What doing as somebody else did came to, step by step; columns of shape (steps,).

    Attributes:
        row: What was known.
        position: Held, a place in :data:`POSITIONS`.
        action: Wanted, likewise.
        next_row: What was known at the end of the step.
        next_position: What was held then.
        terminated: Ruined.
        since: Bars from the first one to the one after which was decided.
        reward: Of each.
    """

    row: Integers
    position: Integers
    action: Integers
    next_row: Integers
    next_position: Integers
    terminated: Integers
    since: Integers
    reward: Floats


def follow(tracks: Tracks, rules: Rules, first: int, stop: int, wanted: Integers) -> Retraced:
    """Do what somebody else has done, from holding nothing on.

    Episodes are as long as those of other players, and the next one begins with what is held.

    Args:
        tracks: The market.
        rules: Costs and rewards.
        first: Bar after which is decided first.
        stop: The one after the last of its symbol.
        wanted: After each bar from the first one on, places in :data:`POSITIONS`; shape (n,).
    """
    player = np.zeros(1, PLAYER)
    player["bar"], player["since"], player["stop"] = first, first, stop
    player["left"], player["position"] = rules.longest, NOTHING
    most = len(wanted) + 1
    met, rewards = np.zeros((7, most), np.int64), np.zeros(most)
    count = retrace(
        tracks.bars, tracks.funding, _priced(rules), player, np.array(wanted, np.int64), met,
        rewards,
    )  # fmt: skip
    return Retraced._make([*met[:, :count], rewards[:count]])


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
    follow(tracks, Rules(), 0, 3, np.array([NOTHING]))


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
