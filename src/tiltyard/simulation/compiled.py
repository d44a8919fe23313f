"""The plain functions of a rule, compiled: one definition, two speeds.

A benchmark plays tens of millions of trades, a desk a few a minute. So rules and the world they
are tried in are written once, as plain functions of numbers and rows. Here they are compiled for
the benchmark: the function itself, and every function of ours that it calls by its name. What is
compiled gives the same answers to the last bit.
"""

from collections.abc import Callable
from dis import get_instructions
from functools import cache
from types import FunctionType
from typing import Any, TypeVar

from tiltyard.kernel.errors import TiltyardError

Plain = TypeVar("Plain", bound=Callable[..., Any])

_OURS = "tiltyard."


@cache
def compiled(function: Plain) -> Plain:
    """The same function, compiled by numba when it is first called.

    Args:
        function: Of numbers, arrays, named tuples and other such functions. What it calls of
            ours by a global name is compiled with it.

    Raises:
        TiltyardError: ``NUMBA_MISSING`` where it is not installed.
    """
    try:
        from numba import njit  # noqa: PLC0415 slow, and only a benchmark needs it
    except ImportError as error:
        raise TiltyardError(
            "NUMBA_MISSING", "bench decisions", "it plays its trades in compiled loops",
            "install what it needs: pip install 'tiltyard[bench]'",
        ) from error  # fmt: skip
    return _compiled(function, njit, {})  # type: ignore[no-any-return]


def _compiled(function: Any, compile_one: Any, known: dict[Any, Any]) -> Any:  # noqa: ANN401 any
    if function in known:
        return known[function]
    scope = dict(function.__globals__)
    for name in {one.argval for one in get_instructions(function) if one.opname.endswith("GLOBAL")}:
        value = scope.get(name)
        if isinstance(value, FunctionType) and value.__module__.startswith(_OURS):
            scope[name] = _compiled(value, compile_one, known)
    copy = FunctionType(function.__code__, scope, function.__name__, function.__defaults__)
    known[function] = compile_one(copy)
    return known[function]
