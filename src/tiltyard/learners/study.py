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
   tried again, and has failed if it dies again. A disk that is full, or no memory that is left, is
   no result: the study stops, and the trial stays open.

So five trials, a restart and five more are ten at once, and one worker finds what many do, wherever
they are (:mod:`tiltyard.learners.crew`).
"""

import json
import os
import shutil

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.crew import Hire, processes
from tiltyard.learners.job import Job, Step, write_whole
from tiltyard.learners.trials import (
    Objective,
    Pruned,
    Running,
    Study,
    Trial,
    best,
    frozen,
    objective_of,
)

__all__ = ["Objective", "Pruned", "Running", "Study", "Trial", "best", "run"]

JOURNAL = "journal.log"


def run(study: Study, trials: int, *, job: Job, hire: Hire | None = None) -> list[Trial]:
    """Run a study until it has so many trials, or time is up; what there is then, by number.

    Args:
        study: One that is new, or goes on.
        trials: In all.
        job: Whom to tell, and when to begin no more trials.
        hire: Who runs them; this process, if not given.

    Raises:
        TiltyardError: ``STUDY_DIFFERS`` where the folder holds another one, ``STUDY_FAILED`` where
            no trial came to an end, ``STUDY_STOPPED`` where the machine has failed,
            ``CHECKPOINT_UNWRITABLE``.
    """
    _claim(study)
    with (hire or processes(1))(study, job.tell) as crew:
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


def _claim(study: Study) -> None:
    """Whose folder it is."""
    told = {
        "objective": study.objective, "config": study.config, "seed": study.seed,
        "generation": study.generation,
    }  # fmt: skip
    text = json.dumps(told, sort_keys=True, indent=1)
    file = study.folder / "study.json"
    if not file.exists():
        write_whole(file, text.encode())
    elif file.read_text() != text:
        raise TiltyardError(
            "STUDY_DIFFERS", str(study.folder), "it holds trials of other data, settings or seed",
            "name another folder, or remove this one",
        )  # fmt: skip


def _tell(study: Study, trials: int, number: int, job: Job) -> None:
    over = study.trials()
    numbers = {"trial": float(number)}
    if (value := over[number].value) is not None:
        numbers["percent a day"] = 100 * value
    if ahead := best(list(over.values()), 1):
        numbers["best"] = 100 * (ahead[0].value or 0.0)
    job.tell(Step("sweep", len(over), trials, numbers))


def _write_journal(study: Study) -> None:
    """Optuna's journal of all trials that are over."""
    space = objective_of(study).space
    partial = study.folder / f".journal.{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = JournalStorage(JournalFileBackend(str(partial / JOURNAL)))
    journal = optuna.create_study(storage=storage, study_name="sweep", direction="maximize")
    for trial in study.trials().values():
        journal.add_trial(frozen(trial, space))
    (partial / JOURNAL).replace(study.folder / JOURNAL)
    shutil.rmtree(partial)
