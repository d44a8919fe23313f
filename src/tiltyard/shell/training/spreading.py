"""Trials and fits, run by a cluster: what each is given, and where what comes of it is kept.

What lies in the folder of unfinished work afterwards is what workers of this machine would have
left there, so that whoever goes on, here or there, finds it. What was unfinished at a node when it
was ended is not: it is begun anew.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.crew import DIED, Crew, Hire, of_trial
from tiltyard.learners.job import Job, Step, write_whole
from tiltyard.learners.parcel import pack_lessons, unpack_fit
from tiltyard.learners.seeds import Asked, Fitter, Lessons, SeedFit, keep_fit, kept_fit, one_by_one
from tiltyard.learners.trials import Study, Tell, Trial, write
from tiltyard.shell.training.cluster import Cluster, cluster_at
from tiltyard.shell.training.errands import FIT, LESSONS, Errand, packed, read

Spread = tuple[Hire | None, Fitter]
"""Who runs the trials of a sweep, and who fits networks."""


@contextmanager
def spread_over(address: str) -> Iterator[Spread]:
    """Who runs what can be spread.

    Args:
        address: Of a cluster; empty for this machine.

    Raises:
        TiltyardError: As :func:`~tiltyard.shell.training.cluster.cluster_at`.
    """
    if not address:
        yield None, one_by_one
        return
    with cluster_at(address) as cluster:
        yield hire_at(cluster), fitter_at(cluster)


def hire_at(cluster: Cluster) -> Hire:
    """A crew whose workers are tasks of a cluster."""

    @contextmanager
    def hired(study: Study, tell: Tell) -> Iterator[Crew]:
        yield _Crew(cluster, study, tell)

    return hired


@dataclass(frozen=True, slots=True)
class _Crew:
    cluster: Cluster
    study: Study
    tell: Tell

    def play(self, numbers: Sequence[int]) -> Iterator[int]:
        shared = self._shared() if numbers else []
        every = [self._errand(number, shared) for number in numbers]
        for returned in self.cluster.run(every, lambda n, step: of_trial(n, self.tell)(step)):
            number, study = returned.number, self.study
            if returned.died:
                reason = f"{DIED}: {returned.died}"
                write(study, Trial(number, "failed", None, {}, (), reason))
            for name in sorted(returned.files, key=lambda name: name.startswith("trials/")):
                write_whole(study.folder / name, returned.files[name])  # the trial's is the last
            yield number

    def _shared(self) -> list[bytes]:
        """What all trials go by, which is large: the market, and encoders that were made."""
        return [
            packed({}, {name: content})
            for name, content in read(self.study.folder)
            if name.partition("/")[0] not in ("trials", "work", "kept")
        ]

    def _errand(self, number: int, shared: Sequence[bytes]) -> Errand:
        """What a trial goes by: what came of earlier ones, and what it has itself begun."""
        study = self.study
        told = {
            "number": number, "objective": study.objective, "config": study.config,
            "seed": study.seed, "generation": study.generation,
        }  # fmt: skip
        work = study.work(number).relative_to(study.folder).as_posix()
        own = dict(read(study.folder, "trials", work))
        return Errand(number, "trial", told, own, shared)


def fitter_at(cluster: Cluster) -> Fitter:
    """Fits networks by tasks of a cluster, all at once as far as there are processors."""

    def fitted(
        lessons: Lessons, every: Sequence[Asked], *, job: Job, folder: Path
    ) -> Iterable[SeedFit]:
        del folder  # replay buffers are at the nodes
        found = {number: kept_fit(lessons, asked, job) for number, asked in enumerate(every)}
        missing = [number for number, fit in found.items() if fit is None]
        packet = packed({}, {LESSONS: pack_lessons(lessons)}) if missing else b""
        errands = [_fit_errand(number, every[number], packet) for number in missing]

        def tell(_: int, step: Step) -> None:
            job.tell(step)

        for returned in cluster.run(errands, tell, job.is_over):
            asked = every[returned.number]
            if returned.died:
                raise TiltyardError(
                    "CLUSTER_LOST", asked.stage, f"{DIED}: {returned.died}",
                    "mend that, and run it again: what was fitted is kept",
                )  # fmt: skip
            fit = unpack_fit(returned.files[FIT])
            if not fit.is_partial:
                keep_fit(lessons, asked, fit, job)
            found[returned.number] = fit
        return [fit for fit in found.values() if fit is not None]

    return fitted


def _fit_errand(number: int, asked: Asked, lessons: bytes) -> Errand:
    told = {"fold": list(asked.fold), "seed": asked.seed, "stage": asked.stage}
    return Errand(number, "fit", told, {}, [lessons])
