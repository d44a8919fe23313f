"""Keeps what is to be delivered, for any thread: in memory, and in a spool if there is one.

Putting a fact in waits for no disk: the spool's line is handed to the system, and somebody
else sees, with :meth:`Keeping.keep`, that it gets to the disk and that the file stays short.
While the disk does not take it, the facts stay in memory, and are written down when it does.

Nothing is logged while a lock is held: what handles the log may report, too, by whatever thread.
"""

import json
import logging
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from tiltyard.client.outbox import Fact, Outbox, Refused
from tiltyard.client.reports import Kind, Said
from tiltyard.client.spool import Spool
from tiltyard.kernel.errors import Fault
from tiltyard.kernel.text import shortened, storable

_LOG = logging.getLogger("tiltyard.client")
ROOM, ROOM_WITH_SPOOL = 100_000, 1_000_000
"""Facts."""
MOST_REFUSED = 1000
_SETTLED_LINES = 1000
"""So many the spool has at least before it is written anew."""


class Keeping:
    """What is to be delivered, and what was refused.

    Args:
        spool: Where it is written down; None keeps it in memory alone.
        room: For so many facts.
    """

    def __init__(self, spool: Path | None, room: int | None = None) -> None:
        self._lock = threading.RLock()  # who handles a signal may report, too
        self._keeps = threading.Lock()
        self._spool = None if spool is None else Spool(spool)
        self._outbox = Outbox(room or (ROOM if spool is None else ROOM_WITH_SPOOL))
        self._refused: deque[Refused] = deque(maxlen=MOST_REFUSED)
        self._is_dirty = False
        self._is_failing = False
        self._settled = 0
        if self._spool is not None:
            if self._spool.damaged:
                _LOG.warning(
                    "%s: %d lines cannot be read; the file as it was is %s.damaged",
                    spool, self._spool.damaged, spool,
                )  # fmt: skip
            for fact in self._spool.found:
                self._outbox.add(*fact)

    def __len__(self) -> int:
        return len(self._outbox)

    @property
    def refused(self) -> tuple[Refused, ...]:
        """The last of them, oldest first."""
        with self._lock:
            return tuple(self._refused)

    @property
    def dropped(self) -> Mapping[Kind, int]:
        """For how many of each kind there was no room."""
        with self._lock:
            return dict(self._outbox.dropped)

    @property
    def last(self) -> int:
        """The number of the last fact."""
        return self._outbox.last

    def put(self, kind: Kind, text: str) -> None:
        """Take in a fact."""
        with self._lock:
            number = self._outbox.number()
            lost = self._outbox.add(number, kind, text)
            trouble = self._write_down(Fact(number, kind, text), lost)
        self._tell_of(trouble)
        if lost:
            self._tell_of_lost()

    def batch(self, kind: Kind, most: int) -> list[Fact]:
        """The oldest of a kind; they stay until they are settled."""
        with self._lock:
            return self._outbox.batch(kind, most)

    def settle(self, facts: Sequence[Fact]) -> None:
        """The desk has them, or has refused them for good."""
        with self._lock:
            trouble = self._write_down(None, self._outbox.remove(facts))
        self._tell_of(trouble)

    def refuse(self, kind: Said, said: Mapping[str, object], faults: tuple[Fault, ...]) -> None:
        """Keep what was refused for good, and say so."""
        with self._lock:
            self._refused.append(Refused(kind, said, faults))
        why = storable("; ".join(map(str, faults)))
        _LOG.warning("refused, one of %s: %s: %s", kind, shortened(why), shortened(str(said)))

    def refuse_fact(self, fact: Fact, faults: tuple[Fault, ...]) -> None:
        """The same of one that was to be delivered."""
        self.settle([fact])
        self.refuse(fact.kind, json.loads(fact.text), faults)

    def has_up_to(self, number: int) -> bool:
        """Whether anything up to this number is not settled."""
        with self._lock:
            return self._outbox.has_up_to(number)

    def keep(self) -> None:
        """See that the disk has it all. Takes a while; nobody who reports waits for it."""
        with self._keeps:
            has_recovered, trouble = self._kept()
        if has_recovered:
            _LOG.warning("the spool is written again")
        self._tell_of(trouble)

    def close(self) -> None:
        """Let go of the spool; what is reported afterwards is kept in memory."""
        self.keep()
        with self._keeps, self._lock:
            spool, self._spool = self._spool, None
            if spool is not None:
                spool.close()

    def _kept(self) -> tuple[bool, OSError | None]:
        spool, has_recovered = self._spool, False
        if spool is None:
            return False, None
        try:
            if self._is_failing or self._is_long():
                has_recovered = self._keep_anew(spool)
            if self._is_dirty:
                self._is_dirty = False
                spool.sync()
        except OSError as error:
            return has_recovered, self._first(error)
        return has_recovered, None

    def _is_long(self) -> bool:
        return self._settled >= max(_SETTLED_LINES, len(self._outbox))

    def _keep_anew(self, spool: Spool) -> bool:
        """Write the spool anew; whether it could not be written before."""
        with self._lock:
            facts = list(self._outbox)
            self._settled = 0
            spool.begin_anew()
        try:
            file = spool.write_anew(facts)
        except OSError:
            spool.give_up_anew()
            raise
        with self._lock:
            spool.go_on_with(file)
            had_failed, self._is_failing = self._is_failing, False
            self._is_dirty = True
        return had_failed

    def _write_down(self, fact: Fact | None, settled: Sequence[Fact]) -> OSError | None:
        spool = self._spool
        if spool is None or not (fact or settled):
            return None
        self._is_dirty = True
        self._settled += len(settled)
        try:
            if fact is not None:
                spool.add(fact)
            if settled:
                spool.settle(one.number for one in settled)
        except OSError as error:
            return self._first(error)
        return None

    def _first(self, error: OSError) -> OSError | None:
        """The error, unless there was one before it and nothing was mended since."""
        was_failing, self._is_failing = self._is_failing, True
        return None if was_failing else error

    def _tell_of(self, trouble: OSError | None) -> None:
        if trouble is not None:
            _LOG.warning("the spool cannot be written: %s; reports are in memory alone", trouble)

    def _tell_of_lost(self) -> None:
        dropped = self.dropped
        total = sum(dropped.values())
        if total == 10 ** (len(str(total)) - 1):  # the 1st, the 10th, the 100th
            _LOG.warning("no room for what is not delivered; dropped so far: %s", dropped)
