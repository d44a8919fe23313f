"""A network that learns to choose positions: its arithmetic, what it can learn, how it goes on."""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from learners.test_snapshot import in_a_process, killed_at
from small_candidates import START
from small_courses import RULES, SYMBOLS, Known, known, made, oracle, path
from tiltyard.kernel.errors import Faults, TiltyardError
from tiltyard.learners.dqn import Course, DqnSettings, Fitted, Logged, fit
from tiltyard.learners.dqn_update import BLOCK, Product, Terms, Update
from tiltyard.learners.environment import walk
from tiltyard.learners.examples import Rows
from tiltyard.learners.job import Job, Step
from tiltyard.learners.playing import NOTHING, POSITIONS
from tiltyard.learners.replay import Replay, Transitions
from tiltyard.learners.tracks import tracks_of
from tiltyard.learners.values import choices, q_values
from tiltyard.market.bar import HOUR
from tiltyard.market.candles import Candles
from tiltyard.market.costs import FundingRates

PLACES = len(POSITIONS)
SMALL = DqnSettings(
    steps=400, environments=4, layers=(8, 8), batch=8, warm_up=40, target_every=20,
    evaluate_every=100,
)  # fmt: skip
LEARNING = DqnSettings(steps=8_000, layers=(32, 32), warm_up=800, rate=5e-4, evaluate_every=1_000)
LEAKED, LATE = known(0), known(1)


def fitted(
    settings: DqnSettings, course: Course, folder: Path, *, seed: int = 1, job: Job | None = None
) -> Fitted:
    job = job or Job()
    return fit(settings, course, seed=seed, job=job, stage="seed 1", folder=folder / "buffer")


def buffer(folder: Path) -> Replay:
    found = Replay.open(folder / "buffer")
    assert found is not None
    return found


def is_same(one: Fitted, other: Fitted) -> bool:
    return one.history == other.history and all(
        array.tobytes() == other.weights[name].tobytes() for name, array in one.weights.items()
    )


# The arithmetic of an update.


def batch_of(update: Update, x: NDArray[np.float32], count: int) -> Transitions:
    """Drawn transitions, put into an update's batch."""
    rng = np.random.default_rng(3)
    rows, places = (rng.integers(most, size=(2, count)) for most in (len(x), PLACES))
    met = Transitions(
        rows[0].astype(np.int32), places[0].astype(np.int8),
        rng.integers(PLACES, size=count).astype(np.int8),
        (rng.standard_normal(count) / 30).astype(np.float32), rows[1].astype(np.int32),
        places[1].astype(np.int8), rng.random(count) < 0.3, *(np.zeros(count),) * 3,
    )  # fmt: skip
    update.take(met, np.arange(count))
    return met


def drawn_update(terms: Terms, batch: int) -> tuple[Update, NDArray[np.float32]]:
    rng = np.random.default_rng(7)
    x = rng.standard_normal((50, 3)).astype(np.float32)
    update = Update((3 + PLACES, 6, 7, PLACES * terms.quantiles), x, batch=batch, terms=terms)
    for network in (update.network, update.target):
        network.flat[:] = rng.standard_normal(len(network.flat)) / 2
    return update, x


def outputs(
    flat: NDArray[np.float64], widths: list[int], known: NDArray[np.float64]
) -> NDArray[np.float64]:
    for n, (inputs, width) in enumerate(pairwise(widths)):
        layer = flat[: (inputs + 1) * width].reshape(inputs + 1, width)
        flat = flat[(inputs + 1) * width :]
        known = known @ layer[:-1] + layer[-1]
        known = known if n == len(widths) - 2 else np.maximum(known, 0)
    return known


