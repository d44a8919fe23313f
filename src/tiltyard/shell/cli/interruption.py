"""A command that is told to end undoes what is half done: at SIGTERM as at Ctrl-C."""

import signal
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from tiltyard.shell.exit_codes import INTERRUPTED, TERMINATED


def hear_termination() -> Callable[[], int]:
    """Let SIGTERM interrupt as Ctrl-C does, from now on.

    Returns:
        What a command that is interrupted exits with.
    """
    told: list[int] = []

    def interrupt(number: int, _: FrameType | None) -> NoReturn:
        # some who send it send it twice, and the second would interrupt the clearing up
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        told.append(number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    return lambda: TERMINATED if told else INTERRUPTED
