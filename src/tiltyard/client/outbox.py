"""What was reported and has not been delivered yet, in order, for each kind.

A fact keeps its number until the desk has taken or refused it. There is room for so many;
when it is full, the oldest of what matters least goes: observations, then marks, then
decisions, and trades only when there is nothing else.

>>> outbox = Outbox(most=2)
>>> for kind in ("trades", "marks", "trades"):
...     for lost in outbox.add(outbox.number(), kind, "{}"):
...         print("no room for", lost)
no room for Fact(number=2, kind='marks', text='{}')
>>> [fact.number for fact in outbox.batch("trades", 1000)], outbox.dropped
([1, 3], {'marks': 1})
"""

import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from tiltyard.client.reports import KINDS, Kind, Said
from tiltyard.kernel.errors import Fault

GIVES_WAY: tuple[Kind, ...] = ("observations", "marks", "decisions", "trades")
"""What is dropped first comes first."""
MOST_BYTES = 900_000
"""Of a batch; a desk takes 1 MiB."""


class Fact(NamedTuple):
    """One fact that is to be delivered.

    Attributes:
        number: Rises; no other has it.
        kind: Which batch it goes into.
        text: Its JSON.
    """

    number: int
    kind: Kind
    text: str


class Refused(NamedTuple):
    """One fact that was refused for good.

    Attributes:
        kind: ``trades``, ``marks``, ``observations``, ``decisions`` or ``heartbeats``.
        said: What the bot had said.
        faults: What is wrong with it.
    """

    kind: Said
    said: Mapping[str, object]
    faults: tuple[Fault, ...]


class Outbox:
    """Facts by kind. Not safe for threads.

    Args:
        most: It has room for.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._facts: dict[Kind, OrderedDict[int, Fact]] = {kind: OrderedDict() for kind in KINDS}
        self._count = 0
        self._last = 0
        self.dropped: dict[Kind, int] = {}

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Fact]:
        for facts in self._facts.values():
            yield from facts.values()

    @property
    def last(self) -> int:
        """The highest number that was given."""
        return self._last

    def number(self) -> int:
        """The next one."""
        self._last += 1
        return self._last

    def add(self, number: int, kind: Kind, text: str) -> list[Fact]:
        """Take in a fact; those that had to give way to it are no longer kept."""
        self._facts[kind][number] = Fact(number, kind, text)
        self._last = max(self._last, number)
        self._count += 1
        lost = []
        while self._count > self._most:
            lost.append(self._give_way())
        return lost

    def batch(self, kind: Kind, most: int) -> list[Fact]:
        """The oldest of a kind, as many as go into one request. They are still kept.

        A trade and its correction go one after the other, each in a request of its own: within
        one, nobody could say which of them came later.
        """
        chosen: list[Fact] = []
        told: set[object] = set()
        room = MOST_BYTES
        for fact in self._facts[kind].values():
            room -= len(fact.text) + 1
            trade = _trade_of(fact)
            if len(chosen) == most or (room < 0 and chosen) or trade in told:
                break
            if trade is not None:
                told.add(trade)
            chosen.append(fact)
        return chosen

    def remove(self, facts: Iterable[Fact]) -> list[Fact]:
        """These are settled; which of them were still kept."""
        kept = [f for f in facts if self._facts[f.kind].pop(f.number, None) is not None]
        self._count -= len(kept)
        return kept

    def has_up_to(self, number: int) -> bool:
        """Whether any that was given this number or a lower one is still kept."""
        firsts = (next(iter(facts), number + 1) for facts in self._facts.values())
        return any(first <= number for first in firsts)

    def _give_way(self) -> Fact:
        kind = next(kind for kind in GIVES_WAY if self._facts[kind])
        _, fact = self._facts[kind].popitem(last=False)
        self._count -= 1
        self.dropped[kind] = self.dropped.get(kind, 0) + 1
        return fact


def _trade_of(fact: Fact) -> object:
    """Which trade a fact is of; None where it is of none."""
    if fact.kind != "trades":
        return None
    try:
        said = json.loads(fact.text)
    except ValueError:
        return None  # of a spool that was damaged: the desk says what is wrong with it
    return said.get("trade_id") if isinstance(said, dict) else None
