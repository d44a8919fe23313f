"""How the models are: told to people when it changes, and to the guards again and again.

``model_healthy`` of an arm is 1 while its model is loaded, can be loaded again, has answered finite
numbers alone, and can be traded by as the floor has it; else 0. While it is being loaded nothing
is observed.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from tiltyard.checklist.guard import Checklist
from tiltyard.facts.observation import Observation
from tiltyard.metrics.catalogue import HEALTH
from tiltyard.shell.models.shelf import is_called_by
from tiltyard.shell.models.stable import Model, Stable

SELDOM = 15 * 60.0
"""Seconds after which a reading that has not changed is repeated, at the latest."""
PART = 3
"""It is repeated so many times before any guard calls it stale."""
SETTLES = 3.0
"""Seconds that a fault has to last: whoever copies a snapshot there does so file after file."""


class Health:
    """Of all models of a desk.

    Args:
        stable: Where they are.
        report: Given the observations.
        every: Seconds after which a reading is repeated.
        settles: Seconds that a fault has to last before it is one.
        now: The time of day.
        say: Told, for people, when a model fails, and when it is well again.
    """

    def __init__(
        self,
        stable: Stable,
        report: Callable[..., object],
        *,
        every: float,
        now: Callable[[], datetime],
        say: Callable[[str], object],
        settles: float = SETTLES,
    ) -> None:
        self._stable = stable
        self._report = report
        self._every = every
        self._settles = settles
        self._now = now
        self._say = say
        self._states: dict[str, _State] = {}
        self._missed: set[str] = set()
        self._unlisted = ""

    def look(self) -> None:
        """Load what is to be loaded, and report what is due."""
        self._stable.look()
        steady, at = self._stable.steady(), self._now()
        models = {name: one for name, one in self._stable.now.items() if not one.is_loading}
        self._states = {name: self._states.get(name) or _State() for name in models}
        due = []
        for name, model in models.items():
            state, fault = self._states[name], fault_of(model)
            if fault != state.fault:
                state.fault, state.since = fault, steady
            if fault and steady - state.since < self._settles:
                continue
            self._tell(name, model, state)
            number = 0.0 if fault else 1.0
            if number != state.number or steady - state.reported_at >= self._every:
                state.number, state.reported_at = number, steady
                due.append(Observation(HEALTH, number, at, name))
        if due:
            self._report(*due)
        self._tell_of_absent()

    def _tell_of_absent(self) -> None:
        """Who is called as a snapshot is and has none may be a bot's; it is told, and no more."""
        absent = {
            name for name, digest in self._stable.absent.items() if is_called_by(name, digest)
        }
        if (error := self._stable.unlisted) is not None:
            self._tell_unlisted(error, absent)
            return
        self._unlisted = ""
        for name in sorted(absent - self._missed):
            self._say(
                f"{name}: no snapshot in {self._stable.folder} is it, so it is not traded here; "
                "put it back, unless a bot trades it elsewhere"
            )
        self._missed = absent

    def _tell_unlisted(self, error: OSError, absent: Collection[str]) -> None:
        """A folder that was never there is missed by those alone who are called as if it were."""
        if not absent and isinstance(error, FileNotFoundError):
            return
        told = f"{self._stable.folder} cannot be listed: {error.strerror or error}"
        if told != self._unlisted:
            whom = ", ".join(sorted(absent)) or "whoever has a model there"
            self._say(
                f"{told}; {whom} is not traded here until it can; put it back, unless a bot "
                "trades elsewhere"
            )
        self._unlisted = told

    def _tell(self, name: str, model: Model, state: "_State") -> None:
        if state.fault == state.said:
            return
        if state.fault and state.fault == model.fault:
            state.said = state.fault  # the floor has told it
            return
        what = "is not traded" if model.policy is None else "is not healthy"
        well = f"{name}: its model is well again"
        self._say(f"{name} {what}: {state.fault}" if state.fault else well)
        state.said = state.fault


@dataclass(slots=True)
class _State:
    """What is known and told of a model.

    Attributes:
        fault: What is wrong with it; empty when nothing is.
        since: When that began.
        said: The fault that people were told last.
        number: What the guards were told last.
        reported_at: When.
    """

    fault: str = ""
    since: float = 0.0
    said: str = ""
    number: float | None = None
    reported_at: float = 0.0


def fault_of(model: Model) -> str:
    """What is wrong with a model that has been looked at; nothing when it is well."""
    if model.why is not None:
        return str(model.why)
    if model.policy is not None and not model.policy.is_finite:
        return "it has answered what is no finite number, and stays whenever it does"
    return model.fault


def repeated_every(checklist: Checklist) -> float:
    """Seconds after which a reading is repeated, so that no guard calls it stale."""
    ages = [one.stale_after for one in checklist.guards if one.metric == HEALTH and one.stale_after]
    return min([SELDOM, *(age / PART for age in ages)])
