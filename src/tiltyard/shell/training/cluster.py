"""A Ray cluster that runs errands, as the machine that a training was begun on sees it.

This machine is one of its nodes, perhaps one without a processor for others. Ray is imported here,
once somebody wants a cluster, and nowhere else. Between the machines go bytes and JSON; Ray itself
ships which function is meant by cloudpickle, and whoever may reach a cluster may run what he likes
there, so a cluster is trusted like the machine itself.

Ray tries nothing again by itself: an errand whose worker or node died is sent once more, and has
failed when that dies, too. Whatever else Ray cannot do says nothing of an errand: a cluster whose
memory, disk or nodes are gone is lost. Whoever leaves the cluster takes what is still running there
with him; of one who is killed Ray ends what he had begun.
"""

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
from tiltyard.shell.training.at_nodes import EVERY, SAME, Ear, errand, step_of, versions_here
from tiltyard.shell.training.errands import Errand, Files, packed, unpacked
from tiltyard.shell.training.order import AUTO, refuse_no_address

PATIENCE = 5.0
"""Seconds in which a cluster has to take a connection."""
AT_NODES = 120.0
"""Seconds in which all nodes have to say which versions they have, and after which it is looked
whether there are any nodes, where nothing comes back."""
JOIN = "start Ray on this machine, or join it: ray start --address=HOST:PORT --num-cpus=0"
ADMISSION = (
    "give this process the cluster's token: RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH or "
    "~/.ray/auth_token"
)
KEPT = "what has come back is kept: the same command goes on from there"


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
        ear = ray.remote(Ear).options(
            num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=self._at(here)
        )
        self._ear = ear.remote()
        self._errand = ray.remote(errand).options(num_cpus=1, max_retries=0)
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
        silent, exceptions = 0.0, self._ray.exceptions
        with self._losing():
            self._answered(self._ear.end.remote(is_over()))
            self._flying = {self._sent(one): one for one in every}
            while self._flying:
                back, _ = self._ray.wait(list(self._flying), num_returns=1, timeout=EVERY)
                self._hear(tell)
                self._ear.end.remote(is_over())
                if (silent := 0.0 if back else silent + EVERY) >= AT_NODES:
                    silent = 0.0
                    self._find_nodes()
                for ref in back:
                    one = self._flying.pop(ref)
                    try:
                        told, files = unpacked(self._ray.get(ref))
                    except (exceptions.WorkerCrashedError, exceptions.NodeDiedError) as error:
                        deaths[one.number] += 1
                        if deaths[one.number] < DEATHS:
                            self._flying[self._sent(one)] = one
                            continue
                        yield Returned(one.number, {}, _first_line(error))
                    else:
                        if "stopped" in told:
                            raise TiltyardError(*told["stopped"])
                        yield Returned(one.number, files)

    def check(self) -> None:
        """Find out whether every node computes as this machine does.

        Raises:
            TiltyardError: ``CLUSTER_MISSING`` where no node has a processor.
            Faults: ``CLUSTER_DIFFERS``.
        """
        if not (nodes := self._working()):
            raise TiltyardError(
                "CLUSTER_MISSING", self._address, "no node of it has a processor for tasks",
                "join a machine: ray start --address=HOST:PORT",
            )  # fmt: skip
        asked = self._ray.remote(versions_here)
        answers = [
            (
                one["NodeManagerAddress"],
                asked.options(
                    num_cpus=0, max_retries=0, scheduling_strategy=self._at(one["NodeID"])
                ).remote(),
            )
            for one in nodes
        ]
        every = [answer for _, answer in answers]
        there, _ = self._ray.wait(every, num_returns=len(every), timeout=AT_NODES)
        ours, faults = errands.versions(), []
        for node, answer in answers:
            if answer in there:
                faults += [Fault(node, message) for message in self._differing(ours, answer)]
            else:
                faults.append(Fault(node, f"it has not answered within {AT_NODES:.0f} s"))
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
        except self._ray.exceptions.RayError as error:
            said = str(error)
            is_missing = "No module named 'tiltyard" in said
            yield "tiltyard is not installed" if is_missing else _first_line(error)
        else:
            for name, version in ours.items():
                if theirs.get(name) != version:
                    yield f"{name} {theirs.get(name)}, here {version}"

    def _sent(self, one: Errand) -> Any:  # noqa: ANN401 of Ray
        told = {**one.told, "versions": errands.versions()}
        given = [packed(told, one.files), *map(self._put, one.shared)]
        return self._errand.remote(one.what, one.number, self._ear, *given)

    def _put(self, content: bytes) -> Any:  # noqa: ANN401 of Ray
        """What several errands are given, in the cluster's memory once."""
        key = sha256(content).hexdigest()
        if key not in self._shared:
            self._shared[key] = self._ray.put(content)
        return self._shared[key]

    def _working(self) -> list[Any]:
        """Nodes that run errands."""
        return [one for one in self._ray.nodes() if one["Alive"] and one["Resources"].get("CPU")]

    def _find_nodes(self) -> None:
        if not self._working():
            facts = f"no node of it has a processor any more, for {AT_NODES:.0f} s or longer"
            raise TiltyardError("CLUSTER_LOST", self._address, facts, KEPT)

    def _answered(self, asked: Any) -> Any:  # noqa: ANN401 of Ray
        """What the ear answers."""
        return self._ray.get(asked, timeout=AT_NODES)

    def _hear(self, tell: Callable[[int, Step], object]) -> None:
        for said in self._answered(self._ear.heard.remote()):
            number, step = step_of(said)
            tell(number, step)

    def _at(self, node: str) -> Any:  # noqa: ANN401 of Ray
        return self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node, soft=False)

    @contextmanager
    def _losing(self) -> Iterator[None]:
        """What Ray cannot do is told as ours; it interrupts this process where all is gone."""
        exceptions = self._ray.exceptions
        try:
            yield
        except (KeyboardInterrupt, exceptions.RayError) as error:
            if isinstance(error, exceptions.RayTaskError):
                if not isinstance(error.cause, exceptions.RayError):
                    raise  # a slip of ours
                error = error.cause  # what a task was given is lost
            facts = "it is not there any more"
            if _answers(self._address):
                if isinstance(error, KeyboardInterrupt):
                    raise
                facts = _first_line(error)
            raise TiltyardError("CLUSTER_LOST", self._address, facts, KEPT) from error


@contextmanager
def cluster_at(address: str) -> Iterator[Cluster]:
    """A cluster that is there, and computes as this machine does; left afterwards.

    Args:
        address: ``host:port`` of its head, or ``auto`` for the one that this machine is a node of.

    Raises:
        TiltyardError: ``EXTRA_MISSING``, ``CLUSTER_ADDRESS_INVALID``, ``CLUSTER_MISSING``,
            ``CLUSTER_REFUSED``, ``CLUSTER_DIFFERS``.
    """
    ray = _ray()
    if address != AUTO and not _answers(address):
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
        if address == AUTO:
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
    refuse_no_address(address)
    if address == AUTO:
        return False
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), PATIENCE):
            return True
    except (OSError, OverflowError):
        return False


def _first_line(error: Exception) -> str:
    """Of what it says, which may be nothing."""
    name, said = type(error).__name__, str(error).strip()
    return f"{name}: {said.splitlines()[0]}"[:300] if said else name