def loss_of(
    flat: NDArray[np.float64], update: Update, x: NDArray[np.float32], met: Transitions,
    terms: Terms, logged: int,
) -> float:  # fmt: skip
    """The same loss by its definition, in double precision; what it aims at stays where it is."""
    widths = [3 + PLACES, 6, 7, PLACES * terms.quantiles]
    held = np.eye(PLACES)
    now, then = (
        np.concatenate([x[row], held[position]], axis=1)
        for row, position in ((met.row, met.position), (met.next_row, met.next_position))
    )
    count, places = len(now), np.arange(len(now))
    shape = (count, PLACES, terms.quantiles)
    later = outputs(update.network.flat.astype(float), widths, then).reshape(shape)
    valued = outputs(update.target.flat.astype(float), widths, then).reshape(shape)
    best = later.mean(2).argmax(1)
    after = np.where(met.terminated[:, None], 0, terms.discount * valued[places, best])
    aims = terms.unit * met.reward[:, None] + after
    thought = outputs(flat, widths, now).reshape(shape)
    error = aims[:, None, :] - thought[places, met.action][:, :, None]
    size = np.abs(error)
    huber = np.where(size < 1, error**2 / 2, size - 0.5)
    levels = ((np.arange(terms.quantiles) + 0.5) / terms.quantiles)[None, :, None]
    total = (2 * np.abs(levels - (error < 0)) * huber).mean((1, 2)).sum()
    means = thought.mean(2)
    pressed = np.log(np.exp(means).sum(1)) - means[places, met.action]
    return float(total + terms.conservative * pressed[logged:].sum()) / count


@pytest.mark.parametrize(
    ("quantiles", "conservative", "logged"),
    [(1, 0.0, 16), (4, 0.0, 16), (1, 0.7, 0), (1, 0.7, 11), (4, 0.7, 5)],
    ids=["mean", "quantiles", "conservative", "partly logged", "quantiles, partly logged"],
)
def test_the_gradient_is_the_slope_of_the_loss(
    quantiles: int, conservative: float, logged: int
) -> None:
    terms = Terms(0.9, 10.0, quantiles, conservative)
    update, x = drawn_update(terms, 16)
    met = batch_of(update, x, 16)
    loss, flat = update.slope(logged), update.network.flat.astype(float)
    asked = (update, x, met, terms, logged)
    assert loss == pytest.approx(loss_of(flat, *asked), rel=1e-5)
    slopes, step = np.zeros_like(flat), 1e-6
    for n in range(len(flat)):
        aside = np.zeros_like(flat)
        aside[n] = step
        slopes[n] = (loss_of(flat + aside, *asked) - loss_of(flat - aside, *asked)) / (2 * step)
    assert np.abs(slopes).max() > 0.05
    np.testing.assert_allclose(update.gradient.flat, slopes, atol=2e-5)


@pytest.mark.parametrize("terminated", [False, True])
def test_one_network_chooses_what_comes_next_and_the_other_says_what_it_is_worth(
    *, terminated: bool
) -> None:
    """The network thinks most of the fourth position, the target network of the first."""
    terms = Terms(0.5, 100.0, 1, 0.0)
    update = Update((1 + PLACES, PLACES), np.zeros((2, 1), np.float32), batch=1, terms=terms)
    update.network.each[-1][1][:] = [0.0, 0.25, -0.5, 2.0, 1.0]
    update.target.each[-1][1][:] = [9.0, 7.0, 5.0, -0.75, 1.0]
    columns = ([0], [2], [2], [0.005], [1], [1], [terminated], [1], [0], [0])
    update.take(Transitions(*map(np.array, columns)), np.array([0]))
    aim = 100 * 0.005 + (0.0 if terminated else 0.5 * -0.75)
    assert update.slope(1) == pytest.approx((-0.5 - aim) ** 2 / 2)
    assert update.gradient.each[-1][1].tolist() == pytest.approx([0, 0, -0.5 - aim, 0, 0])


def test_adam_takes_the_steps_of_its_paper() -> None:
    terms = Terms(0.9, 10.0, 1, 0.0)
    update, x = drawn_update(terms, 16)
    batch_of(update, x, 16)
    weights = update.network.flat.astype(float)
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    for n in range(1, 6):
        update.slope(16)
        slope = update.gradient.flat.astype(float)
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        unbiased = np.sqrt(second / (1 - 0.999**n))
        weights -= 0.01 * (first / (1 - 0.9**n)) / (unbiased + 1e-8 / np.sqrt(1 - 0.999**n))
        update.improve(0.01)
    np.testing.assert_allclose(update.network.flat, weights, atol=1e-5)


