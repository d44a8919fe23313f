"""A bot's clocks. Both are arguments of the clients; these are what they are by default."""

import sys
import time
from datetime import UTC, datetime


def system_now() -> datetime:
    """The present, UTC."""
    return datetime.now(UTC)  # noqa: TID251 the one place of the client that asks


def steady_seconds() -> float:
    """Seconds on a clock that nobody sets, and that goes on while the machine sleeps."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()
