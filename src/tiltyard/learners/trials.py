"""Trials: one sampled set of settings each, tried by an objective, and what came of it.

A trial samples, and is given up, by the trials of earlier generations alone; what came of it is a
file that appears whole or not at all. :mod:`tiltyard.learners.study` says why.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.job import Step, write_whole

STARTUP = 4
"""So many trials are drawn without looking at others, and none is pruned."""
UNPRUNED = 2
"""Up to this step a trial is not pruned."""
KEPT_PERCENT = 75.0
"""A trial goes on while it is among so many of the earlier ones: profits are too noisy for the
median of a handful."""
STATES = {
    "complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL,
}  # fmt: skip
OF_THE_MACHINE = ("CHECKPOINT_UNWRITABLE", "SNAPSHOT_UNWRITABLE")
"""Errors that say nothing of what is tried."""
Tell = Callable[[Step], object]


class Pruned(Exception):  # noqa: N818 no error
    """A trial is given up: it is among the worst so far."""


class Trial(NamedTuple):
    """What came of a trial.

    Attributes:
        number: From 0 on.
        state: ``complete``, ``pruned`` or ``failed``.
        value: Of its objective; None unless complete.
        parameters: That were sampled.
        reported: What it reported on its way, by step.
        reason: Why it failed.
    """

    number: int
    state: str
    value: float | None
    parameters: Mapping[str, Any]
    reported: Sequence[tuple[int, float]] = ()
    reason: str = ""


class Running:
    """What an objective is given.

    Args:
        study: Of which it is a trial.
        number: Of the trial.
        asked: Optuna's own trial.
        tell: Told each step of it.
    """

    def __init__(self, study: "Study", number: int, asked: optuna.Trial, tell: Tell) -> None:
        self.study, self.number, self.tell = study, number, tell
        self.parameters: Mapping[str, Any] = dict(asked.params)
        self.reported: list[tuple[int, float]] = []
        self._asked = asked

    @property
    def folder(self) -> Path:
        """Where its unfinished work is kept."""
        return self.study.work(self.number)

    def report(self, step: int, value: float) -> None:
        """How good it is so far.

        Raises:
            Pruned: It is not worth going on.
        """
        self.reported.append((step, value))
        self._asked.report(value, step)
        if self._asked.should_prune():
            raise Pruned


class Objective(Protocol):
    """What is tried: a callable object of some module."""

    @property
    def space(self) -> Mapping[str, BaseDistribution]:
        """What may be sampled, by name."""

    def __call__(self, running: Running) -> float:
        """How good its parameters are; the more the better."""


@dataclass(frozen=True, slots=True)
class Study:
    """Where it is, and what it is about.

    Attributes:
        folder: Its own.
        objective: ``module:name`` of an :class:`Objective`; workers find it by that.
        config: What the objective has to know; JSON.
        seed: Of all that is drawn.
        generation: So many trials do not know of each other.
    """

    folder: Path
    objective: str
    config: Mapping[str, Any]
    seed: int
    generation: int

    def work(self, number: int) -> Path:
        """Where a trial keeps unfinished work."""
        return self.folder / "work" / f"{number:03}"

    def trials(self) -> dict[int, Trial]:
        """Those that are over, by number."""
        found = {}
        for file in sorted((self.folder / "trials").glob("*.json")):
            trial = _read(file)
            if trial is not None:
                found[trial.number] = trial
        return found


def objective_of(study: Study) -> Objective:
    """What is tried in a study."""
    module, _, name = study.objective.partition(":")
    objective: Objective = getattr(import_module(module), name)
    return objective


def best(trials: Sequence[Trial], count: int = 2) -> list[Trial]:
    """The best of those that came to an end; of equals the earlier."""
    ended = [trial for trial in trials if trial.value is not None]
    return sorted(ended, key=lambda trial: (-(trial.value or 0.0), trial.number))[:count]


def play(study: Study, number: int, tell: Tell) -> None:
    """Run one trial, and write what came of it.

    Raises:
        TiltyardError: ``STUDY_STOPPED``, ``CHECKPOINT_UNWRITABLE``, ``SNAPSHOT_UNWRITABLE``: the
            machine has failed, not the trial, which stays open.
    """
    objective = objective_of(study)
    asked = _asked(study, number, objective)
    running = Running(study, number, asked, tell)
    state, value, reason = "complete", None, ""
    try:
        value = float(objective(running))
        if not isfinite(value):
            state, value, reason = "failed", None, "its value is no number"
    except Pruned:
        state = "pruned"
    except Exception as error:
        if isinstance(error, TiltyardError) and error.code in OF_THE_MACHINE:
            raise
        if isinstance(error, OSError) or lacks_memory(error):
            raise TiltyardError(
                "STUDY_STOPPED", f"trial {number}", f"{type(error).__name__}: {error}"[:300],
                "mend that, and run it again: what was tried is kept, and this trial is still open",
            ) from error  # fmt: skip
        # whatever else it is, this trial has failed and others go on
        state, reason = "failed", f"{type(error).__name__}: {error}"[:300]
    reported = tuple(running.reported)
    write(study, Trial(number, state, value, running.parameters, reported, reason))


def lacks_memory(error: Exception) -> bool:
    """Whether there was no memory left; torch says so in errors of other kinds.

    >>> lacks_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to …"))
    True
    >>> lacks_memory(RuntimeError("shapes do not fit"))
    False
    """
    is_torchs = type(error).__name__ == "OutOfMemoryError" or "allocate memory" in str(error)
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and is_torchs)


def _asked(study: Study, number: int, objective: Objective) -> optuna.Trial:
    """A trial in a study of the generations before."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    begun = number // study.generation * study.generation
    seed = int(np.random.SeedSequence((study.seed, number)).generate_state(1)[0])
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP)
    pruner = optuna.pruners.PercentilePruner(
        KEPT_PERCENT, n_startup_trials=STARTUP, n_warmup_steps=UNPRUNED
    )
    before = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    for trial in study.trials().values():
        if trial.number < begun:
            before.add_trial(frozen(trial, objective.space))
    return before.ask(dict(objective.space))


def frozen(trial: Trial, space: Mapping[str, BaseDistribution]) -> FrozenTrial:
    """As Optuna knows it."""
    values = dict(trial.reported)
    return create_trial(
        state=STATES[trial.state], value=trial.value, params=dict(trial.parameters),
        distributions={name: space[name] for name in trial.parameters},
        intermediate_values=values, user_attrs={"number": trial.number, "reason": trial.reason},
    )  # fmt: skip


def write(study: Study, trial: Trial) -> None:
    """Write what came of a trial; then it is over."""
    file = study.folder / "trials" / f"{trial.number:03}.json"
    told = json.dumps(trial._asdict(), sort_keys=True, indent=1, allow_nan=False)
    write_whole(file, told.encode())


def _read(file: Path) -> Trial | None:
    """What came of a trial; None for a file that is not whole, as if there were none."""
    try:
        told = json.loads(file.read_text())
        told["reported"] = tuple((step, value) for step, value in told["reported"])
        return Trial(**told)
    except (OSError, ValueError, TypeError, KeyError):
        return None
