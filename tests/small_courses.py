"""Markets in which it is known what can be earned, to learn sizing in within seconds."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from small_candidates import HOURS, market, true_moves
from tiltyard.learners.dqn import Course
from tiltyard.learners.environment import Rules, walk
from tiltyard.learners.examples import Rows
from tiltyard.learners.playing import POSITIONS
from tiltyard.learners.tracks import Tracks, tracks_of
from tiltyard.market.costs import BPS

Integers = NDArray[np.int64]

SYMBOLS = ("BTC/USDT", "SOL/USDT")
RULES = Rules(fee_bps=5.0, half_spread_bps=1.0)


class Known(NamedTuple):
    """A course, and where what was learnt is tested."""

    course: Course
    test_spans: Integers


def known(late: int, *, hours: int = HOURS, seed: int = 5, rules: Rules = RULES) -> Known:
    """What is known after a bar is the move that its fill will make, so many bars late, and noise.

    Half of the time is learnt from, a fifth is chosen by, and the rest is the test.
    """
    candles = market(*SYMBOLS, hours=hours, seed=seed)
    rng = np.random.default_rng(seed)
    count = len(SYMBOLS) * hours
    x = rng.standard_normal((count, 3)).astype(np.float32)
    symbol, number = np.arange(count) % 2, np.arange(count) // 2
    for place, one in enumerate(candles.values()):
        moves = np.nan_to_num(true_moves(one) / np.nanstd(true_moves(one)))
        x[symbol == place, 0] = np.clip(np.roll(moves, late), -5, 5)
    as_of = candles[SYMBOLS[0]].closed_at[number]
    none = np.zeros(count)
    rows = Rows(x, none, none, as_of, symbol, number, SYMBOLS, ("move", "noise", "more"), {})
    tracks = tracks_of(candles, rows, {})
    first, last = int(as_of[0]), int(as_of[-1])
    half, most = first + (last - first) // 2, first + (last - first) * 7 // 10
    course = Course(tracks, x, rules, tracks.spans(first, half), tracks.spans(half + 7_200, most))
    return Known(course, tracks.spans(most + 7_200, last))


def oracle(tracks: Tracks, rules: Rules, span: Integers) -> float:
    """The most that can be made of a span by holding positions, all costs paid; in notionals.

    What is best when a bar opens with nothing held is what was best at the bar before, or what was
    best where the last position was opened with what that has made. A half is never better than
    the whole or nothing.
    """
    fee, spread = rules.fee_bps / BPS, rules.half_spread_bps / BPS
    price = tracks.bars["open"][span[0] + 1 : span[1]]
    best = np.zeros(len(price))
    for at in range(1, len(price)):
        found = [best[at - 1]]
        for side in (-1, 1):
            entry, out = price[:at] * (1 + side * spread), price[at] * (1 - side * spread)
            made = side * (out / entry - 1) - fee * (1 + out / entry)
            found.append(float((best[:at] + made).max()))
        best[at] = max(found)
    return float(best[-1])


def path(tracks: Tracks, span: Integers, table: Integers) -> Integers:
    """What is wanted after each bar of a span but the last two; places of positions."""
    wanted, held = [], POSITIONS.index(0.0)
    for row in tracks.bars["row"][span[0] : span[1] - 2]:
        held = table[row, held] if row >= 0 else held
        wanted.append(held)
    return np.array(wanted)


def made(tracks: Tracks, rules: Rules, span: Integers, wanted: Integers) -> float:
    """What wanting this after each bar of a span makes, in notionals."""
    rows = tracks.bars["row"][span[0] : span[1] - 2]
    table = np.zeros((tracks.bars["row"].max() + 1, len(POSITIONS)), np.int64)
    table[rows] = wanted[:, None]
    return float(walk(tracks, rules, span, table).equity[-1])


def best_path(tracks: Tracks, rules: Rules, span: Integers) -> Integers:
    """What somebody wants after each bar of a span who knows all prices; nothing at both ends."""
    cost = (rules.fee_bps + rules.half_spread_bps) / BPS
    sides = np.array([-1, 0, 1])
    moves = np.diff(np.log(tracks.bars["open"][span[0] + 1 : span[1]]))
    change = cost * (np.abs(sides)[:, None] + np.abs(sides)) * (sides[:, None] != sides)
    worth, came_from = np.array([-np.inf, 0.0, -np.inf]), []
    for move in moves:
        every = worth[:, None] - change + sides * move
        came_from.append(every.argmax(0))
        worth = every.max(0)
    held, wanted = int((worth - cost * np.abs(sides)).argmax()), []
    for before in reversed(came_from):
        wanted.append(held)
        held = int(before[held])
    return np.array([*[2 * one for one in reversed(wanted)], *[POSITIONS.index(0.0)] * 2])
