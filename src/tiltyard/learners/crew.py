"""A crew: who runs trials. Processes of this machine, this one alone, or whoever else can.

A worker of this machine is told numbers and says steps; what comes of a trial it writes itself. One
that dies fails its trial once: another tries it again, and it has failed when that one dies, too.
One whose machine fails says so, and all of them stop. None is left when the crew is dismissed.
"""

import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Protocol

from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.job import Step
from tiltyard.learners.trials import Study, Tell, Trial, play, write

DEATHS = 2
DIED = "its worker died twice"
"""What is said after so many."""
PATIENCE = 10.0
"""Seconds that a worker has to end in by itself."""
THREADS = tuple(f"{library}_NUM_THREADS" for library in ("OMP", "OPENBLAS", "MKL"))


class Crew(Protocol):
    """Who runs the trials of a study."""

    def play(self, numbers: Sequence[int]) -> Iterator[int]:
        """Run trials; each number when what came of it is written, as ``play`` writes it.

        A trial whose worker died :data:`DEATHS` times has failed, with that as its reason.

        Raises:
            TiltyardError: ``STUDY_STOPPED`` and its like: the machine has failed, not the trial.
        """


Hire = Callable[[Study, Tell], AbstractContextManager[Crew]]
"""Who runs the trials of a study, and tells each step of each; gone afterwards."""


class _Here:
    """One worker, which is this process."""

    def __init__(self, study: Study, tell: Tell) -> None:
        self._study, self._tell = study, tell

    def play(self, numbers: Sequence[int]) -> Iterator[int]:
        for number in numbers:
            play(self._study, number, of_trial(number, self._tell))
            yield number


class _Crew:
    """Workers that are processes of their own."""

    def __init__(self, study: Study, workers: int, tell: Tell) -> None:
        self._study, self._workers, self._tell = study, workers, tell
        self._idle: list[tuple[SpawnProcess, Connection]] = []
        self._busy: dict[Connection, tuple[SpawnProcess, int]] = {}

    def play(self, numbers: Sequence[int]) -> Iterator[int]:
        """Run trials; each number when what came of it is written."""
        waiting, deaths, busy = list(numbers), dict.fromkeys(numbers, 0), self._busy
        while waiting or busy:
            while waiting and len(busy) < self._workers:
                process, pipe = self._given(waiting[0])
                busy[pipe] = process, waiting.pop(0)
            for pipe in [one for one in connection.wait(list(busy)) if isinstance(one, Connection)]:
                process, number = busy[pipe]
                try:
                    said = json.loads(pipe.recv_bytes())
                except (EOFError, OSError):  # it is gone, maybe before it had read its task
                    _end(process, pipe)
                    del busy[pipe]
                    deaths[number] += 1
                    if deaths[number] < DEATHS:
                        waiting.insert(0, number)
                        continue
                    reason = f"{DIED}, with exit code {process.exitcode}"
                    write(self._study, Trial(number, "failed", None, {}, (), reason))
                else:
                    if "stopped" in said:
                        raise TiltyardError(*said["stopped"])
                    if "step" in said:
                        of_trial(number, self._tell)(Step(*said["step"]))
                        continue
                    del busy[pipe]
                    self._idle.append((process, pipe))
                yield number

    def _given(self, number: int) -> tuple[SpawnProcess, Connection]:
        """The worker that was told to run a trial."""
        while True:
            process, pipe = self._idle.pop() if self._idle else self._hired()
            try:
                pipe.send_bytes(str(number).encode())
            except OSError:
                _end(process, pipe)  # it died while it had nothing to do
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
        """No more work: they end, and what they were at is left open."""
        for process, _ in self._busy.values():
            process.terminate()
        busy = [(process, pipe) for pipe, (process, _) in self._busy.items()]
        for process, pipe in [*busy, *self._idle]:
            _end(process, pipe)


def _end(process: SpawnProcess, pipe: Connection) -> None:
    """A worker that hears no more; one that will not end is killed."""
    pipe.close()
    process.join(PATIENCE)
    if process.is_alive():
        process.kill()
        process.join()


def processes(workers: int) -> Hire:
    """A crew of this machine.

    Args:
        workers: Processes; 1 is this one.
    """

    @contextmanager
    def hired(study: Study, tell: Tell) -> Iterator[Crew]:
        if workers == 1:
            yield _Here(study, tell)
            return
        crew = _Crew(study, workers, tell)
        try:
            yield crew
        finally:
            crew.dismiss()

    return hired


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
        try:
            play(study, number, lambda step: _say(pipe, step=step))
        except TiltyardError as error:
            _say(pipe, stopped=[error.code, error.subject, error.facts, error.remedy])
        else:
            _say(pipe, over=True)


def _say(pipe: Connection, **said: object) -> None:
    pipe.send_bytes(json.dumps(said).encode())


def of_trial(number: int, tell: Tell) -> Tell:
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
