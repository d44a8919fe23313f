"""What arms held, as transitions: the ledger's positions, the market's rewards, no foresight."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from little_markets import SINCE, little_market
from small_courses import RULES, SYMBOLS, Known, best_path, known, made, oracle, path
from tiltyard.learners import dqn
from tiltyard.learners.dqn import DqnSettings, Logged
from tiltyard.learners.environment import Rules, walk
from tiltyard.learners.examples import Rows
from tiltyard.learners.job import Job
from tiltyard.learners.logged import (
    FEWEST,
    NO_BARS,
    NO_SYMBOL,
    ONE_BAR,
    PENALTY,
    TOO_SMALL,
    Episode,
    Log,
    replay_in,
    transitions_of,
    within,
)
from tiltyard.learners.playing import NOTHING, POSITIONS
from tiltyard.learners.replay import Replay, Transitions
from tiltyard.learners.seeds import Asked, Lessons, SeedFit, fit_seed
from tiltyard.learners.tracks import NO_ROW, Tracks
from tiltyard.learners.values import choices
from tiltyard.learners.walk_forward import Fold

Integers = NDArray[np.int64]
HOUR = 3_600
PRICED = st.builds(
    Rules, fee_bps=st.floats(0, 30), half_spread_bps=st.floats(0, 20), turnover=st.floats(0, 0.01),
    drawdown=st.floats(0, 2), ruin=st.just(1e9), longest=st.just(10**6),
)  # fmt: skip
ONE = "trend_1"


def episodes(
    tracks: Tracks, symbol: str, wanted: Sequence[int], *, arm: str = ONE, propensity: float = 0.5
) -> list[Episode]:
    """The trades of somebody who wants this after each bar, filled at opens; nothing in the end."""
    first = tracks.begins[tracks.symbols.index(symbol)]
    found = []
    for place, group in groupby(range(len(wanted)), key=wanted.__getitem__):
        bars = list(group)
        if place == NOTHING:
            continue
        opened, closed = (tracks.opened_at[first + at + 1] for at in (bars[0], bars[-1] + 1))
        found.append(
            Episode(arm, symbol, POSITIONS[place], float(opened), float(closed), propensity)
        )
    return found


def drawn_path(seed: int, count: int) -> list[int]:
    """Positions that last for some bars each; nothing is wanted in the end."""
    rng = np.random.default_rng(seed)
    wanted: list[int] = []
    while len(wanted) < count - 4:
        wanted += [int(rng.integers(len(POSITIONS)))] * int(rng.integers(1, 9))
    return [*wanted[: count - 4], *[NOTHING] * 4]


def bars_of_rows(tracks: Tracks, rows: Integers) -> Integers:
    return np.array([int(np.flatnonzero(tracks.bars["row"] == row)[0]) for row in rows])


@settings(deadline=None)
@given(st.integers(0, 10_000), PRICED)
def test_positions_are_the_ledgers_and_rewards_those_of_a_walk(seed: int, rules: Rules) -> None:
    market = little_market(seed, symbols=1, holes=0.0, unknown=0.0)
    tracks = market.tracks
    wanted = drawn_path(seed, len(tracks.bars))
    told = episodes(tracks, "BTC", wanted)
    if not told:
        return
    met = transitions_of(Log(told, asked=frozenset([ONE])), tracks, rules).transitions
    at = bars_of_rows(tracks, met.row)
    closes = tracks.opened_at[at] + HOUR
    for held, moment in zip(met.position, closes, strict=True):
        now = [one.held for one in told if one.opened_at < moment <= one.closed_at]
        assert POSITIONS[held] == sum(now)
    assert (met.action == np.array(wanted)[at]).all()
    assert (at == np.arange(at[0], at[-1] + 1)).all(), "every bar from the first to the last"
    table = np.repeat(np.array(wanted)[:, None], len(POSITIONS), axis=1)
    whole = walk(tracks, rules, np.array([0, len(wanted)]), table)
    assert met.reward.sum() == pytest.approx(whole.reward, abs=1e-5)


@settings(deadline=None)
@given(st.integers(0, 10_000), PRICED)
def test_holes_and_bars_without_a_row_cost_what_they_cost_a_walk(seed: int, rules: Rules) -> None:
    """Where nobody can decide, or there is no price, the market's rules go on, not the ledger."""
    tracks = little_market(seed, symbols=1).tracks
    wanted = drawn_path(seed, len(tracks.bars))
    told = episodes(tracks, "BTC", wanted)
    rows = tracks.bars["row"]
    if not told or (rows[-4:] == NO_ROW).any():
        return
    met = transitions_of(Log(told, asked=frozenset([ONE])), tracks, rules).transitions
    table = np.zeros((rows.max() + 1, len(POSITIONS)), np.int64)
    table[rows[rows >= 0]] = np.array(wanted)[rows >= 0, None]
    first = int(np.flatnonzero(rows >= 0)[0])
    whole = walk(tracks, rules, np.array([first, len(wanted)]), table)
    assert met.reward.sum() == pytest.approx(whole.reward, abs=1e-5)
    goes_on = met.row[1:] == met.next_row[:-1]
    assert (met.position[1:][goes_on] == met.next_position[:-1][goes_on]).all()


