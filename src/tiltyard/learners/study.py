"""A study: trials of settings, the same ones whoever runs them and wherever they were stopped.

Each trial tries settings that Optuna samples, and is given up early where it is among the worst.
Ten trials are few, so they must not depend on chance twice: on how many processes there are, which
of them is faster, or when somebody pulled the plug. Therefore:

1. Trials go in *generations* of a fixed size. A trial samples, and is pruned, by the generations
   before its own alone, from a study in memory whose sampler is seeded by (seed, number).
2. What came of a trial is a file that appears whole or not at all. It has no times in it. These
   files are the study; Optuna's journal is written anew from them, in the order of numbers, for
   whoever looks at it with Optuna's own tools.
3. A trial that raises has failed, with the reason. A worker that dies fails its trial once: it is
   tried again, and has failed if it dies again.

So five trials, a restart and five more are ten at once, and one worker finds what many do. With
one the trials run in this process; more are processes of their own, spawned, and gone with their
parent.
"""

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from math import isfinite
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState, create_trial

from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.job import Job, Step

JOURNAL = "journal.log"
STARTUP = 4
"""So many trials are drawn without looking at others, and none is pruned."""
KEPT_PERCENT = 75.0
"""A trial goes on while it is among so many of the earlier ones: profits are too noisy for the
median of a handful."""
UNPRUNED = 2
"""Up to this step a trial is not pruned."""
DEATHS = 2
THREADS = tuple(f"{library}_NUM_THREADS" for library in ("OMP", "OPENBLAS", "MKL"))
STATES = {
    "complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL,
}  # fmt: skip


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
        generation: Trials that do not know of each other.
    """

    folder: Path
    objective: str
    config: Mapping[str, Any]
    seed: int
    generation: int = 2

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


def run(study: Study, trials: int, *, workers: int = 1, job: Job) -> list[Trial]:
    """Run a study until it has so many trials, or time is up; what there is then, by number.

    Args:
        study: One that is new, or goes on.
        trials: In all.
        workers: Processes; 1 is this one.
        job: Whom to tell, and when to begin no more trials.

    Raises:
        TiltyardError: ``STUDY_DIFFERS`` where the folder holds another one, ``STUDY_FAILED`` where
            no trial came to an end, ``CHECKPOINT_UNWRITABLE``.
    """
    _claim(study)
    with _crew(study, workers, job.tell) as crew:
        for first in range(0, trials, study.generation):
            numbers = range(first, min(first + study.generation, trials))
            missing = [number for number in numbers if number not in study.trials()]
            if missing and job.is_over():
                break
            for number in crew.play(missing):
                job.saved()
                _tell(study, trials, number, job)
            _write_journal(study)
            job.saved()
    over = list(study.trials().values())
    if over and not any(trial.state == "complete" for trial in over):
        raise TiltyardError(
            "STUDY_FAILED", str(study.folder),
            f"none of {len(over)} trials came to an end; trial {over[0].number}: "
            f"{over[0].reason or over[0].state}",
            "mend what it says",
        )  # fmt: skip
    return over


def best(trials: Sequence[Trial], count: int = 2) -> list[Trial]:
    """The best of those that came to an end; of equals the earlier."""
    ended = [trial for trial in trials if trial.value is not None]
    return sorted(ended, key=lambda trial: (-(trial.value or 0.0), trial.number))[:count]


def play(study: Study, number: int, tell: Tell) -> None:
    """Run one trial, and write what came of it."""
    named, _, name = study.objective.partition(":")
    objective: Objective = getattr(import_module(named), name)
    asked = _asked(study, number, objective)
    running = Running(study, number, asked, tell)
    state, value, reason = "complete", None, ""
    try:
        value = float(objective(running))
        if not isfinite(value):
            state, value, reason = "failed", None, "its value is no number"
    except Pruned:
        state = "pruned"
    except Exception as error:  # noqa: BLE001 whatever it is, this trial has failed and others go on
        state, reason = "failed", f"{type(error).__name__}: {error}"[:300]
    reported = tuple(running.reported)
    _write(study, Trial(number, state, value, running.parameters, reported, reason))


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
            before.add_trial(_frozen(trial, objective.space))
    return before.ask(dict(objective.space))


def _frozen(trial: Trial, space: Mapping[str, BaseDistribution]) -> FrozenTrial:
    values = dict(trial.reported)
    return create_trial(
        state=STATES[trial.state], value=trial.value, params=dict(trial.parameters),
        distributions={name: space[name] for name in trial.parameters},
        intermediate_values=values, user_attrs={"number": trial.number, "reason": trial.reason},
    )  # fmt: skip


class _Here:
    """One worker, which is this process."""

    def __init__(self, study: Study, tell: Tell) -> None:
        self._study, self._tell = study, tell

    def play(self, numbers: Sequence[int]) -> Iterator[int]:
        for number in numbers:
            play(self._study, number, _of_trial(number, self._tell))
            yield number


class _Crew:
    """Workers that are processes of their own."""

    def __init__(self, study: Study, workers: int, tell: Tell) -> None:
        self._study, self._workers, self._tell = study, workers, tell
        self._idle: list[tuple[SpawnProcess, Connection]] = []

    def play(self, numbers: Sequence[int]) -> Iterator[int]:
        """Run trials; each number when what came of it is written."""
        waiting, deaths = list(numbers), dict.fromkeys(numbers, 0)
        busy: dict[Connection, tuple[SpawnProcess, int]] = {}
        while waiting or busy:
            while waiting and len(busy) < self._workers:
                process, pipe = self._given(waiting[0])
                busy[pipe] = process, waiting.pop(0)
            for pipe in [one for one in connection.wait(list(busy)) if isinstance(one, Connection)]:
                process, number = busy.pop(pipe)
                try:
                    if said := pipe.recv_bytes():
                        _of_trial(number, self._tell)(Step(*json.loads(said)))
                        busy[pipe] = process, number
                        continue
                except EOFError:
                    process.join()
                    deaths[number] += 1
                    if deaths[number] < DEATHS:
                        waiting.insert(0, number)
                        continue
                    reason = f"its worker died twice, with exit code {process.exitcode}"
                    _write(self._study, Trial(number, "failed", None, {}, (), reason))
                else:
                    self._idle.append((process, pipe))
                yield number

    def _given(self, number: int) -> tuple[SpawnProcess, Connection]:
        """The worker that was told to run a trial."""
        while True:
            process, pipe = self._idle.pop() if self._idle else self._hired()
            try:
                pipe.send_bytes(str(number).encode())
            except BrokenPipeError:
                process.join()  # it died while it had nothing to do
            else:
                return process, pipe

    def _hired(self) -> tuple[SpawnProcess, Connection]:
        spawning = get_context("spawn")
        ours, theirs = spawning.Pipe()
        study = self._study
        about = (str(study.folder), study.objective, json.dumps(study.config), study.seed)
        process = spawning.Process(
            target=_serve, args=(theirs, *about, study.generation), daemon=True
        )
        with _one_thread_each():
            process.start()
        theirs.close()
        return process, ours

    def dismiss(self) -> None:
        """No more work: they end."""
        for process, pipe in self._idle:
            pipe.close()
            process.join()


@contextmanager
def _crew(study: Study, workers: int, tell: Tell) -> Iterator[_Here | _Crew]:
    if workers == 1:
        yield _Here(study, tell)
        return
    crew = _Crew(study, workers, tell)
    try:
        yield crew
    finally:
        crew.dismiss()


def _serve(
    pipe: Connection, folder: str, objective: str, config: str, seed: int, generation: int
) -> None:
    """A worker: runs the trials it is told, one after the other."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    study = Study(Path(folder), objective, json.loads(config), seed, generation)
    while True:
        try:
            number = int(pipe.recv_bytes())
        except EOFError:
            return
        play(study, number, lambda step: pipe.send_bytes(json.dumps(step).encode()))
        pipe.send_bytes(b"")


