"""What a fact says, as a hash; and what many facts say, as one.

Each stored trade keeps the hash of its own columns, so an edited column is found by
computing it again. A hash of all the rows up to a point is kept in the audit, so a row
that was removed, added or replaced together with its hash is found too.

>>> one = FactsDigest().add("a").add("b").value()
>>> FactsDigest().add("ab").value() == one
False
>>> FactsDigest(one).add("c").value() == FactsDigest(one).add("c").value()
True
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Self

from tiltyard.facts.audit import GENESIS
from tiltyard.facts.decision import Decision
from tiltyard.facts.mark import Mark
from tiltyard.facts.observation import Observation
from tiltyard.facts.trade import Trade
from tiltyard.kernel.clock import microseconds


class FactsDigest:
    """SHA-256 over an earlier digest and every line since.

    Args:
        previous: The digest it goes on from.
    """

    def __init__(self, previous: str = GENESIS) -> None:
        self._hash = hashlib.sha256(previous.encode())

    def add(self, line: str) -> Self:
        """One more fact."""
        self._hash.update(f"\n{line}".encode())
        return self

    def value(self) -> str:
        """Of everything so far."""
        return self._hash.hexdigest()


def content_of(trade: Trade) -> str:
    """The hash of what a trade says; its revision and ledger position are not part of it."""
    source, name, policy, symbol, side, opened_at, closed_at, pnl, _, *rest, _ = trade
    opened, closed = microseconds(opened_at), microseconds(closed_at)
    return content_hash((source, name, policy, symbol, side, opened, closed, pnl, None, *rest))


def content_hash(values: tuple[object, ...]) -> str:
    """The same, of its columns as they are stored, the revision None."""
    return hashlib.blake2b(ascii(values).encode(), digest_size=16).hexdigest()


def trade_line(seq: int, revision: int, content: str, known_at: int) -> str:
    """What the running digest of trades takes in of one stored trade."""
    return f"{seq} {revision} {known_at} {content}"


def digest_of(facts: Iterable[Mark | Observation | Decision]) -> str:
    """The digest of marks, of observations or of decisions, in the order given."""
    digest = FactsDigest()
    for fact in facts:
        digest.add(ascii([microseconds(v) if isinstance(v, datetime) else v for v in fact]))
    return digest.value()
