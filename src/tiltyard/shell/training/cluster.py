"""A Ray cluster that runs errands, as the machine that a training was begun on sees it.

This machine is one of its nodes, perhaps one without a processor for others. Ray is imported here,
once somebody wants a cluster, and nowhere else. Between the machines go bytes and JSON; Ray itself
ships which function is meant by cloudpickle, and whoever may reach a cluster may run what he likes
there, so a cluster is trusted like the machine itself.

Ray tries nothing again by itself: an errand whose worker or node died is sent once more, and has
failed when that dies, too. Whoever leaves the cluster takes what is still running there with him;
of one who is killed Ray ends what he had begun.
"""

import json
import os
import signal
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from importlib.util import find_spec
from typing import Any, NamedTuple

from tiltyard.kernel.errors import Fault, Faults, TiltyardError
from tiltyard.learners.crew import DEATHS, THREADS
from tiltyard.learners.job import Step
from tiltyard.shell.training import errands
from tiltyard.shell.training.errands import Errand, Files, packed, unpacked

EVERY = 1.0
"""Seconds between two questions how far errands are."""
PATIENCE = 5.0
"""Seconds in which a cluster has to take a connection."""
AT_NODES = 120.0
"""Seconds in which each node has to say which versions it has."""
JOIN = "start Ray on this machine, or join it: ray start --address=HOST:PORT --num-cpus=0"
ADMISSION = (
    "give this process the cluster's token: RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH or "
    "~/.ray/auth_token"
)
SAME = "install the same on every machine, and restart Ray there"


class Returned(NamedTuple):
    """What came of an errand.

    Attributes:
        number: Of it.
        files: That it has made or changed.
        died: How its worker died for the last time; empty where it did its work.
    """

    number: int
    files: Files
    died: str = ""


