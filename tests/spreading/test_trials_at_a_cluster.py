"""A sweep on a cluster leaves what one on this machine leaves, whatever happens to its nodes."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from learners.test_sweep import digests, swept
from ray_clusters import Nodes
from tiltyard.learners.job import Job, Step
from tiltyard.learners.study import Study, run
from tiltyard.shell.training.cluster import Cluster, Returned
from tiltyard.shell.training.errands import Errand
from tiltyard.shell.training.spreading import hire_at


def study_in(folder: Path, **config: Any) -> Study:  # noqa: ANN401 JSON
    return Study(folder, "cheap_objectives:hill", config, 7, 2)


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != "journal.log"  # it has times in it
    }


def test_a_sweep_keeps_the_same_two_and_leaves_the_same_files(
    cluster: Cluster, tmp_path: Path
) -> None:
    steps: list[Step] = []
    here = swept(tmp_path / "here")
    there = swept(tmp_path / "there", hire=hire_at(cluster), tell=steps.append)
    assert there.trials == here.trials
    assert digests(there) == digests(here)
    assert files_in(tmp_path / "there" / "sweep") == files_in(tmp_path / "here" / "sweep")
    assert {"trial 0, encoder", "trial 1, head, fold 1 of 2", "sweep"} <= {
        one.stage for one in steps
    }


def test_a_trial_is_given_what_was_left_of_it_and_what_it_leaves_comes_back(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Unfinished work goes there; work and encoders that were changed or made come back."""
    study = study_in(tmp_path, leaves=True)
    for file in ("work/000/begun", "work/001/begun", "encoders/one"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(f"{file}, by this machine")
    untouched = (tmp_path / "encoders" / "one").stat()
    run(study, 2, job=Job(), hire=hire_at(cluster))
    for number in ("000", "001"):
        begun = (tmp_path / "work" / number / "begun").read_text()
        assert begun == f"work/{number}/begun, by this machine, and by a node"
    assert (tmp_path / "encoders" / "one").stat() == untouched
    assert (tmp_path / "encoders" / "two").read_text() == "encoders/one, by this machine"


class Seeing(Cluster):
    """One that shows what it was given."""

    def run(self, every: Sequence[Errand], *others: Any) -> Iterator[Returned]:  # noqa: ANN401 as there
        self.every = every
        return super().run(every, *others)


def test_what_all_trials_go_by_is_packed_once(cluster: Cluster, tmp_path: Path) -> None:
    study, seeing = study_in(tmp_path), Seeing(cluster._ray)
    (tmp_path / "market").write_bytes(bytes(1_000))
    run(study, 2, job=Job(), hire=hire_at(seeing))
    one, two = seeing.every
    assert one.shared is two.shared
    assert any(b"market" in packet for packet in one.shared)


@contextmanager
def meanwhile(program: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A process of its own."""
    with subprocess.Popen([sys.executable, "-c", program, *words], text=True) as process:
        yield process


def test_a_node_that_is_gone_has_its_trial_tried_again_by_another(
    nodes: Nodes, cluster: Cluster, tmp_path: Path
) -> None:
    """Trial 1 says where it is, and waits for ever; its node is killed."""
    said = tmp_path / "said"
    os.mkfifo(said)
    here = run(study_in(tmp_path / "here"), 4, job=Job())
    study = study_in(tmp_path / "there", once=str(said))
    lost: list[int] = []

    with listening(said) as heard:

        def saved() -> None:
            if not lost:
                lost.append(int(heard()))
                said.unlink()
                nodes.lose(lost[0])

        there = run(study, 4, job=Job(saved=saved), hire=hire_at(cluster))
    assert lost
    assert there == here


@contextmanager
def listening(fifo: Path) -> Iterator[Any]:
    """Opened for both, so that nobody waits for the other; what is said is read as it comes."""
    opened = os.open(fifo, os.O_RDWR)
    try:
        yield lambda: os.read(opened, 100)
    finally:
        os.close(opened)


def test_a_trial_whose_worker_dies_twice_has_failed(cluster: Cluster, tmp_path: Path) -> None:
    here = run(study_in(tmp_path / "here"), 4, job=Job())
    dying = study_in(tmp_path / "there", dies={"0": 1, "3": 2}, marks=str(tmp_path))
    there = run(dying, 4, job=Job(), hire=hire_at(cluster))
    assert there[:3] == here[:3]
    assert there[3].state == "failed"
    assert there[3].reason.startswith("its worker died twice: WorkerCrashedError: ")


BEGINS = """
import sys
from pathlib import Path
from tiltyard.learners.job import Job
from tiltyard.learners.study import Study, run
from tiltyard.shell.training.cluster import cluster_at
from tiltyard.shell.training.spreading import hire_at

address, folder, said = sys.argv[1:]
study = Study(Path(folder), "cheap_objectives:hill", {"says": said}, 7, 2)
with cluster_at(address) as cluster:
    run(study, 2, job=Job(), hire=hire_at(cluster))
"""


def test_no_trial_goes_on_there_when_who_began_it_ends(nodes: Nodes, tmp_path: Path) -> None:
    """Two trials wait for ever, each with a pipe open while it lives."""
    for how in (signal.SIGKILL, signal.SIGINT):
        said = tmp_path / how.name
        os.mkfifo(said)
        words = [nodes.address, str(tmp_path / f"study {how.name}"), str(said)]
        with (
            meanwhile(BEGINS, *words) as process,
            said.open("rb", buffering=0) as listening,
        ):
            heard = b""
            while heard.count(b"here") < 2:
                heard += listening.read(100)
            process.send_signal(how)
            process.wait(60)
            assert select.select([listening], [], [], 60)[0], "they go on"
            assert listening.read(100) == b""
