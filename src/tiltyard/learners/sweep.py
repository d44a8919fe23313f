"""A sweep: ten candidates of other settings, of which the best two are kept.

What is tried are sizes of the encoder and the head, how fast the head learns, how far it looks, and
how much an entry has to be worth. The objective is the *lower end of the interval of the mean daily
return*, after costs, over the folds: ten tries find luck sooner than skill, and this end is low
where a mean hangs on few days. It is never accuracy, and the held-out range is never looked at:
the two that are kept are tested on it, once, when they have been chosen.

An encoder that another trial has trained with the same settings is taken as it is. Each trial
computes with one thread, wherever it runs, so that one worker and many train the same weights.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from safetensors import safe_open
from safetensors.numpy import save as tensors_to

import tiltyard
from tiltyard.kernel.clock import from_microseconds, microseconds
from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners import tabnet, timesnet
from tiltyard.learners.candidate import (
    CandidateSettings,
    MarketData,
    plan_of,
    rows_by,
    train_candidate,
    train_encoder,
    walk_of,
)
from tiltyard.learners.crew import Hire
from tiltyard.learners.encoder import settings_from
from tiltyard.learners.exactly import exactly
from tiltyard.learners.job import Job, write_whole
from tiltyard.learners.performance import Interval, Result, daily_return_interval
from tiltyard.learners.plan import check_past
from tiltyard.learners.snapshot_folder import find, load, save
from tiltyard.learners.study import Running, Study, Trial, best, run
from tiltyard.market.candles import Candles
from tiltyard.market.costs import FundingRates

OBJECTIVE = f"{__name__}:walk_forward"
MARKET = "market.safetensors"
KEPT = 2
HORIZONS = (12, 24, 48)
COLUMNS = ("opened_at", "open", "high", "low", "close", "volume")


class Kept(NamedTuple):
    """One of the best.

    Attributes:
        trial: What came of its trial.
        digest: Of its snapshot.
        path: Where that lies.
        encoder: Where its encoder's snapshot lies.
    """

    trial: Trial
    digest: str
    path: Path
    encoder: Path


class Sweep(NamedTuple):
    """What came of a sweep.

    Attributes:
        seed: Of all that was drawn.
        trials: All that are over, by number.
        kept: The best, best first.
        is_partial: Whether time was up before all trials were begun.
    """

    seed: int
    trials: list[Trial]
    kept: list[Kept]
    is_partial: bool

    def to_json(self) -> dict[str, Any]:
        """As a table for people and programs."""
        return {
            "seed": self.seed,
            "objective": "lower end of the 90 % interval of the mean net daily return",
            "partial": self.is_partial,
            "trials": [trial._asdict() for trial in self.trials],
            "best": [
                {"trial": one.trial.number, "digest": one.digest, "name": one.path.name}
                for one in self.kept
            ],
        }


class WalkForward:
    """The objective: how well a candidate of these settings does, fold by fold."""

    space: Mapping[str, BaseDistribution] = {
        "encoder.d_model": CategoricalDistribution([8, 16]),
        "encoder.layers": IntDistribution(1, 2),
        "head.width": CategoricalDistribution([8, 16, 32]),
        "head.steps": IntDistribution(2, 4),
        "head.gamma": FloatDistribution(1.0, 2.0),
        "head.sparsity": FloatDistribution(1e-5, 1e-2, log=True),
        "head.rate": FloatDistribution(3e-3, 3e-2, log=True),
        "acting.margin": FloatDistribution(1.0, 6.0),
        "acting.horizon": CategoricalDistribution(HORIZONS),
    }

    def __call__(self, running: Running) -> float:
        """Worth of the folds together; told fold by fold.

        Raises:
            Pruned: It is among the worst.
        """
        study = running.study
        settings = _settings(study, running.parameters)
        data = read_market(study.folder / MARKET)
        with exactly():
            job = Job(tell=running.tell, folder=study.folder / "encoders", device=_device(study))
            encoder = train_encoder(settings, data, seed=study.seed, job=job)
            rows = rows_by(settings, data, encoder)
            walk = walk_of(
                settings, data, rows, plan_of(settings, data), seed=study.seed,
                job=replace(job, folder=running.folder),
                see=lambda fold, result: running.report(fold, worth(result, study.seed)),
            )  # fmt: skip
        return worth(walk.result, study.seed)


walk_forward = WalkForward()


def worth(result: Result, seed: int) -> float:
    """The lower end of its mean daily return; the mean itself where days are too few for an end."""
    interval = daily_return_interval(result, seed)
    return interval.low if isinstance(interval, Interval) else float(result.daily.mean())


def sweep(
    settings: CandidateSettings,
    data: MarketData,
    *,
    folder: Path,
    output: Path,
    now: datetime,
    seed: int,
    job: Job,
    trials: int,
    generation: int,
    hire: Hire | None = None,
) -> Sweep:
    """Try settings, keep the best two as snapshots, and remove what the others left.

    Args:
        settings: Of everything that is not sampled.
        data: The past.
        folder: The sweep's own; the same one goes on where it was stopped.
        output: Where snapshots are kept.
        now: UTC, for their names.
        seed: Of all that is drawn.
        job: Whom to tell; a trial that was begun is ended.
        trials: In all.
        generation: Trials that do not know of each other, and may run at once; what is found
            depends on it.
        hire: Who runs them; this process, if not given.

    Raises:
        TiltyardError: As :func:`~tiltyard.learners.candidate.train_candidate`, and
            ``STUDY_DIFFERS``, ``STUDY_FAILED``, ``STUDY_STOPPED``, ``SNAPSHOT_UNWRITABLE``.
    """
    farthest = replace(settings, acting=replace(settings.acting, horizon=max(HORIZONS)))
    check_past(data, plan_of(farthest, data).encoder_until)
    write_market(data, folder / MARKET)
    config = {
        "settings": settings.to_json(), "device": job.device,
        "market": sha256((folder / MARKET).read_bytes()).hexdigest(),
        "code": [tiltyard.__version__, torch.__version__, timesnet.CODE, tabnet.CODE],
    }  # fmt: skip
    study = Study(folder, OBJECTIVE, config, seed, generation)
    over = run(study, trials, job=job, hire=hire)
    kept = [_keep(study, trial, data, output, now, job) for trial in best(over, KEPT)]
    swept = Sweep(seed, over, kept, len(over) < trials)
    told = json.dumps(swept.to_json(), sort_keys=True, indent=1)
    write_whole(folder / "sweep.json", told.encode())
    if not swept.is_partial:
        for name in ("work", "encoders"):
            shutil.rmtree(folder / name, ignore_errors=True)
    return swept


def _keep(
    study: Study, trial: Trial, data: MarketData, output: Path, now: datetime, job: Job
) -> Kept:
    """The candidate of a trial, as a snapshot; one that is there already is taken."""
    file = study.folder / "kept" / f"{trial.number:03}.json"
    try:
        told = json.loads(file.read_text())
        path, encoder_path = (find(output, told[name]) for name in ("digest", "encoder"))
        load(path, told["digest"])
        load(encoder_path, told["encoder"])
    except (OSError, ValueError, KeyError, TiltyardError):
        settings, keeping = _settings(study, trial.parameters), f"keeping trial {trial.number}"
        with exactly():
            encoders = Job(
                lambda step: job.tell(step._replace(stage=f"{keeping}, {step.stage}")),
                folder=study.folder / "encoders", device=job.device,
            )  # fmt: skip
            encoder = train_encoder(settings, data, seed=study.seed, job=encoders)
            settings = replace(settings, encoder=settings_from(encoder))
            made = train_candidate(
                settings, data, seed=study.seed, encoder=encoder,
                job=replace(encoders, folder=study.work(trial.number)),
            )  # fmt: skip
        lineage = {
            "seed": study.seed, "trial": trial.number, "parameters": dict(trial.parameters),
            "value": trial.value,
        }  # fmt: skip
        made = replace(made, lineage={**made.lineage, "study": lineage})
        encoder_path, path = save(encoder, output, now), save(made, output, now)
        told = {"digest": made.digest, "encoder": encoder.digest}
        write_whole(file, json.dumps(told).encode())
    return Kept(trial, told["digest"], path, encoder_path)


def _settings(study: Study, parameters: Mapping[str, Any]) -> CandidateSettings:
    """The sweep's settings with what a trial has sampled."""
    settings = CandidateSettings.from_json(study.config["settings"])
    width = parameters["head.width"]
    return replace(
        settings,
        encoder=replace(
            settings.encoder, d_model=parameters["encoder.d_model"],
            layers=parameters["encoder.layers"],
        ),
        head=replace(
            settings.head, n_d=width, n_a=width, steps=parameters["head.steps"],
            gamma=parameters["head.gamma"], sparsity=parameters["head.sparsity"],
            rate=parameters["head.rate"],
        ),
        acting=replace(
            settings.acting, margin=parameters["acting.margin"],
            horizon=parameters["acting.horizon"],
        ),
    )  # fmt: skip