@pytest.mark.parametrize("shape", [(128, 64, 64), (300, 70, 33), (1, 5, 5), (7, 600, 600)])
def test_a_product_in_blocks_is_the_product(shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(1)
    rows, inner, columns = shape
    a = rng.standard_normal((inner, rows)).astype(np.float32).T
    b = rng.standard_normal((inner, columns)).astype(np.float32)
    out = np.zeros((rows, columns), np.float32)
    done = Product(a, b, out)
    done()
    np.testing.assert_allclose(out, a.astype(float) @ b, atol=1e-3)
    sizes = [len(part) * b.size for part, _, _ in done._blocks]
    assert all(
        size <= BLOCK or len(part) == 1
        for size, (part, _, _) in zip(sizes, done._blocks, strict=True)
    )


# What it can learn, and what it cannot.


def test_the_oracle_makes_the_most_that_any_sequence_of_positions_makes() -> None:
    tracks = LEAKED.course.tracks
    for first in (10, 500, 1_000):
        span = np.array([first, first + 7])
        every = product(range(PLACES), repeat=5)
        best = max(made(tracks, RULES, span, np.array(wanted)) for wanted in every)
        assert oracle(tracks, RULES, span) == pytest.approx(best, abs=1e-9)
        assert best > 0


def judged(what: Known, weights: Fitted) -> tuple[float, float, float]:
    """What was made in the test, what an oracle makes, and how often chance makes as much.

    Chance holds the same positions in the same order, some other time later: so it trades as much,
    and knows nothing.
    """
    course = what.course
    table = choices([weights.weights], course.x)
    total, most, others = 0.0, 0.0, np.zeros(199)
    shifts = np.random.default_rng(1).integers(24, 500, size=len(others))
    for span in what.test_spans:
        wanted = path(course.tracks, span, table)
        total += made(course.tracks, course.rules, span, wanted)
        most += oracle(course.tracks, course.rules, span)
        others += [
            made(course.tracks, course.rules, span, np.roll(wanted, shift)) for shift in shifts
        ]
    return total, most, (1 + int((others >= total).sum())) / (1 + len(others))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_leak_is_exploited_nearly_as_well_as_can_be(tmp_path: Path, seed: int) -> None:
    total, most, chance = judged(LEAKED, fitted(LEARNING, LEAKED.course, tmp_path, seed=seed))
    assert total >= 0.8 * most > 0
    assert chance == 1 / 200


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_same_a_bar_late_earns_nothing_beyond_chance(tmp_path: Path, seed: int) -> None:
    """A false alarm is one in a hundred for each seed."""
    total, most, chance = judged(LATE, fitted(LEARNING, LATE.course, tmp_path, seed=seed))
    assert chance > 0.01
    assert total < 0.05 * most


def costly(rate: float) -> Course:
    """Prices rise by a basis point an hour; who is long pays a rate every eight hours."""
    hours, (symbol, *_) = 24 * 60, SYMBOLS
    since = round(START.timestamp())
    at = since + 3600 * np.arange(hours)
    price = 100 * np.exp(1e-4 * np.arange(hours + 1))
    opened, close = price[:-1], price[1:]
    candles = Candles(symbol, HOUR, at, opened, close, opened, close, np.ones(hours))
    x, none = np.random.default_rng(1).standard_normal((hours, 2)), np.zeros(hours)
    rows = Rows(
        x.astype(np.float32), none, none, at + 3600, np.zeros(hours, np.int64), np.arange(hours),
        (symbol,), ("noise", "more"), {},
    )  # fmt: skip
    rates = [(START + timedelta(hours=8 * n), rate) for n in range(hours // 8 + 1)]
    tracks = tracks_of({symbol: candles}, rows, {symbol: FundingRates(rates)})
    rules, end = replace(RULES, turnover=2e-4, drawdown=0.1), since + 3600 * hours
    cut = since + 3600 * hours * 7 // 10
    learnt, chosen = tracks.spans(since, cut), tracks.spans(cut + 7_200, end)
    return Course(tracks, rows.x, rules, learnt, chosen)


@pytest.mark.parametrize(("rate", "best"), [(0.002, 0), (0.0, PLACES - 1)])
def test_what_holding_costs_is_learnt_from_holding(tmp_path: Path, rate: float, best: int) -> None:
    """Funding of 20 basis points takes more than the 8 that prices rise by meanwhile."""
    settings = replace(LEARNING, steps=20_000, rate=1e-3, evaluate_every=4_000, target_every=250)
    course = costly(rate)
    wanted = fitted(settings, course, tmp_path).history["wanted"][-1]
    (span,) = course.valid_spans
    worth = [
        walk(course.tracks, course.rules, span, np.full((len(course.x), PLACES), at)).reward
        for at in range(PLACES)
    ]
    assert int(np.argmax(worth)) == best
    assert wanted[best] > 0.9 * sum(wanted), wanted


def test_quantiles_learn_as_well(tmp_path: Path) -> None:
    settings = replace(LEARNING, quantiles=8)
    total, most, _ = judged(LEAKED, fitted(settings, LEAKED.course, tmp_path))
    assert total >= 0.8 * most


def logged(folder: Path, course: Course, action: int) -> Replay:
    """Somebody always wanted the same, and always lost the same by it."""
    first, stop = course.learn_spans[0]
    rows = course.tracks.bars["row"][first:stop]
    replay = Replay.create(folder, len(rows))
    whole = np.ones(len(rows))
    replay.append(
        Transitions(
            rows, whole * NOTHING, whole * action, whole * -0.001, rows, whole * NOTHING,
            whole, whole, 0 * whole, 0 * whole,
        )
    )  # fmt: skip
    replay.commit()
    return replay


@pytest.mark.parametrize(("conservative", "wants_it"), [(0.0, False), (2.0, True)])
def test_a_penalty_keeps_to_what_was_logged(
    tmp_path: Path, *, conservative: float, wants_it: bool
) -> None:
    """In the log one thing was done, and lost; of all else nothing is known, so it seems better."""
    course = LEAKED.course._replace(logged=Logged(logged(tmp_path / "log", LEAKED.course, 1), 1.0))
    settings = replace(LEARNING, steps=1_600, warm_up=16, evaluate_every=1_600, rate=1e-3,
                       conservative=conservative)  # fmt: skip
    weights = fitted(settings, course, tmp_path).weights
    wanted = choices([weights], course.x[:500])[:, NOTHING]
    assert bool((wanted == 1).mean() > 0.99) == wants_it


# What is kept of what players met.


def test_what_players_met_is_a_chain_and_an_end_is_none_of_another_episode(tmp_path: Path) -> None:
    course = LEAKED.course._replace(rules=replace(RULES, longest=7))
    fitted(SMALL, course, tmp_path)
    met = buffer(tmp_path).columns
    row, position, after, held = (
        one.reshape(-1, SMALL.environments)
        for one in (met.row, met.position, met.next_row, met.next_position)
    )
    assert (after == row + 2).all(), "two symbols in turn: the next bar of the same one"
    goes_on = row[1:] == after[:-1]
    assert (position[1:][goes_on] == held[:-1][goes_on]).all()
    assert 0.1 < (~goes_on).mean() < 0.2, "every seventh step is an episode's last"
    assert (position[1:][~goes_on] == NOTHING).all()
    assert not met.terminated.any(), "whose time is over is worth what comes next"


def test_who_is_ruined_has_nothing_to_come(tmp_path: Path) -> None:
    course = LEAKED.course._replace(rules=replace(RULES, ruin=0.01))
    fitted(SMALL, course, tmp_path)
    met = buffer(tmp_path).columns
    assert 0.01 < met.terminated.mean() < 0.5
    assert met.reward[met.terminated].mean() < -0.003


def test_each_choice_is_kept_with_its_probability(tmp_path: Path) -> None:
    settings = replace(SMALL, steps=4_000, evaluate_every=4_000, least_drawn=0.2, drawn_over=0.5)
    fitted(settings, LEAKED.course, tmp_path)
    met = buffer(tmp_path).columns
    assert met.propensity[:4].tolist() == pytest.approx([0.2] * 2 + [0.2] * 2)
    assert np.unique(met.propensity[1_000:1_004]).tolist() == pytest.approx([0.12, 0.52])
    late = met.propensity[2_000:]
    assert np.unique(late).tolist() == pytest.approx([0.04, 0.84])
    assert (late > 0.5).mean() == pytest.approx(0.84, abs=0.03)
    assert (1 / met.propensity).mean() == pytest.approx(PLACES, abs=0.5)


def test_each_step_says_after_which_evaluation_it_was_played(tmp_path: Path) -> None:
    """Players do not share the steps evenly: an evaluation is late, and the last one short."""
    settings = replace(SMALL, steps=250, environments=16)
    fit(
        settings, LEAKED.course, seed=1, job=Job(), stage="", folder=tmp_path / "buffer",
        policy="seed 1",
    )  # fmt: skip
    kept = buffer(tmp_path)
    assert kept.policies == tuple(f"seed 1 after {steps} steps" for steps in (0, 100, 200))
    assert kept.columns.policy.tolist() == [0] * 112 + [1] * 96 + [2] * 48


def test_steps_and_updates_are_counted_and_told(tmp_path: Path) -> None:
    told: list[Step] = []
    made = fitted(SMALL, LEAKED.course, tmp_path, job=Job(tell=told.append))
    assert [(one.stage, one.done, one.of) for one in told] == [
        ("seed 1", steps, 400) for steps in (100, 200, 300, 400)
    ]
    assert all(one.numbers.keys() == {"loss", "reward", "valid"} for one in told)
    assert made.history["updates"] == (400 - 40) // 4
    assert made.history["steps"] == [100, 200, 300, 400]
    rows = made.history["buffer"]
    assert rows == {"rows": 400, "sha256": buffer(tmp_path).digests}
    assert not made.is_partial


def test_before_the_first_update_there_is_no_loss(tmp_path: Path) -> None:
    told: list[Step] = []
    made = fitted(replace(SMALL, warm_up=150), LEAKED.course, tmp_path, job=Job(tell=told.append))
    assert made.history["loss"][0] is None
    assert "loss" not in told[0].numbers
    assert made.history["loss"][1] > 0


def test_the_weights_that_are_kept_did_best_where_nothing_was_learnt_from(tmp_path: Path) -> None:
    rules = replace(RULES, turnover=0.001, drawdown=0.05)
    course = LEAKED.course._replace(rules=rules)
    made_of = fitted(replace(SMALL, steps=1_000), course, tmp_path)
    valid = made_of.history["valid"]
    assert len(set(valid)) > 3
    assert made_of.history["best_step"] == 100 * (1 + int(np.argmax(valid)))
    table, worth = choices([made_of.weights], course.x), 0.0
    dearer = replace(rules, fee_bps=rules.fee_bps + 10)
    for span in course.valid_spans:
        worth += made(course.tracks, dearer, span, path(course.tracks, span, table))
        equity = np.concatenate([[0.0], walk(course.tracks, rules, span, table).equity])
        fallen = np.maximum.accumulate(equity) - equity
        worth -= 0.05 * float(np.maximum(0, np.diff(fallen)).sum())
    assert max(valid) == pytest.approx(worth, abs=1e-9)
    wanted = made_of.history["wanted"][int(np.argmax(valid))]
    spans = [course.tracks.bars["row"][first : stop - 2] for first, stop in course.valid_spans]
    assert sum(wanted) == sum(map(len, spans))


# The same again, and going on.


def test_the_same_seed_gives_the_same_bits_and_another_one_others(tmp_path: Path) -> None:
    one, again = (fitted(SMALL, LEAKED.course, tmp_path / name) for name in ("one", "again"))
    assert is_same(one, again)
    other = fitted(SMALL, LEAKED.course, tmp_path / "other", seed=2)
    assert not is_same(one, other)
    assert buffer(tmp_path / "one").digests != buffer(tmp_path / "other").digests


def test_the_bits_do_not_depend_on_how_many_threads_there_are(tmp_path: Path) -> None:
    """Layers are wide enough for a library to spread their products over threads."""
    script = (
        "import sys; from pathlib import Path; from dataclasses import replace;"
        "from learners.test_dqn import LEAKED, SMALL, fitted;"
        "settings = replace(SMALL, steps=100, layers=(128, 128), batch=64);"
        "made = fitted(settings, LEAKED.course, Path(sys.argv[1]));"
        "from tiltyard.learners.job import job_key; print(job_key(*made.weights.values()))"
    )
    found = set()
    for threads in ("1", "2"):
        told = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / threads)], capture_output=True,
            text=True, check=True, timeout=600,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]),
                 "OPENBLAS_NUM_THREADS": threads},
        )  # fmt: skip
        found.add(told.stdout)
    assert len(found) == 1


