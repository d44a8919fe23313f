"""Whether a policy's model is what it should be: its file is the pinned one, and it says numbers.

The file is there, is not larger than is ever read, and has the SHA-256 that was pinned. And what
the bot's own function answers, which loads the model and tries it on an input, is made of finite
numbers: a number, or lists or arrays of numbers, however nested. Everything else that can happen
is a reason why the model is not healthy; nothing is raised.

>>> examined(Model("policy.onnx", "0" * 64, lambda: 0.5)).reason
"its file cannot be read: FileNotFoundError: [Errno 2] No such file or directory: 'policy.onnx'"
>>> fault_of([[0.1, 0.9], [0.2, float("nan")]])
'number 4 of its answer is nan'
>>> fault_of([[0.1, 0.9], [0.2, 0.8]])
''
"""

import math
import stat
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from itertools import islice
from numbers import Real
from pathlib import Path
from typing import NamedTuple

from tiltyard.kernel.text import shortened, storable

MOST_BYTES = 2 << 30
"""Of a file: 2 GiB."""
MOST_NUMBERS = 1_000_000
"""Of an answer; lists within it count as well."""
_PART = 1 << 20
_SHOWN = 12


class Model(NamedTuple):
    """What is checked.

    Attributes:
        file: Which the bot loads.
        digest: SHA-256 that it has to have, in hexadecimal.
        answer: The bot's own: loads the model, and tells what it makes of an input.
    """

    file: Path | str
    digest: str
    answer: Callable[[], object]


class Health(NamedTuple):
    """Whether a model is what it should be.

    Attributes:
        healthy: It is.
        reason: Why it is not; empty when it is.
    """

    healthy: bool
    reason: str


def examined(model: Model) -> Health:
    """How it is. May take long: the bot's own function does, or the disk."""
    try:
        reason = _fault_of_file(Path(model.file), model.digest)
    except Exception as error:  # noqa: BLE001 whatever the bot has named
        reason = f"its file cannot be read: {_told(error)}"
    try:
        reason = reason or fault_of(model.answer())
    except BaseException as error:  # noqa: BLE001 whatever the bot's function does
        reason = f"its answer failed: {_told(error)}"
    return Health(not reason, storable(shortened(reason)))


def fault_of(answer: object) -> str:
    """Why an answer is none; empty when it is made of finite numbers."""
    count = 0
    for place, one in enumerate(islice(_leaves(answer), MOST_NUMBERS + 1)):
        if place == MOST_NUMBERS:
            return f"its answer has more than {MOST_NUMBERS:,} numbers"
        if one is _LIST:
            continue
        count += 1
        if isinstance(one, bool) or not isinstance(one, Real):
            return f"its answer holds {type(one).__name__}, where numbers are expected"
        if not math.isfinite(one):
            return f"number {count} of its answer is {one}"
    return "" if count else "its answer has no numbers"


_LIST = object()
"""Stands for the beginning of a list, so that empty ones within each other have an end, too."""


def _leaves(answer: object) -> Iterator[object]:
    """What is in lists and arrays within each other, without recursion."""
    open_lists: list[Iterator[object]] = [iter([answer])]
    while open_lists:
        for one in open_lists[-1]:
            members = _members(one)
            if members is None:
                yield one
            else:
                open_lists.append(members)
                yield _LIST
                break
        else:
            open_lists.pop()


def _members(value: object) -> Iterator[object] | None:
    """Those of a list or an array; None of anything else."""
    if isinstance(value, str | bytes | bytearray | dict):
        return None
    shape = getattr(value, "shape", None)
    if isinstance(shape, Iterable) and math.prod(shape) > MOST_NUMBERS:
        return iter(value) if isinstance(value, Iterable) else None
    as_list = getattr(value, "tolist", None)
    if as_list is not None:
        return iter([as_list()]) if shape == () else iter(as_list())
    return iter(value) if isinstance(value, Iterable) else None


def _fault_of_file(path: Path, digest: str) -> str:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        return f"{path} is no file"
    found, left = sha256(), MOST_BYTES
    with path.open("rb", buffering=0) as opened:
        while left >= 0 and status.st_size <= MOST_BYTES and (part := opened.read(_PART)):
            found.update(part)
            left -= len(part)
    if left < 0 or status.st_size > MOST_BYTES:
        return f"{path} has more than {MOST_BYTES:,} bytes"
    pinned = digest.strip().lower()
    if found.hexdigest() == pinned:
        return ""
    return f"{path} has SHA-256 {found.hexdigest()[:_SHOWN]}…, and {pinned[:_SHOWN]}… is pinned"


def _told(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 an error that cannot be told
        return type(error).__name__
