"""What a desk's answer to a batch means: it has it, try again later, or this is wrong with it.

A desk refuses a batch as a whole and says which items are at fault. Only that is for good, or
that it cannot read a batch at all. Everything else is tried again for ever: what it may take
another time, what it says of itself rather than of an item, such as that its database is
damaged, and whatever does not look like an answer of a desk.

>>> meaning(Answer(200, b'{"new": 2, "unchanged": 0, "quarantined": 0}'), 2)
Taken()
>>> meaning(Answer(429, b"", retry_after="7"), 2)
Later(code='429', why='429', wait=7.0, is_for_all=True, is_too_large=False)
>>> meaning(Answer(422, b'''{"error": {"code": "ITEMS_REFUSED", "subject": "marks", "facts": "",
...     "faults": [{"item": 1, "place": "policy", "message": "no such policy"}]}}'''), 2)
Wrong(items={1: (Fault(place='policy', message='no such policy', ...),)}, faults=())
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, NamedTuple

from tiltyard.kernel.errors import Fault
from tiltyard.kernel.text import shortened

LONGEST_WAIT = 300.0
"""Seconds; a desk that asks for more is asked again sooner."""
_OF_ITEMS = frozenset({"ITEMS_REFUSED", "REQUEST_INVALID"})
"""Codes of refusals that name the items at fault."""
_OF_A_BATCH = frozenset({"BATCH_TOO_LARGE", "REQUEST_MALFORMED"})
"""Codes of refusals of a batch that was not read, whatever is in it."""
_FOR_ALL = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
)
_NO_ITEMS: Mapping[int, tuple[Fault, ...]] = MappingProxyType({})


class Answer(NamedTuple):
    """What is looked at of an answer.

    Attributes:
        status: As HTTP has it; 0 when there was no answer.
        body: All of it, or why there was none.
        retry_after: The header, if any.
    """

    status: int
    body: bytes
    retry_after: str = ""


class Taken(NamedTuple):
    """The desk has the batch."""


class Later(NamedTuple):
    """It may be taken another time.

    Attributes:
        code: The desk's, or the status in its place.
        why: For people.
        wait: So many seconds at least; 0 when the desk does not say.
        is_for_all: Other batches would fare no better.
        is_too_large: A smaller one may fare better.
    """

    code: str
    why: str
    wait: float = 0.0
    is_for_all: bool = False
    is_too_large: bool = False


class Wrong(NamedTuple):
    """It will not be taken as it stands.

    Attributes:
        items: What is wrong, by the place in the batch; empty when the desk names none.
        faults: What is wrong, when it is not said of which.
    """

    items: Mapping[int, tuple[Fault, ...]]
    faults: tuple[Fault, ...]


def meaning(answer: Answer, count: int) -> Taken | Later | Wrong:
    """What follows for a batch of so many items."""
    said = _object(answer.body)
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES and said is not None:
        return Taken()
    error = _error(said)
    code = _text(error.get("code"))
    if HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        items, faults = _faults(answer.status, error, count)
        if (items and code in _OF_ITEMS) or code in _OF_A_BATCH:
            return Wrong(items, faults)
    return Later(
        code or str(answer.status),
        told(answer),
        wait_of(answer),
        not answer.status or answer.status in _FOR_ALL,
        answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    )


def told(answer: Answer) -> str:
    """An answer that is of no use, for people."""
    if not answer.status:
        return answer.body.decode(errors="replace")
    error = _error(_object(answer.body))
    if not error:
        return str(answer.status)
    words = (str(error.get(part, "")) for part in ("code", "facts", "remedy"))
    return shortened(f"{answer.status}, {' '.join(filter(None, words))}")


def wait_of(answer: Answer) -> float:
    """Seconds for which the desk asks, 0 when it does not."""
    wait = answer.retry_after.strip()
    is_number = wait.isascii() and wait.isdigit()
    return min(float(wait[:9]), LONGEST_WAIT) if is_number else 0.0


def _faults(
    status: int, error: Mapping[str, Any], count: int
) -> tuple[Mapping[int, tuple[Fault, ...]], tuple[Fault, ...]]:
    """Those of items, and those that are not said of any."""
    items: dict[int, tuple[Fault, ...]] = {}
    general: list[Fault] = []
    faults = error.get("faults")
    for one in faults if isinstance(faults, list) else ():
        if not isinstance(one, dict):
            continue
        item = one.get("item")
        fault = Fault(_text(one.get("place")), _text(one.get("message")))
        if type(item) is int and 0 <= item < count:
            items[item] = (*items.get(item, ()), fault)
        else:
            general.append(fault)
    if not items and not general:
        words = " ".join(_text(error.get(part)) for part in ("code", "subject", "facts"))
        general.append(Fault(f"HTTP {status}", words.strip() or "refused without a reason"))
    return items or _NO_ITEMS, tuple(general)


def _error(said: Mapping[str, Any] | None) -> Mapping[str, Any]:
    error = said.get("error") if said else None
    return error if isinstance(error, dict) else {}


def _text(value: object) -> str:
    return "" if value is None else shortened(str(value))


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None
