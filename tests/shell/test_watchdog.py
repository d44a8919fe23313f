"""The dead man's switch: the decision by the clock, the thread by an event."""

import logging
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.shell.watchdog import Silence, Watchdog

PROMPT = 30.0
SOON = 0.01


@given(
    deadman=st.integers(1, 100),
    gaps=st.lists(st.tuples(st.integers(0, 200), st.booleans()), max_size=30),
)
def test_silence_is_news_once_and_only_after_the_deadman(
    deadman: int, gaps: list[tuple[int, bool]]
) -> None:
    now, heard, told = 0, 0, False
    silence = Silence(deadman, now)
    for gap, beats in gaps:
        now += gap
        if beats:
            silence.broken(now)
            heard, told = now, False
            continue
        due = not told and now - heard >= deadman
        assert (silence.left(now) == 0) is due
        assert silence.is_news(now) is due
        told = told or due
        assert (silence.left(now) is None) is told


class Help:
    """Counts the calls, and lets a test wait for the next."""

    def __init__(self, *, fails: bool = False) -> None:
        self.count = 0
        self._called = threading.Semaphore(0)
        self._fails = fails

    def __call__(self) -> None:
        self.count += 1
        self._called.release()
        if self._fails:
            raise RuntimeError

    def is_called(self, within: float = PROMPT) -> bool:
        return self._called.acquire(timeout=within)


def test_a_loop_that_falls_silent_is_told_of_once_until_it_beats_again() -> None:
    help_ = Help()
    watchdog = Watchdog(SOON, help_)
    watchdog.start()
    assert help_.is_called()
    assert not help_.is_called(within=20 * SOON), "one silence, one call"
    watchdog.beat()
    assert help_.is_called()
    watchdog.stop()
    assert help_.count == 2


def test_a_call_for_help_that_fails_is_logged_and_the_next_silence_is_heard(
    caplog: pytest.LogCaptureFixture,
) -> None:
    help_ = Help(fails=True)
    watchdog = Watchdog(SOON, help_)
    watchdog.start()
    assert help_.is_called()
    watchdog.beat()
    assert help_.is_called()
    watchdog.stop()
    failed = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(failed) == 2
    assert all(record.exc_info for record in failed)


def test_a_loop_that_beats_is_left_alone() -> None:
    clock = [0.0]
    help_ = Help()
    watchdog = Watchdog(60, help_, lambda: clock[0])
    watchdog.start()
    for now in range(0, 600, 59):
        clock[0] = now
        watchdog.beat()
    watchdog.stop()
    assert help_.count == 0


def test_the_time_before_it_was_started_does_not_count() -> None:
    clock = [0.0]
    help_ = Help()
    watchdog = Watchdog(60, help_, lambda: clock[0])
    clock[0] = 1000
    watchdog.start()
    watchdog.stop()
    assert help_.count == 0


def test_a_call_that_hangs_keeps_nobody_from_stopping() -> None:
    is_called, may_return = threading.Event(), threading.Event()

    def hang() -> None:
        is_called.set()
        may_return.wait(PROMPT)

    watchdog = Watchdog(SOON, hang)
    watchdog.start()
    assert is_called.wait(PROMPT)
    watchdog.stop(within=SOON)
    assert not may_return.is_set()
    may_return.set()


def test_it_may_be_stopped_before_it_was_started_twice_and_by_the_call_itself() -> None:
    never = Watchdog(SOON, Help())
    never.stop()
    never.stop()
    stopped = threading.Event()

    def stop() -> None:
        watchdog.stop()
        stopped.set()

    watchdog = Watchdog(SOON, stop)
    watchdog.start()
    assert stopped.wait(PROMPT)
    watchdog.stop()