def test_whoever_is_killed_anywhere_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    """Killed as it is about to ask the system for something, wherever that is."""
    settings = replace(SMALL, steps=300)
    whole = fitted(settings, LEAKED.course, tmp_path / "whole", job=Job(folder=tmp_path / "done"))
    kept = []
    for call in range(1, 200):
        folder = tmp_path / str(call)
        told: list[Step] = []
        job = Job(folder=folder / "work", tell=told.append)
        run = killed_at(call, lambda: fitted(settings, LEAKED.course, folder, job=job))  # noqa: B023 ends at once
        ended = in_a_process(run)
        assert is_same(fitted(settings, LEAKED.course, folder, job=job), whole)
        kept.append(3 - len(told))
        shutil.rmtree(folder)
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
    assert kept == sorted(kept)
    assert set(kept) == {0, 1, 2, 3}


def test_when_time_is_up_the_best_so_far_is_kept_and_it_can_go_on(tmp_path: Path) -> None:
    whole = fitted(SMALL, LEAKED.course, tmp_path / "whole")
    asked = iter([False, True])
    job = Job(folder=tmp_path / "work", is_over=lambda: next(asked))
    part = fitted(SMALL, LEAKED.course, tmp_path, job=job)
    assert part.is_partial
    assert part.history["valid"] == whole.history["valid"][:2]
    half = fitted(replace(SMALL, drawn_over=0.4, steps=200), LEAKED.course, tmp_path / "half")
    assert all(np.array_equal(one, half.weights[name]) for name, one in part.weights.items())
    rest = fitted(SMALL, LEAKED.course, tmp_path, job=Job(folder=tmp_path / "work"))
    assert is_same(rest, whole)
    assert not rest.is_partial