class Cluster:
    """One that was found to be of use.

    Args:
        ray: The module, by which this process has joined it.
    """

    def __init__(self, ray: Any) -> None:  # noqa: ANN401 a module that may be missing
        self._ray, around = ray, ray.get_runtime_context()
        self._address, here = around.gcs_address, around.get_node_id()
        ear = ray.remote(_Ear).options(num_cpus=0, scheduling_strategy=self._at(here))
        self._ear = ear.remote()
        self._errand = ray.remote(_errand).options(num_cpus=1, max_retries=0)
        self._shared: dict[str, Any] = {}
        self._flying: dict[Any, Errand] = {}

    def run(
        self, every: Sequence[Errand], tell: Callable[[int, Step], object],
        is_over: Callable[[], bool] = lambda: False,
    ) -> Iterator[Returned]:  # fmt: skip
        """Run errands, all at once as far as there are processors; each as it comes back.

        Args:
            every: Which.
            tell: Told each step of each.
            is_over: Whether their time is up; they are told so, and end.

        Raises:
            TiltyardError: What stopped an errand; ``CLUSTER_LOST``.
        """
        deaths: Counter[int] = Counter()
        with self._losing():
            self._ear.end.remote(is_over())
            self._flying = {self._sent(one): one for one in every}
            while self._flying:
                back, _ = self._ray.wait(list(self._flying), num_returns=1, timeout=EVERY)
                self._hear(tell)
                self._ear.end.remote(is_over())
                for ref in back:
                    errand = self._flying.pop(ref)
                    try:
                        told, files = unpacked(self._ray.get(ref))
                    except self._ray.exceptions.RayTaskError:
                        raise
                    except self._ray.exceptions.RayError as error:
                        deaths[errand.number] += 1
                        if deaths[errand.number] < DEATHS:
                            self._flying[self._sent(errand)] = errand
                            continue
                        yield Returned(errand.number, {}, _first_line(error))
                    else:
                        if "stopped" in told:
                            raise TiltyardError(*told["stopped"])
                        yield Returned(errand.number, files)

    def check(self) -> None:
        """Find out whether every node computes as this machine does.

        Raises:
            TiltyardError: ``CLUSTER_MISSING`` where no node has a processor.
            Faults: ``CLUSTER_DIFFERS``.
        """
        nodes = [one for one in self._ray.nodes() if one["Alive"] and one["Resources"].get("CPU")]
        if not nodes:
            raise TiltyardError(
                "CLUSTER_MISSING", self._address, "no node of it has a processor for tasks",
                "join a machine: ray start --address=HOST:PORT",
            )  # fmt: skip
        asked = self._ray.remote(_versions)
        answers = [
            (
                one["NodeManagerAddress"],
                asked.options(
                    num_cpus=0, max_retries=0, scheduling_strategy=self._at(one["NodeID"])
                ).remote(),
            )
            for one in nodes
        ]
        ours, faults = errands.versions(), []
        for node, answer in answers:
            faults += [Fault(node, message) for message in self._differing(ours, answer)]
        if faults:
            raise Faults("CLUSTER_DIFFERS", self._address, faults, remedy=SAME)

    def leave(self) -> None:
        """End what is still running there, and go."""
        for ref in self._flying:
            with suppress(Exception):  # whatever cannot be ended so, ends with this process's job
                self._ray.cancel(ref, force=True)
        self._ray.shutdown()

    def _differing(self, ours: Mapping[str, str], answer: Any) -> Iterator[str]:  # noqa: ANN401 of Ray
        try:
            theirs = unpacked(self._ray.get(answer, timeout=AT_NODES))[0]
        except self._ray.exceptions.GetTimeoutError:
            yield f"it has not answered within {AT_NODES:.0f} s"
        except self._ray.exceptions.RayError as error:
            said = str(error)
            is_missing = "No module named 'tiltyard" in said
            yield "tiltyard is not installed" if is_missing else _first_line(error)
        else:
            for name, version in ours.items():
                if theirs.get(name) != version:
                    yield f"{name} {theirs.get(name)}, here {version}"

    def _sent(self, errand: Errand) -> Any:  # noqa: ANN401 of Ray
        told = {**errand.told, "versions": errands.versions()}
        given = [packed(told, errand.files), *map(self._put, errand.shared)]
        return self._errand.remote(errand.what, errand.number, self._ear, *given)

    def _put(self, content: bytes) -> Any:  # noqa: ANN401 of Ray
        """What several errands are given, in the cluster's memory once."""
        key = sha256(content).hexdigest()
        if key not in self._shared:
            self._shared[key] = self._ray.put(content)
        return self._shared[key]

    def _hear(self, tell: Callable[[int, Step], object]) -> None:
        for said in self._ray.get(self._ear.heard.remote()):
            number, step = _heard(said)
            tell(number, step)

    def _at(self, node: str) -> Any:  # noqa: ANN401 of Ray
        return self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node, soft=False)

    @contextmanager
    def _losing(self) -> Iterator[None]:
        """Ray tells this process to end where the cluster is gone; that is said instead."""
        try:
            yield
        except (KeyboardInterrupt, self._ray.exceptions.RayActorError) as error:
            if _answers(self._address):
                raise
            raise TiltyardError(
                "CLUSTER_LOST", self._address, "it is not there any more",
                "what has come back is kept: the same command goes on from there",
            ) from error  # fmt: skip


@contextmanager
def cluster_at(address: str) -> Iterator[Cluster]:
    """A cluster that is there, and computes as this machine does; left afterwards.

    Args:
        address: ``host:port`` of its head, or ``auto`` for the one that this machine is a node of.

    Raises:
        TiltyardError: ``EXTRA_MISSING``, ``CLUSTER_MISSING``, ``CLUSTER_REFUSED``,
            ``CLUSTER_DIFFERS``.
    """
    ray = _ray()
    if address != "auto" and not _answers(address):
        facts = f"nothing has answered there within {PATIENCE:.0f} s"
        raise TiltyardError("CLUSTER_MISSING", address, facts, JOIN)
    cluster = None
    try:
        _join(ray, address)
        cluster = Cluster(ray)
        cluster.check()
        yield cluster
    finally:
        if cluster is None:
            ray.shutdown()
        else:
            cluster.leave()


