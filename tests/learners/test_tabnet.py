"""TabNet: its parts against their definitions, and the whole against truths that are known."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.job import Job, Step
from tiltyard.learners.snapshot import Snapshot
from tiltyard.learners.snapshot_folder import load, save
from tiltyard.learners.tabnet import (
    Fitted,
    GhostNorm,
    Head,
    TabNet,
    TabNetSettings,
    fit,
    sparsemax,
)

SMALL = TabNetSettings(
    inputs=5, classes=3, n_d=4, n_a=4, steps=2, epochs=4, batch=64, virtual_batch=32, patience=2
)
Data = tuple[NDArray[np.float32], NDArray[np.int64]]


def three_classes(rows: int, seed: int) -> Data:
    """Rows of five numbers; the first two say which class it is."""
    x = np.random.default_rng(seed).standard_normal((rows, 5)).astype(np.float32) * 3 + 1
    return x, np.where(x[:, 0] > 2, 2, x[:, 1] > 0).astype(np.int64)


TRAINING, VALID = three_classes(200, 1), three_classes(60, 2)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def fitted(seed: int = 7, job: Job | None = None, **changed: object) -> Fitted:
    return fit(replace(SMALL, **changed), *TRAINING, valid=VALID, seed=seed, job=job or Job())  # type: ignore[arg-type]


def head_of(made: Fitted, settings: TabNetSettings = SMALL) -> Head:
    return Head.from_weights(made.weights, settings, made.scaler)


@pytest.fixture(scope="module")
def trained() -> Fitted:
    return fitted()


def same(one: Fitted, other: Fitted) -> bool:
    weights = all(np.array_equal(one.weights[name], other.weights[name]) for name in one.weights)
    return weights and (one.scaler, one.history) == (other.scaler, other.history)


def projection(scores: NDArray[np.float64]) -> NDArray[Any]:
    """The simplex' nearest point: the level at which what stands out adds up to 1, by halving."""
    low, high = scores.min() - 1, scores.max()
    for _ in range(200):
        level = (low + high) / 2
        low, high = (level, high) if np.clip(scores - level, 0, None).sum() > 1 else (low, level)
    return np.asarray(np.maximum(scores - high, 0))


@given(
    arrays.arrays(
        np.float64,
        st.tuples(st.integers(1, 12), st.integers(1, 5)),
        elements=st.floats(-50, 50) | st.integers(-2, 2).map(float),
    )
)
@settings(max_examples=100, deadline=None)
def test_a_mask_is_the_nearest_point_of_the_simplex(scores: NDArray[np.float64]) -> None:
    mask = sparsemax(torch.from_numpy(scores)).numpy()
    assert mask.min() >= 0
    assert np.allclose(mask.sum(0), 1)
    for column, expected in zip(mask.T, map(projection, scores.T), strict=True):
        assert np.allclose(column, expected, atol=1e-9)


def test_a_mask_has_the_gradient_of_its_definition() -> None:
    scores = torch.randn(6, 9, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    mask = sparsemax(scores)
    assert (mask == 0).any()
    assert ((mask > 0).sum(0) > 1).any()
    assert torch.autograd.gradcheck(sparsemax, scores.requires_grad_())


def test_ghosts_are_normed_as_if_they_came_one_after_the_other() -> None:
    draw = torch.Generator().manual_seed(5)
    norm, loop = GhostNorm(3, 8, 0.1), torch.nn.BatchNorm1d(3, momentum=0.1)
    pairs = ((norm.scale, loop.weight), (norm.shift, loop.bias))
    with torch.no_grad():
        for own, known in pairs:
            known.copy_(own.copy_(torch.randn(3, generator=draw)))
    for _ in range(3):
        ours = (torch.randn(3, 32, generator=draw) * 2 + 1).requires_grad_()
        theirs = ours.detach().T.clone().requires_grad_()
        normed, expected = norm(ours), torch.cat([loop(rows) for rows in torch.split(theirs, 8)])
        weights = torch.randn(32, 3, generator=draw)
        torch.autograd.backward((normed.T * weights).sum())
        torch.autograd.backward((expected * weights).sum())
        assert torch.allclose(normed.T, expected, atol=1e-5)
        assert ours.grad is not None
        assert theirs.grad is not None
        assert torch.allclose(ours.grad.T, theirs.grad, atol=1e-5)
    for running, of_loop in ((norm.mean, loop.running_mean), (norm.variance, loop.running_var)):
        assert of_loop is not None
        assert torch.allclose(running, of_loop, atol=1e-5)
    for own, known in pairs:
        assert own.grad is not None
        assert known.grad is not None
        assert torch.allclose(own.grad, known.grad, atol=1e-4)


def test_weights_that_steps_share_are_saved_once_and_serve_again(
    trained: Fitted, tmp_path: Path
) -> None:
    shared = [name for name in trained.weights if "shared" in name]
    assert shared == ["shared.0", "shared.1"]
    known = [one.ctypes.data for one in trained.weights.values()]
    assert len(set(known)) == len(known)
    snapshot = Snapshot("tabnet", weights=trained.weights, scalers=trained.scaler)
    again = load(save(snapshot, tmp_path, datetime(2025, 6, 2, tzinfo=UTC)))
    head = Head.from_weights(again.weights, SMALL, again.scalers)
    assert np.array_equal(head.probabilities(VALID[0]), head_of(trained).probabilities(VALID[0]))


def test_it_decides_as_the_network_that_was_trained(trained: Fitted) -> None:
    network = TabNet(SMALL, 0)
    network.load_state_dict({name: torch.from_numpy(one) for name, one in trained.weights.items()})
    mean, sd = (np.asarray(trained.scaler[name], np.float32) for name in ("mean", "sd"))
    with torch.no_grad():
        logits, _ = network.eval()(torch.from_numpy((VALID[0] - mean) / sd).T)
    expected = logits.T.softmax(1).numpy()
    assert np.allclose(head_of(trained).probabilities(VALID[0]), expected, atol=1e-5)


def test_deciding_loads_no_torch() -> None:
    loaded = "import sys, tiltyard.learners.head; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", loaded], check=False).returncode == 0


