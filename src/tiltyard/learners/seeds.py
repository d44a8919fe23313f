"""Networks that want positions, of several seeds: fitted on a range, and traded on another.

A range that is learnt from is cut in two, with an embargo between: players learn in the first part,
and the last one chooses which weights are kept. Each seed is fitted alike. What a seed would have
done in a test is a table, by row and by what is held; it is traded by the desk's own paper venue.

What others met is learnt from beside, but never what they met later than the players may: a fit is
given what lies in its own first part, bar by bar.

A fit that is done is kept by itself, so that whoever goes on after an interruption finds it without
its replay buffer, which is gone by then.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numba
import numpy as np
from numpy.typing import NDArray

from tiltyard.learners import dqn
from tiltyard.learners.dqn import Course, DqnSettings, Logged
from tiltyard.learners.environment import Rules
from tiltyard.learners.examples import Rows
from tiltyard.learners.job import Checkpoint, Job, job_key
from tiltyard.learners.logged import within
from tiltyard.learners.performance import Result
from tiltyard.learners.playing import POSITIONS
from tiltyard.learners.sizing import Scaler, intent_for, scaled
from tiltyard.learners.tracks import Tracks
from tiltyard.learners.values import choices
from tiltyard.learners.walk_forward import Decide, Fold, Market, Range, play
from tiltyard.market.costs import Costs
from tiltyard.policies.policy import Holding, Intent

Weights = Mapping[str, NDArray[np.float32]]
LEAST_SD = 1e-6
"""An input that hardly moves says nothing; it is not made large."""


@dataclass(frozen=True, slots=True)
class Lessons:
    """What all fits of a retraining have in common.

    Attributes:
        settings: Of each network.
        rules: Costs and rewards.
        rows: What is known after each bar.
        tracks: The bars.
        window: Seconds before the end of a range that are learnt from, at most.
        valid: Share of these, the last, by which weights are chosen.
        embargo: Seconds between the two.
        encoder: Digest of the one by which rows were made.
        data: What bars and rates are, for the key of unfinished work.
        logged: What others met, whenever it was; a fit learns from what lies in its own range.
    """

    settings: DqnSettings
    rules: Rules
    rows: Rows
    tracks: Tracks
    window: int
    valid: float
    embargo: int
    encoder: str
    data: Mapping[str, Any]
    logged: Logged | None = None


class SeedFit(NamedTuple):
    """A network of one seed.

    Attributes:
        seed: Of it.
        weights: By name.
        history: How it went, by evaluation; ``logged``, how many logged decisions were learnt from.
        scaler: ``mean`` and ``sd`` of each input.
        is_partial: Its time was up first.
    """

    seed: int
    weights: Weights
    history: Mapping[str, Any]
    scaler: Scaler
    is_partial: bool


class Asked(NamedTuple):
    """A network that is to be fitted.

    Attributes:
        fold: Whose training range is learnt from.
        seed: Of all that is drawn.
        stage: What it is called.
    """

    fold: Fold
    seed: int
    stage: str


class Fitter(Protocol):
    """Who fits networks."""

    def __call__(
        self, lessons: Lessons, every: Sequence[Asked], *, job: Job, folder: Path
    ) -> Iterable[SeedFit]:
        """Fit them, as :func:`fit_seed` does, and keep each as it is done.

        Args:
            lessons: What all of them have in common.
            every: Which.
            job: Who is told, where what is done is kept, and when to end.
            folder: For replay buffers.

        Returns:
            Of each what came of it, in their order.
        """


def one_by_one(
    lessons: Lessons, every: Sequence[Asked], *, job: Job, folder: Path
) -> Iterator[SeedFit]:
    """Fits them in this process; whoever is told a step is told what comes after it, too."""
    for number, asked in enumerate(every, 1):
        after = (len(every) - number) * lessons.settings.steps
        yield fit_seed(lessons, asked, job=_with(job, after), folder=folder)


def _with(job: Job, after: int) -> Job:
    return replace(job, tell=lambda step: job.tell(step._replace(after=after)))


def fit_seed(lessons: Lessons, asked: Asked, *, job: Job, folder: Path) -> SeedFit:
    """Fit a network on the training range of a fold.

    Args:
        lessons: How, and on what.
        asked: Which.
        job: Who is told, and where what is done is kept.
        folder: For replay buffers, each in a folder of its own; removed when it is done.
    """
    own = _own(lessons, asked)
    if (kept := _kept(own, asked, job)) is not None:
        return kept
    buffer = folder / own.key[:16]
    course = Course(
        lessons.tracks, scaled(lessons.rows.x, own.scaler), lessons.rules, own.learn,
        lessons.tracks.spans(own.cut, asked.fold.train_until), own.logged,
    )  # fmt: skip
    made = dqn.fit(
        own.settings, course, seed=asked.seed, job=job, stage=asked.stage, folder=buffer,
        policy=f"seed {asked.seed}", encoder=lessons.encoder,
    )  # fmt: skip
    history = {**made.history, "logged": 0 if own.logged is None else own.logged.rows}
    if not made.is_partial:
        job.keep(own.key, Checkpoint(made.weights, history))
        shutil.rmtree(buffer, ignore_errors=True)
    return SeedFit(asked.seed, made.weights, history, own.scaler, made.is_partial)


def kept_fit(lessons: Lessons, asked: Asked, job: Job) -> SeedFit | None:
    """What was fitted before; None where nothing is kept of it."""
    return _kept(_own(lessons, asked), asked, job)


def keep_fit(lessons: Lessons, asked: Asked, fit: SeedFit, job: Job) -> None:
    """Keep what was fitted elsewhere, as who fits it here would.

    Raises:
        TiltyardError: ``CHECKPOINT_UNWRITABLE``.
    """
    job.keep(_own(lessons, asked).key, Checkpoint(fit.weights, fit.history))


class _Own(NamedTuple):
    """What a fit is given of all that there is.

    Attributes:
        key: Of its unfinished work.
        cut: Until there is played, and from then on is chosen; seconds since 1970.
        learn: Where may be played, as tracks tell spans.
        settings: Of its network.
        logged: What others met there.
        scaler: By what players learn from alone.
    """

    key: str
    cut: int
    learn: NDArray[np.int64]
    settings: DqnSettings
    logged: Logged | None
    scaler: Scaler


def _own(lessons: Lessons, asked: Asked) -> _Own:
    fold = asked.fold
    since = max(fold.train_since, fold.train_until - lessons.window)
    cut = fold.train_until - round(lessons.valid * (fold.train_until - since))
    learn = lessons.tracks.spans(since, cut - lessons.embargo)
    settings, logged = lessons.settings, lessons.logged
    if logged is not None and (logged := within(logged, lessons.tracks, learn)) is None:
        settings = replace(settings, conservative=0.0)
    key = job_key(
        "seed", dqn.CODE, [np.__version__, numba.__version__], asdict(settings),
        asdict(lessons.rules), lessons.encoder, list(lessons.rows.names), dict(lessons.data), since,
        fold.train_until, lessons.valid, lessons.embargo, asked.seed,
        None if logged is None else logged.digest,
    )  # fmt: skip
    scaler = _fitted_scaler(lessons.rows, since, cut - lessons.embargo)
    return _Own(key, cut, learn, settings, logged, scaler)


def _kept(own: _Own, asked: Asked, job: Job) -> SeedFit | None:
    if (kept := job.kept(own.key)) is None:
        return None
    return SeedFit(asked.seed, kept.tensors, kept.told, own.scaler, is_partial=False)


def _fitted_scaler(rows: Rows, since: int, until: int) -> Scaler:
    x = rows.x[rows.between(since, until)].astype(np.float64)
    sd = x.std(axis=0)
    return {"mean": x.mean(axis=0).tolist(), "sd": np.where(sd < LEAST_SD, 1.0, sd).tolist()}


class Tables:
    """What seeds want in the tests of several folds, each by the network that did not know it.

    Args:
        rows: What is known after each bar.
        count: Seeds.
    """

    def __init__(self, rows: Rows, count: int) -> None:
        self._rows = rows
        self._tables = np.full((count + 1, len(rows), len(POSITIONS)), -1, np.int8)

    def foresee(self, fits: Sequence[SeedFit], within: Range) -> None:
        """Fill in a test, by the networks of its fold."""
        tested = self._rows.between(*within)
        told = scaled(self._rows.x[tested], fits[0].scaler)
        for place, fit in enumerate(fits):
            self._tables[place, tested] = choices([fit.weights], told)
        self._tables[-1, tested] = choices([fit.weights for fit in fits], told)

    def traded(self, market: Market, costs: Costs, within: Range) -> list[Result]:
        """What each seed would have made, and the last what all would have made together."""
        return [play(market, self._decide(table), costs, within) for table in self._tables]

    def traded_together(self, market: Market, costs: Costs, within: Range) -> Result:
        """What all would have made together."""
        return play(market, self._decide(self._tables[-1]), costs, within)

    def _decide(self, table: NDArray[np.int8]) -> Decide:
        rows, places = self._rows, {}
        for place, symbol in enumerate(self._rows.symbols):
            mine = np.flatnonzero(rows.symbol == place)
            places[symbol] = dict(zip(rows.number[mine].tolist(), mine.tolist(), strict=True))
        held = {(one.hold, one.size): n for n, one in enumerate(map(intent_for, POSITIONS))}
        wanted = [intent_for(position) for position in POSITIONS]

        def decide(symbol: str, number: int, holding: Holding, size: float) -> Intent:
            row = places[symbol].get(number) if symbol in places else None
            is_held = (holding, 1.0 if holding == "nothing" else size)
            chosen = -1 if row is None else int(table[row, held[is_held]])
            return Intent(holding, size=size) if chosen < 0 else wanted[chosen]

        return decide
