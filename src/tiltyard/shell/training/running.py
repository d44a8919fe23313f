"""Trains what was ordered, and keeps it as a snapshot.

Unfinished work lies in a folder beside the snapshots, under what is being trained, until the
snapshot is there and all is said of it that is to be: else whoever is ended in between would do
hours of it again. Whoever trains the same again, wherever the last one was ended, goes on from it
to the same snapshot; while one is at it, another is refused. A snapshot appears whole or not at
all, and so does everything else.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from tiltyard.features.learned import FUNDING
from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners import candidate, tabnet, timesnet
from tiltyard.learners.candidate import CandidateSettings
from tiltyard.learners.crew import Hire, processes
from tiltyard.learners.encoder import KIND
from tiltyard.learners.environment import prepare
from tiltyard.learners.examples import MarketData
from tiltyard.learners.job import Job, Step, job_key
from tiltyard.learners.logged import Log
from tiltyard.learners.plan import check_encoder, plan_of
from tiltyard.learners.retraining import SizingSettings, retrain
from tiltyard.learners.rivals import Champion
from tiltyard.learners.seeds import Fitter, one_by_one
from tiltyard.learners.snapshot import Snapshot
from tiltyard.learners.snapshot_folder import load, save
from tiltyard.learners.sweep import Sweep, sweep
from tiltyard.shell.training.alone import alone_at
from tiltyard.shell.training.bars import Bars
from tiltyard.shell.training.order import GENERATION, Order

WORK = ".work"
CODE = (timesnet.CODE, tabnet.CODE)
REFRESH_EPOCHS = 10


@dataclass(frozen=True, slots=True)
class World:
    """What a training is given of the outside.

    Attributes:
        now: UTC.
        steady: Seconds on a clock that is never set.
        tell: Told each step.
        saved: Called when unfinished work has been kept.
        device: That is calculated on.
        hire: Who runs the trials of a sweep; processes of this machine if not given.
        fitter: Who fits networks of several seeds.
    """

    now: Callable[[], datetime]
    steady: Callable[[], float]
    tell: Callable[[Step], object] = lambda _: None
    saved: Callable[[], object] = lambda: None
    device: str = "cpu"
    hire: Hire | None = None
    fitter: Fitter = one_by_one


@dataclass(frozen=True, slots=True)
class Made:
    """What came of a training.

    Attributes:
        snapshot: It.
        path: Where it lies.
        is_partial: Its time was spent before it had learnt all it could.
        encoder: Where the encoder lies that was made for it; None where it needed none, or has it
            from elsewhere.
    """

    snapshot: Snapshot
    path: Path
    is_partial: bool
    encoder: Path | None = None


def market_of(order: Order, bars: Bars) -> MarketData:
    """The past that is learnt from and tested on."""
    since, until = (
        None if at is None else round(at.timestamp()) for at in (order.since, order.until)
    )
    return MarketData(bars.candles, since, until, bars.funding)


def sizing_of(order: Order, base: SizingSettings) -> SizingSettings:
    """How a sizing policy is made, by the order."""
    looks = base.base
    if order.has_funding:
        looks = replace(looks, features=(*looks.features, *FUNDING))
    return replace(base, base=looks, dqn=replace(base.dqn, steps=order.steps))


def settings_of(order: Order, base: CandidateSettings) -> CandidateSettings:
    """How it is made, by the order."""
    if order.has_funding:
        base = replace(base, features=(*base.features, *FUNDING))
    if order.epochs is None:
        return base
    if order.what == "encoder":
        return replace(base, encoder=replace(base.encoder, epochs=order.epochs))
    return replace(base, head=replace(base.head, epochs=order.epochs))


def train(
    order: Order,
    bars: Bars,
    world: World,
    base: CandidateSettings | None = None,
    then: Callable[[Made], object] = lambda _: None,
) -> Made:
    """Train an encoder, or a candidate.

    Args:
        order: What.
        bars: Of what.
        world: The outside.
        base: How, where the order does not say it; the usual way if not given.
        then: What is done with it before unfinished work is cleared away.

    Raises:
        TiltyardError: Everything that learners raise; ``SNAPSHOT_MISSING``,
            ``SNAPSHOT_UNREADABLE``, ``SNAPSHOT_UNWRITABLE``, ``SNAPSHOT_DIFFERS``;
            ``TRAINING_RUNS`` where another of the same does.
        Faults: ``SNAPSHOT_TAMPERED``.
    """
    settings, data = settings_of(order, base or CandidateSettings()), market_of(order, bars)
    work, place = work_of(order, settings, data, world), place_of(world)
    with alone_at(work):
        given = {name: load(path) for name, path in _given(order)}
        job = _job(order, world, work)
        if order.what == "encoder":
            made = _encoder(order, settings, data, job, given.get("refresh"))
            snapshot, encoder = _noting(made, place), None
        else:
            snapshot, encoder = _candidate(order, settings, data, job, given, place, world)
        path = save(snapshot, order.output, world.now())
        return _settled(Made(snapshot, path, _is_partial(snapshot.metrics), encoder), work, then)


def _settled(made: Made, work: Path, then: Callable[[Made], object]) -> Made:
    """Do what is done with it, and clear away what was unfinished."""
    then(made)
    if not made.is_partial:  # else whoever grants it more time goes on from there
        shutil.rmtree(work, ignore_errors=True)
    return made


def retrain_sizing(
    order: Order, bars: Bars, world: World, base: SizingSettings | None = None,
    *, champion: Champion | None = None, log: Log | None = None,
    then: Callable[[Made], object] = lambda _: None,
) -> Made:  # fmt: skip
    """Train a sizing policy.

    Args:
        order: What.
        bars: Of what.
        world: The outside.
        base: How, where the order does not say it; the usual way if not given.
        champion: Whom it has to beat.
        log: What arms of a ledger held.
        then: What is done with it before unfinished work is cleared away.

    Raises:
        TiltyardError: As :func:`train`.
        Faults: ``SNAPSHOT_TAMPERED``.
    """
    settings, data = sizing_of(order, base or SizingSettings()), market_of(order, bars)
    if champion is not None:
        champion.check(data)
    work, place = work_of(order, settings, data, world), place_of(world)
    with alone_at(work):
        job, path = _job(order, world, work), None
        plan = plan_of(settings.base, data)  # what is too short is said before anything is compiled
        if order.encoder is not None:
            given = load(order.encoder)
            encoder = given if given.kind == KIND else candidate.encoder_in(given)
            check_encoder(encoder, data, plan)
        else:
            encoder, path = _own_encoder(order, settings.base, data, job, place, world)
        world.tell(Step("compiling what players do, which is kept for the next time", 0, 1))
        prepare()
        made = retrain(
            settings, data, seeds=range(order.seed, order.seed + order.seeds), job=job,
            folder=work / "buffer", encoder=encoder, champion=champion, log=log,
            fitter=world.fitter,
        )  # fmt: skip
        snapshot = _noting(made, place)
        lies = save(snapshot, order.output, world.now())
        return _settled(Made(snapshot, lies, _is_partial(snapshot.metrics), path), work, then)


def search(
    order: Order, bars: Bars, world: World, base: CandidateSettings | None = None
) -> tuple[Sweep, list[Made]]:
    """Try settings; what came of it, and the best, best first.

    What each trial came to is kept, so that more of them may follow.

    Args:
        order: What.
        bars: Of what.
        world: The outside.
        base: What is not sampled; the usual if not given.

    Raises:
        TiltyardError: As :func:`~tiltyard.learners.sweep.sweep`; ``TRAINING_RUNS``.
    """
    settings, data = settings_of(order, base or CandidateSettings()), market_of(order, bars)
    work = work_of(order, settings, data, world)
    with alone_at(work):
        swept = sweep(
            settings, data, folder=work, output=order.output, now=world.now(), seed=order.seed,
            job=_job(order, world, work), trials=order.trials, generation=order.generation,
            hire=world.hire or processes(order.workers),
        )  # fmt: skip
        kept = [(load(one.path, one.digest), one) for one in swept.kept]
    return swept, [
        Made(snapshot, one.path, _is_partial(snapshot.metrics), one.encoder)
        for snapshot, one in kept
    ]


def work_of(
    order: Order, settings: CandidateSettings | SizingSettings, data: MarketData, world: World
) -> Path:
    """Where unfinished work lies: the same order finds it again."""
    key = job_key(
        order.what, asdict(settings), data.told(), data.funding_told, order.seed, order.epochs,
        place_of(world), CODE, torch.__version__,
        {name: path.name for name, path in _given(order)}, *_generation(order),
    )  # fmt: skip
    return order.output / WORK / key[:16]


def _generation(order: Order) -> list[int]:
    """What a sweep depends on, too; the usual number is as if nobody had said one."""
    return [order.generation] if order.what == "sweep" and order.generation != GENERATION else []


def place_of(world: World) -> dict[str, Any]:
    """What digits depend on beside data, settings and seed."""
    return {"threads": torch.get_num_threads(), "device": world.device}


def _given(order: Order) -> list[tuple[str, Path]]:
    every = (("encoder", order.encoder), ("refresh", order.refresh))
    return [(name, path) for name, path in every if path is not None]


def _job(order: Order, world: World, work: Path) -> Job:
    began = world.steady()

    def is_over() -> bool:
        return order.minutes is not None and world.steady() - began >= order.minutes * 60

    return Job(world.tell, is_over, work, world.device, world.saved)


def _encoder(
    order: Order, settings: CandidateSettings, data: MarketData, job: Job, parent: Snapshot | None
) -> Snapshot:
    if parent is None:
        return candidate.train_encoder(settings, data, seed=order.seed, job=job)
    before = parent if parent.kind == KIND else candidate.encoder_in(parent)
    return candidate.refresh_encoder(
        settings, data, before, until=plan_of(settings, data).encoder_until, seed=order.seed,
        job=job, epochs=order.epochs or REFRESH_EPOCHS,
    )  # fmt: skip


def _candidate(
    order: Order, settings: CandidateSettings, data: MarketData, job: Job,
    given: Mapping[str, Snapshot], place: Mapping[str, Any], world: World,
) -> tuple[Snapshot, Path | None]:  # fmt: skip
    parent = given.get("refresh")
    if parent is not None:
        if parent.kind != candidate.KIND:
            raise TiltyardError(
                "SNAPSHOT_DIFFERS", str(order.refresh), f"it is of kind {parent.kind!r}, and has "
                "no head that could be fitted anew",
                "let a head be trained on its encoder: --encoder, or refresh that alone: "
                "tiltyard train encoder --refresh",
            )  # fmt: skip
        epochs = order.epochs or REFRESH_EPOCHS
        made = candidate.refresh(parent, data, seed=order.seed, job=job, epochs=epochs)
        return made, None
    encoder, path = given.get("encoder"), None
    if encoder is None:
        encoder, path = _own_encoder(order, settings, data, job, place, world)
    elif encoder.kind != KIND:
        encoder = candidate.encoder_in(encoder)
    made = candidate.train_candidate(settings, data, seed=order.seed, job=job, encoder=encoder)
    return made, path


def _own_encoder(
    order: Order, settings: CandidateSettings, data: MarketData, job: Job,
    place: Mapping[str, Any], world: World,
) -> tuple[Snapshot, Path]:  # fmt: skip
    """A snapshot of its own, so that the parent that a policy names can be looked at."""
    made = candidate.train_encoder(settings, data, seed=order.seed, job=job)
    encoder = _noting(made, place)
    return encoder, save(encoder, order.output, world.now())


def _noting(snapshot: Snapshot, place: Mapping[str, Any]) -> Snapshot:
    """Where it was calculated, which its digits depend on."""
    return replace(snapshot, lineage={**snapshot.lineage, **place})


def _is_partial(metrics: Mapping[str, Any]) -> bool:
    return bool(metrics.get("partial"))
