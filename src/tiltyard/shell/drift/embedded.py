"""What an encoder makes of its baseline windows, kept beside the snapshots so that it is made once.

It depends on the snapshot and the code alone, so it is kept under the digest of the one, with the
version of the other in it. Whatever is wrong with what is kept, it is made anew; where nothing
can be kept, that is no trouble.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tiltyard import __version__

if TYPE_CHECKING:
    from tiltyard.learners.drift_of_snapshot import Embeddings
    from tiltyard.learners.snapshot import Snapshot
    from tiltyard.learners.timesnet import Encoder

FOLDER = ".embedded"
"""In the folder of snapshots; with a dot in front, so that nobody takes it for one."""


def embedded_baseline(snapshot: "Snapshot", encoder: "Encoder", models: Path) -> "Embeddings":
    """The embeddings of its baseline windows.

    Args:
        snapshot: With a baseline.
        encoder: The one in it.
        models: The folder of snapshots.
    """
    windows = snapshot.arrays["baseline"]
    shape = len(windows), encoder.settings.embedding
    file = models / FOLDER / f"{snapshot.digest}-{__version__}.npy"
    with suppress(OSError, EOFError, ValueError):
        kept: Embeddings = np.load(file, allow_pickle=False)
        if kept.shape == shape and kept.dtype == np.float32 and np.isfinite(kept).all():
            return kept
    made = encoder.embed(windows)
    with suppress(OSError):
        _keep(made, file)
    return made


def _keep(made: "Embeddings", file: Path) -> None:
    partial = file.with_suffix(f".{os.getpid()}.partial")
    try:
        file.parent.mkdir(exist_ok=True)
        with partial.open("wb") as opened:
            np.save(opened, made, allow_pickle=False)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
