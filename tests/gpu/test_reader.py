"""The reader of GPUs: when it samples, what it reports, and what it says."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from tiltyard.facts.observation import Observation
from tiltyard.kernel.errors import Faults
from tiltyard.shell.gpu.dcgm import Dcgm
from tiltyard.shell.gpu.reader import GpuReader, source_from
from tiltyard.shell.gpu.readings import GpuReadings
from tiltyard.shell.gpu.source import GpuUnreadableError
from tiltyard.shell.sections.gpu import GpuSettings
from tiltyard.shell.settings import load

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)


class Machine:
    """A machine whose GPUs are as the test says, and the reader beside it."""

    def __init__(self, *, is_expected: bool = True) -> None:
        self.seconds = 0.0
        self.percents: Mapping[str, float] | None = {"0": 50.0}
        self.samples = 0
        self.reported: list[Observation] = []
        self.said: list[str] = []
        self.readings = GpuReadings(steady=lambda: self.seconds)
        self.reader = GpuReader(
            self, self.readings, self.reported.append, every=5,
            now=lambda: NOON + timedelta(seconds=self.seconds), steady=lambda: self.seconds,
            say=self.said.append, is_expected=is_expected,
        )  # fmt: skip

    def sample(self) -> Mapping[str, float]:
        self.samples += 1
        if self.percents is None:
            raise GpuUnreadableError("the driver is gone")  # noqa: TRY003 as it is told
        return self.percents

    def go(self, seconds: int) -> None:
        for _ in range(seconds):
            self.reader.look()
            self.seconds += 1


def test_a_gpu_is_sampled_every_few_seconds_and_reported_once_a_minute() -> None:
    machine = Machine()
    machine.go(181)
    assert machine.samples == 37
    assert [(one.number, one.samples) for one in machine.reported] == [(50.0, 12)] * 3
    assert machine.readings.now == (True, {"0": 0.5})
    assert not machine.said


def test_a_gpu_that_is_lost_has_no_number_is_told_once_and_looked_for_every_minute() -> None:
    machine = Machine()
    machine.go(90)
    machine.percents, before = None, machine.samples
    machine.go(600)
    assert 10 <= machine.samples - before <= 11
    assert not machine.readings.now.available
    assert len(machine.reported) == 2, "the minute in which it was lost, by what it said until then"
    assert machine.said == [
        "no GPU can be read: the driver is gone; it is tried again every minute"
    ]
    machine.percents = {"0": 1.0}
    machine.go(60)
    assert machine.readings.now.available
    assert machine.said[1:] == ["the GPUs can be read again"]


def test_where_nobody_asked_for_gpus_there_is_nothing_to_say_until_one_was_there() -> None:
    machine = Machine(is_expected=False)
    machine.percents = None
    machine.go(300)
    assert not machine.said
    machine.percents = {"0": 1.0}
    machine.go(120)
    machine.percents = None
    machine.go(120)
    assert len(machine.said) == 1


def test_the_settings_say_who_is_asked() -> None:
    assert source_from(GpuSettings(source="off")) is None
    assert isinstance(source_from(GpuSettings(source="http://gpu-1:9400/metrics")), Dcgm)


@pytest.mark.parametrize("source", ["nvidia", "http://", "http://me:secret@host/metrics"])
def test_a_source_that_is_none_is_refused(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILTYARD_GPU_SOURCE", source)
    with pytest.raises(Faults, match=r"gpu\.source"):
        load()