def _device(study: Study) -> str:
    return str(study.config["device"])


def write_market(data: MarketData, file: Path) -> None:
    """Write a past for workers to read; bars, funding and range.

    Raises:
        TiltyardError: ``CHECKPOINT_UNWRITABLE``.
    """
    tensors: dict[str, NDArray[Any]] = {}
    funding: dict[str, float] = {}
    for symbol, one in data.candles.items():
        tensors |= {
            f"{symbol} {name}": np.ascontiguousarray(getattr(one, name)) for name in COLUMNS
        }
    for symbol, rates in data.funding.items():
        times, values = zip(*rates.known, strict=True) if rates.known else ((), ())
        tensors[f"{symbol} funding_at"] = np.array([microseconds(at) for at in times], np.int64)
        tensors[f"{symbol} funding"] = np.array(values, np.float64)
        funding[symbol] = rates.every.total_seconds()
    told = {
        "symbols": sorted(data.candles), "interval": data.interval.total_seconds(),
        "since": data.since, "until": data.until, "funding": funding,
    }  # fmt: skip
    write_whole(file, tensors_to(tensors, metadata={"told": json.dumps(told, sort_keys=True)}))


def read_market(file: Path) -> MarketData:
    """What :func:`write_market` wrote."""
    with safe_open(file, "numpy") as opened:
        told = json.loads(opened.metadata()["told"])
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 no mapping
    interval = timedelta(seconds=told["interval"])
    candles = {
        symbol: Candles(symbol, interval, *(tensors[f"{symbol} {name}"] for name in COLUMNS))
        for symbol in told["symbols"]
    }
    funding = {
        symbol: FundingRates(
            list(
                zip(
                    map(from_microseconds, tensors[f"{symbol} funding_at"].tolist()),
                    tensors[f"{symbol} funding"].tolist(), strict=True,
                )
            ),
            timedelta(seconds=every),
        )
        for symbol, every in told["funding"].items()
    }  # fmt: skip
    return MarketData(candles, told["since"], told["until"], funding)