def _ray() -> Any:  # noqa: ANN401 a module that may be missing
    if find_spec("ray") is None:
        raise TiltyardError(
            "EXTRA_MISSING", "ray", "ray is not installed, and a cluster needs this extra",
            "pip install 'tiltyard[learn,ray]'",
        )  # fmt: skip
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray  # noqa: PLC0415 slow, and an extra
    import ray.util.scheduling_strategies  # noqa: PLC0415 as above

    return ray


def _join(ray: Any, address: str) -> None:  # noqa: ANN401 a module that may be missing
    before = signal.getsignal(signal.SIGTERM)
    threads = dict.fromkeys(THREADS, "1") | {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
    try:
        ray.init(
            address=address, log_to_driver=False, logging_level="ERROR",
            runtime_env={"env_vars": threads},
        )  # fmt: skip
    except ray.exceptions.AuthenticationError as error:
        raise TiltyardError("CLUSTER_REFUSED", address, _first_line(error), ADMISSION) from error
    except ConnectionError as error:
        if address == "auto":
            facts = "this machine is no node of one"
            raise TiltyardError("CLUSTER_MISSING", address, facts, JOIN) from error
        facts = "something answers there, and lets nobody in who has another token, or none"
        raise TiltyardError("CLUSTER_REFUSED", address, facts, ADMISSION) from error
    except (Exception, SystemExit) as error:
        said = " ".join(str(error).split())
        if "Version mismatch" in said:
            raise TiltyardError("CLUSTER_DIFFERS", address, said, SAME) from error
        facts = "what answers there is no Ray" if isinstance(error, SystemExit) else said
        raise TiltyardError("CLUSTER_MISSING", address, facts, JOIN) from error
    finally:
        signal.signal(signal.SIGTERM, before)  # Ray has its own, by which nothing is undone


def _answers(address: str) -> bool:
    """Whether anything takes a connection there."""
    host, _, port = address.rpartition(":")
    if address == "auto":
        return False
    if not host or not port.isdecimal() or "/" in host:
        raise TiltyardError(
            "CLUSTER_MISSING", address, "no address of a cluster",
            "expected host:port of its head, such as 10.0.0.5:6379, or auto",
        )  # fmt: skip
    try:
        with socket.create_connection((host.strip("[]"), int(port)), PATIENCE):
            return True
    except (OSError, OverflowError):
        return False


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"[:300]


class _Ear:
    """Hears how far errands are, and knows whether their time is up; an actor at this machine."""

    def __init__(self) -> None:
        self._said: list[str] = []
        self._is_over = False

    def tell(self, said: str) -> None:
        self._said.append(said)

    def heard(self) -> list[str]:
        said, self._said = self._said, []
        return said

    def end(self, is_over: bool) -> None:  # noqa: FBT001 as it is asked
        self._is_over = is_over

    def is_over(self) -> bool:
        return self._is_over


def _errand(what: str, number: int, ear: Any, *given: bytes) -> bytes:  # noqa: ANN401 of Ray
    """Run an errand at a node."""
    import ray  # noqa: PLC0415 an extra

    told, _ = unpacked(given[0])
    if (ours := errands.versions()) != told["versions"]:
        facts = f"{told['versions']} where the training was begun, {ours} at a node"
        return packed({"stopped": ["CLUSTER_DIFFERS", "a node that has joined", facts, SAME]}, {})
    return errands.run(
        what, given, lambda step: ear.tell.remote(_said(number, step)),
        lambda: bool(ray.get(ear.is_over.remote())),
    )  # fmt: skip


def _versions() -> bytes:
    return packed(errands.versions(), {})


def _said(number: int, step: Step) -> str:
    return json.dumps([number, *step])


def _heard(said: str) -> tuple[int, Step]:
    number, *step = json.loads(said)
    return number, Step(*step)
