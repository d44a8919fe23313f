"""A sizing policy, trained anew: several seeds, tested on days that they did not know, and judged.

The encoder is that of a candidate: it knows nothing from the first test on. Networks of five seeds
or more are fitted fold by fold, each on a replay buffer that is filled afresh in the window before
its test, and beside it on what arms have done there. What they would have done in all tests is
traded once, each seed by itself and all together. The range that is held out at the end is tested
likewise, and decides nothing. Those that serve are fitted in the same way, on the latest window;
they serve together.

Comes in: bars of several symbols, settings, and perhaps a champion and what arms held. Goes out: a
snapshot of kind ``dqn`` with its results beside those of doing nothing, of holding, of an old rule
and of the champion, on the same days at the same costs, and what the gate says of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
import torch
from numpy.typing import NDArray

import tiltyard
from tiltyard.learners.acting import Acting
from tiltyard.learners.candidate import Tested, baseline_of, rows_by, train_encoder
from tiltyard.learners.dqn import DqnSettings, Logged
from tiltyard.learners.encoder import settings_from
from tiltyard.learners.environment import Rules
from tiltyard.learners.examples import MarketData
from tiltyard.learners.gate import Verdict
from tiltyard.learners.job import Job
from tiltyard.learners.logged import Log, replay_in, transitions_of
from tiltyard.learners.performance import Result, summary
from tiltyard.learners.plan import CandidateSettings, Plan, check_encoder, plan_of
from tiltyard.learners.playing import POSITIONS
from tiltyard.learners.rivals import CHAMPION, Champion, judged
from tiltyard.learners.seeds import Asked, Fitter, Lessons, SeedFit, Tables, one_by_one
from tiltyard.learners.sizing import KIND
from tiltyard.learners.snapshot import Snapshot
from tiltyard.learners.tracks import Tracks, tracks_of
from tiltyard.learners.walk_forward import DAY, Fold, Range, baselines


@dataclass(frozen=True, slots=True)
class SizingSettings:
    """How a sizing policy is trained and tested.

    Attributes:
        base: How it looks, is tested, and what trading costs.
        dqn: Of each network.
        window_days: Before the end of a range that is learnt from, at most.
        turnover: Taken off the reward for each notional that is traded, beside its costs.
        drawdown: Taken off for each notional that equity falls further below its peak.
        ruin: An episode ends where so much of the notional is lost.
        longest: Bars of an episode, at most.
    """

    base: CandidateSettings = field(
        default_factory=lambda: CandidateSettings(acting=Acting(horizon=1), embargo=23)
    )
    dqn: DqnSettings = field(default_factory=DqnSettings)
    window_days: int = 730
    turnover: float = 0.0002
    drawdown: float = 0.1
    ruin: float = 0.5
    longest: int = 24 * 30

    @property
    def rules(self) -> Rules:
        """Costs and rewards of the environment."""
        return Rules(
            self.base.fee_bps, self.base.half_spread_bps, self.turnover, self.drawdown, self.ruin,
            self.longest,
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """All of it, for a snapshot's settings."""
        told = self.base.to_json()
        return {
            "encoder": told["encoder"], "features": told["features"], "rules": asdict(self.rules),
            "walk_forward": {**told["walk_forward"], "window_days": self.window_days},
            "dqn": {**asdict(self.dqn), "layers": list(self.dqn.layers)},
        }  # fmt: skip


class Trial(NamedTuple):
    """A range that no network knew, and what came of it.

    Attributes:
        within: When.
        seeds: What each seed made of it.
        tested: What all made of it together, and the others.
        by_symbol: What all made together of each symbol.
    """

    within: Range
    seeds: Sequence[Result]
    tested: Tested
    by_symbol: Mapping[str, Result]

    def told(self, seeds: Sequence[int]) -> dict[str, Any]:
        """For a snapshot's metrics.

        Args:
            seeds: Of the networks; the first one is that of all intervals, too.
        """
        own = self.tested.told(seeds[0])
        each = [
            {"seed": seed, **summary(one, seeds[0])}
            for seed, one in zip(seeds, self.seeds, strict=True)
        ]
        symbols = {name: summary(one, seeds[0]) for name, one in self.by_symbol.items()}
        return {**own, "wanted": _shares(self.tested.result), "seeds": each, "symbols": symbols}

    def arrays(self, name: str, seeds: Sequence[int]) -> dict[str, NDArray[Any]]:
        """Equity by day, as arrays of a snapshot."""
        each = {
            f"{name}_seed_{seed}": one.equity for seed, one in zip(seeds, self.seeds, strict=True)
        }
        return self.tested.arrays(name) | each