def _of_trial(number: int, tell: Tell) -> Tell:
    """Tells a step of a trial, and of which."""
    return lambda step: tell(step._replace(stage=f"trial {number}, {step.stage}"))


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Who is started meanwhile computes with one thread."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _claim(study: Study) -> None:
    """Whose folder it is."""
    told = {
        "objective": study.objective, "config": study.config, "seed": study.seed,
        "generation": study.generation,
    }  # fmt: skip
    text = json.dumps(told, sort_keys=True, indent=1)
    file = study.folder / "study.json"
    if not file.exists():
        write_whole(file, text)
    elif file.read_text() != text:
        raise TiltyardError(
            "STUDY_DIFFERS", str(study.folder), "it holds trials of other data, settings or seed",
            "name another folder, or remove this one",
        )  # fmt: skip


def _tell(study: Study, trials: int, number: int, job: Job) -> None:
    over = study.trials()
    numbers = {"trial": float(number)}
    if (value := over[number].value) is not None:
        numbers["value"] = value
    if ahead := best(list(over.values()), 1):
        numbers["best"] = ahead[0].value or 0.0
    job.tell(Step("sweep", len(over), trials, numbers))


def _write_journal(study: Study) -> None:
    """Optuna's journal of all trials that are over."""
    named, _, name = study.objective.partition(":")
    space = getattr(import_module(named), name).space
    partial = study.folder / f".journal.{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = JournalStorage(JournalFileBackend(str(partial / JOURNAL)))
    journal = optuna.create_study(storage=storage, study_name="sweep", direction="maximize")
    for trial in study.trials().values():
        journal.add_trial(_frozen(trial, space))
    (partial / JOURNAL).replace(study.folder / JOURNAL)
    shutil.rmtree(partial)


def _write(study: Study, trial: Trial) -> None:
    file = study.folder / "trials" / f"{trial.number:03}.json"
    write_whole(file, json.dumps(trial._asdict(), sort_keys=True, indent=1, allow_nan=False))


def _read(file: Path) -> Trial | None:
    """What came of a trial; None for a file that is not whole, as if there were none."""
    try:
        told = json.loads(file.read_text())
        told["reported"] = tuple((step, value) for step, value in told["reported"])
        return Trial(**told)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_whole(file: Path, text: str) -> None:
    """Write a file that appears whole or not at all.

    Raises:
        TiltyardError: ``CHECKPOINT_UNWRITABLE``.
    """
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        partial.replace(file)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise TiltyardError(
            "CHECKPOINT_UNWRITABLE", str(file), error.strerror or str(error),
            "what was kept before is still there",
        ) from error  # fmt: skip
