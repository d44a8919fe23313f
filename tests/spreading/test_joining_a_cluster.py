"""A cluster that is of no use is refused before anything is begun, and it is said why."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from ray_clusters import Nodes
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.training.cluster import Cluster, cluster_at


def test_where_there_is_none_it_is_said() -> None:
    with (
        pytest.raises(TiltyardError, match=r"CLUSTER_MISSING 127\.0\.0\.1:1: nothing has answered"),
        cluster_at("127.0.0.1:1"),
    ):
        pass


@pytest.mark.parametrize("address", ["ray://10.0.0.5:10001", "10.0.0.5", "10.0.0.5:65536"])
def test_what_can_be_no_address_is_refused(address: str) -> None:
    with (
        pytest.raises(TiltyardError, match=f"CLUSTER_ADDRESS_INVALID {address}: no address"),
        cluster_at(address),
    ):
        pass


def test_an_address_that_was_left_empty_trains_nowhere(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tiltyard", "train", "sweep", "--data", "bars", "--ray", ""],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("CLUSTER_ADDRESS_INVALID '': no address of a cluster")
    assert list(tmp_path.iterdir()) == []


JOINS = """
import os, sys
from tiltyard.shell.training.cluster import cluster_at

try:
    with cluster_at(sys.argv[1]):
        pass
except Exception as error:
    print(error)
"""


def joined(address: str, **environment: str) -> str:
    """What whoever joins it in such an environment is told."""
    done = subprocess.run(
        [sys.executable, "-c", JOINS, address], env=environment, capture_output=True, text=True,
        timeout=120, check=True,
    )  # fmt: skip
    return done.stdout


def test_who_has_no_token_is_told_how_to_give_one(nodes: Nodes, tmp_path: Path) -> None:
    missing = str(tmp_path / "token")
    told = joined(nodes.address, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=missing)
    assert told.startswith(f"CLUSTER_REFUSED {nodes.address}: AuthenticationError: ")
    assert "RAY_AUTH_TOKEN_PATH" in told


def test_a_node_that_would_find_other_bits_is_named(
    nodes: Nodes, cluster: Cluster, tmp_path: Path
) -> None:
    """It has another Optuna: another description of it is found first."""
    other = tmp_path / "optuna-4.0.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: optuna\nVersion: 4.0.0\n")
    cluster.check()
    node = nodes.add({"PYTHONPATH": str(tmp_path)})
    nodes.wait()
    try:
        with pytest.raises(TiltyardError, match="CLUSTER_DIFFERS") as told:
            cluster.check()
    finally:
        nodes.remove(node)
    assert f"optuna 4.0.0, here {version('optuna')} @ 127.0.0." in str(told.value)
