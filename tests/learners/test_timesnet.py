"""An encoder: windows in, embeddings out, the same ones whenever and however they are asked for.

A trained one is tiny and learns from three hundred short windows of a wave in noise.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch.nn import functional as F  # noqa: N812 as everybody calls it

from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners import timesnet
from tiltyard.learners.encoder import Encoder, encoder_from, settings_from
from tiltyard.learners.job import DIGEST, Job, Step
from tiltyard.learners.snapshot import Snapshot
from tiltyard.learners.snapshot_folder import load, save
from tiltyard.learners.timesnet import (
    Fitted,
    TimesNetSettings,
    train,
)
from tiltyard.learners.timesnet_network import Inception, Network, by_waves, convolved, cropped
from tiltyard.learners.timesnet_snapshot import refresh, snapshot_of
from tiltyard.learners.windows import Windows

TINY = TimesNetSettings(
    length=24, channels=2, d_model=8, d_ff=8, top_k=2, kernels=3, embedding=4, epochs=3, batch=16,
    rate=1e-2,
)  # fmt: skip
SEED = 7
NOW = datetime(2025, 7, 7, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def windows_of(columns: NDArray[np.float64], length: int = 24) -> Windows:
    cut = np.lib.stride_tricks.sliding_window_view(columns, length, axis=0).transpose(0, 2, 1)
    data = np.ascontiguousarray(cut, dtype=np.float32)
    n = len(data)
    return Windows(data, np.zeros(n, np.int64), np.arange(n) * 3600, ("SOL/USDT",))


def noise(bars: int = 324) -> NDArray[np.float64]:
    return np.random.default_rng(SEED).standard_normal((bars, 2))


def wave(bars: int = 324) -> NDArray[np.float64]:
    """Twice a day up and down, and half a day later in the other channel, in a little noise."""
    turns = 2 * np.pi * np.arange(bars) / 12
    both = np.sqrt(2) * np.stack((np.sin(turns), np.cos(turns)), 1)
    return np.asarray(both + 0.1 * noise(bars))


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    torch.set_num_threads(1)
    return train(TINY, windows_of(wave()), seed=SEED, job=Job())


def snapshot(fitted: Fitted, baseline: Windows) -> Snapshot:
    scaler = {"SOL/USDT": {"mean": [0.0, 0.0], "sd": [1.0, 1.0]}}
    return snapshot_of(
        TINY, fitted, baseline, channels=scaler, data={"bars": 324}, seed=SEED, parents=()
    )


def equal(one: Fitted, other: Fitted) -> bool:
    return one.history == other.history and all(
        np.array_equal(one.weights[name], other.weights[name]) for name in one.weights
    )


@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(1, 14), columns=st.integers(1, 14), kernels=st.integers(1, 6),
    inputs=st.integers(1, 4), outputs=st.integers(1, 4), batch=st.integers(1, 3),
)  # fmt: skip
def test_the_merged_and_cropped_kernel_does_what_the_parallel_ones_do(
    rows: int, columns: int, kernels: int, inputs: int, outputs: int, batch: int
) -> None:
    draws = torch.Generator().manual_seed(SEED)
    layer = Inception(inputs, outputs, kernels)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draws))
        grid = torch.randn((batch, inputs, rows, columns), generator=draws)
        parallel = torch.stack(
            [F.conv2d(grid, one, layer.bias[n], padding=n) for n, one in enumerate(layer.kernels)]
        ).mean(0)
        kernel, bias = layer.merged()
        uncropped = F.conv2d(grid, kernel, bias, padding=kernels - 1)
        by_place = grid.flatten(2).transpose(1, 2).contiguous()
        kept = cropped(kernel, rows, columns)
        ours = [apply(by_place, kept, bias, (rows, columns)) for apply in (convolved, by_waves)]
    close = 1e-5 * (float(parallel.abs().max()) + 1)
    for one in (uncropped, *(each.transpose(1, 2).view_as(parallel) for each in ours)):
        assert torch.allclose(one, parallel, rtol=0, atol=close)


def test_what_is_learnt_by_waves_is_what_is_learnt_place_by_place() -> None:
    torch.manual_seed(SEED)
    x, kernel, bias = torch.randn(3, 96, 4), torch.randn(6, 4, 11, 11), torch.randn(6)
    gradients = []
    for apply in (convolved, by_waves):
        given = [one.clone().requires_grad_() for one in (x, kernel, bias)]
        loss = apply(given[0], given[1], given[2], (12, 8)).square().mean()
        gradients.append(torch.autograd.grad(loss, given))
    for by_place, waved in zip(*gradients, strict=True):
        assert torch.allclose(by_place, waved, rtol=0, atol=1e-5 * float(by_place.abs().max()))


def test_a_settled_network_does_what_the_learning_one_did() -> None:
    torch.manual_seed(SEED)
    network, x = Network(TimesNetSettings()), torch.randn(5, 96, 4)
    network.frequencies = [[4, 8, 13], [1, 2, 5]]
    with torch.no_grad():
        learning = network.embedded(network.body(network.first(x))).numpy()
    assert np.allclose(Encoder(network).embed(x.numpy()), learning, rtol=0, atol=1e-5)


def test_a_kernel_keeps_only_what_a_grid_can_reach() -> None:
    kernel = torch.zeros(1, 1, 11, 11)
    sides = {grid: tuple(cropped(kernel, *grid).shape[2:]) for grid in ((1, 96), (2, 48), (8, 12))}
    assert sides == {(1, 96): (1, 11), (2, 48): (3, 11), (8, 12): (11, 11)}


@pytest.mark.parametrize(("length", "horizon"), [(96, 0), (50, 0), (24, 12)])
def test_a_window_has_the_same_embedding_alone_and_in_any_batch(length: int, horizon: int) -> None:
    torch.manual_seed(SEED)
    draws = np.random.default_rng(SEED)
    asked = draws.standard_normal((132, length, 4)).astype(np.float32)
    sizes = replace(TimesNetSettings(), length=length, horizon=horizon)
    half = sizes.steps // 2
    for _ in range(2):
        network = Network(sizes)
        network.frequencies = [(draws.permutation(half)[:3] + 1).tolist() for _ in range(2)]
        encoder = Encoder(network)
        together = encoder.embed(asked)
        for at in (0, 131):
            assert np.array_equal(encoder.embed(asked[at : at + 1])[0], together[at])
        for some in (slice(0, 2), slice(3, 20), slice(131, None, -1)):
            assert np.array_equal(encoder.embed(asked[some]), together[some])


def test_no_window_is_no_embedding(fitted: Fitted) -> None:
    assert Encoder.from_weights(fitted.weights, TINY).embed(
        np.empty((0, 24, 2), np.float32)
    ).shape == (0, 4)  # fmt: skip


def test_the_frequencies_of_a_wave_are_found(fitted: Fitted) -> None:
    assert 2 in fitted.weights["frequencies"][0]


def test_the_same_seed_gives_the_same_weights_and_another_one_others(fitted: Fitted) -> None:
    again, other = (
        train(TINY, windows_of(wave()), seed=seed, job=Job()) for seed in (SEED, SEED + 1)
    )
    assert equal(again, fitted)
    assert not equal(other, fitted)


class Killed(BaseException):
    """As by a signal that nobody catches."""


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_killed_after_any_epoch_it_goes_on_to_the_same_weights(
    fitted: Fitted, tmp_path: Path, epochs: int
) -> None:
    saved = 0

    def kill() -> None:
        nonlocal saved
        saved += 1
        if saved == epochs:
            raise Killed

    with pytest.raises(Killed):
        train(TINY, windows_of(wave()), seed=SEED, job=Job(folder=tmp_path, saved=kill))
    told: list[Step] = []
    job = Job(folder=tmp_path, tell=told.append)
    again = train(TINY, windows_of(wave()), seed=SEED, job=job)
    assert equal(again, fitted)
    assert {step.numbers["epoch"] for step in told} == set(range(epochs + 1, 4))


def test_killed_within_an_epoch_it_begins_that_one_anew(fitted: Fitted, tmp_path: Path) -> None:
    def kill(step: Step) -> None:
        if step.numbers["epoch"] > 1:
            raise Killed

    with pytest.raises(Killed):
        train(TINY, windows_of(wave()), seed=SEED, job=Job(folder=tmp_path, tell=kill))
    assert equal(train(TINY, windows_of(wave()), seed=SEED, job=Job(folder=tmp_path)), fitted)


def test_work_that_was_kept_before_epochs_were_counted_is_gone_on_with(
    fitted: Fitted, tmp_path: Path
) -> None:
    """It was of whole epochs, and does not say how far within one it was."""

    def kill() -> None:
        raise Killed

    with pytest.raises(Killed):
        train(TINY, windows_of(wave()), seed=SEED, job=Job(folder=tmp_path, saved=kill))
    (file,) = tmp_path.glob("*.checkpoint")
    raw = file.read_bytes()[DIGEST:]
    key = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]["key"]
    told: list[Step] = []
    job = Job(folder=tmp_path, tell=told.append)
    kept = job.kept(key)
    assert kept is not None
    job.keep(key, kept._replace(told={"losses": kept.told["losses"]}))
    assert equal(train(TINY, windows_of(wave()), seed=SEED, job=job), fitted)
    assert {step.numbers["epoch"] for step in told} == {2, 3}


def test_weights_that_are_averaged_are_kept_and_do_not_change_what_is_learnt(
    fitted: Fitted, tmp_path: Path
) -> None:
    """Noise of a high rate is judged away; a run that was killed averages on."""
    averaged = replace(TINY, averaged=0.9)
    whole = train(averaged, windows_of(wave()), seed=SEED, job=Job())
    assert whole.history["train"] == fitted.history["train"]
    assert whole.history["valid"] != fitted.history["valid"]

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(averaged, windows_of(wave()), seed=SEED, job=Job(folder=tmp_path, saved=stop))
    assert equal(train(averaged, windows_of(wave()), seed=SEED, job=Job(folder=tmp_path)), whole)


def test_the_mean_of_weights_is_that_of_all_steps() -> None:
    """With a share of 0 each step leaves nothing of those before: the mean is the last one."""
    slow, one_epoch = 1e-9, replace(TINY, epochs=1)
    last = train(one_epoch, windows_of(wave()), seed=SEED, job=Job())
    mean = train(replace(one_epoch, averaged=slow), windows_of(wave()), seed=SEED, job=Job())
    for name, one in last.weights.items():
        assert np.allclose(mean.weights[name], one, atol=1e-6), name


def test_work_on_other_data_is_not_gone_on_with(fitted: Fitted, tmp_path: Path) -> None:
    train(TINY, windows_of(noise()), seed=SEED, job=Job(folder=tmp_path))
    assert equal(train(TINY, windows_of(wave()), seed=SEED, job=Job(folder=tmp_path)), fitted)


def test_work_of_other_code_is_not_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = replace(TINY, epochs=1)
    job = Job(folder=tmp_path)
    train(once, windows_of(noise()), seed=SEED, job=job)
    assert len(list(tmp_path.glob("*.checkpoint"))) == 1
    monkeypatch.setattr(timesnet, "CODE", timesnet.CODE + 1)
    train(once, windows_of(noise()), seed=SEED, job=job)
    assert len(list(tmp_path.glob("*.checkpoint"))) == 2


def test_a_refresh_that_only_makes_it_worse_changes_nothing(fitted: Fitted) -> None:
    """It goes on learning from noise, and is judged by the wave that it knew before."""
    columns = np.concatenate([noise(280), wave(60)])
    parent = snapshot(fitted, windows_of(wave()))
    worse = refresh(parent, windows_of(columns), data={}, seed=SEED, job=Job(), epochs=2)
    assert worse.metrics["best_epoch"] == 0
    assert worse.metrics["before"] < min(worse.metrics["valid"])
    for name, one in parent.weights.items():
        assert np.array_equal(worse.weights[name], one)


def test_with_its_time_spent_it_says_that_it_is_partial(tmp_path: Path) -> None:
    job = Job(folder=tmp_path, is_over=lambda: True)
    history = train(TINY, windows_of(wave()), seed=SEED, job=job).history
    assert (history["partial"], len(history["train"]), history["best_epoch"]) == (True, 1, 1)
    history = train(TINY, windows_of(wave()), seed=SEED, job=Job(folder=tmp_path)).history
    assert (history["partial"], len(history["train"])) == (False, 3)


class Batches:
    """Counts what is told, which is each batch, and says that time is up after so many."""

    def __init__(self, most: int) -> None:
        self.told: list[Step] = []
        self.most = most

    def is_over(self) -> bool:
        return len(self.told) >= self.most

    def job(self, folder: Path | None = None) -> Job:
        return Job(self.told.append, self.is_over, folder)


@pytest.fixture
def every_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each batch is told, however quick it is."""
    monkeypatch.setattr(timesnet, "TOLD_EVERY", 0.0)