@given(st.integers(1, 60), st.integers(0, 59))
@settings(max_examples=60, deadline=None)
def test_a_row_is_decided_the_same_in_any_company(trained: Fitted, rows: int, first: int) -> None:
    head, x = head_of(trained), VALID[0]
    some = x[first : first + rows]
    for decide in (head.probabilities, head.masks):
        assert np.array_equal(decide(x)[first : first + rows], decide(some))
        assert np.array_equal(decide(some)[-1:], decide(some[-1:]))


def test_masks_are_shares_and_leave_features_out(trained: Fitted) -> None:
    masks = head_of(trained).masks(VALID[0])
    assert masks.min() == 0
    assert np.allclose(masks.sum(1), 1)


def test_a_decision_that_nothing_was_added_to_looked_at_all_features_alike() -> None:
    made = fitted(epochs=1)
    shut = {
        name: one - 9 if name.startswith("readers") and name.endswith("shift") else one * 0
        for name, one in made.weights.items()
    }
    assert np.allclose(head_of(made._replace(weights=shut)).masks(VALID[0]), 1 / 5)


def test_masks_point_at_the_features_that_matter() -> None:
    draw = np.random.default_rng(11)
    x = draw.standard_normal((3000, 11)).astype(np.float32)
    y = (draw.random(3000) < 1 / (1 + np.exp((x[:, 2:6] ** 2).sum(1) - 4))).astype(np.int64)
    sizes = TabNetSettings(11, 2, epochs=20, batch=250, virtual_batch=50, sparsity=0.01)
    made = fit(sizes, x[:2500], y[:2500], valid=(x[2500:], y[2500:]), seed=2, job=Job())
    rising = head_of(made, sizes).probabilities(x[2500:])[:, 1].argsort()
    most, least = y[2500:][rising[-150:]].mean(), y[2500:][rising[:150]].mean()
    assert most > 0.8
    assert least < 0.2
    looked = head_of(made, sizes).masks(x[2500:]).mean(0)
    assert looked[2:6].sum() > 0.75, looked
    assert looked[2:6].min() > np.delete(looked, range(2, 6)).max(), looked


def test_the_same_seed_gives_the_same_bits_and_another_one_others(trained: Fitted) -> None:
    assert same(fitted(7), trained)
    assert not same(fitted(8), trained)


class Killed(Exception):  # noqa: N818 what happens to it
    pass


@pytest.mark.parametrize("epoch", [1, 2, 3, 4])
@pytest.mark.parametrize("valid", [VALID, None])
def test_killed_after_any_epoch_and_run_again_it_ends_the_same(
    epoch: int, valid: Data | None, tmp_path: Path
) -> None:
    saved: list[int] = []

    def die() -> None:
        saved.append(1)
        if len(saved) == epoch:
            raise Killed

    whole = fit(SMALL, *TRAINING, valid=valid, seed=7, job=Job())
    with pytest.raises(Killed):
        fit(SMALL, *TRAINING, valid=valid, seed=7, job=Job(folder=tmp_path, saved=die))
    assert same(fit(SMALL, *TRAINING, valid=valid, seed=7, job=Job(folder=tmp_path)), whole)


def test_when_time_is_up_it_gives_the_best_so_far_and_goes_on_later(
    trained: Fitted, tmp_path: Path
) -> None:
    cut = fitted(job=Job(folder=tmp_path, is_over=lambda: True))
    assert cut.history["partial"]
    assert len(cut.history["train"]) == 1
    assert np.isfinite(head_of(cut).probabilities(VALID[0])).all()
    again = fitted(job=Job(folder=tmp_path))
    assert not again.history["partial"]
    assert same(again, trained)


