"""The busiest GPU of a minute."""

from datetime import UTC, datetime, timedelta

from tiltyard.shell.gpu.busiest import Busiest

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_a_minute_is_told_by_its_busiest_gpu_when_the_next_one_begins() -> None:
    minute = Busiest()
    for second in range(0, 60, 5):
        assert minute.add({"0": 80.0 if second < 30 else 0.0, "1": 50.0}, at(second)) is None
    seen = minute.add({"0": 0.0, "1": 0.0}, at(60))
    assert seen is not None
    assert (seen.name, seen.number, seen.samples) == ("gpu_util_pct", 50.0, 12)
    assert seen.observed_at == at(55), "it is of the last sample, not of a time without any"


def test_a_minute_without_a_sample_says_nothing() -> None:
    minute = Busiest()
    minute.add({"0": 10.0}, at(0))
    assert minute.end(at(61)) is not None
    assert minute.end(at(130)) is None


def test_a_clock_that_is_set_back_begins_another_minute() -> None:
    minute = Busiest()
    minute.add({"0": 10.0}, at(0))
    seen = minute.add({"0": 90.0}, at(-3600))
    assert seen is not None
    assert seen.number == 10.0


def test_a_gpu_that_appears_within_the_minute_counts_by_its_own_samples() -> None:
    minute = Busiest()
    minute.add({"0": 10.0}, at(0))
    minute.add({"0": 10.0, "1": 70.0}, at(5))
    seen = minute.end(at(60))
    assert seen is not None
    assert (seen.number, seen.samples) == (70.0, 1)
