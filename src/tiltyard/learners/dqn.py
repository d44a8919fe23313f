"""Double DQN: a network that learns what wanting each position is worth, by trading a past.

Players trade in a market (:mod:`tiltyard.learners.environment`), each wanting what the network
thinks most of, or now and then something drawn. All that they meet goes into a replay buffer on
disk (:mod:`tiltyard.learners.replay`), and the network learns from batches that are drawn from it
(:mod:`tiltyard.learners.dqn_update`). Beside it may stand what was logged by others.

In comes a course: tracks of bars, a matrix of what is known after each, where may be played to
learn and where to choose; out come the weights that did best where nothing was learnt from, and
how it went (:func:`fit`). Whoever decides by them needs :mod:`tiltyard.learners.values` alone.

Details, and where they are from (M: Mnih et al., Nature 2015; H: van Hasselt et al., AAAI 2016):

1. A batch is drawn evenly, with replacement, from all there is in the buffer, which is large enough
   for the whole training; one update for each ``every`` steps, after ``warm_up`` steps (M).
2. The network chooses what to want next, and the target network says what that is worth (H).
3. What is terminated is worth nothing afterwards. What is truncated is worth what was known last,
   before another episode began (Pardo et al., ICML 2018).
4. Huber's loss: its slope is cut at 1 (M). So gradients are not clipped again.
5. Rewards are multiplied by ``unit``: in percent of the notional, errors are of the size of 1.
6. The target network is a copy, made anew every ``target_every`` updates (M).
7. Adam (Kingma & Ba, ICLR 2015), at one rate.
8. Weights begin normal, of variance 2 / inputs (He et al., ICCV 2015), in the last layer a
   hundredth of that deviation, so that nothing is thought of anything in the beginning.
9. What is drawn is wanted with a probability that falls from 1 to ``least_drawn`` over a share of
   the steps (M). The probability of each choice is kept with it.
10. With ``quantiles``, what is thought of a position is a distribution: outputs at its quantiles
    (2k + 1) / 2n, by quantile Huber loss, times 2, so that one quantile is plain Huber (Dabney et
    al., AAAI 2018).
11. With ``conservative``, whatever was not done in a logged transition is pressed down: the log of
    the sum of exponentials less what was done (Kumar et al., NeurIPS 2020, CQL(H)). What players
    met themselves is not punished.
12. The weights that are kept are those of the evaluation with the best result where nothing was
    learnt from: equity after all costs, less the same prices of turnover and drawdown as in the
    reward. Without it the last ones would be kept, and a network that has learnt for too long.
13. Draws come from one generator, in one order. It is kept with the rest, so a training that was
    interrupted goes on to the same bits.
"""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.dqn_update import Forward, Terms, Update
from tiltyard.learners.environment import Environment, Rules, walk
from tiltyard.learners.job import Checkpoint, Job, Step, job_key
from tiltyard.learners.playing import POSITIONS
from tiltyard.learners.replay import Replay, Transitions
from tiltyard.learners.tracks import Tracks
from tiltyard.learners.values import choices

CODE = 2
"""To be raised where the same course, settings and seed give other weights: work is begun anew."""


@dataclass(frozen=True, slots=True)
class DqnSettings:
    """Sizes of the network, and how it is trained.

    Attributes:
        steps: Of players, all together.
        environments: Players.
        layers: Widths.
        batch: Transitions of an update.
        every: Steps for one update.
        warm_up: Steps before the first one.
        rate: Of Adam.
        discount: Of what comes a step later.
        unit: Rewards are multiplied by it; 100 for percent of the notional.
        target_every: Updates after which the target network is copied anew.
        least_drawn: Probability of a position that is drawn, in the end.
        drawn_over: Share of the steps over which it falls.
        evaluate_every: Steps after which the network is tried, and the work is kept.
        quantiles: Outputs of a position; 0 for its mean alone.
        conservative: Weight of the penalty on transitions that were logged.
    """

    steps: int = 250_000
    environments: int = 16
    layers: tuple[int, ...] = (64, 64)
    batch: int = 64
    every: int = 4
    warm_up: int = 5_000
    rate: float = 1e-4
    discount: float = 0.99
    unit: float = 100.0
    target_every: int = 1_000
    least_drawn: float = 0.05
    drawn_over: float = 0.2
    evaluate_every: int = 10_000
    quantiles: int = 0
    conservative: float = 0.0


