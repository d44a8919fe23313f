"""Trains in a process of its own, and waits whenever work was kept: a line out, a line in.

Nobody has to say anything more once its input is closed.
"""

import sys
from pathlib import Path

from tiltyard.shell.clock import steady_seconds, system_now
from tiltyard.shell.training.bars import read_bars
from tiltyard.shell.training.machine import settle
from tiltyard.shell.training.running import World, train
from training.small import SMALL, order


def wait() -> None:
    """Until we are told to go on."""
    print("kept", flush=True)  # noqa: T201 what it says
    sys.stdin.readline()


if __name__ == "__main__":
    settle("cpu", 1)
    asked = order("tabnet", Path(sys.argv[1]))
    bars = read_bars(asked.folder, asked.symbols, None, None, None)
    train(asked, bars, World(system_now, steady_seconds, saved=wait), SMALL)