def test_what_was_finished_is_there_at_once_and_other_work_is_begun_anew(tmp_path: Path) -> None:
    told: list[Step] = []
    job = Job(folder=tmp_path / "work", tell=told.append)
    first = fitted(SMALL, LEAKED.course, tmp_path, job=job)
    assert len(told) == 4
    assert is_same(fitted(SMALL, LEAKED.course, tmp_path, job=job), first)
    assert len(told) == 4
    fitted(replace(SMALL, rate=1e-3), LEAKED.course, tmp_path, job=job)
    assert len(told) == 8
    assert is_same(fitted(SMALL, LEAKED.course, tmp_path, job=job), first)
    assert len(told) == 12, "its buffer had been replaced"


def test_a_buffer_that_was_damaged_is_said_and_one_that_was_deleted_is_filled_afresh(
    tmp_path: Path,
) -> None:
    job = Job(folder=tmp_path / "work")
    first = fitted(SMALL, LEAKED.course, tmp_path, job=job)
    column = tmp_path / "buffer" / "reward"
    column.write_bytes(b"\1" + column.read_bytes()[1:])
    with pytest.raises(Faults, match="BUFFER_DAMAGED"):
        fitted(SMALL, LEAKED.course, tmp_path, job=job)
    shutil.rmtree(tmp_path / "buffer")
    assert is_same(fitted(SMALL, LEAKED.course, tmp_path, job=job), first)


