"""A cluster, and a training that has joined it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ray_clusters import Nodes, ray_cluster
from tiltyard.shell.training.cluster import Cluster, cluster_at
from tiltyard.shell.training.machine import settle

TESTS = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def nodes() -> Iterator[Nodes]:
    """Two nodes that work, and the one that trainings begin on."""
    settle("cpu", 1)
    with ray_cluster({"PYTHONPATH": str(TESTS)}) as found:  # it finds the objectives of tests
        yield found


@pytest.fixture(scope="session")
def cluster(nodes: Nodes) -> Iterator[Cluster]:
    """As a training sees it."""
    with cluster_at(nodes.address) as joined:
        yield joined
