"""What arms held, bar by bar, as transitions that a network learns from beside its players'.

In come episodes that arms have had: what each held of which symbol, from when to when, and with
what probability it was given to them. Out comes what a player of the same market meets that wants
the same after each bar: the same rows, costs and rewards, by the same loops. So how an arm was
really filled does not matter, only what it wanted; and what it wanted is the nearest of the
positions.

When a position was decided on is told by its bar. What was filled as a bar opened, or within a
sixtieth of its length, was decided after the close before it. What was filled later in a bar may
have been decided by what had happened in it, so it counts as decided after that bar's close: else a
network would learn that such decisions foresee the bar.

An arm that is asked after every bar has decided to hold nothing between two of its episodes. Of
another nobody knows whether it was asked, so it has decisions within its episodes alone.

What lies in no bars, in a symbol that is not learnt from, within one bar, or is nearest to holding
nothing is left out, and counted.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiltyard.learners.dqn import Logged
from tiltyard.learners.environment import Rules, follow
from tiltyard.learners.playing import NOTHING
from tiltyard.learners.replay import TYPES, Replay, Transitions
from tiltyard.learners.tracks import NO_ROW, Tracks

LATE = 1 / 60
"""Part of a bar after its open within which a fill counts as made at it."""
FEWEST = 1_000
"""Decisions below which a fit learns from its players alone: each would be met too often."""
SHARE, PENALTY = 0.25, 0.1
"""Of each batch, and weight of the penalty on what was not done, where nobody says it.