@pytest.mark.usefixtures("every_batch")
@pytest.mark.parametrize("most", [1, 3, 10])
def test_time_is_looked_at_after_each_batch(most: int) -> None:
    batches = Batches(most)
    history = train(TINY, windows_of(wave()), seed=SEED, job=batches.job()).history
    assert len(batches.told) == most
    assert history["partial"]


@pytest.mark.usefixtures("every_batch")
def test_where_no_epoch_has_ended_what_was_learnt_is_kept_and_told(fitted: Fitted) -> None:
    hurried = train(TINY, windows_of(wave()), seed=SEED, job=Batches(3).job())
    history = hurried.history
    assert history["learnt_from"] == 3 * TINY.batch < fitted.history["learnt_from"]
    assert (history["partial"], len(history["valid"]), history["best_epoch"]) == (True, 1, 1)
    untaught = train(TINY, windows_of(wave()), seed=SEED, job=Batches(1).job()).history
    assert history["valid"] < untaught["valid"], "more batches have taught it more"


@pytest.mark.usefixtures("every_batch")
def test_the_only_epoch_that_is_broken_off_is_partial() -> None:
    once = replace(TINY, epochs=1)
    history = train(once, windows_of(wave()), seed=SEED, job=Batches(2).job()).history
    assert history["partial"]


