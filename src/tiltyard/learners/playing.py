"""What comes of what players want, bar by bar, in compiled loops.

The loops of :mod:`tiltyard.learners.environment`, which says what they mean. All of a player lies
side by side in memory, and so does all of a bar: with many players, what a step takes is how long
it waits for memory.
"""

from math import copysign
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiltyard.learners.compiling import compiled
from tiltyard.learners.tracks import NO_ROW

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Records = NDArray[np.void]
Starts = NDArray[np.int32]

POSITIONS = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""What may be held, as a share of the whole notional; below 0 is short."""
NOTHING = POSITIONS.index(0.0)

PLAYER = np.dtype(
    [
        ("bar", "i4"), ("stop", "i4"), ("left", "i4"), ("since", "i4"), ("row", "i4"),
        ("position", "i4"), ("quantity", "f8"), ("cash", "f8"), ("equity", "f8"), ("owed", "f8"),
        ("peak", "f8"), ("chance", "u8"),
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
equity: The same, with what is held at the last close. Funding is paid when a position is left.
owed: Funding of what is held, due until the last bar opened and not paid yet; below 0 to receive.
peak: The highest of the episode that equity was, less what was owed.
chance: Who draws where the next episode begins.
"""


PRICED = np.dtype(
    [(name, "f8") for name in ("fee", "spread", "turnover", "drawdown", "ruin", "longest")]
)
"""The rules, costs as shares."""


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
    player.quantity = player.cash = player.equity = player.owed = player.peak = 0.0


@compiled
def restart(bars: Records, starts: Starts, priced: Records, players: Records) -> None:
    """Everybody begins another episode.

    Args:
        bars: Of the market.
        starts: Bars after which an episode may begin, and where it must have ended; shape (n, 2).
        priced: A :data:`PRICED`; shape (1,).
        players: Changed.
    """
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
    cash = player.cash + left - fee * abs(left) - _due(funding, player, at)
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
def _due(funding: Records, player: Any, at: int) -> float:  # noqa: ANN401
    """Funding of what is held, until a bar opens; 0 where a rate is not known."""
    if player.position == NOTHING:
        return 0.0
    since, now = funding[player.since], funding[at]
    return _size(player.position) * (now.paid - since.paid) if now.missed == since.missed else 0.0


@compiled
def _close(
    bars: Records, funding: Records, rules: Any, player: Any, at: int  # noqa: ANN401
) -> float:  # fmt: skip
    """A bar has closed; what it gained, less what a further fall below the peak costs.

    Funding is gone from it when it is due. Where a position was left, equity has fallen by what is
    no longer owed, so nothing is counted twice.
    """
    before = player.equity - player.owed
    player.equity = player.cash + player.quantity * bars[at].close
    player.owed = _due(funding, player, at)
    worth, fallen = player.equity - player.owed, player.peak - before
    player.peak = max(player.peak, worth)
    return float(worth - before - rules.drawdown * max(0.0, player.peak - worth - fallen))


@compiled
def step(
    bars: Records, funding: Records, starts: Starts, priced: Records, players: Records,
    actions: Integers, rewards: Floats, over: Flags, seen: Integers,
) -> None:  # fmt: skip
    """Everybody goes on to the next bar after which somebody decides.

    Args:
        bars: Of the market.
        funding: Of the market.
        starts: Where episodes may begin, as in :func:`restart`.
        priced: A :data:`PRICED`; shape (1,).
        players: Changed.
        actions: What each wants; shape (players,).
        rewards: Written; shape (players,).
        over: Written: terminated, and truncated; shape (2, players).
        seen: Written: row and position before another episode begins; shape (2, players).
    """
    rules = priced[0]
    for who in range(len(players)):
        player = players[who]
        at, reward = player.bar + 1, 0.0
        if actions[who] != player.position:
            traded = _fill(bars, funding, rules, player, at, actions[who])
            reward -= rules.turnover * traded
        while True:
            reward += _close(bars, funding, rules, player, at)
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
def walk_through(
    bars: Records, funding: Records, priced: Records, players: Records, stop: int,
    choices: Integers, equity: Floats, wanted: Integers,
) -> float:  # fmt: skip
    """One player goes on to the end by a table; all rewards together.

    Args:
        bars: Of the market.
        funding: Of the market.
        priced: A :data:`PRICED`; shape (1,).
        players: One, at the first bar; changed.
        stop: The one after the last that is played.
        choices: What is wanted, by row and by what is held.
        equity: Written, by bar.
        wanted: How often each position was; added to.
    """
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
        reward += _close(bars, funding, rules, player, at)
        equity[at - first - 1] = player.equity
    return reward


@compiled
def _go_on(
    bars: Records, funding: Records, rules: Any, player: Any, wanted: int  # noqa: ANN401
) -> float:  # fmt: skip
    """To the next bar after which somebody decides, as :func:`step` goes; the reward.

    It is written out there as well: calling this would take many players twice as long.
    """
    at, reward = player.bar + 1, 0.0
    if wanted != player.position:
        traded = _fill(bars, funding, rules, player, at, wanted)
        reward -= rules.turnover * traded
    while True:
        reward += _close(bars, funding, rules, player, at)
        player.left -= 1
        if bars[at].row != NO_ROW or at + 1 >= player.stop:
            break
        at += 1
    player.bar, player.row = at, bars[at].row
    return reward


@compiled
def retrace(
    bars: Records, funding: Records, priced: Records, players: Records, wanted: Integers,
    met: Integers, rewards: Floats,
) -> int:  # fmt: skip
    """One player does what somebody else has done; how many steps were met.

    It goes on until it holds what was wanted last. A step that begins or ends without a row is
    played and not told. Where an episode would be over, the next one begins with what is held.

    Args:
        bars: Of the market.
        funding: Of the market.
        priced: A :data:`PRICED`; shape (1,).
        players: One, at the first bar; changed.
        wanted: After each bar from there on; shape (n,).
        met: Written: row, position, what was wanted, next row, next position, terminated, and bars
            since the first one; shape (7, n + 1).
        rewards: Written; shape (n + 1,).
    """
    rules, player, count = priced[0], players[0], 0
    first, last = player.bar, len(wanted) - 1
    while player.bar + 1 < player.stop and (
        player.bar <= first + last or player.position != wanted[last]
    ):
        since, row, held = player.bar - first, bars[player.bar].row, player.position
        want = held if row == NO_ROW else wanted[min(since, last)]
        reward = _go_on(bars, funding, rules, player, want)
        is_ruined = player.equity <= -rules.ruin
        if min(row, player.row) > NO_ROW:
            met[0, count], met[1, count], met[2, count] = row, held, want
            met[3, count], met[4, count], met[5, count] = player.row, player.position, is_ruined
            met[6, count], rewards[count] = since, reward
            count += 1
        if is_ruined or player.left <= 0:
            player.cash -= player.equity
            player.equity, player.peak, player.left = 0.0, -player.owed, rules.longest
    return count
