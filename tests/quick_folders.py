"""Temporary folders are in memory, if there is room: no test is about how fast a disk is.

A database there writes, syncs and is killed as it is on a disk; no test pulls the plug.
"""

import os
import shutil
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 folders in it have names of their own
_ROOM = 4 << 30


def use_memory() -> None:
    """For this process and those that it starts; who has said where they go has the last word."""
    if "TMPDIR" in os.environ or not os.access(_MEMORY, os.W_OK):
        return
    if shutil.disk_usage(_MEMORY).free >= _ROOM:
        os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)
