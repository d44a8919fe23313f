"""Lets the root's scripts run with plain ``python``: they continue in ``.venv``."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path


def use_environment(script: Path) -> None:
    """Start ``script`` again in the checkout's ``.venv`` when tiltyard is not importable."""
    if find_spec("tiltyard") is not None:
        return
    python = script.resolve().parent / ".venv" / "bin" / "python"
    try:
        python.stat()
        os.execv(python, [str(python), str(script), *sys.argv[1:]])  # noqa: S606 our own script
    except FileNotFoundError:
        sys.exit("tiltyard is not installed: run make demo in the checkout first")
    except OSError as error:
        sys.exit(
            f"you cannot use {python}: {error.strerror}. "
            "Let its owner give you leave to, or install tiltyard for yourself: pip install ."
        )
