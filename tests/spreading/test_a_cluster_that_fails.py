"""What a cluster cannot do is no result of what it was asked, and it gives no more than it has."""

import os
import re
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from asking_errands import BEGINS, ENDS, asking_errand, silent
from ray_clusters import Nodes
from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.job import Job, Step
from tiltyard.learners.study import Study, run
from tiltyard.shell.training import cluster as clusters
from tiltyard.shell.training.cluster import Cluster
from tiltyard.shell.training.errands import Errand, packed
from tiltyard.shell.training.spreading import hire_at
from waiting import until


@pytest.fixture
def own(cluster: Cluster) -> Iterator[Cluster]:
    """One with an ear of its own."""
    ray = cluster._ray
    mine = Cluster(ray)
    yield mine
    ray.kill(mine._ear)


def study_in(folder: Path) -> Study:
    return Study(folder, "cheap_objectives:hill", {}, 7, 2)


def trial(*shared: bytes, **config: str) -> Errand:
    told = {
        "number": 0, "objective": "cheap_objectives:hill", "config": config, "seed": 7,
        "generation": 2,
    }  # fmt: skip
    return Errand(0, "trial", told, {}, shared)


def test_no_more_errands_run_at_once_than_there_are_processors(own: Cluster) -> None:
    """Two processors, and six errands that ask thousands of times whether their time is up."""
    own._errand = own._ray.remote(asking_errand).options(num_cpus=1, max_retries=0)
    running: set[int] = set()
    most = 0

    def tell(number: int, step: Step) -> None:
        nonlocal most
        assert step.stage in (BEGINS, ENDS)
        (running.add if step.stage == BEGINS else running.remove)(number)
        most = max(most, len(running))

    back = list(own.run([Errand(number, "asks", {}, {}) for number in range(6)], tell))
    assert {one.number for one in back} == set(range(6))
    assert not running, "the last that an errand said was not heard"
    assert 0 < most <= 2


class Keeper:
    """Has something in the cluster's memory while it lives."""

    def put(self, content: bytes) -> list[Any]:
        import ray  # noqa: PLC0415 an extra

        return [ray.put(content)]


def test_what_several_are_given_and_is_lost_is_no_result(own: Cluster) -> None:
    ray, given = own._ray, packed({}, {"encoders/one": bytes(500_000)})
    keeper = ray.remote(Keeper).options(num_cpus=0).remote()
    (own._shared[sha256(given).hexdigest()],) = ray.get(keeper.put.remote(given))
    ray.kill(keeper)
    said: list[str] = []

    def is_lost() -> bool:
        """A copy lasts until its node has heard that whoever has put it there is dead."""
        try:
            list(own.run([trial(given)], lambda *_: None))
        except TiltyardError as error:
            said.append(str(error))
        return bool(said)

    until(is_lost)
    assert re.match(r"CLUSTER_LOST .*: OwnerDiedError: ", said[0])


def test_what_ray_has_ended_is_no_result_and_is_not_tried_again(
    own: Cluster, tmp_path: Path
) -> None:
    """A trial that says something to nobody, for ever."""
    os.mkfifo(tmp_path / "said")

    def is_over() -> bool:
        for ref in own._flying:
            own._ray.cancel(ref, force=True)
        return False

    with pytest.raises(TiltyardError, match=r"^CLUSTER_LOST .*: TaskCancelledError"):
        list(own.run([trial(says=str(tmp_path / "said"))], lambda *_: None, is_over))


def test_an_ear_that_is_gone_for_good_is_said_and_one_that_died_hears_again(
    own: Cluster, tmp_path: Path
) -> None:
    own._ray.kill(own._ear, no_restart=False)
    assert len(run(study_in(tmp_path), 2, job=Job(), hire=hire_at(own))) == 2
    own._ray.kill(own._ear)
    with pytest.raises(TiltyardError, match=r"^CLUSTER_LOST .*: ActorDiedError: ") as told:
        run(study_in(tmp_path), 4, job=Job(), hire=hire_at(own))
    assert str(told.value).endswith(clusters.KEPT)


def test_silent_nodes_are_waited_for_together(
    own: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have the same fifteen seconds."""
    monkeypatch.setattr(clusters, "AT_NODES", 15.0)
    monkeypatch.setattr(clusters, "versions_here", silent)
    began = time.monotonic()
    with pytest.raises(TiltyardError, match="CLUSTER_DIFFERS") as told:
        own.check()
    assert time.monotonic() - began < 29
    assert str(told.value).count("it has not answered within 15 s @ 127.0.0.") >= 2


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError(), "ValueError"),
        (ValueError(" \n"), "ValueError"),
        (OSError("a\nb"), "OSError: a"),
    ],
)
def test_of_an_error_the_first_line_is_told_if_it_says_anything(
    error: Exception, line: str
) -> None:
    assert clusters._first_line(error) == line


def test_where_no_node_works_any_more_it_ends_and_is_said(
    nodes: Nodes, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All leave while the first two trials come back; the next two have nobody."""
    monkeypatch.setattr(clusters, "AT_NODES", 5.0)
    has_left = False

    def saved() -> None:
        nonlocal has_left
        if len(list((tmp_path / "trials").glob("*.json"))) == 2 and not has_left:
            has_left = True
            nodes.leave()

    try:
        with pytest.raises(TiltyardError, match=r"^CLUSTER_LOST .*no node of it has a processor"):
            run(study_in(tmp_path), 4, job=Job(saved=saved), hire=hire_at(cluster))
    finally:
        for _ in range(2):
            nodes.add()
        nodes.wait()
    assert len(run(study_in(tmp_path), 4, job=Job(), hire=hire_at(cluster))) == 4
