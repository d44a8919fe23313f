"""The audit: every row carries the SHA-256 of the row before it.

A row's body is canonical JSON (sorted keys, no spaces, decimals as text), so the same
event has the same hash on every machine. Changing, removing or reordering a row
breaks the chain at that row, and :func:`broken_link` names it.

>>> first = chain(GENESIS, canonical({"event": "register", "share": 0.1}))
>>> rows = [(GENESIS, canonical({"event": "register", "share": 0.1}), first)]
>>> broken_link(rows) is None
True
>>> broken_link([(GENESIS, canonical({"event": "register", "share": 0.6}), first)])
0
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from tiltyard.kernel.clock import time_text

GENESIS = "0" * 64


def canonical(body: Mapping[str, object]) -> str:
    """The one JSON text of ``body``: floats become decimal text, times become UTC text."""
    return json.dumps(_plain(body), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def chain(previous: str, body: str) -> str:
    """Hash of a row: SHA-256 over the previous row's hash and this row's canonical body."""
    return hashlib.sha256(f"{previous}\n{body}".encode()).hexdigest()


def broken_link(rows: Iterable[tuple[str, str, str]]) -> int | None:
    """Index of the first row whose hashes do not fit, or None.

    Args:
        rows: ``(previous hash, canonical body, hash)`` in order.
    """
    head = GENESIS
    for index, (previous, body, digest) in enumerate(rows):
        if previous != head or chain(previous, body) != digest:
            return index
        head = digest
    return None


def _plain(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
