"""Waiting for what another process, or another thread, is about to do.

It is asked for rather than slept for, and with a pause between two questions: who asks without one
takes the processor from whom it waits for.
"""

import time
from collections.abc import Callable

PROMPT = 60.0
"""Seconds in which anything comes to pass, on a busy machine too."""
_PAUSE = 0.005


def until(is_so: Callable[[], object], within: float = PROMPT) -> None:
    """Ask until it is so."""
    ends = time.monotonic() + within
    while not is_so():
        assert time.monotonic() < ends, "it has not come to pass"
        time.sleep(_PAUSE)