def test_an_episode_that_is_over_goes_on_as_another_with_what_is_held() -> None:
    """A loss of an episode before neither ruins nor counts as a fall from a peak.

    Without funding: ruin goes by equity, and rewards by what is owed as well.
    """
    market = little_market(3, symbols=1, hours=300, holes=0.0, unknown=0.0, move=0.03)
    tracks = replace(market.tracks, funding=np.zeros_like(market.tracks.funding))
    told = [Episode(ONE, "BTC", -1.0, SINCE + 2 * HOUR, SINCE + 290 * HOUR, 1.0)]
    rules = replace(Rules(), ruin=0.2, longest=50)
    met = transitions_of(Log(told), tracks, rules).transitions
    assert met.terminated.sum() > 2
    assert (met.position[1:] == 0).all()
    made, left = 0.0, rules.longest
    for reward, is_over in zip(met.reward.tolist(), met.terminated, strict=True):
        made, left = made + reward, left - 1
        assert (made <= -rules.ruin) == is_over
        if is_over or not left:
            made, left = 0.0, rules.longest
    priced = transitions_of(Log(told), tracks, replace(rules, drawdown=1.0)).transitions
    fallen = met.reward - priced.reward
    assert fallen.min() >= -1e-6
    assert fallen.max() > 0.01


def test_the_probability_is_that_of_the_decision_with_which_it_began() -> None:
    tracks = little_market(1, symbols=1, holes=0.0, unknown=0.0).tracks
    wanted = [NOTHING] * 3 + [4] * 5 + [NOTHING] * 4 + [0] * 2 + [NOTHING] * 60
    told = episodes(tracks, "BTC", wanted, propensity=0.1)
    met = transitions_of(Log(told, asked=frozenset([ONE])), tracks, RULES).transitions
    entered = (met.position == NOTHING) & (met.action != NOTHING)
    assert entered.sum() == 2
    np.testing.assert_allclose(met.propensity, np.where(entered, 0.1, 1.0), rtol=1e-6)


def test_who_is_not_asked_after_every_bar_has_decided_nothing_between_two_episodes() -> None:
    tracks = little_market(1, symbols=1, holes=0.0, unknown=0.0).tracks
    wanted = [NOTHING] * 3 + [4] * 5 + [NOTHING] * 4 + [0] * 2 + [NOTHING] * 60
    told = episodes(tracks, "BTC", wanted)
    met = transitions_of(Log(told), tracks, RULES).transitions
    assert bars_of_rows(tracks, met.row).tolist() == [3, 4, 5, 6, 7, 8, 12, 13, 14]
    always = transitions_of(Log(told, asked=frozenset([ONE])), tracks, RULES).transitions
    assert bars_of_rows(tracks, always.row).tolist() == list(range(3, 15))


@pytest.mark.parametrize(
    ("seconds", "bar"), [(0, 3), (60, 3), (61, 4), (1_800, 4), (3_599, 4), (3_600, 4)]
)
def test_what_is_filled_inside_a_bar_was_decided_after_it(seconds: int, bar: int) -> None:
    """The bar with number 4 leaps; who enters inside it gains nothing of that."""
    tracks = little_market(1, symbols=1, holes=0.0, unknown=0.0).tracks
    filled = float(tracks.opened_at[4] + seconds)
    told = [Episode(ONE, "BTC", 1.0, filled, float(tracks.opened_at[9]), 1.0)]
    met = transitions_of(Log(told), tracks, RULES).transitions
    assert met.row[0] == tracks.bars["row"][bar]
    assert met.action[0] == len(POSITIONS) - 1


def test_what_cannot_be_learnt_from_is_counted() -> None:
    market = little_market(1, symbols=1, holes=0.0, unknown=0.0)
    begins, ends = SINCE, SINCE + 80 * HOUR
    whole = Episode(ONE, "BTC", 1.0, begins + 5 * HOUR, begins + 9 * HOUR, 1.0)
    log = Log(
        [
            whole,
            whole._replace(opened_at=begins - 3 * HOUR),
            whole._replace(opened_at=float(begins)),
            whole._replace(closed_at=ends + HOUR),
            whole._replace(symbol="DOGE"),
            whole._replace(opened_at=whole.opened_at + 120, closed_at=whole.opened_at + 1_800),
            whole._replace(held=-0.25),
        ],
        left_out={NO_SYMBOL: 2, "for another reason": 1},
    )
    found = transitions_of(log, market.tracks, RULES)
    assert found.left_out == {
        NO_SYMBOL: 3, "for another reason": 1, NO_BARS: 3, ONE_BAR: 1, TOO_SMALL: 1,
    }  # fmt: skip
    assert len(found.transitions.row) == 5
    assert found.span == (begins + 5 * HOUR, begins + 9 * HOUR)


