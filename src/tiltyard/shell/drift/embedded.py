"""What an encoder makes of its baseline windows, kept beside the snapshots so that it is made once.

It depends on the snapshot, the code that embeds and torch alone (on another processor it is the
same but for rounding), so what is kept is called by all of these. Its checksum stands before it.
Whatever is wrong with what is kept, it is made anew; where nothing can be kept, that is no trouble.
"""

import os
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version
from inspect import getsource
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tiltyard import __version__

if TYPE_CHECKING:
    from tiltyard.learners.drift_of_snapshot import Embeddings
    from tiltyard.learners.encoder import Encoder
    from tiltyard.learners.snapshot import Snapshot

FOLDER = ".embedded"
"""In the folder of snapshots; with a dot in front, so that nobody takes it for one."""
_CHECKSUM = sha256().digest_size


def embedded_baseline(snapshot: "Snapshot", encoder: "Encoder", models: Path) -> "Embeddings":
    """The embeddings of its baseline windows.

    Args:
        snapshot: With a baseline.
        encoder: The one in it.
        models: The folder of snapshots.
    """
    windows = snapshot.arrays["baseline"]
    shape = len(windows), encoder.settings.embedding
    try:
        file = models / FOLDER / f"{snapshot.digest}-{_made_by()}"
    except (OSError, TypeError):  # nobody can say what code this is, as without its source
        return encoder.embed(windows)
    with suppress(OSError, EOFError, ValueError):
        kept = _whole(file.read_bytes())
        if kept.shape == shape and kept.dtype == np.float32 and np.isfinite(kept).all():
            return kept
    made = encoder.embed(windows)
    with suppress(OSError):
        _keep(made, file, snapshot.digest)
    return made


def _made_by() -> str:
    """What embeds, in a few digits: its version, its very lines, torch, and what numbers are."""
    from tiltyard.learners import encoder, timesnet_network  # noqa: PLC0415 slow

    told = sha256(f"{__version__} {version('torch')} {np.dtype(np.float32).str}".encode())
    for module in (encoder, timesnet_network):
        told.update(getsource(module).encode())
    return told.hexdigest()[:16]


def _whole(kept: bytes) -> "Embeddings":
    checksum, content = kept[:_CHECKSUM], kept[_CHECKSUM:]
    if sha256(content).digest() != checksum:
        raise ValueError
    embeddings: Embeddings = np.load(BytesIO(content), allow_pickle=False)
    return embeddings


def _keep(made: "Embeddings", file: Path, digest: str) -> None:
    content = BytesIO()
    np.save(content, made, allow_pickle=False)
    partial = file.with_suffix(f".{os.getpid()}.partial")
    try:
        file.parent.mkdir(exist_ok=True)
        partial.write_bytes(sha256(content.getvalue()).digest() + content.getvalue())
        for other in file.parent.glob(f"{digest}-*"):  # by other code, which nobody asks any more
            if other != partial:
                other.unlink(missing_ok=True)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
