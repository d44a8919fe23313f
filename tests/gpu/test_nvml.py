"""GPUs of this machine, by a library that says what a driver would."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from tiltyard.shell.gpu.nvml import Nvml
from tiltyard.shell.gpu.source import GpuUnreadableError


class FailedError(Exception):
    """What the library raises."""


class UnsupportedError(FailedError):
    """Of one thing that a GPU does not do."""


@dataclass
class Driver:
    """The part of ``pynvml`` that is used, over plain data."""

    percents: list[float | Exception] = field(default_factory=list)
    trouble: Exception | None = None
    begun: int = 0
    ended: int = 0
    NVMLError = FailedError
    NVMLError_NotSupported = UnsupportedError

    def nvmlInit(self) -> None:  # noqa: N802 as the library calls it
        if self.trouble is not None:
            raise self.trouble
        self.begun += 1

    def nvmlShutdown(self) -> None:  # noqa: N802 as above
        self.ended += 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802 as above
        return len(self.percents)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802 as above
        return index

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> SimpleNamespace:  # noqa: N802 as above
        found = self.percents[handle]
        if isinstance(found, Exception):
            raise found
        return SimpleNamespace(gpu=found)


def test_every_gpu_is_read_and_the_driver_is_begun_with_once() -> None:
    driver = Driver([3, 97])
    source = Nvml(driver)
    assert source.sample() == {"0": 3.0, "1": 97.0}
    assert source.sample() == {"0": 3.0, "1": 97.0}
    assert driver.begun == 1


def test_a_machine_without_a_driver_says_so() -> None:
    with pytest.raises(GpuUnreadableError, match="Driver Not Loaded"):
        Nvml(Driver(trouble=FailedError("Driver Not Loaded"))).sample()


def test_the_real_library_on_a_machine_without_a_driver_says_so() -> None:
    pynvml = pytest.importorskip("pynvml")
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        with pytest.raises(GpuUnreadableError):
            Nvml().sample()
    else:
        assert Nvml().sample()


def test_a_gpu_that_falls_off_the_bus_makes_none_readable_until_the_driver_begins_anew() -> None:
    driver = Driver([3, FailedError("GPU is lost")])
    source = Nvml(driver)
    with pytest.raises(GpuUnreadableError, match="GPU is lost"):
        source.sample()
    assert driver.ended == 1
    driver.percents = [3]
    assert source.sample() == {"0": 3.0}
    assert driver.begun == 2


def test_a_gpu_in_instances_is_passed_over_and_one_alone_is_none() -> None:
    assert Nvml(Driver([UnsupportedError("Not Supported"), 40])).sample() == {"1": 40.0}
    with pytest.raises(GpuUnreadableError, match="none of 1"):
        Nvml(Driver([UnsupportedError("Not Supported")])).sample()
    with pytest.raises(GpuUnreadableError, match="there is no GPU"):
        Nvml(Driver()).sample()
