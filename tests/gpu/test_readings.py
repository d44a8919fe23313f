"""What is known of the GPUs right now."""

from tiltyard.shell.gpu.readings import LASTS, GpuReadings


def test_a_reading_that_its_reader_does_not_renew_is_none_any_more() -> None:
    now = [100.0]
    readings = GpuReadings(steady=lambda: now[0])
    readings.take({"0": 50.0, "1": 100.0})
    now[0] += LASTS
    assert dict(readings.now.utilization) == {"0": 0.5, "1": 1.0}
    now[0] += 1
    assert not readings.now.available
    assert not readings.now.utilization


def test_a_reading_does_not_change_in_the_hands_of_who_has_it() -> None:
    readings = GpuReadings()
    readings.take(percents := {"0": 50.0})
    held = readings.now
    percents["0"] = 1.0
    readings.lose()
    assert dict(held.utilization) == {"0": 0.5}