class Logged(NamedTuple):
    """What others met.

    Attributes:
        replay: Their transitions; rows are those of the course.
        share: Of a batch, more than 0.
        among: Which of the transitions may be drawn; None for all; shape (n,).
    """

    replay: Replay
    share: float
    among: NDArray[np.int64] | None = None

    @property
    def rows(self) -> int:
        """How many may be drawn."""
        return len(self.replay) if self.among is None else len(self.among)

    @property
    def digest(self) -> str:
        """SHA-256 of what may be drawn, and how often."""
        which = slice(len(self.replay)) if self.among is None else self.among
        return job_key(self.share, *(column[which] for column in self.replay.columns))


class Course(NamedTuple):
    """What is learnt from, and what is chosen by.

    Attributes:
        tracks: Bars.
        x: What is known, scaled; float32, shape (rows, inputs).
        rules: Costs and rewards.
        learn_spans: Where may be played to learn, as tracks tell spans; shape (n, 2).
        valid_spans: Where the best weights are chosen, likewise.
        logged: What others met.
    """

    tracks: Tracks
    x: NDArray[np.float32]
    rules: Rules
    learn_spans: NDArray[np.int64]
    valid_spans: NDArray[np.int64]
    logged: Logged | None = None


class Fitted(NamedTuple):
    """What a training made.

    Attributes:
        weights: By name, as :mod:`tiltyard.learners.values` reads them.
        history: By evaluation ``steps``, ``loss``, ``reward`` a step, ``valid`` (what it is worth
            where it is chosen, in notionals) and ``wanted`` there (decisions by position);
            ``best_step``, ``updates`` and ``buffer`` (rows, and the SHA-256 of each column).
        is_partial: Whether time was up first.
    """

    weights: dict[str, NDArray[np.float32]]
    history: dict[str, Any]
    is_partial: bool


def fit(
    settings: DqnSettings, course: Course, *, seed: int, job: Job, stage: str, folder: Path,
    policy: str = "", encoder: str = "",
) -> Fitted:  # fmt: skip
    """Train one network.

    What is kept after each evaluation stays in the job's folder at the end: asked for the same
    again, it is there at once. Who runs the job clears both folders.

    Args:
        settings: Sizes, and how.
        course: What is learnt from.
        seed: Of all that is drawn; 0 or more.
        job: Whom to tell, and when to end.
        stage: What this training is called.
        folder: Of the replay buffer; what is there of another training is replaced.
        policy: What the network is called in the buffer, where each evaluation begins another
            version of it: ``seed 1 after 40,000 steps``.
        encoder: Version of the encoder by which ``x`` was made.

    Raises:
        TiltyardError: ``DATA_INSUFFICIENT``, ``TRAINING_DIVERGED``, ``BUFFER_DAMAGED``,
            ``CHECKPOINT_UNWRITABLE``.
    """
    _check(settings, course, stage)
    key = _key(settings, course, seed, policy, encoder)
    training = _Training(settings, course, seed)
    training.begin(job.kept(key), folder, policy, encoder)
    while not training.is_done:
        numbers = training.go_on()
        if not all(map(math.isfinite, numbers.values())):
            facts = f"a loss or a value is no number by step {training.steps:,}"
            raise TiltyardError("TRAINING_DIVERGED", stage, facts, "Lower the rate")
        job.keep(key, training.checkpoint())
        job.tell(Step(stage, training.steps, settings.steps, numbers))
        if job.is_over():
            break
    return training.fitted()


def _check(settings: DqnSettings, course: Course, stage: str) -> None:
    if settings.conservative and course.logged is None:
        raise ValueError("a penalty on what was logged, and nothing was")  # noqa: TRY003 a slip of ours
    lacking = [
        what
        for what, spans in (("learn from", course.learn_spans), ("choose by", course.valid_spans))
        if not len(spans)
    ]
    if lacking:
        facts = f"no bars in a row after which somebody decides, to {' or to '.join(lacking)}"
        raise TiltyardError("DATA_INSUFFICIENT", stage, facts, "give a longer range")
    if course.logged is not None and not course.logged.rows:
        raise TiltyardError("DATA_INSUFFICIENT", stage, "nothing was logged")
    if not np.isfinite(course.x).all():
        facts = f"{int((~np.isfinite(course.x)).any(1).sum()):,} rows lack a value"
        raise TiltyardError("DATA_INSUFFICIENT", stage, facts)


