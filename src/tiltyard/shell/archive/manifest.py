"""The manifest of a snapshot: what was kept, by name, length and SHA-256, and of which moment.

It is canonical JSON, and its time and the first half of its digits of SHA-256 are its name, so it
cannot be another's. One that somebody else may have written is read with care: nothing that it
names leads out of the folder that it is restored to.
"""

import json
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from tiltyard.facts.audit import canonical
from tiltyard.kernel.clock import moment, time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.models.shelf import MANIFEST

FORMAT = 1
LARGEST = 32 << 20
"""Bytes of a manifest that are read."""
SNAPSHOTS = "snapshots"
"""Below which manifests lie."""
MODELS = "models"
"""Below which trained models are restored."""
_NAME = re.compile(r"\d{4}-\d{2}-\d{2}/\d{6}_[0-9a-f]{16}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class File(NamedTuple):
    """A file that was kept.

    Attributes:
        digest: SHA-256 of its content, 64 hexadecimal digits.
        size: Bytes.
    """

    digest: str
    size: int


class Manifest(NamedTuple):
    """A snapshot of the house.

    Attributes:
        taken_at: UTC, to the second.
        version: Of the program that took it.
        database: ``sqlite`` or ``postgres``.
        audit_head: Hash of the newest row of the audit in the database that was kept.
        audit_rows: Of it.
        champion: Name of the arm that was it; empty where there was none.
        files: By path, in the folder that it is restored to.
        left_out: Models that were not as they are to be, by name, and the code of why.
        ledger: Whose it is: the hash of the oldest row of the audit in that database; empty where
            it had none, or nobody said.
    """

    taken_at: datetime
    version: str
    database: str
    audit_head: str
    audit_rows: int
    champion: str
    files: Mapping[str, File]
    left_out: Mapping[str, str] = MappingProxyType({})
    ledger: str = ""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(one.size for one in self.files.values())

    @property
    def models(self) -> Collection[str]:
        """Names of the trained models in it."""
        parts = (PurePosixPath(path).parts for path in self.files)
        return {name for first, name, *_ in (part for part in parts if len(part) > 1)
                if first == MODELS}  # fmt: skip

    @property
    def model_digests(self) -> Collection[str]:
        """SHA-256 of the manifest of each trained model in it: the model's own digest."""
        return {file.digest for path, file in self.files.items() if _is_of_a_model(path)}

    def raw(self) -> bytes:
        """As it is kept."""
        files = {path: {"bytes": f.size, "sha256": f.digest} for path, f in self.files.items()}
        told = {
            "format": FORMAT, "taken_at": time_text(self.taken_at), "version": self.version,
            "database": self.database, "audit_head": self.audit_head,
            "audit_rows": self.audit_rows, "champion": self.champion, "files": files,
            "left_out": dict(self.left_out), **({"ledger": self.ledger} if self.ledger else {}),
        }  # fmt: skip
        return canonical(told).encode()

    @property
    def name(self) -> str:
        """By its time and digest: ``2026-11-29/030000_1a2b3c4d5e6f7a8b``."""
        return f"{self.taken_at:%Y-%m-%d/%H%M%S}_{sha256(self.raw()).hexdigest()[:16]}"

    @classmethod
    def read(cls, name: str, raw: bytes) -> Self:
        """What is kept under a name.

        Raises:
            TiltyardError: ``ARCHIVE_HARMED`` where it is another, or says what no snapshot does.
        """
        try:
            made = cls._read(json.loads(raw))
        except (
            TiltyardError, ValueError, KeyError, TypeError, AttributeError, RecursionError,
        ) as error:  # fmt: skip
            facts = f"its manifest cannot be read: {type(error).__name__}: {error}"[:200]
            raise TiltyardError("ARCHIVE_HARMED", name, facts) from error
        if made.name != name:
            raise TiltyardError("ARCHIVE_HARMED", name, f"its manifest is that of {made.name}")
        return made

    @classmethod
    def _read(cls, told: Mapping[str, Any]) -> Self:
        if told["format"] != FORMAT:
            raise ValueError(f"format {told['format']!r}, expected {FORMAT}")  # noqa: TRY003 caught above
        files = {
            _plain(path): File(_digest(one["sha256"]), int(one["bytes"]))
            for path, one in told["files"].items()
        }
        return cls(
            moment(told["taken_at"]).astimezone(UTC),
            _shown(told["version"]), _shown(told["database"]),
            _digest(told["audit_head"]), int(told["audit_rows"]), _shown(told["champion"]), files,
            {_shown(name): _shown(code) for name, code in told["left_out"].items()},
            _digest(told["ledger"]) if "ledger" in told else "",
        )  # fmt: skip


def _is_of_a_model(path: str) -> bool:
    """Whether it is what says of a trained model what its files are."""
    parts = PurePosixPath(path).parts
    return len(parts) == 3 and parts[0] == MODELS and parts[2] == MANIFEST  # noqa: PLR2004 of such a path


def key_of(name: str) -> str:
    """Under which a manifest is kept.

    >>> key_of("2026-11-29/030000_1a2b3c4d5e6f7a8b")
    'snapshots/2026-11-29/030000_1a2b3c4d5e6f7a8b.json'
    """
    return f"{SNAPSHOTS}/{name}.json"


def name_of(key: str) -> str | None:
    """Which snapshot's manifest is kept there; None for anything else."""
    name = key.removeprefix(f"{SNAPSHOTS}/").removesuffix(".json")
    return name if _NAME.fullmatch(name) and key == key_of(name) else None


def _plain(path: str) -> str:
    """A path that leads nowhere else, and that a terminal can be told."""
    parts = PurePosixPath(path).parts
    if (
        not parts
        or path != "/".join(parts)
        or parts[0] == "/"
        or ".." in parts
        or not path.isprintable()
    ):
        raise ValueError(f"a file cannot be called {path!r}")  # noqa: TRY003 caught above
    return path


def _shown(text: str) -> str:
    """What a terminal can be told."""
    if not text.isprintable():
        raise ValueError(f"{text!r} cannot be printed")  # noqa: TRY003 caught above
    return text


def _digest(text: str) -> str:
    if not _DIGEST.fullmatch(text):
        raise ValueError(f"{text!r} is no SHA-256")  # noqa: TRY003 caught above
    return text
