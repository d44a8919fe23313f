"""Errands: a part of a training that is run on another machine, and what it is given and gives.

Machines share no disk, so an errand is given files by value, and what it has made or changed of
them comes back likewise: bytes and JSON, and nothing else. It is run in a folder of its own, which
is gone afterwards, and computes as a worker of this machine would: with one thread, and always in
the same order.

>>> unpacked(packed({"number": 3}, {"trials/000.json": b"{}"}))
({'number': 3}, {'trials/000.json': b'{}'})
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any, NamedTuple

import tiltyard
from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.job import Job, Step, write_whole
from tiltyard.shell.own_folder import own_folder

Files = Mapping[str, bytes]
"""By path within a folder."""
Told = Mapping[str, Any]
"""JSON."""
PACKAGES = ("numpy", "numba", "optuna", "safetensors", "torch")
"""Of which another version may give other bits."""
LEARNERS = ("dqn", "tabnet", "timesnet")
"""Whose code has a number, which changes more often than the version of Tiltyard."""
LENGTH = 8
"""Bytes that tell how long the JSON is that stands before files."""


class Errand(NamedTuple):
    """What is to be done.

    Attributes:
        number: Of it.
        what: ``trial`` or ``fit``.
        told: What there is to know.
        files: That it alone is given.
        shared: That others are given, too, each packed by itself.
    """

    number: int
    what: str
    told: Told
    files: Files
    shared: Sequence[bytes] = ()


def packed(told: Told, files: Files) -> bytes:
    """JSON and files, as bytes."""
    sizes = [[name, len(content)] for name, content in files.items()]
    head = json.dumps({"told": told, "files": sizes}).encode()
    return b"".join([len(head).to_bytes(LENGTH, "little"), head, *files.values()])


def unpacked(raw: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What :func:`packed` packed."""
    at = LENGTH + int.from_bytes(raw[:LENGTH], "little")
    head, files = json.loads(raw[LENGTH:at]), {}
    for name, size in head["files"]:
        files[name] = raw[at : at + size]
        at += size
    return head["told"], files


def versions() -> dict[str, str]:
    """Of all that bits depend on, where this is run; ``vectors`` is what torch adds by."""
    known = {"tiltyard": tiltyard.__version__, "python": python_version()}
    known |= {name: _version(name) for name in PACKAGES}
    known |= {f"code of {name}": _code(name) for name in LEARNERS}
    return known | {"vectors": _vectors()}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _code(learner: str) -> str:
    try:
        return str(import_module(f"tiltyard.learners.{learner}").CODE)
    except ImportError:
        return "missing"


def _vectors() -> str:
    try:
        import torch  # noqa: PLC0415 slow
    except ImportError:
        return "missing"
    return str(torch.backends.cpu.get_cpu_capability())


def run(
    what: str, given: Sequence[bytes], tell: Callable[[Step], object], is_over: Callable[[], bool]
) -> bytes:
    """Run an errand: what it has made or changed, or why the machine has failed, packed.

    Args:
        what: ``trial`` or ``fit``.
        given: Packed; the first says what there is to know.
        tell: Told each step.
        is_over: Whether its time is up.
    """
    from tiltyard.learners.trials import lacks_memory  # noqa: PLC0415 slow

    told, files = unpacked(given[0])
    try:
        return packed({}, _done(what, told, files, given[1:], Job(tell, is_over)))
    except TiltyardError as error:
        stopped = [error.code, error.subject, error.facts, error.remedy]
    except Exception as error:
        if not (isinstance(error, OSError) or lacks_memory(error)):
            raise
        subject = told.get("stage") or f"trial {told['number']}"
        stopped = ["STUDY_STOPPED", subject, f"{type(error).__name__}: {error}"[:300], MEND]
    return packed({"stopped": stopped}, {})


def _done(what: str, told: Told, files: Files, shared: Sequence[bytes], job: Job) -> Files:
    """What was made or changed."""
    from tiltyard.learners.exactly import exactly  # noqa: PLC0415 slow

    given = dict(files)
    for raw in shared:
        given |= unpacked(raw)[1]
    with own_folder(PREFIX) as place, exactly():
        folder, scratch = place / "kept", place / "scratch"
        for name, content in given.items():
            write_whole(folder / name, content)
        DOERS[what](folder, scratch, told, job)
        return {name: content for name, content in read(folder) if given.get(name) != content}


def read(folder: Path, *parts: str) -> Iterator[tuple[str, bytes]]:
    """Files of a folder, or of some parts of it; without those that somebody is writing."""
    for part in parts or (".",):
        for file in sorted((folder / part).rglob("[!.]*")):
            if file.is_file():
                yield file.relative_to(folder).as_posix(), file.read_bytes()


def _trial(folder: Path, _: Path, told: Told, job: Job) -> None:
    from tiltyard.learners.trials import Study, play  # noqa: PLC0415 slow

    study = Study(folder, told["objective"], told["config"], told["seed"], told["generation"])
    play(study, told["number"], job.tell)


def _fit(folder: Path, scratch: Path, told: Told, job: Job) -> None:
    from tiltyard.learners.parcel import pack_fit, unpack_lessons  # noqa: PLC0415 slow
    from tiltyard.learners.seeds import Asked, fit_seed  # noqa: PLC0415 slow
    from tiltyard.learners.walk_forward import Fold  # noqa: PLC0415 slow

    lessons = unpack_lessons((folder / LESSONS).read_bytes(), scratch / "logged")
    asked = Asked(Fold(*told["fold"]), told["seed"], told["stage"])
    working = replace(job, folder=scratch / "work")
    fit = fit_seed(lessons, asked, job=working, folder=scratch / "buffer")
    write_whole(folder / FIT, pack_fit(fit))


MEND = "mend that at the node, and run it again: what has come back is kept"
LESSONS, FIT = "lessons", "fit"
PREFIX = "tiltyard-errand-"
DOERS: Mapping[str, Callable[[Path, Path, Told, Job], None]] = {"trial": _trial, "fit": _fit}
