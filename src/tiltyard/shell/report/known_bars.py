"""What a trained policy made of bars that it has learnt from is no test of it, and is said so.

Comes in: until when each has learnt (:mod:`tiltyard.shell.models.learnt`), and every trade. Goes
out: of each policy that it concerns, how many of its trades it opened while it knew what came next.
"""

from collections import Counter
from datetime import datetime
from typing import Any, NamedTuple

from tiltyard.facts.action import Action
from tiltyard.facts.arm import Roster
from tiltyard.facts.trade import Trade
from tiltyard.kernel.clock import time_text
from tiltyard.shell.models.learnt import Learnt, learnt_by_arms
from tiltyard.shell.replaying.bar_record import bar_start_from, is_bar_start
from tiltyard.shell.replaying.closed_record import last_start_event
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger


class KnownBars(NamedTuple):
    """That an arm has traded, or was to trade, bars that its policy has learnt from.

    Attributes:
        policy: Full name.
        until: The end of the last bar that it has learnt from, UTC; None where nobody knows.
        trades: Those that it opened before, live and on paper; all of them where nobody knows.
        of: All of its trades, live and on paper.
    """

    policy: str
    until: datetime | None
    trades: int
    of: int

    def __str__(self) -> str:
        return f"Not a test of {self.policy}: {self.why}"

    @property
    def why(self) -> str:
        """Why it is no test, as a sentence about the policy."""
        if self.until is None:
            return "nobody knows which bars it has learnt from."
        opened = f", and opened {self._counted} before then" if self.of else ""
        return f"it knows these bars until {self.until:%Y-%m-%d %H:%M}Z{opened}."

    @property
    def _counted(self) -> str:
        if self.trades == self.of:
            return "its only trade" if self.of == 1 else f"all of its {self.of:,} trades"
        known = f"{self.trades:,}" if self.trades else "none"
        return f"{known} of its {self.of:,} trades"


class KnownBook:
    """Who knows which bars, and who traded on them.

    Args:
        learnt: Until when each trained policy has learnt.
        began: When a replay on bars began; None where trades alone tell which bars were traded.
    """

    def __init__(self, learnt: Learnt, began: datetime | None = None) -> None:
        self._learnt = learnt
        self._began = began
        self._known: Counter[str] = Counter()
        self._all: Counter[str] = Counter()

    def is_trained(self, policy: str) -> bool:
        """Whether an arm is traded by what was trained."""
        return policy in self._learnt

    def see(self, trade: Trade) -> None:
        """One trade more."""
        if trade.policy in self._learnt:
            self._all[trade.policy] += 1
            self._known[trade.policy] += self.knew(trade.policy, trade.opened_at)

    def shown(self, ledger: Ledger, now: datetime | None = None) -> "KnownBook":
        """The same, shown every trade of a ledger that had closed by a time; None for all."""
        for name in self._learnt:
            for trade in ledger.trades(name, closed_by=now):
                self.see(trade)
        return self

    def knew(self, policy: str, at: datetime) -> bool:
        """Whether a policy has learnt from bars that came after a time, or may have."""
        until = self._learnt.get(policy)
        return policy in self._learnt and (until is None or at < until)

    def concerns(self, action: Action) -> bool:
        """Whether it is by bars that its arm knew, in part at least; or any arm, of the account's.

        What was made of known bars goes on to count in windows that end later.
        """
        return any(one.policy == action.policy or not action.policy for one in self.every())

    def of(self, policy: str) -> KnownBars | None:
        """What is to be said of a policy; None where it knows none of the bars."""
        known = self._known[policy]
        if not known and (self._began is None or not self.knew(policy, self._began)):
            return None
        return KnownBars(policy, self._learnt[policy], known, self._all[policy])

    def every(self) -> list[KnownBars]:
        """What is to be said, in the order of the names."""
        return [one for name in sorted(self._learnt) if (one := self.of(name)) is not None]


NOBODY_TRAINED = KnownBook({})


def known_book(ledger: Ledger, roster: Roster, settings: Settings) -> KnownBook:
    """Who knows which bars of a ledger; it is to be shown the trades.

    Args:
        ledger: The record of a replay on bars says it of its snapshots itself.
        roster: All arms.
        settings: Where other snapshots lie.
    """
    start = last_start_event(ledger)
    if start is not None and is_bar_start(start):
        told = bar_start_from(start)
        return KnownBook(told.learnt, told.span.began)
    return KnownBook(learnt_by_arms(roster, settings.models.path))


def known_json(known: KnownBars | None) -> dict[str, Any] | None:
    """The same for programs."""
    if known is None:
        return None
    until = None if known.until is None else time_text(known.until)
    return {"until": until, "trades": known.trades, "of": known.of}


def known_row(known: KnownBars) -> dict[str, Any]:
    """The same with whose it is, for a list of several."""
    return {"policy": known.policy, **(known_json(known) or {})}
