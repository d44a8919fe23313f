"""Whether a snapshot is as it was when it was trained, to the last byte, without what learns.

Whoever serves one checks the same (:mod:`tiltyard.learners.snapshot_folder`), and needs the extra
``learn`` for it; who only looks after the house need not have that.
"""

from hashlib import file_digest
from pathlib import Path

from tiltyard.kernel.errors import Fault, Faults, TiltyardError
from tiltyard.shell.models.manifest import Manifest, manifest_of
from tiltyard.shell.models.shelf import MANIFEST


def whole_manifest(path: Path, name: str = "") -> Manifest:
    """What a snapshot says of itself, every byte of it checked.

    Args:
        path: Its folder.
        name: What that is called when it is not put aside; as it is if not given.

    Raises:
        TiltyardError: As :func:`tiltyard.shell.models.manifest.manifest_of`.
        Faults: ``SNAPSHOT_TAMPERED`` with every file that is another.
    """
    manifest = manifest_of(path, name)
    try:
        expected = {name: str(one["sha256"]) for name, one in manifest.told["files"].items()}
    except (KeyError, TypeError) as error:
        facts = f"its manifest does not say {error}"
        raise TiltyardError("SNAPSHOT_UNREADABLE", str(path), facts) from error
    faults = [
        Fault(name, f"SHA-256 {found[:8]}…, expected {digest[:8]}…")
        for name, digest in expected.items()
        if (found := _digest_of(path / name)) != digest
    ]
    if faults:
        raise Faults(
            "SNAPSHOT_TAMPERED", str(path), faults,
            remedy="It is not what was trained. Put the original back",
        )  # fmt: skip
    return manifest


def strangers(path: Path, manifest: Manifest) -> list[str]:
    """What lies in the folder of a snapshot and is none of its files, in the order of the names.

    Args:
        path: Its folder, or that of a copy.
        manifest: Which says what its files are.
    """
    known = {*manifest.told["files"], MANIFEST}
    names = sorted(one.name for one in path.iterdir())
    return [name for name in names if name not in known]


def _digest_of(file: Path) -> str:
    try:
        with file.open("rb") as read:
            return file_digest(read, "sha256").hexdigest()
    except OSError as error:
        raise TiltyardError(
            "SNAPSHOT_MISSING", str(file.parent), f"{file.name}: {error.strerror or error}"
        ) from error