Arms go on with what they hold after nearly every bar, so a large penalty makes a network that
trades no more.
"""
NO_BARS, NO_SYMBOL = "in no bars", "in markets not learnt from"
ONE_BAR, TOO_SMALL = "within one bar", "of a quarter of a position or less"


class Episode(NamedTuple):
    """A position of an arm, from entry to exit.

    Attributes:
        arm: Whose.
        symbol: As in the bars.
        held: Share of a whole position, below 0 for short.
        opened_at: When it was filled, seconds since 1970.
        closed_at: When it was left, likewise; not before.
        propensity: Probability with which the arm was given it, 0 < p <= 1.
    """

    arm: str
    symbol: str
    held: float
    opened_at: float
    closed_at: float
    propensity: float


@dataclass(frozen=True, slots=True)
class Log:
    """What was logged, and how it is learnt from.

    Attributes:
        episodes: Of all arms, in any order.
        asked: Arms that are asked after every bar.
        share: Of each batch, above 0 and below 1.
        penalty: Weight of the penalty on what was not done.
        left_out: Trades that are no episodes, by reason.
    """

    episodes: Sequence[Episode]
    asked: frozenset[str] = frozenset()
    share: float = SHARE
    penalty: float = PENALTY
    left_out: Mapping[str, int] = field(default_factory=dict)


class Found(NamedTuple):
    """What there is to learn from.

    Attributes:
        transitions: By arm, symbol and time; ``policy`` is a place in ``arms``.
        arms: By name.
        span: When the first and the last decision was made, seconds since 1970; None without any.
        left_out: Trades, by reason.
    """

    transitions: Transitions
    arms: tuple[str, ...]
    span: tuple[int, int] | None
    left_out: Mapping[str, int]

    def told(self, log: Log, digests: Mapping[str, str]) -> dict[str, Any]:
        """For a lineage.

        Args:
            log: Of which it was found.
            digests: Of the buffer's columns.
        """
        counts = np.bincount(self.transitions.policy.astype(np.int64), minlength=len(self.arms))
        since, until = self.span or (None, None)
        return {
            "decisions": len(self.transitions.row),
            "arms": dict(zip(self.arms, counts.tolist(), strict=True)),
            "since": since, "until": until, "share": log.share, "penalty": log.penalty,
            "left_out": dict(sorted(self.left_out.items())), "sha256": dict(digests),
        }  # fmt: skip


def transitions_of(log: Log, tracks: Tracks, rules: Rules) -> Found:
    """All decisions that were logged, with what came of them.

    Args:
        log: Who held what.
        tracks: The market.
        rules: Costs and rewards.
    """
    left_out = Counter(log.left_out)
    held: dict[tuple[str, str], list[_Held]] = {}
    for one in log.episodes:
        found = _held_over(one, tracks)
        if isinstance(found, str):
            left_out[found] += 1
        else:
            held.setdefault((one.arm, one.symbol), []).append(found)
    arms = tuple(sorted({arm for arm, _ in held}))
    parts, first, last = [], [], []
    for arm, symbol in sorted(held):
        stop = tracks.begins[tracks.symbols.index(symbol) + 1]
        for begun, wanted, propensity in _runs(held[arm, symbol], is_one=arm in log.asked):
            met = follow(tracks, rules, begun, stop, wanted)
            count = len(met.row)
            parts.append(
                Transitions(
                    met.row, met.position, met.action, met.reward, met.next_row,
                    met.next_position, met.terminated.astype(np.bool_),
                    propensity[np.minimum(met.since, len(propensity) - 1)],
                    np.full(count, arms.index(arm)), np.zeros(count, np.int64),
                )
            )  # fmt: skip
            if count:
                closed = tracks.opened_at[begun + met.since[[0, -1]]] + tracks.step
                first.append(int(closed[0]))
                last.append(int(closed[1]))
    every = Transitions(
        *(
            np.concatenate([np.empty(0, kind), *(part[n] for part in parts)]).astype(kind)
            for n, kind in enumerate(TYPES)
        )
    )
    return Found(every, arms, (min(first), max(last)) if first else None, left_out)


def replay_in(folder: Path, found: Found, encoder: str) -> Replay:
    """A buffer of all that was found; one that is there is replaced.

    Args:
        folder: Where it goes.
        found: At least one transition.
        encoder: Version of the encoder by which rows were made.

    Raises:
        TiltyardError: ``CHECKPOINT_UNWRITABLE``.
    """
    count = len(found.transitions.row)
    replay = Replay.create(folder, count, policies=found.arms, encoders=[encoder])
    replay.append(found.transitions)
    replay.commit()
    return replay


def within(logged: Logged, tracks: Tracks, spans: NDArray[np.int64]) -> Logged | None:
    """What of it players might have met themselves; None where that is too little.

    Args:
        logged: What others met.
        tracks: The market.
        spans: Where may be played, as tracks tell spans; shape (n, 2).
    """
    bars = np.full(int(tracks.bars["row"].max(initial=NO_ROW)) + 1, NO_ROW)
    known = np.flatnonzero(tracks.bars["row"] != NO_ROW)
    bars[tracks.bars["row"][known]] = known
    count, columns = len(logged.replay), logged.replay.columns
    begun, ended = bars[columns.row[:count]], bars[columns.next_row[:count]]
    is_in = np.zeros(count, np.bool_)
    for first, stop in spans:
        is_in |= (begun >= first) & (ended < stop)
    among = np.flatnonzero(is_in)
    return logged._replace(among=among) if len(among) >= FEWEST else None


class _Held(NamedTuple):
    """A position, by bars.

    Attributes:
        begun: After which it was wanted.
        ended: After which it was wanted no more.
        held: Share of a whole position.
        propensity: With which it was given.
    """

    begun: int
    ended: int
    held: float
    propensity: float


def _held_over(episode: Episode, tracks: Tracks) -> _Held | str:
    """The bars of an episode; in words, why there are none."""
    if episode.symbol not in tracks.symbols:
        return NO_SYMBOL
    place = tracks.symbols.index(episode.symbol)
    begun, ended = (_decided(tracks, place, at) for at in (episode.opened_at, episode.closed_at))
    if begun is None or ended is None:
        return NO_BARS
    if begun == ended:
        return ONE_BAR
    if _nearest(np.array([episode.held]))[0] == NOTHING:
        return TOO_SMALL
    return _Held(begun, ended, episode.held, episode.propensity)


def _decided(tracks: Tracks, place: int, filled_at: float) -> int | None:
    """The bar after whose close was decided what was filled then."""
    first, stop = tracks.begins[place], tracks.begins[place + 1]
    bar = int(np.searchsorted(tracks.opened_at[first:stop], filled_at, side="right")) - 1
    if bar < 0:
        return None
    late = filled_at - float(tracks.opened_at[first + bar])
    if late > tracks.step:
        return None
    if late <= LATE * tracks.step:
        bar -= 1
    return first + bar if bar >= 0 else None


def _runs(
    held: Sequence[_Held], *, is_one: bool
) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.float64]]]:
    """Bars in a row after which an arm decided: the first, what it wanted, and how probably."""
    runs: list[list[_Held]] = []
    until = -1
    for one in sorted(held):
        if not runs or (one.begun > until and not is_one):
            runs.append([])
        runs[-1].append(one)
        until = max(until, one.ended)
    for run in runs:
        begun = run[0].begun
        count = max(one.ended for one in run) - begun + 1
        level, propensity = np.zeros(count), np.ones(count)
        for one in run:
            level[one.begun - begun : one.ended - begun] += one.held
            at = one.begun - begun
            propensity[at] = min(propensity[at], one.propensity)
        yield begun, _nearest(level), propensity


def _nearest(held: NDArray[np.float64]) -> NDArray[np.int64]:
    """Places of the nearest positions, and of two that are as near the one that is even."""
    return np.clip(np.rint(held * NOTHING), -NOTHING, NOTHING).astype(np.int64) + NOTHING
