"""The shell's clocks; every command reads them at its edge and hands values down."""

import sys
import time
from datetime import UTC, datetime


def system_now() -> datetime:
    """The present, UTC."""
    return datetime.now(UTC)  # noqa: TID251 the one place that asks


def steady_seconds() -> float:
    """Seconds on a clock that nobody sets, and that goes on while the machine sleeps."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()