def retrain(
    settings: SizingSettings,
    data: MarketData,
    *,
    seeds: Sequence[int],
    job: Job,
    folder: Path,
    encoder: Snapshot | None = None,
    champion: Champion | None = None,
    log: Log | None = None,
    fitter: Fitter = one_by_one,
) -> Snapshot:
    """Train a sizing policy, and test it.

    Args:
        settings: How.
        data: The past.
        seeds: Of the networks, each other than the others.
        job: Who is told, and where unfinished work is kept.
        folder: For replay buffers.
        encoder: One that was trained before; it must not have learnt from a test.
        champion: Whom it has to beat; one that can be played over these data.
        log: What arms held, to be learnt from beside.
        fitter: Who fits the networks.

    Raises:
        TiltyardError: ``RANGE_EMPTY``, ``DATA_INSUFFICIENT``, ``ENCODER_KNOWS_TEST``,
            ``ENCODER_DIFFERS``, ``TRAINING_DIVERGED``, ``CHECKPOINT_UNWRITABLE``.
    """
    plan = plan_of(settings.base, data)
    if encoder is None:
        encoder = train_encoder(settings.base, data, seed=seeds[0], job=job)
    check_encoder(encoder, data, plan)
    settings = replace(settings, base=replace(settings.base, encoder=settings_from(encoder)))
    rows = rows_by(settings.base, data, encoder)
    tracks = tracks_of(data.known, rows, data.funding)
    logged, logged_told = _logged(log, tracks, settings.rules, folder / "logged", encoder)
    if log is not None and logged is not None:
        settings = replace(settings, dqn=replace(settings.dqn, conservative=log.penalty))
    lessons = Lessons(
        settings.dqn, settings.rules, rows, tracks, settings.window_days * DAY,
        settings.base.valid, (settings.base.embargo + 2) * tracks.step, encoder.digest,
        {**data.told(), "funding": data.funding_told}, logged,
    )  # fmt: skip
    everything = Fold(plan.folds[0].train_since, int(rows.as_of[-1]) + 1, 0, 0)
    asked = _asked(plan, everything, seeds)
    every = list(fitter(lessons, asked, job=job, folder=folder))
    school = _School(settings, data, lessons, seeds, job, champion)
    count = len(seeds)
    walk = school.test(plan.folds, every)
    tested = len(plan.folds) * count
    held_out = None if plan.hold_out is None else school.test([plan.hold_out], every[tested:])
    last = every[-count:]
    is_partial = any(fit.is_partial for fit in every) or bool(encoder.metrics.get("partial"))
    verdict = judged(
        list(zip(seeds, walk.seeds, strict=True)), walk.tested.result, walk.tested.others, champion,
        is_partial=is_partial, untaught=sum(not fit.history["updates"] for fit in every),
    )  # fmt: skip
    return _snapshot(
        settings, data, school, plan, encoder, walk, held_out, every,
        last, verdict, logged_told, is_partial=is_partial,
    )  # fmt: skip


def _logged(
    log: Log | None, tracks: Tracks, rules: Rules, folder: Path, encoder: Snapshot
) -> tuple[Logged | None, dict[str, Any] | None]:
    """What arms met, in a buffer, and what a lineage tells of it."""
    if log is None:
        return None, None
    found = transitions_of(log, tracks, rules)
    if not len(found.transitions.row):
        return None, found.told(log, {})
    replay = replay_in(folder, found, encoder.digest)
    return Logged(replay, log.share), found.told(log, replay.digests)


def _asked(plan: Plan, everything: Fold, seeds: Sequence[int]) -> list[Asked]:
    """All networks: seed by seed of each test, and then those that serve."""
    folds, count = plan.folds, len(plan.folds)
    named = [
        (f"fold {n} of {count}" if count > 1 else "fold", one) for n, one in enumerate(folds, 1)
    ]
    if plan.hold_out is not None:
        named.append(("hold-out", plan.hold_out))
    return [
        Asked(fold, seed, f"{name}, seed {number} of {len(seeds)}")
        for name, fold in [*named, ("what serves", everything)]
        for number, seed in enumerate(seeds, 1)
    ]