# What is refused.


def test_a_loss_that_is_no_number_ends_it(tmp_path: Path) -> None:
    with (
        pytest.raises(TiltyardError, match=r"TRAINING_DIVERGED seed 1.*Lower the rate"),
        np.errstate(all="ignore"),
    ):
        fitted(replace(SMALL, rate=1e30), LEAKED.course, tmp_path)


NOWHERE = np.zeros((0, 2), np.int64)


@pytest.mark.parametrize(
    ("course", "why"),
    [
        (LEAKED.course._replace(learn_spans=NOWHERE), "to learn from"),
        (LEAKED.course._replace(valid_spans=NOWHERE), "to choose by"),
        (LEAKED.course._replace(x=np.full_like(LEAKED.course.x, np.nan)), "5,280 rows lack"),
    ],
    ids=["nothing to learn from", "nothing to choose by", "values missing"],
)
def test_a_course_that_lacks_something_is_refused(tmp_path: Path, course: Course, why: str) -> None:
    with pytest.raises(TiltyardError, match=f"DATA_INSUFFICIENT seed 1.*{why}"):
        fitted(SMALL, course, tmp_path)


def test_an_empty_log_is_refused_and_a_penalty_without_one(tmp_path: Path) -> None:
    empty = Logged(Replay.create(tmp_path / "log", 1), 0.5)
    with pytest.raises(TiltyardError, match=r"DATA_INSUFFICIENT.*nothing was logged"):
        fitted(SMALL, LEAKED.course._replace(logged=empty), tmp_path)
    with pytest.raises(ValueError, match="a penalty on what was logged"):
        fitted(replace(SMALL, conservative=1.0), LEAKED.course, tmp_path)


