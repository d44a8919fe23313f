"""Trains in processes that are forked, so that torch is loaded once, and that are killed.

A job says what, where, and at which moment its process is killed: when unfinished work has been
kept (``saved``), or when a folder or file is about to be put in its place (``renamed``).
"""

import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from crash.jobs import fork_each
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.clock import steady_seconds, system_now
from tiltyard.shell.training.bars import read_bars
from tiltyard.shell.training.machine import settle
from tiltyard.shell.training.running import World, train
from training.small import SMALL, order


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def do(job: dict[str, Any]) -> None:
    """Train; ends with 7 where everything was learnt already."""
    folder, at = Path(job["folder"]), job["killed"]
    settle("cpu", 1)
    if at == "renamed":
        models = str(folder / "models" / "t")  # tabnet and timesnet, and no checkpoint

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            if event == "os.rename" and str(arguments[1]).startswith(models):
                _die()

        sys.addaudithook(hook)
    asked = order(job["what"], folder)
    bars = read_bars(asked.folder, asked.symbols, None, None, None)
    saved = _die if at == "saved" else lambda: None
    try:
        train(asked, bars, World(system_now, steady_seconds, saved=saved), SMALL)
    except TiltyardError as error:
        print(error, file=sys.stderr)  # noqa: T201 the log of a test
        raise


if __name__ == "__main__":
    import_module("torch._dynamo")  # torch loads it when it first optimises; here it does once
    fork_each(do)