@pytest.mark.parametrize(
    ("held", "position"), [(0.26, 0.5), (0.74, 0.5), (0.76, 1.0), (1.7, 1.0), (-0.3, -0.5)]
)
def test_a_position_is_the_nearest_to_what_was_held(held: float, position: float) -> None:
    market = little_market(1, symbols=1, holes=0.0, unknown=0.0)
    told = [Episode(ONE, "BTC", held, SINCE + 5 * HOUR, SINCE + 9 * HOUR, 1.0)]
    met = transitions_of(Log(told), market.tracks, RULES).transitions
    assert {POSITIONS[one] for one in met.position[1:]} == {position}


def test_what_was_found_is_kept_as_a_buffer(tmp_path: Path) -> None:
    market = little_market(2, symbols=2)
    log = Log([
        *episodes(market.tracks, "BTC", drawn_path(1, 60), arm="b", propensity=0.3),
        *episodes(market.tracks, "ETH", drawn_path(2, 60), arm="a"),
    ])  # fmt: skip
    found = transitions_of(log, market.tracks, RULES)
    replay_in(tmp_path / "logged", found, "an encoder")
    again = Replay.open(tmp_path / "logged")
    assert again is not None
    assert (again.policies, again.encoders) == (("a", "b"), ("an encoder",))
    for column, expected in zip(again.columns, found.transitions, strict=True):
        assert column.tobytes() == expected.tobytes()
    probable = again.columns.propensity
    assert ((probable > 0) & (probable <= 1)).all()
    shuffled = transitions_of(replace(log, episodes=log.episodes[::-1]), market.tracks, RULES)
    assert [one.tobytes() for one in shuffled.transitions] == [
        one.tobytes() for one in found.transitions
    ]
    told = found.told(log, again.digests)
    assert told["decisions"] == len(again) == sum(told["arms"].values())
    assert told["sha256"] == again.digests


# What a fit may know.

LEAKED = known(0)
SMALL = DqnSettings(
    steps=800, environments=4, layers=(8, 8), batch=8, warm_up=40, target_every=20,
    evaluate_every=400,
)  # fmt: skip


def lessons(logged: Logged | None, penalty: float = 1.0) -> Lessons:
    course = LEAKED.course
    return Lessons(
        replace(SMALL, conservative=penalty), RULES, rows_of(course.x), course.tracks, 10**9, 0.2,
        7_200, "", {}, logged,
    )  # fmt: skip


def rows_of(x: NDArray[np.float32]) -> Rows:
    tracks, count = LEAKED.course.tracks, len(x)
    symbol, number, none = np.arange(count) % 2, np.arange(count) // 2, np.zeros(count)
    as_of = tracks.opened_at[number] + HOUR
    return Rows(x, none, none, as_of, symbol, number, SYMBOLS, ("move", "noise", "more"), {})


def fold_of(tracks: Tracks) -> Fold:
    first, last = int(tracks.opened_at[0]), int(tracks.opened_at[-1])
    middle = first + (last - first) * 7 // 10 // HOUR * HOUR
    return Fold(first, middle - HOUR, middle, last)


def everything(changed: int | None = None) -> Log:
    """What somebody did in all there is; from a bar on, it did something else."""
    tracks = LEAKED.course.tracks
    told = []
    for symbol in SYMBOLS:
        wanted = drawn_path(1, tracks.begins[1])
        if changed is not None:
            other = [len(POSITIONS) - 1 - one for one in wanted]
            wanted = [*wanted[:changed], *other[changed:]]
        told += episodes(tracks, symbol, wanted)
    return Log(told, asked=frozenset([ONE]))


def logged_in(folder: Path, log: Log) -> Logged:
    found = transitions_of(log, LEAKED.course.tracks, RULES)
    return Logged(replay_in(folder, found, ""), 0.5)


def fitted(folder: Path, log: Log | None, job: Job | None = None) -> SeedFit:
    logged = None if log is None else logged_in(folder / "logged", log)
    return fit_seed(
        lessons(logged, 0.0 if log is None else 1.0), Asked(fold_of(LEAKED.course.tracks), 1, ""),
        job=job or Job(), folder=folder / "buffer",
    )  # fmt: skip


