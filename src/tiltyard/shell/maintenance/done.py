"""What a task of the maintenance says when it has ended."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from tiltyard.kernel.errors import TiltyardError


class Done(NamedTuple):
    """What a task did.

    Attributes:
        task: Its name.
        lines: For people.
        told: The same as JSON values.
        failed: What could not be done, though the rest was.
    """

    task: str
    lines: tuple[str, ...]
    told: Mapping[str, Any] = MappingProxyType({})
    failed: tuple[TiltyardError, ...] = ()