def test_it_tells_how_far_it_is(trained: Fitted) -> None:
    told: list[Step] = []
    fitted(job=Job(tell=told.append))
    assert [step.done for step in told] == [200, 400, 600, 800]
    assert {(step.stage, step.of) for step in told} == {("head", 800)}
    assert [step.numbers["valid"] for step in told] == trained.history["valid"]


def test_the_epoch_with_the_least_loss_on_other_rows_is_kept() -> None:
    noise = np.random.default_rng(3).integers(0, 3, 200)
    many = replace(SMALL, epochs=40, patience=5)
    made = fit(many, TRAINING[0], noise, valid=VALID, seed=1, job=Job())
    losses, best = made.history["valid"], made.history["best_epoch"]
    assert losses[best - 1] == min(losses)
    assert len(losses) == best + 5
    short = fit(replace(many, epochs=best), TRAINING[0], noise, valid=VALID, seed=1, job=Job())
    assert all(np.array_equal(one, made.weights[name]) for name, one in short.weights.items())


def test_without_other_rows_the_last_epoch_is_kept() -> None:
    made = fit(SMALL, *TRAINING, seed=7, job=Job())
    assert made.history["best_epoch"] == SMALL.epochs
    assert made.history["valid"] == []


@pytest.mark.parametrize(
    ("batch", "virtual", "rows"), [(100, 32, 200), (32, 64, 200), (64, 300, 200), (512, 64, 40)]
)
def test_batches_of_any_size_are_whole_virtual_batches(batch: int, virtual: int, rows: int) -> None:
    sizes = replace(SMALL, batch=batch, virtual_batch=virtual, epochs=2)
    made = fit(sizes, TRAINING[0][:rows], TRAINING[1][:rows], seed=7, job=Job())
    assert np.isfinite(made.history["train"]).all()


def test_a_column_that_never_changes_is_no_obstacle() -> None:
    x = TRAINING[0].copy()
    x[:, 4] = 0.1
    made = fit(SMALL, x, TRAINING[1], seed=7, job=Job())
    assert made.scaler["sd"][4] == 1
    assert np.isfinite(head_of(made).probabilities(VALID[0])).all()


def lacking(rows: int) -> Data:
    x = TRAINING[0].copy()
    x[:rows, 3] = np.nan
    return x, TRAINING[1]


@pytest.mark.parametrize(
    ("data", "facts"),
    [
        (lacking(3), "3 of 200 rows have values that are missing or infinite"),
        ((TRAINING[0], np.ones(200, np.int64)), "all 200 rows are of one class"),
        ((TRAINING[0][:31], TRAINING[1][:31]), "31 rows, at least 32 needed"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(data: Data, facts: str) -> None:
    with pytest.raises(TiltyardError, match=facts) as caught:
        fit(SMALL, *data, seed=7, job=Job(), stage="head, fold 1 of 4")
    assert (caught.value.code, caught.value.subject) == ("DATA_INSUFFICIENT", "head, fold 1 of 4")


def test_rows_that_choose_the_epoch_lack_nothing_either() -> None:
    with pytest.raises(TiltyardError, match="3 of 200 rows"):
        fit(SMALL, *TRAINING, valid=lacking(3), seed=7, job=Job())
    with pytest.raises(TiltyardError, match="0 rows, at least 1 needed"):
        fit(SMALL, *TRAINING, valid=(VALID[0][:0], VALID[1][:0]), seed=7, job=Job())


@pytest.mark.parametrize("decide", [Head.probabilities, Head.masks])
def test_a_row_that_lacks_a_value_is_not_decided(
    decide: Callable[[Head, NDArray[np.float32]], object], trained: Fitted
) -> None:
    with pytest.raises(TiltyardError, match="1 of 2 rows") as caught:
        decide(head_of(trained), lacking(1)[0][:2])
    assert caught.value.code == "DATA_INSUFFICIENT"


def test_rows_of_another_width_are_a_mistake_of_the_caller(trained: Fitted) -> None:
    with pytest.raises(ValueError, match=r"\(2, 4\)"):
        head_of(trained).probabilities(TRAINING[0][:2, :4])
    with pytest.raises(ValueError, match="of 2"):
        fit(replace(SMALL, classes=2), *TRAINING, seed=7, job=Job())


def test_a_loss_that_is_no_number_ends_it_and_nothing_is_kept(tmp_path: Path) -> None:
    with pytest.raises(TiltyardError, match="the loss of epoch 1 is no number") as caught:
        fitted(rate=float("1e38"), job=Job(folder=tmp_path))
    assert caught.value.code == "TRAINING_DIVERGED"
    assert not list(tmp_path.iterdir())
