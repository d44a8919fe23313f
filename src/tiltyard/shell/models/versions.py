"""The versions there are: every snapshot in the folder of models, and which arms trade it.

Comes in: the folder, and the roster of a ledger. Goes out: of each snapshot where it comes from,
what it knows, what the gate said of it, and who trades by it; of one that is damaged, why it is
refused. What is wrong with one keeps no other from being told.

Manifests alone are read (:mod:`tiltyard.shell.models.manifest`): nothing that learns is loaded.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from tiltyard.facts.arm import Arm, Roster
from tiltyard.kernel.clock import from_microseconds
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.text import storable
from tiltyard.policies.catalogue import POLICIES
from tiltyard.shell.floor.seating import kind_of
from tiltyard.shell.models.learnt import learnt_until
from tiltyard.shell.models.manifest import manifest_of
from tiltyard.shell.models.shelf import MANIFEST, SERVED, Shelf, is_snapshot, made_at

_NAME = re.compile(r"(?P<kind>[a-z][a-z0-9-]*)_\d{8}_\d{6}_(?P<sha8>[0-9a-f]{8})")
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Gate(NamedTuple):
    """What the gate said when it was trained.

    Attributes:
        state: ``passed``, ``not passed`` or ``undefined``.
        lower_quartile: Of what its seeds made a day, a fraction of the capital; None where that is
            undefined.
        against: What each of the others made of the same days, by name, where that is known.
        reasons: Why it is no pass.
    """

    state: str
    lower_quartile: float | None
    against: Mapping[str, float]
    reasons: Sequence[str]


class Origin(NamedTuple):
    """What a snapshot says of itself.

    Attributes:
        kind: ``timesnet``, ``tabnet`` or ``dqn``.
        digest: SHA-256 of all of it, 64 hexadecimal digits.
        symbols: That it was trained on.
        knows_until: The end of the last bar that it has learnt from, UTC; None where nobody knows.
        parents: Digests of what it was made from.
        steps: Of players, for each network; None where there were none.
        seeds: By which it was trained.
        gate: None where none has judged it.
        is_partial: The time was up before everything was learnt.
    """

    kind: str
    digest: str
    symbols: Sequence[str]
    knows_until: datetime | None
    parents: Sequence[str]
    steps: int | None
    seeds: Sequence[int]
    gate: Gate | None
    is_partial: bool


class Version(NamedTuple):
    """A snapshot in the folder.

    Attributes:
        name: Of its folder.
        trained_at: UTC, by its name; None where that says no time.
        origin: What it says of itself, or why it is refused.
        written_at: When its folder or its manifest was last written, UTC; None where nobody knows.
    """

    name: str
    trained_at: datetime | None
    origin: Origin | TiltyardError
    written_at: datetime | None = None

    @property
    def kind(self) -> str:
        """What sort of snapshot it is; of a damaged one by its name, empty where that says none."""
        if isinstance(self.origin, Origin):
            return self.origin.kind
        named = _NAME.fullmatch(self.name)
        return "" if named is None else named["kind"]

    @property
    def made_between(self) -> tuple[datetime, datetime] | None:
        """The earliest and the latest that it may have been made; None where nobody knows.

        A name can be wrong, and a copy is younger than what it is a copy of. Nothing is older than
        what it has learnt from.
        """
        if self.trained_at is None:
            return None
        told = [self.trained_at, *([] if self.written_at is None else [self.written_at])]
        knows = self.origin.knows_until if isinstance(self.origin, Origin) else None
        return min(told), max([*told, *([] if knows is None else [knows])])

    @property
    def is_policy(self) -> bool:
        """Whether it decides something by itself."""
        return self.kind in SERVED

    def arms(self, roster: Roster) -> list[Arm]:
        """The arms that are traded by it, or were, or would be if it were not damaged."""
        return [
            arm
            for arm in roster.arms.values()
            if kind_of(arm) not in POLICIES and self._serves(arm)
        ]

    def _serves(self, arm: Arm) -> bool:
        if not arm.digest:
            return arm.name == self.name
        if isinstance(self.origin, Origin):
            return arm.digest == self.origin.digest
        return self.name.endswith(f"_{arm.digest[:8]}")


def versions_in(folder: Path) -> list[Version]:
    """Every snapshot there is, newest first; none where there is no folder.

    Raises:
        TiltyardError: ``SNAPSHOT_MISSING`` for a folder that cannot be listed.
    """
    shelf = Shelf(folder)
    try:
        names = shelf.listed()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise TiltyardError(
            "SNAPSHOT_MISSING", str(folder), f"it cannot be listed: {error.strerror or error}",
            "put it back, or name another: models.folder",
        ) from error  # fmt: skip
    found = [
        Version(storable(name), made_at(name), _origin(folder / name), _written_at(folder / name))
        for name in names
        if is_snapshot(folder / name) or _NAME.fullmatch(name)
    ]
    found.sort(key=lambda one: (one.trained_at or _LONG_AGO, one.name), reverse=True)
    return found


def _written_at(path: Path) -> datetime | None:
    try:
        times = [one.stat().st_mtime_ns for one in (path, path / MANIFEST) if one.exists()]
    except OSError:
        return None
    return from_microseconds(max(times) // 1000) if times else None


def _origin(path: Path) -> Origin | TiltyardError:
    """What a snapshot says of itself, or why it is refused."""
    try:
        manifest = manifest_of(path)
        origin = _read(manifest.digest, manifest.told)
    except TiltyardError as error:
        return error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        facts = f"{type(error).__name__}: {error}"[:200]
        return TiltyardError("SNAPSHOT_UNREADABLE", str(path), facts)
    named = _NAME.fullmatch(path.name)
    if named is None or named["kind"] != origin.kind:
        return TiltyardError(
            "SNAPSHOT_UNREADABLE", str(path), "its folder is not called as it was when it was made"
        )
    return origin


def _read(digest: str, told: Mapping[str, Any]) -> Origin:
    settings, lineage, metrics = (dict(told[part]) for part in ("settings", "lineage", "metrics"))
    own = [lineage["seed"]] if "seed" in lineage else []
    gate = metrics.get("gate")
    return Origin(
        kind=str(told["kind"]),
        digest=digest,
        symbols=[storable(str(one)) for one in settings.get("symbols", ())],
        knows_until=learnt_until(lineage),
        parents=[storable(str(one)) for one in lineage.get("parents", ())],
        steps=int(settings["dqn"]["steps"]) if "dqn" in settings else None,
        seeds=[int(seed) for seed in lineage.get("seeds", own)],
        gate=None if gate is None else _gate(gate),
        is_partial=bool(metrics.get("partial")),
    )


def _gate(told: Mapping[str, Any]) -> Gate:
    against = {storable(name): _number(one) for name, one in told["against"].items()}
    return Gate(
        storable(str(told["state"])),
        _number(told["lower_quartile"]),
        {name: one for name, one in against.items() if one is not None},
        [storable(str(one)) for one in told["reasons"]],
    )


def _number(told: float | None) -> float | None:
    """What is told, where it is a number."""
    return float(told) if told is not None and isfinite(told) else None