def is_same(one: SeedFit, other: SeedFit) -> bool:
    return one.history == other.history and all(
        array.tobytes() == other.weights[name].tobytes() for name, array in one.weights.items()
    )


def learn_bars() -> int:
    """Bars of a symbol before the part by which weights are chosen, and its embargo."""
    fold = fold_of(LEAKED.course.tracks)
    cut = fold.train_until - round(0.2 * (fold.train_until - fold.train_since))
    return (cut - 7_200 - fold.train_since) // HOUR


def test_a_fit_learns_nothing_of_what_was_logged_after_its_own_range(tmp_path: Path) -> None:
    """Whatever is done in the validation part, the embargo or a test, the network is the same."""
    whole = fitted(tmp_path / "whole", everything())
    assert whole.history["logged"] >= FEWEST
    later = fitted(tmp_path / "later", everything(changed=learn_bars() + 1))
    assert is_same(whole, later)
    earlier = fitted(tmp_path / "earlier", everything(changed=learn_bars() - 50))
    assert not is_same(whole, earlier), "it does learn from what was logged"
    assert not is_same(whole, fitted(tmp_path / "alone", None))


def test_a_fit_that_is_kept_is_taken_for_the_same_log_alone(tmp_path: Path) -> None:
    job = Job(folder=tmp_path / "work")
    first = fitted(tmp_path, everything(), job)
    assert first.history["logged"] >= FEWEST
    again: list[int] = []
    telling = replace(job, tell=lambda step: again.append(step.done))
    assert is_same(first, fitted(tmp_path, everything(changed=learn_bars() + 1), telling))
    assert again == [], "only what it may know counts"
    other = fitted(tmp_path, everything(changed=learn_bars() - 50), telling)
    assert again == [400, 800]
    assert not is_same(first, other)


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(3, 80))
def test_what_may_be_drawn_lies_where_may_be_played(since: int, hours: int) -> None:
    tracks = LEAKED.course.tracks
    first = int(tracks.opened_at[0])
    spans = tracks.spans(first + since * HOUR, first + (since + hours * 20) * HOUR)
    found = transitions_of(everything(), tracks, RULES)
    allowed = {
        int(row) for begin, stop in spans for row in tracks.bars["row"][begin:stop] if row >= 0
    }
    expected = [
        n
        for n, (row, after) in enumerate(
            zip(found.transitions.row, found.transitions.next_row, strict=True)
        )
        if row in allowed and after in allowed
    ]
    whole = Logged(InMemory(found.transitions), 0.5)  # type: ignore[arg-type]
    part = within(whole, tracks, spans)
    if len(expected) < FEWEST:
        assert part is None
    else:
        assert part is not None
        assert part.among is not None
        assert part.among.tolist() == expected


class InMemory:
    """Of a buffer, what is asked of it."""

    def __init__(self, columns: Transitions) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(self.columns.row)


def test_where_too_little_was_logged_a_fit_learns_from_its_players_alone(tmp_path: Path) -> None:
    log = everything()
    few = replace(log, episodes=log.episodes[:3])
    made_of_few = fitted(tmp_path / "few", few)
    assert made_of_few.history["logged"] == 0
    assert is_same(made_of_few, fitted(tmp_path / "alone", None))


def test_what_an_oracle_did_is_learnt_without_playing(tmp_path: Path) -> None:
    """All of a batch was logged by somebody who knew the next move, which is told in the rows."""
    course = LEAKED.course
    told = []
    for symbol, span in zip(SYMBOLS, course.learn_spans, strict=True):
        first = int(span[0] - course.tracks.begins[SYMBOLS.index(symbol)])
        wanted = [NOTHING] * first + best_path(course.tracks, RULES, span).tolist()
        told += episodes(course.tracks, symbol, wanted)
    log = Log(told, asked=frozenset([ONE]))
    logged = within(logged_in(tmp_path / "logged", log), course.tracks, course.learn_spans)
    assert logged is not None
    offline = DqnSettings(
        steps=8_000, layers=(32, 32), warm_up=16, rate=5e-4, evaluate_every=1_000,
        conservative=PENALTY,
    )  # fmt: skip
    fit = dqn.fit(
        offline, course._replace(logged=logged._replace(share=1.0)), seed=1, job=Job(), stage="",
        folder=tmp_path / "buffer",
    )  # fmt: skip
    total, most = earned(LEAKED, fit.weights)
    assert total >= 0.9 * most


def earned(market: Known, weights: dict[str, NDArray[np.float32]]) -> tuple[float, float]:
    """What they make of the test, and the most that can be made of it; in notionals."""
    tracks, x = market.course.tracks, market.course.x
    table = choices([weights], x)
    total = sum(made(tracks, RULES, span, path(tracks, span, table)) for span in market.test_spans)
    return total, sum(oracle(tracks, RULES, span) for span in market.test_spans)
