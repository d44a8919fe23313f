"""What every source of GPU readings can do, and the one way in which it fails."""

from collections.abc import Mapping
from typing import Protocol


class GpuUnreadableError(Exception):
    """No GPU can be read; it says why, in one line for people."""


class GpuSource(Protocol):
    """Somebody who knows how busy the GPUs are."""

    def sample(self) -> Mapping[str, float]:
        """Percent of the time in which each GPU computed lately, by its index; at least one.

        Raises:
            GpuUnreadableError: None can be read. It may be asked again.
        """