@pytest.mark.usefixtures("every_batch")
def test_an_epoch_that_is_broken_off_later_leaves_the_best_before_it() -> None:
    whole = train(replace(TINY, epochs=1), windows_of(wave()), seed=SEED, job=Job())
    batches = Batches(-(-whole.history["learnt_from"] // TINY.batch) + 2)
    cut = train(TINY, windows_of(wave()), seed=SEED, job=batches.job())
    assert cut.history["partial"]
    assert cut.history["valid"] == whole.history["valid"]
    assert cut.history["learnt_from"] == whole.history["learnt_from"]
    for name, one in whole.weights.items():
        assert np.array_equal(cut.weights[name], one), name


@pytest.mark.usefixtures("every_batch")
@pytest.mark.parametrize("other", [{}, {"averaged": 0.9}, {"dropout": 0.2}, {"horizon": 6}])
def test_what_was_broken_off_within_epochs_goes_on_to_the_same_end(
    tmp_path: Path, other: dict[str, Any]
) -> None:
    settings = replace(TINY, epochs=2, **other)
    windows = windows_of(wave(), 24 + settings.horizon)
    whole = train(settings, windows, seed=SEED, job=Job())
    parts = 0
    while train(settings, windows, seed=SEED, job=Batches(3).job(tmp_path)).history["partial"]:
        parts += 1
    assert parts > 2
    assert equal(train(settings, windows, seed=SEED, job=Job(folder=tmp_path)), whole)


@pytest.mark.usefixtures("every_batch")
def test_a_refresh_without_time_keeps_what_is_better_and_says_what_it_has_seen(
    fitted: Fitted,
) -> None:
    parent = snapshot(fitted, windows_of(wave()))
    columns = np.concatenate([noise(280), wave(60)])
    hurried = refresh(parent, windows_of(columns), data={}, seed=SEED, job=Batches(2).job())
    assert (hurried.metrics["partial"], hurried.metrics["best_epoch"]) == (True, 0)
    for name, one in parent.weights.items():
        assert np.array_equal(hurried.weights[name], one), name


def test_what_can_be_known_is_learnt_and_noise_is_not(fitted: Fitted) -> None:
    """Of the wave 1 % is noise. Hidden white noise has variance 1 whatever stands around it; on
    29 windows of it, which share bars, a mean square strays from 1 by .1 at most 19 times in 20.
    """
    assert fitted.history["valid"][-1] < 0.25
    of_noise = train(TINY, windows_of(noise()), seed=SEED, job=Job())
    assert min(of_noise.history["valid"]) > 0.85


def test_a_forecast_is_learnt_too() -> None:
    sizes = replace(TINY, horizon=6, mask=0.0)
    history = train(sizes, windows_of(wave(), 30), seed=SEED, job=Job()).history
    assert history["valid"][-1] < 0.25
    both = train(replace(sizes, mask=0.4), windows_of(wave(), 30), seed=SEED, job=Job()).history
    assert both["valid"][-1] > history["valid"][-1]


def test_embeddings_fill_all_their_dimensions(fitted: Fitted) -> None:
    embedded = Encoder.from_weights(fitted.weights, TINY).embed(windows_of(wave(900)).data)
    assert np.linalg.cond(np.corrcoef(embedded.astype(np.float64).T)) < 1e5


def test_windows_of_the_last_tenth_share_no_bar_with_those_that_are_learnt_from() -> None:
    windows = windows_of(wave())
    told = train(replace(TINY, epochs=1), windows, seed=SEED, job=Job()).history
    assert (len(windows), told["learnt_from"], told["judged_on"]) == (301, 246, 31)


def test_a_saved_encoder_embeds_as_it_did(fitted: Fitted, tmp_path: Path) -> None:
    baseline = windows_of(wave(100))
    made = snapshot(fitted, baseline)
    loaded = load(save(made, tmp_path, NOW))
    assert (loaded.digest, settings_from(loaded)) == (made.digest, TINY)
    embedded = Encoder.from_weights(fitted.weights, TINY).embed(baseline.data)
    assert np.array_equal(encoder_from(loaded).embed(loaded.arrays["baseline"]), embedded)
    assert loaded.arrays["periods"].tolist() == (24 // fitted.weights["frequencies"]).tolist()


def test_an_encoder_within_a_head_is_found(fitted: Fitted) -> None:
    made = snapshot(fitted, windows_of(wave(100)))
    weights = {f"encoder.{name}": one for name, one in made.weights.items()}
    head = replace(made, kind="tabnet", weights={**weights, "head.bias": np.zeros(1)})
    asked = made.arrays["baseline"]
    assert np.array_equal(encoder_from(head).embed(asked), encoder_from(made).embed(asked))


def test_a_refreshed_encoder_is_a_child_with_the_same_baseline_windows(fitted: Fitted) -> None:
    parent = snapshot(fitted, windows_of(wave(100)))
    recent = windows_of(wave()[::-1].copy())
    child, again = (
        refresh(parent, recent, data={"bars": 324}, seed=SEED, job=Job(), epochs=2)
        for _ in range(2)
    )
    assert child.digest == again.digest != parent.digest
    assert child.lineage["parents"] == [parent.digest]
    assert child.arrays is parent.arrays
    assert settings_from(child) == settings_from(parent)
    assert np.array_equal(child.weights["frequencies"], parent.weights["frequencies"])
    baseline = parent.arrays["baseline"]
    assert not np.array_equal(
        encoder_from(child).embed(baseline), encoder_from(parent).embed(baseline)
    )


def test_what_is_no_number_is_refused() -> None:
    columns = wave()
    columns[100, 1] = np.nan
    with pytest.raises(TiltyardError, match="DATA_INSUFFICIENT encoder: 24 windows hold what is"):
        train(TINY, windows_of(columns), seed=SEED, job=Job())


@pytest.mark.parametrize("bars", [24, 50, 60])
def test_too_few_windows_are_refused(bars: int) -> None:
    with pytest.raises(TiltyardError, match=r"DATA_INSUFFICIENT .* expected 16 and 1"):
        train(TINY, windows_of(wave(bars)), seed=SEED, job=Job())


def test_a_loss_that_is_no_number_ends_the_training(tmp_path: Path) -> None:
    job = Job(folder=tmp_path)
    with pytest.raises(TiltyardError, match="TRAINING_DIVERGED encoder, fold 2: the loss is no"):
        train(TINY, windows_of(1e30 * wave()), seed=SEED, job=job, stage="encoder, fold 2")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"d_model": 10**7}, "weights of another network: .* expected"),
        ({"layers": 3}, "weights of another network"),
        ({"kernels": 10**9}, "kernels 1,000,000,000, expected 0 to 16"),
        ({"length": 10**9}, "length 1,000,000,000, expected 0 to 10,000"),
        ({"layers": 10**9}, "layers 1,000,000,000"),
        ({"top_k": 10**9}, "top_k 1,000,000,000"),
    ],
)
def test_a_snapshot_takes_no_memory_that_its_weights_do_not(
    fitted: Fitted, changed: dict[str, int], says: str
) -> None:
    """The first would be petabytes."""
    with pytest.raises(ValueError, match=says):
        Encoder.from_weights(fitted.weights, TimesNetSettings(**(asdict(TINY) | changed)))


def test_settings_that_make_no_encoder_are_refused() -> None:
    with pytest.raises(ValueError, match="embedding 33, expected 1 to 32"):
        replace(TINY, embedding=33)
    with pytest.raises(ValueError, match="nothing to learn"):
        replace(TINY, mask=0.0)
