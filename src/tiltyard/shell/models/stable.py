"""The stable: the trained policies that arms are traded by, loaded beside the desk and kept.

The desk asks who is there, and touches no disk: who was not looked for yet is being loaded, and
who has no snapshot is known to have none. Another thread looks: it lists the folder, finds the
snapshot of each arm that was asked for, checks every byte of it, and makes a policy of it. What is
loaded is kept as it is, whatever happens to its files then; but they are looked at again when
they change, and one that could not be loaded once more is told. What could not be loaded is
tried again when its folder has changed.

While the folder cannot be listed, nobody knows who has a snapshot. Only who surely has one misses
it then: others may be traded by bots elsewhere.
"""

import threading
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.models.loading import checked_snapshot, found_snapshot, trained_policy
from tiltyard.shell.models.shelf import Shelf, stamps_of

if TYPE_CHECKING:
    from tiltyard.learners.served import Served

PATIENCE = 10.0
"""Seconds that the floor waits for a model before it goes on without, or says that it waits."""


class Model(NamedTuple):
    """The model of an arm, as it is now.

    Attributes:
        digest: SHA-256 of what is to serve the arm; empty goes by its name.
        since: When it was first asked for, by a steady clock.
        policy: What trades for the arm; None while it is not loaded.
        why: Why it cannot be loaded, or not again; None when it can, or nobody has looked yet.
        path: Where it was last read; None where it was not.
        seen: What its files were like then.
        fault: Why it trades nothing though it is loaded, as the floor found; empty when it can.
    """

    digest: str
    since: float
    policy: "Served | None" = None
    why: TiltyardError | None = None
    path: Path | None = None
    seen: object = None
    fault: str = ""

    @property
    def is_loading(self) -> bool:
        """Whether nobody knows yet if it can be loaded."""
        return self.policy is None and self.why is None

    def is_late(self, steady: float) -> bool:
        """Whether it has been loading for longer than anybody waits.

        Args:
            steady: The time now, by the same clock.
        """
        return self.is_loading and steady - self.since > PATIENCE


class Stable:
    """The models of a desk; two threads use it, one that asks and one that looks.

    Args:
        folder: Where snapshots lie.
        steady: A clock in seconds that is never set.
        nudge: Called when there is something to look for.
        at_once: Whoever asks first loads it, and waits: for a replay, and for a desk that ends at
            once.
        only: Arms that may have a model; None for all.
    """

    def __init__(
        self,
        folder: Path,
        steady: Callable[[], float],
        *,
        nudge: Callable[[], object] = lambda: None,
        at_once: bool = False,
        only: Collection[str] | None = None,
    ) -> None:
        self._shelf = Shelf(folder)
        self.steady = steady
        self.nudge = nudge
        self._at_once = at_once
        self._only = only
        self._lock = threading.Lock()
        self._models: dict[str, Model] = {}
        self._ours: frozenset[str] = frozenset()
        self._registered: frozenset[str] = frozenset()
        self._absent: Mapping[str, str] = {}
        self._unlisted: OSError | None = None
        self._faults: Mapping[str, str] = {}

    def ask(
        self,
        arms: Mapping[str, str],
        ours: Collection[str] = (),
        registered: Collection[str] = (),
    ) -> Mapping[str, Model]:
        """The models of those of some arms that have one, had one, or were not looked for yet.

        Args:
            arms: The digest of each, by name; empty goes by the name. Nobody else is kept.
            ours: Arms that have one, even if it is not there now.
            registered: Arms that have one unless the folder, when it can be listed, has none.
        """
        with self._lock:
            known = self._models
            self._models = {
                name: known[name] if name in known else Model(digest, self.steady())
                for name, digest in arms.items()
                if name in known or name in ours or self._was_not_sought(name, digest)
            }
            self._ours, self._registered = frozenset(ours), frozenset(registered)
            self._absent = {name: at for name, at in self._absent.items() if arms.get(name) == at}
            is_new = any(name not in known for name in self._models)
        if is_new and self._at_once:
            self.look()
        elif is_new:
            self.nudge()
        return self.now

    @property
    def folder(self) -> Path:
        """Where snapshots lie."""
        return self._shelf.folder

    @property
    def now(self) -> Mapping[str, Model]:
        """The models as they are."""
        with self._lock:
            faults = self._faults
            return {
                name: one._replace(fault=faults[name]) if name in faults else one
                for name, one in self._models.items()
            }

    @property
    def absent(self) -> Mapping[str, str]:
        """The digests of arms that have no snapshot here, by name."""
        with self._lock:
            return dict(self._absent)

    @property
    def unlisted(self) -> OSError | None:
        """Why the folder could not be listed when it was last looked for arms; None when it was."""
        with self._lock:
            return self._unlisted

    def blame(self, faults: Mapping[str, str]) -> None:
        """What the floor has found of arms, and of no others: why they trade nothing."""
        with self._lock:
            self._faults = dict(faults)

    def look(self) -> None:
        """Load what was asked for and is not there, and look again at what has changed."""
        for name, model in self._there().items():
            try:
                found = self._looked_at(name, model)
            except Exception as error:  # noqa: BLE001 of this one alone: others are looked at
                code = "SNAPSHOT_MISSING" if isinstance(error, OSError) else "SNAPSHOT_UNREADABLE"
                facts = f"{type(error).__name__}: {error}"[:200]
                found = model._replace(why=TiltyardError(code, name, facts), path=None)
            with self._lock:
                if found is not model and name in self._models:
                    self._models[name] = found

    def _was_not_sought(self, name: str, digest: str) -> bool:
        if self._only is not None and name not in self._only:
            return False
        return self._absent.get(name) != digest

    def _there(self) -> Mapping[str, Model]:
        """What is to be looked at: not who has no snapshot, nor who was asked for meanwhile."""
        with self._lock:
            unsure = {
                name: one.digest
                for name, one in self._models.items()
                if one.is_loading and name not in self._ours
            } | dict(self._absent)
            registered = self._registered & unsure.keys()
        there, unlisted = self._sought(unsure, registered)
        with self._lock:
            self._unlisted = unlisted
            self._absent = {name: at for name, at in unsure.items() if name not in there}
            self._models = {
                name: one
                for name, one in self._models.items()
                if name not in self._absent or name in self._ours
            }
            return {
                name: one
                for name, one in self._models.items()
                if name in unsure or name in self._ours or not one.is_loading
            }

    def _sought(
        self, unsure: Mapping[str, str], registered: Collection[str]
    ) -> tuple[Collection[str], OSError | None]:
        """Who may have a snapshot, and why the folder could not say."""
        try:
            return self._shelf.may_have_of(unsure), None
        except OSError as error:
            return registered, error

    def _looked_at(self, name: str, model: Model) -> Model:
        if model.path is not None and stamps_of(model.path) == model.seen:
            return model
        try:
            path = found_snapshot(self._shelf, name, model.digest)
        except TiltyardError as error:
            return model._replace(why=error, path=None)
        stamps = stamps_of(path)
        try:
            snapshot = checked_snapshot(path, model.digest)
            policy = model.policy or self._kept(snapshot.digest) or trained_policy(snapshot, name)
        except TiltyardError as error:
            return model._replace(why=error, path=path, seen=stamps)
        return model._replace(policy=policy, why=None, path=path, seen=stamps)

    def _kept(self, digest: str) -> "Served | None":
        """The policy of a snapshot that serves another arm already."""
        others = (model.policy for model in self.now.values() if model.policy is not None)
        return next((one for one in others if one.digest == digest), None)
