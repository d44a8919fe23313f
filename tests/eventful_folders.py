"""Folders that tell when they are listed, and where something happens meanwhile."""

from collections.abc import Callable, Generator
from pathlib import Path, PosixPath
from typing import Self


def eventful(folder: Path, happens: Callable[[Path], object]) -> Path:
    """The folder; something happens while it, or a folder in it, is listed."""

    class Eventful(PosixPath):
        def iterdir(self) -> Generator[Self]:
            happens(self)
            yield from super().iterdir()

    return Eventful(folder)
