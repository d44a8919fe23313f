"""A Ray cluster on this machine: a node that trainings begin on, and two that work."""

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ray._private.node import Node
from ray.cluster_utils import Cluster

SMALL = {"object_store_memory": 80 * 1024 * 1024, "include_dashboard": False}
QUICK = {"health_check_period_ms": 1_000, "health_check_failure_threshold": 10}
"""A node that is gone is missed within ten seconds, and one on a busy machine is not."""


class Nodes:
    """The nodes.

    Args:
        cluster: Ray's own.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster, self._count = cluster, 1

    @property
    def address(self) -> str:
        """Of the head."""
        return str(self._cluster.address)

    def lose(self, worker: int) -> None:
        """Kill the node that a worker is a process of, and have another in its place."""
        raylet = int(Path(f"/proc/{worker}/stat").read_text("utf-8").rpartition(")")[2].split()[1])
        for process in (raylet, worker):
            os.kill(process, signal.SIGKILL)
        self.add()

    def add(self, environment: dict[str, str] | None = None) -> Node:
        """One that works, at an address of its own: whoever joins by the head's is at the head."""
        self._count += 1
        node: Node = self._cluster.add_node(
            num_cpus=1, wait=False, env_vars=environment or {},
            node_ip_address=f"127.0.0.{self._count}", **SMALL,
        )  # fmt: skip
        return node

    def wait(self) -> None:
        """Until all of them are there."""
        self._cluster.wait_for_nodes()

    def remove(self, node: Node) -> None:
        """One that was added."""
        self._cluster.remove_node(node)

    def leave(self) -> None:
        """All that work."""
        for node in list(self._cluster.worker_nodes):
            self._cluster.remove_node(node)


@contextmanager
def ray_cluster(environment: dict[str, str]) -> Iterator[Nodes]:
    """Gone afterwards, with all its processes and files.

    A path to a socket has 107 bytes at most, and Ray's own part of it is long.

    Args:
        environment: Of its processes.
    """
    with (
        tempfile.TemporaryDirectory(prefix="ty", dir="/tmp") as place,
        pytest.MonkeyPatch.context() as patch,
    ):
        folder = Path(place) / "ray"
        folder.mkdir()
        for name, value in {**environment, "RAY_TMPDIR": place}.items():
            patch.setenv(name, value)
        head = {"num_cpus": 0, "temp_dir": str(folder), "_system_config": QUICK, **SMALL}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            nodes = Nodes(cluster)
            for _ in range(2):
                nodes.add()
            cluster.wait_for_nodes()
            yield nodes
        finally:
            cluster.shutdown()
