"""Loops in machine code, which is kept for the next run.

What is compiled lies beside the package, in ``__pycache__``. Where that may not be written, as in a
container whose files are read-only, it lies in the user's cache folder, or where
``NUMBA_CACHE_DIR`` says. Where there is none of these, each run compiles anew: some seconds more,
and the same results.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Loop = TypeVar("Loop", bound=Callable[..., Any])


def compiled(loop: Loop) -> Loop:
    """The same loop, compiled when it is first called.

    A division by zero in it is infinite and raises nothing; other threads run meanwhile.

    Args:
        loop: Of numbers and arrays. What it calls of ours is compiled as well.
    """
    try:
        made = njit(loop, cache=True, nogil=True, error_model="numpy")
    except RuntimeError:  # nowhere to keep it
        made = njit(loop, nogil=True, error_model="numpy")
    return cast(Loop, made)
