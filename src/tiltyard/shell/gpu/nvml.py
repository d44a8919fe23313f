"""GPUs of this machine, by NVIDIA's driver.

It needs ``nvidia-ml-py`` (the extra ``gpu``) and nothing else of the project, so it reads GPUs
in a bare environment, too. A GPU that does not say how busy it is, such as one that is cut
into instances, is passed over. One that fell off the bus makes all of them unreadable: the
driver is begun with anew at the next sample.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from tiltyard.shell.gpu.source import GpuUnreadableError


def is_installed() -> bool:
    """Whether the library can be imported."""
    return _library() is not None


class Nvml:
    """The driver of this machine.

    Args:
        library: Speaks to it, as ``pynvml`` does; that, when None.
    """

    def __init__(self, library: Any = None) -> None:  # noqa: ANN401 it has no types
        self._library = library
        self._has_begun = False

    def sample(self) -> Mapping[str, float]:
        """Percent of the driver's last sampling period, by index."""
        library = self._library = self._library or _library()
        if library is None:
            raise GpuUnreadableError("nvidia-ml-py is not installed: pip install 'tiltyard[gpu]'")  # noqa: TRY003 it says why
        try:
            return self._read(library)
        except library.NVMLError as error:
            self._let_go(library)
            raise GpuUnreadableError(str(error)[:200]) from None

    def _let_go(self, library: Any) -> None:  # noqa: ANN401 it has no types
        if self._has_begun:
            self._has_begun = False
            with suppress(library.NVMLError):
                library.nvmlShutdown()

    def _read(self, library: Any) -> Mapping[str, float]:  # noqa: ANN401 it has no types
        if not self._has_begun:
            library.nvmlInit()
            self._has_begun = True
        percents: dict[str, float] = {}
        count = library.nvmlDeviceGetCount()
        for index in range(count):
            handle = library.nvmlDeviceGetHandleByIndex(index)
            with suppress(library.NVMLError_NotSupported):
                percents[str(index)] = float(library.nvmlDeviceGetUtilizationRates(handle).gpu)
        if not percents:
            raise GpuUnreadableError(
                f"none of {count} GPUs says how busy it is" if count else "there is no GPU"
            )
        return percents


def _library() -> Any:  # noqa: ANN401 it has no types
    try:
        import pynvml  # noqa: PLC0415 an extra
    except ImportError:
        return None
    return pynvml