def _key(settings: DqnSettings, course: Course, seed: int, policy: str, encoder: str) -> str:
    logged = None if course.logged is None else course.logged.digest
    market = (course.tracks.bars, course.tracks.funding)
    return job_key(
        "dqn", CODE, [np.__version__, numba.__version__], asdict(settings), asdict(course.rules),
        seed, policy, encoder, logged, course.x, course.learn_spans, course.valid_spans,
        *(one[name] for one in market for name in one.dtype.names or ()),
    )  # fmt: skip


class _Training:
    """All that changes from step to step."""

    def __init__(self, settings: DqnSettings, course: Course, seed: int) -> None:
        self._settings, self._course = settings, course
        quantiles, places = max(1, settings.quantiles), len(POSITIONS)
        widths = (course.x.shape[1] + places, *settings.layers, places * quantiles)
        terms = Terms(settings.discount, settings.unit, quantiles, settings.conservative)
        self._update = Update(widths, course.x, batch=settings.batch, terms=terms)
        self._draw_weights(np.random.default_rng((seed, 0)))
        self._rng = np.random.default_rng((seed, 1))
        players = settings.environments
        self._players = Environment(
            course.tracks, course.rules, course.learn_spans, players, self._rng
        )
        self._known = np.zeros((players, course.x.shape[1]), np.float32)
        self._held = np.zeros(players, np.int64)
        self._thought = Forward(self._update.network, self._known, self._held)
        self._logged = 0
        if course.logged is not None:
            self._logged = max(1, round(course.logged.share * settings.batch))
        spans = [course.tracks.bars["row"][first:stop] for first, stop in course.valid_spans]
        rows = np.unique(np.concatenate(spans))
        self._valid_rows = rows[rows >= 0]
        self._best = self._update.network.flat.copy()
        self._history: dict[str, list[Any]] = {
            name: [] for name in ("steps", "loss", "reward", "valid", "wanted")
        }
        self._replay: Replay

    @property
    def steps(self) -> int:
        return len(self._replay)

    @property
    def is_done(self) -> bool:
        return self.steps >= self._settings.steps

    def begin(self, kept: Checkpoint | None, folder: Path, policy: str, encoder: str) -> None:
        """Go on from what was kept, where its buffer is still there; else begin anew."""
        replay = None if kept is None else Replay.open(folder)
        if kept is not None and replay is not None:
            is_cut = replay.cut(kept.told["steps"])
            if is_cut and replay.digests == kept.told["buffer"]:
                self._replay = replay
                self._go_on_from(kept)
                return
        settings = self._settings
        whole = math.ceil(settings.steps / settings.environments)
        versions = [
            f"{policy} after {steps:,} steps".lstrip()
            for steps in range(0, settings.steps, settings.evaluate_every)
        ]
        self._replay = Replay.create(
            folder, whole * settings.environments, policies=versions, encoders=[encoder]
        )

    def go_on(self) -> dict[str, float]:
        """Play and learn until the next evaluation: loss, reward of a step, and the worth."""
        settings, update = self._settings, self._update
        begun, updates, losses, rewards = self.steps, update.count, 0.0, 0.0
        until = (begun // settings.evaluate_every + 1) * settings.evaluate_every
        while self.steps < min(until, settings.steps):
            rewards += self._play()
            losses += self._learn((self.steps - settings.warm_up) // settings.every - update.count)
        worth, wanted = self._tried()
        if worth > max(self._history["valid"], default=-math.inf):
            self._best[:] = update.network.flat
        self._replay.commit()
        learnt = update.count - updates
        numbers = {"reward": rewards / (self.steps - begun), "valid": worth}
        numbers |= {"loss": losses / learnt} if learnt else {}
        told = {"steps": self.steps, "loss": None, "wanted": wanted.tolist(), **numbers}
        for name, one in told.items():
            self._history[name].append(one)
        return numbers

    def _play(self) -> float:
        """A step of every player; what they gained by it."""
        settings, players, places = self._settings, self._players, len(POSITIONS)
        rows, self._held[:] = players.rows, players.positions
        np.take(self._course.x, rows, 0, self._known, "clip")
        best = self._thought().reshape(len(rows), places, -1).sum(2).argmax(1)
        done = self.steps / (settings.drawn_over * settings.steps)
        drawn = max(settings.least_drawn, 1 - (1 - settings.least_drawn) * done)
        is_drawn = self._rng.random(len(rows)) < drawn
        actions = np.where(is_drawn, self._rng.integers(places, size=len(rows)), best)
        stepped = players.step(actions)
        propensity = drawn / places + np.where(actions == best, 1 - drawn, 0)
        version = np.full(len(rows), self.steps // settings.evaluate_every)
        self._replay.append(
            Transitions(
                rows, self._held, actions, stepped.reward, stepped.row, stepped.position,
                stepped.terminated, propensity, version, np.zeros(len(rows)),
            )
        )  # fmt: skip
        return float(stepped.reward.mean()) * len(rows)

    def _learn(self, updates: int) -> float:
        """So many updates, none where it is below 1; their losses."""
        if updates < 1:
            return 0.0
        settings, update, logged, total = self._settings, self._update, self._course.logged, 0.0
        fresh = settings.batch - self._logged
        picks = self._rng.integers(self.steps, size=(updates, fresh))
        others = self._rng.integers(
            logged.rows if logged is not None else 1, size=(updates, self._logged)
        )
        if logged is not None and logged.among is not None:
            others = logged.among[others]
        for n in range(updates):
            update.take(self._replay.columns, picks[n])
            if logged is not None:
                update.take(logged.replay.columns, others[n], fresh)
            total += update.slope(fresh)
            update.improve(settings.rate)
            if update.count % settings.target_every == 0:
                update.target.flat[:] = update.network.flat
        return total

    def _tried(self) -> tuple[float, NDArray[np.int64]]:
        """What it is worth where it is chosen, in notionals, and how often it wanted what."""
        tracks, rules, x = self._course.tracks, self._course.rules, self._course.x
        table = np.zeros((len(x), len(POSITIONS)), np.int64)
        table[self._valid_rows] = choices([self._update.network.named()], x[self._valid_rows])
        played = [walk(tracks, rules, span, table) for span in self._course.valid_spans]
        wanted: NDArray[np.int64] = np.sum([one.wanted for one in played], axis=0)
        return math.fsum(one.reward for one in played), wanted

    def _draw_weights(self, rng: np.random.Generator) -> None:
        *hidden, (last, _) = self._update.network.each
        for weights, _ in hidden:
            weights[:] = rng.standard_normal(weights.shape) * math.sqrt(2 / len(weights))
        last[:] = rng.standard_normal(last.shape) * 0.01 * math.sqrt(2 / len(last))
        self._update.target.flat[:] = self._update.network.flat

    def checkpoint(self) -> Checkpoint:
        update = self._update
        tensors = {
            "network": update.network.flat, "target": update.target.flat,
            "moments": update.moments, "best": self._best,
        } | {f"player.{name}": one for name, one in self._players.state().items()}  # fmt: skip
        told = {
            "steps": self.steps, "buffer": self._replay.digests, "updates": update.count,
            "history": self._history, "rng": self._rng.bit_generator.state,
        }  # fmt: skip
        return Checkpoint(tensors, told)

    def _go_on_from(self, kept: Checkpoint) -> None:
        update, told, own = self._update, kept.told, "player."
        update.network.flat[:], update.target.flat[:] = (
            kept.tensors[name] for name in ("network", "target")
        )
        update.moments[:], self._best[:] = kept.tensors["moments"], kept.tensors["best"]
        update.count, self._history = told["updates"], told["history"]
        self._players.restore({
            name.removeprefix(own): one
            for name, one in kept.tensors.items() if name.startswith(own)
        })  # fmt: skip
        self._rng.bit_generator.state = told["rng"]

    def fitted(self) -> Fitted:
        self._update.network.flat[:] = self._best
        history, valid = self._history, self._history["valid"]
        told = {
            "best_step": history["steps"][int(np.argmax(valid))], "updates": self._update.count,
            "buffer": {"rows": self.steps, "sha256": self._replay.digests},
        }  # fmt: skip
        return Fitted(self._update.network.named(), history | told, not self.is_done)
