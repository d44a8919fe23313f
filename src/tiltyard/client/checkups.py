"""Checks of models: each in a thread of its own, with an end to the waiting, and again and again.

A check runs the bot's own code, which may hang. Then the model is not healthy, and the check is
left alone: no thread is killed, and none is started for that policy until the last one has ended.
Such a thread keeps no process alive.

Who asks for a check waits as a thread does (:meth:`Checkups.check`) or as a coroutine does
(:meth:`Checkups.check_beside`).
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from tiltyard.client.model import Health, Model, examined

_LOG = logging.getLogger("tiltyard.client")
MOST_CHECKED = 100
"""Policies."""


class Checkup(NamedTuple):
    """A check that is to be made.

    Attributes:
        policy: Whose model.
        model: What is checked.
        within: Seconds; later the model is not healthy.
        every: Seconds from the end of one check to the next; None for one alone.
    """

    policy: str
    model: Model
    within: float
    every: float | None


@dataclass(slots=True)
class _Patient:
    """What is known of a policy's checks.

    Attributes:
        running: The check that has not ended.
        reason: Why the model was not healthy the last time.
        repeated: The check that is made again and again.
        due: By the courier's clock, when the next of these is; None until it has looked, and
            infinite while one is made.
    """

    running: "Future[Health] | None" = None
    reason: str = ""
    repeated: Checkup | None = None
    due: float | None = None

    @property
    def is_done(self) -> bool:
        """Nothing runs, and nothing is to be repeated."""
        return self.repeated is None and (self.running is None or self.running.done())


class Checkups:
    """Checks of the models of policies, for any thread.

    Args:
        found: Is told of whom a check was, and what it found.
    """

    def __init__(self, found: Callable[[str, Health], None]) -> None:
        self._found = found
        self._lock = threading.RLock()
        self._patients: dict[str, _Patient] = {}

    def take_on(self, checkup: Checkup) -> bool:
        """Before its first check; False when there is no room for another policy.

        What was repeated for that policy before is repeated no more.
        """
        with self._lock:
            if checkup.policy not in self._patients and len(self._patients) >= MOST_CHECKED:
                for policy in [name for name, one in self._patients.items() if one.is_done]:
                    del self._patients[policy]
                if len(self._patients) >= MOST_CHECKED:
                    return False
            patient = self._patients.setdefault(checkup.policy, _Patient())
            patient.repeated = None if checkup.every is None else checkup
            patient.due = inf
            return True

    def end(self, policy: str) -> None:
        """Check it no more by itself, and forget it, but for a check that has not ended."""
        with self._lock:
            patient = self._patients.get(policy)
            if patient is not None:
                patient.repeated = None
                if patient.is_done:
                    del self._patients[policy]

    def end_all(self) -> None:
        """Check none any more by itself."""
        with self._lock:
            for patient in self._patients.values():
                patient.repeated = None

    def check(self, checkup: Checkup) -> Health:
        """Make a check, wait for it as a thread does, and tell of it."""
        health = None
        with self._resting_after(checkup):
            while health is None:
                running, is_own = self._begun(checkup)
                try:
                    found = running.result(checkup.within)
                    health = found if is_own else None
                except TimeoutError:
                    health = _late(checkup)
        self._tell(checkup, health)
        return health

    async def check_beside(self, checkup: Checkup) -> Health:
        """The same, waiting as a coroutine does."""
        health = None
        with self._resting_after(checkup):
            while health is None:
                running, is_own = self._begun(checkup)
                try:
                    async with asyncio.timeout(checkup.within):
                        found = await asyncio.wrap_future(running)
                    health = found if is_own else None
                except TimeoutError:
                    health = _late(checkup)
        self._tell(checkup, health)
        return health

    def due(self, now: float) -> list[Checkup]:
        """Those that are to be made again now."""
        with self._lock:
            found = []
            for patient in self._patients.values():
                if patient.repeated is None or patient.repeated.every is None:
                    continue
                if patient.due is None:
                    patient.due = now + patient.repeated.every
                if patient.due <= now:
                    patient.due = inf
                    found.append(patient.repeated)
            return found

    @property
    def next_due(self) -> float | None:
        """When the next is; None while there is none."""
        with self._lock:
            times = [one.due for one in self._patients.values() if one.repeated and one.due]
        return min((one for one in times if one < inf), default=None)

    def _begun(self, checkup: Checkup) -> "tuple[Future[Health], bool]":
        """The check of that policy that runs now, and whether it was begun for this one."""
        with self._lock:
            patient = self._patients.setdefault(checkup.policy, _Patient())
            if patient.running is not None and not patient.running.done():
                return patient.running, False
            running = patient.running = Future[Health]()
            running.set_running_or_notify_cancel()
        try:
            threading.Thread(
                target=lambda: running.set_result(examined(checkup.model)),
                name="tiltyard-model", daemon=True,
            ).start()  # fmt: skip
        except RuntimeError as error:  # the system has no more threads
            running.set_result(Health(healthy=False, reason=f"it cannot be checked: {error}"))
        return running, True

    @contextmanager
    def _resting_after(self, checkup: Checkup) -> Iterator[None]:
        """Once it has ended, the time to the next check runs."""
        try:
            yield
        finally:
            with self._lock:
                patient = self._patients.get(checkup.policy)
                if patient is not None and patient.repeated is checkup:
                    patient.due = None

    def _tell(self, checkup: Checkup, health: Health) -> None:
        with self._lock:
            patient = self._patients.get(checkup.policy, _Patient())
            if checkup.every is not None and patient.repeated is not checkup:
                return  # it was ended meanwhile
            before, patient.reason = patient.reason, health.reason
        if health.reason and health.reason != before:
            _LOG.warning("the model of %s is not healthy: %s", checkup.policy, health.reason)
        elif before and health.healthy:
            _LOG.warning("the model of %s is healthy again", checkup.policy)
        self._found(checkup.policy, health)


def _late(checkup: Checkup) -> Health:
    return Health(healthy=False, reason=f"no answer within {checkup.within:g} s")
