"""What a cluster runs at its nodes: errands, and the ear that hears of them.

The ear is at the machine that a training was begun on. What an errand tells goes there, and whether
time is up comes from there. Ray ships which function is meant, and nothing of ours is pickled.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tiltyard.learners.job import Step
from tiltyard.shell.training import errands
from tiltyard.shell.training.errands import packed, unpacked

EVERY = 1.0
"""Seconds between two questions how far errands are, or whether their time is up."""
PATIENCE = 5.0
"""Seconds in which the ear has to answer."""
SAME = "install the same on every machine, and restart Ray there"


class Ear:
    """Hears how far errands are, and knows whether their time is up; an actor at this machine."""

    def __init__(self) -> None:
        self._said: list[str] = []
        self._is_over = False

    def tell(self, said: str) -> None:
        """Hear a step, as :func:`said_of` says it."""
        self._said.append(said)

    def heard(self) -> list[str]:
        """What was told since somebody asked last."""
        said, self._said = self._said, []
        return said

    def end(self, is_over: bool) -> None:  # noqa: FBT001 as it is asked
        """Whether time is up, from now on."""
        self._is_over = is_over

    def is_over(self) -> bool:
        """Whether time is up."""
        return self._is_over


def errand(what: str, number: int, ear: Any, *given: bytes) -> bytes:  # noqa: ANN401 of Ray
    """Run an errand at a node.

    Args:
        what: Of the doers of errands.
        number: Of it.
        ear: Told each step, and asked whether time is up.
        given: Packed; the first says what there is to know, and which versions it asks for.

    Returns:
        As :func:`~tiltyard.shell.training.errands.run`.
    """
    told, _ = unpacked(given[0])
    if (ours := errands.versions()) != told["versions"]:
        facts = f"{told['versions']} where the training was begun, {ours} at a node"
        return packed({"stopped": ["CLUSTER_DIFFERS", "a node that has joined", facts, SAME]}, {})
    with _asking(ear) as is_over:
        return errands.run(
            what, given, lambda step: ear.tell.remote(said_of(number, step)), is_over
        )  # fmt: skip


@contextmanager
def _asking(ear: Any) -> Iterator[Callable[[], bool]]:  # noqa: ANN401 of Ray
    """Whether time is up, as far as is known; asked every second, by a thread of its own.

    Ray gives away the processor of a task whose main thread waits for an answer, so that another
    task is begun beside it. It does not so for other threads. Who cannot reach the ear goes on.
    """
    import ray  # noqa: PLC0415 an extra

    asked, ended, is_over = threading.Event(), threading.Event(), threading.Event()

    def ask() -> None:
        is_last = False
        while not is_last:
            is_last = ended.is_set()  # asked once more, so that what was told before is heard
            with suppress(ray.exceptions.RayError):
                if ray.get(ear.is_over.remote(), timeout=PATIENCE):
                    is_over.set()
            asked.set()
            ended.wait(EVERY)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asked.wait(PATIENCE)
    try:
        yield is_over.is_set
    finally:
        ended.set()
        asking.join(2 * PATIENCE)


def versions_here() -> bytes:
    """All that bits depend on at a node, packed."""
    return packed(errands.versions(), {})


def said_of(number: int, step: Step) -> str:
    """A step of an errand, as JSON."""
    return json.dumps([number, *step])


def step_of(said: str) -> tuple[int, Step]:
    """What :func:`said_of` said."""
    number, *step = json.loads(said)
    return number, Step(*step)