# Deciding by it.


@pytest.mark.parametrize("quantiles", [1, 3])
def test_a_row_decides_the_same_alone_and_among_any_others(quantiles: int) -> None:
    rng = np.random.default_rng(2)
    x = rng.standard_normal((700, 21)).astype(np.float32)
    update = Update((21 + PLACES, 64, 64, PLACES * quantiles), x, batch=8,
                    terms=Terms(0.99, 100.0, quantiles, 0.0))  # fmt: skip
    networks = []
    for _ in range(3):
        update.network.flat[:] = rng.standard_normal(len(update.network.flat)) / 8
        networks.append(update.network.named())
    whole = q_values(networks[0], x)
    chosen = choices(networks, x)
    assert chosen.shape == (700, PLACES)
    assert len(np.unique(chosen)) > 2
    for rows in (slice(3, 4), slice(0, 5), slice(250, 300), slice(699, 700)):
        assert q_values(networks[0], x[rows]).tobytes() == whole[rows].tobytes()
        assert np.array_equal(choices(networks, x[rows]), chosen[rows])
    assert choices(networks, x[:0]).shape == (0, PLACES)


def test_it_decides_by_what_was_trained() -> None:
    """What serves and what learns are two ways to compute the same network."""
    terms = Terms(0.9, 10.0, 2, 0.0)
    update, x = drawn_update(terms, 16)
    met = batch_of(update, x, 16)
    update.slope(16)
    thought = update._online.outputs[-1][:16].reshape(16, PLACES, 2).mean(2)
    served = q_values(update.network.named(), x)[met.row, met.position]
    np.testing.assert_allclose(served, thought, atol=1e-5)


def test_several_decide_by_their_mean() -> None:
    def told(*worth: float) -> dict[str, NDArray[np.float32]]:
        weights = np.zeros((4, 3), np.float32)
        return {"layer_1.weights": weights, "layer_1.shift": np.array(worth, np.float32)}

    x = np.zeros((1, 1), np.float32)
    assert choices([told(0, 2, 1)], x)[0].tolist() == [1, 1, 1]
    assert choices([told(0, 2, 1), told(0, -4, 0)], x)[0].tolist() == [2, 2, 2]
