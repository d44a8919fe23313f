"""Whether somebody holds a folder of models, so that nobody saves or removes anything there."""

import fcntl
import os
from pathlib import Path


def is_held(folder: Path) -> bool:
    """Whether whoever asks would have to wait."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
