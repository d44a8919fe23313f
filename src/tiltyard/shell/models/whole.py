"""Whether a snapshot is as it was when it was trained, to the last byte, without what learns.

Whoever serves one checks the same (:mod:`tiltyard.learners.snapshot_folder`), and needs the extra
``learn`` for it; who only looks after the house need not have that.
"""

from hashlib import file_digest
from pathlib import Path

from tiltyard.kernel.errors import Fault, Faults, TiltyardError
from tiltyard.shell.models.manifest import Manifest, manifest_of


def whole_manifest(path: Path) -> Manifest:
    """What a snapshot says of itself, every byte of it checked.

    Args:
        path: Its folder.

    Raises:
        TiltyardError: As :func:`tiltyard.shell.models.manifest.manifest_of`.
        Faults: ``SNAPSHOT_TAMPERED`` with every file that is another.
    """
    manifest = manifest_of(path)
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


def _digest_of(file: Path) -> str:
    try:
        with file.open("rb") as read:
            return file_digest(read, "sha256").hexdigest()
    except OSError as error:
        raise TiltyardError(
            "SNAPSHOT_MISSING", str(file.parent), f"{file.name}: {error.strerror or error}"
        ) from error
