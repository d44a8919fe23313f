"""The shell's clocks."""

import time
from datetime import UTC

import pytest

from tiltyard.shell.clock import steady_seconds, system_now

COUNTS_SLEEP = getattr(time, "CLOCK_BOOTTIME", None)


def test_the_time_of_day_is_utc() -> None:
    assert system_now().tzinfo is UTC


@pytest.mark.skipif(COUNTS_SLEEP is None, reason="this machine has no clock that counts sleep")
def test_the_steady_clock_goes_on_while_the_machine_sleeps() -> None:
    assert COUNTS_SLEEP is not None
    before = time.clock_gettime(COUNTS_SLEEP)
    assert before <= steady_seconds() <= time.clock_gettime(COUNTS_SLEEP)
