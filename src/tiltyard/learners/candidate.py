"""A candidate: an encoder, a head, and what the two would have made of days they did not know.

The encoder learns from the range before the first test alone, and stays as it is. Heads are fitted
fold by fold, each on all that was known before its test; what they foresee of their tests is
traded together, once. How many epochs a head takes is settled there, by the last part of each
training range; later heads take the median of these and hold nothing back. One of them is tested
on the *held-out* range at the end, by which nothing was ever chosen. The last one learns from
everything, and is what serves.

Comes in: bars of several symbols (:class:`~tiltyard.learners.examples.MarketData`) and settings.
Goes out: a snapshot of kind ``tabnet`` that serves by itself, with its results beside those of
doing nothing, of holding, and of an old rule, on the same days and at the same costs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

import tiltyard
from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.candidate_encoder import encoder_in, refresh_encoder, train_encoder
from tiltyard.learners.candidate_head import fit_head, foresee, mean_masks
from tiltyard.learners.encoder import encoder_from, settings_from
from tiltyard.learners.examples import MarketData, Rows, rows_of
from tiltyard.learners.job import Job
from tiltyard.learners.performance import Result, daily_return_interval, summary, told
from tiltyard.learners.plan import HELD_OUT_DAYS, CandidateSettings, Plan, check_encoder, plan_of
from tiltyard.learners.snapshot import Snapshot
from tiltyard.learners.walk_forward import DAY, Fold, Range, baselines, simulate
from tiltyard.learners.windows import ChannelScaler

__all__ = [
    "CandidateSettings", "MarketData", "check_encoder", "encoder_in", "finish", "plan_of",
    "refresh", "refresh_encoder", "rows_by", "train_candidate", "train_encoder", "walk_of",
]  # fmt: skip

Floats = NDArray[np.float64]

KIND = "tabnet"
RECENT_DAYS = 180


class Tested(NamedTuple):
    """What was traded in a range that was not learnt from.

    Attributes:
        within: When.
        result: The candidate's.
        others: Those of the baselines, by name.
    """

    within: Range
    result: Result
    others: Mapping[str, Result]

    def told(self, seed: int) -> dict[str, Any]:
        """As metrics of a snapshot tell it: each baseline with how far it is below, a day."""
        beside = {}
        for name, other in self.others.items():
            more = replace(self.result, equity=self.result.equity - other.equity)
            interval = told(daily_return_interval(more, seed))
            ahead = {**told(more.daily_return), "interval": interval}
            beside[name] = {**summary(other, seed), "candidate_more_a_day": ahead}
        own = summary(self.result, seed)
        return {**own, **self.within._asdict(), "baselines": beside}

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """Equity by day, as arrays of a snapshot."""
        everybody = {"candidate": self.result, **self.others}
        equity = {f"{name}_{whose}": one.equity for whose, one in everybody.items()}
        return {f"{name}_days": self.result.days, **equity}


class Walk(NamedTuple):
    """What fold by fold came to.

    Attributes:
        result: Of all tests, traded together.
        within: From the first test to the last.
        tests: Of each fold: its times, losses, classes, masks and result.
        epochs: That a head takes, by the median of the folds.
        is_partial: Whether time was up before a head had learnt all it could.
    """

    result: Result
    within: Range
    tests: Sequence[Mapping[str, Any]]
    epochs: int
    is_partial: bool


def train_candidate(
    settings: CandidateSettings,
    data: MarketData,
    *,
    seed: int,
    job: Job,
    encoder: Snapshot | None = None,
) -> Snapshot:
    """Make a candidate, and test it.

    Args:
        settings: How.
        data: The past.
        seed: Of all that is drawn.
        job: Who is told, and where unfinished work is kept.
        encoder: One that was trained before; it must not have learnt from a test.

    Raises:
        TiltyardError: ``RANGE_EMPTY``, ``DATA_INSUFFICIENT``, ``ENCODER_KNOWS_TEST``,
            ``ENCODER_DIFFERS``, ``TRAINING_DIVERGED``, ``CHECKPOINT_UNWRITABLE``.
    """
    plan = plan_of(settings, data)
    if encoder is None:
        encoder = train_encoder(settings, data, seed=seed, job=job)
    check_encoder(encoder, data, plan)
    settings = replace(settings, encoder=settings_from(encoder))
    rows = rows_by(settings, data, encoder)
    walk = walk_of(settings, data, rows, plan, seed=seed, job=job)
    return finish(settings, data, rows, plan, walk, encoder, seed=seed, job=job)


def rows_by(settings: CandidateSettings, data: MarketData, encoder: Snapshot) -> Rows:
    """What heads learn from, by an encoder."""
    scaler = ChannelScaler.from_json(encoder.scalers["channels"])
    network = encoder_from(encoder)
    return rows_of(data, settings.features, settings.acting, network, scaler)


def walk_of(
    settings: CandidateSettings, data: MarketData, rows: Rows, plan: Plan, *, seed: int, job: Job,
    see: Callable[[int, Result], object] | None = None,
) -> Walk:  # fmt: skip
    """Fit a head for each fold, and trade what they foresee.

    Args:
        settings: Of the candidate.
        data: The past.
        rows: Made of it by the encoder.
        plan: When it learns and is tested.
        seed: Of all that is drawn.
        job: Who is told.
        see: Told after each fold but the last, counted from 1, what came of those so far.
    """
    moves, fits, masks = _nothing_known(data), [], []
    for number, fold in enumerate(plan.folds, 1):
        stage = f"head, fold {number} of {len(plan.folds)}"
        fit = fit_head(settings, rows, fold, seed=seed, job=job, stage=stage)
        tested = rows.between(fold.test_since, fold.test_until)
        foresee(fit, rows, tested, settings, moves)
        fits.append(fit)
        masks.append(mean_masks(fit.head, rows.x[tested]))
        if see is not None and number < len(plan.folds):
            so_far = Range(plan.folds[0].test_since, fold.test_until)
            see(number, _traded(settings, data, rows, moves, so_far))
    within = Range(plan.folds[0].test_since, plan.folds[-1].test_until)
    result = _traded(settings, data, rows, moves, within)
    tests = [
        {
            **summary(result.within(fold.test_since // DAY, (fold.test_until - 1) // DAY), seed),
            "train_until": fold.train_until, "since": fold.test_since, "until": fold.test_until,
            "losses": fit.made.history, "classes": fit.classes.to_json(), "masks": mask,
        }
        for fold, fit, mask in zip(plan.folds, fits, masks, strict=True)
    ]  # fmt: skip
    epochs = round(median(fit.made.history["best_epoch"] for fit in fits))
    is_partial = any(fit.made.history["partial"] for fit in fits)
    return Walk(result, within, tests, epochs, is_partial)


def finish(
    settings: CandidateSettings, data: MarketData, rows: Rows, plan: Plan, walk: Walk,
    encoder: Snapshot, *, seed: int, job: Job, asked: CandidateSettings | None = None,
    refreshes: Snapshot | None = None,
) -> Snapshot:  # fmt: skip
    """Test on what was held out, learn from everything, and tell all of it.

    Args:
        settings: Of the candidate.
        data: The past.
        rows: Made of it by the encoder.
        plan: When it learns and is tested.
        walk: What came of the folds.
        encoder: Frozen.
        seed: Of all that is drawn.
        job: Who is told.
        asked: What whoever refreshes it goes by, where this one was made otherwise.
        refreshes: The policy that it is to follow; None for one that is new.
    """
    known, costs = data.known, settings.costs(data)
    tested = Tested(walk.within, walk.result, baselines(known, costs, walk.within))
    held_out = None
    if plan.hold_out is not None:
        held_out = _held_out(settings, data, rows, plan.hold_out, walk.epochs, seed=seed, job=job)
    everything = Fold(plan.folds[0].train_since, int(rows.as_of[-1]) + 1, 0, 0)
    last = fit_head(
        settings, rows, everything, seed=seed, job=job, stage="head", epochs=walk.epochs
    )  # fmt: skip
    weights = {f"encoder.{name}": one for name, one in encoder.weights.items()}
    weights |= {f"head.{name}": one for name, one in last.made.weights.items()}
    serving = {
        **replace(settings, head=last.settings).to_json(), "symbols": list(rows.symbols),
        "interval_seconds": round(data.interval.total_seconds()),
        "horizon": settings.acting.horizon, "classes": last.classes.to_json(),
        "asked": (asked or settings).asked(),
    }  # fmt: skip
    lineage = {
        "data": {**data.told(), "funding": data.funding_told},
        "parents": [encoder.digest, *([refreshes.digest] if refreshes else [])], "seed": seed,
        "code": tiltyard.__version__, "threads": torch.get_num_threads(), "device": job.device,
        "encoder": dict(encoder.lineage),
        **({} if refreshes is None else _inherited(refreshes)),
    }  # fmt: skip
    metrics = {
        "walk_forward": {**tested.told(seed), "folds": list(walk.tests)},
        "hold_out": None if held_out is None else held_out.told(seed),
        "funding": _funding(data, tested, held_out), "inputs": list(rows.names),
        "head": last.made.history,
        "encoder": dict(encoder.metrics),
        "partial": walk.is_partial or last.made.history["partial"]
        or bool(encoder.metrics.get("partial")),
    }  # fmt: skip
    arrays = baseline_of(encoder, rows.symbols) | tested.arrays("equity")
    arrays |= {} if held_out is None else held_out.arrays("hold_out")
    scalers = {"channels": encoder.scalers["channels"], "features": last.made.scaler}
    return Snapshot(KIND, weights, arrays, serving, scalers, lineage, metrics)


def refresh(
    snapshot: Snapshot,
    data: MarketData,
    *,
    seed: int,
    job: Job,
    epochs: int = 10,
    recent_days: int = RECENT_DAYS,
) -> Snapshot:
    """A new challenger: the encoder has gone on learning, and the head is fitted anew.

    The encoder learns from days up to the held-out range, so that range alone is its test.

    Args:
        snapshot: Of kind ``tabnet``.
        data: The past, up to now.
        seed: Of all that is drawn.
        job: Who is told.
        epochs: Of the encoder.
        recent_days: Days before the test that the encoder learns from.

    Raises:
        TiltyardError: As :func:`train_candidate`, and ``SNAPSHOT_UNREADABLE`` for one that was made
            by settings that are not known here.
    """
    asked = _asked_of(snapshot)
    settings = replace(asked, folds=1, hold_out_days=asked.hold_out_days or HELD_OUT_DAYS)
    held_out = plan_of(settings, data).hold_out
    plan = Plan([held_out] if held_out else [], None)
    before = encoder_in(snapshot)
    check_encoder(before, data, plan)
    since = plan.encoder_until - recent_days * DAY
    encoder = refresh_encoder(
        settings, data, before, until=plan.encoder_until, since=since, seed=seed, job=job,
        epochs=epochs,
    )  # fmt: skip
    rows = rows_by(settings, data, encoder)
    walk = walk_of(settings, data, rows, plan, seed=seed, job=job)
    return finish(
        settings, data, rows, plan, walk, encoder, seed=seed, job=job,
        asked=asked, refreshes=snapshot,
    )  # fmt: skip


def _inherited(snapshot: Snapshot) -> dict[str, Any]:
    """What days were looked at before a policy was refreshed.

    ``tested_until``, seconds since 1970; and of a sweep that has chosen its settings until when
    that went by what was earned.
    """
    ranges = [snapshot.metrics["walk_forward"], snapshot.metrics.get("hold_out")]
    before = snapshot.lineage.get("refreshes", {}).get("tested_until", 0)
    tested = max([before, *(one["until"] for one in ranges if one is not None)])
    study = snapshot.lineage.get("study")
    return {"refreshes": {"tested_until": tested}} | (
        {} if study is None
        else {"study": {"chose_until": snapshot.metrics["walk_forward"]["until"], **study}}
    )  # fmt: skip


def _asked_of(snapshot: Snapshot) -> CandidateSettings:
    try:
        return CandidateSettings.from_json(snapshot.settings)
    except (KeyError, TypeError) as error:
        raise TiltyardError(
            "SNAPSHOT_UNREADABLE", snapshot.digest[:8],
            f"its settings are of another version, or of no policy: {error}", "train one anew",
        ) from error  # fmt: skip


def _held_out(
    settings: CandidateSettings, data: MarketData, rows: Rows, fold: Fold, epochs: int, *,
    seed: int, job: Job,
) -> Tested:  # fmt: skip
    """What a head that is fitted as the last one is makes of the range that was held out."""
    stage, moves = "head, before the hold-out", _nothing_known(data)
    fit = fit_head(settings, rows, fold, seed=seed, job=job, stage=stage, epochs=epochs)
    within = Range(fold.test_since, fold.test_until)
    foresee(fit, rows, rows.between(*within), settings, moves)
    result = _traded(settings, data, rows, moves, within)
    return Tested(within, result, baselines(data.known, settings.costs(data), within))


def _traded(
    settings: CandidateSettings, data: MarketData, rows: Rows, moves: Mapping[str, Floats],
    within: Range,
) -> Result:  # fmt: skip
    costs = settings.costs(data)
    return simulate(data.known, moves, settings.acting, costs, within, rows.ranges)


def _funding(data: MarketData, *tests: Tested | None) -> str:
    """Whether trades met funding rates that are known: ``none``, ``in part`` or ``known``."""
    told = data.funding_told
    if not told:
        return "none"
    is_known = not any(one.result.funding_unknown for one in tests if one is not None)
    return "known" if is_known and told.keys() == data.known.keys() else "in part"


def _nothing_known(data: MarketData) -> dict[str, Floats]:
    return {symbol: np.full(len(one), np.nan) for symbol, one in data.known.items()}


def baseline_of(encoder: Snapshot, symbols: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The encoder's arrays, of its baseline windows those of some symbols."""
    arrays = dict(encoder.arrays)
    places = [encoder.settings["symbols"].index(symbol) for symbol in symbols]
    chosen = np.isin(arrays["baseline_symbol"], places)
    for name in ("baseline", "baseline_as_of", "baseline_symbol"):
        arrays[name] = arrays[name][chosen]
    arrays["baseline_symbol"] = np.searchsorted(places, arrays["baseline_symbol"])
    return arrays