class _School:
    """Tests what was fitted."""

    def __init__(
        self, settings: SizingSettings, data: MarketData, lessons: Lessons, seeds: Sequence[int],
        job: Job, champion: Champion | None,
    ) -> None:  # fmt: skip
        self.settings, self.data, self.lessons, self.seeds = settings, data, lessons, seeds
        self.champion, self._job = champion, job

    def test(self, folds: Sequence[Fold], fits: Sequence[SeedFit]) -> Trial:
        """What comes of some ranges, each traded by networks that did not know it.

        Args:
            folds: The ranges, one after the other.
            fits: Of each fold its seeds; what stands after them is left alone.
        """
        count = len(self.seeds)
        tables = Tables(self.lessons.rows, count)
        for number, fold in enumerate(folds):
            own = fits[number * count : (number + 1) * count]
            tables.foresee(own, Range(fold.test_since, fold.test_until))
        within = Range(folds[0].test_since, folds[-1].test_until)
        known, costs = self.data.known, self.settings.base.costs(self.data)
        *seeds, together = tables.traded(known, costs, within)
        by_symbol = {
            symbol: tables.traded_together({symbol: candles}, costs, within)
            for symbol, candles in known.items()
        }
        others = baselines(known, costs, within)
        if self.champion is not None:
            others[CHAMPION] = self.champion.played(self.data, costs, within, self._job.tell)
        return Trial(within, seeds, Tested(within, together, others), by_symbol)


def _folds(result: Result, plan: Plan, seed: int) -> list[dict[str, Any]]:
    """Fold by fold, what all made together."""
    return [
        {
            **summary(result.within(fold.test_since // DAY, (fold.test_until - 1) // DAY), seed),
            "train_until": fold.train_until, "since": fold.test_since, "until": fold.test_until,
        }
        for fold in plan.folds
    ]  # fmt: skip


def _shares(result: Result) -> dict[str, float]:
    """How often each position was wanted, of all decisions."""
    every = max(1, sum(result.wanted.values()))
    return {name: round(times / every, 6) for name, times in sorted(result.wanted.items())}


def _snapshot(
    settings: SizingSettings, data: MarketData, school: _School, plan: Plan, encoder: Snapshot,
    walk: Trial, held_out: Trial | None, every: Sequence[SeedFit], last: Sequence[SeedFit],
    verdict: Verdict, logged: Mapping[str, Any] | None, *, is_partial: bool,
) -> Snapshot:  # fmt: skip
    seeds, rows, champion = school.seeds, school.lessons.rows, school.champion
    weights = {f"encoder.{name}": one for name, one in encoder.weights.items()}
    for fit in last:
        weights |= {f"seed_{fit.seed}.{name}": one for name, one in fit.weights.items()}
    serving = {
        **settings.to_json(), "symbols": list(rows.symbols), "seeds": list(seeds),
        "positions": list(POSITIONS),
        "interval_seconds": round(data.interval.total_seconds()),
    }  # fmt: skip
    lineage = {
        "data": {**data.told(), "funding": data.funding_told},
        "parents": [encoder.digest], "seeds": list(seeds), "code": tiltyard.__version__,
        "numpy": np.__version__, "numba": numba.__version__,
        "threads": torch.get_num_threads(), "device": "cpu",
        "encoder": dict(encoder.lineage),
        "champion": None if champion is None else champion.to_json(),
        "buffer": {str(fit.seed): fit.history["buffer"] for fit in last},
        "logged": None if logged is None else {
            **logged, "learnt_from": sum(fit.history["logged"] > 0 for fit in every),
            "fits": len(every),
        },
    }  # fmt: skip
    metrics = {
        "walk_forward": {**walk.told(seeds), "folds": _folds(walk.tested.result, plan, seeds[0])},
        "hold_out": None if held_out is None else held_out.told(seeds),
        "gate": verdict.to_json(), "inputs": list(rows.names),
        "fits": [{"seed": fit.seed, **fit.history} for fit in last],
        "networks": len(every),
        "steps": sum(fit.history["buffer"]["rows"] for fit in every),
        "updates": sum(fit.history["updates"] for fit in every),
        "encoder": dict(encoder.metrics),
        "partial": is_partial,
    }  # fmt: skip
    arrays = baseline_of(encoder, rows.symbols) | walk.arrays("equity", seeds)
    arrays |= {} if held_out is None else held_out.arrays("hold_out", seeds)
    scalers = {
        "channels": encoder.scalers["channels"],
        "features": {name: list(one) for name, one in last[0].scaler.items()},
    }
    return Snapshot(KIND, weights, arrays, serving, scalers, lineage, metrics)
