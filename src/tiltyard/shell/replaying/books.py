"""In which book a replayed trade belongs: live, or shadow because its arm might not trade.

What counts is what the arm was allowed when the trade *opened*. Nobody told the past of
the actions that a replay takes, so the replay keeps this account of them itself; a
running desk believes the book that it is told.
"""

from collections.abc import Iterable
from datetime import datetime

from tiltyard.facts.action import Action
from tiltyard.facts.arm import Arm
from tiltyard.facts.trade import Trade
from tiltyard.kernel.clock import EARLIEST


class Books:
    """From when on each arm was allowed to trade, and from when on not.

    Args:
        waiting: Arms that are not on trial at the start.
    """

    def __init__(self, waiting: Iterable[str]) -> None:
        self._changes: dict[str, list[tuple[datetime, bool]]] = {
            policy: [(EARLIEST, False)] for policy in waiting
        }

    def of(self, trade: Trade) -> Trade:
        """The trade in the book in which it counts."""
        allowed = True
        for at, trading in self._changes.get(trade.policy, ()):
            if at > trade.opened_at:
                break
            allowed = trading
        return trade if allowed or trade.book != "live" else trade._replace(book="shadow")

    def note(self, action: Action, arms: Iterable[Arm]) -> None:
        """Something was done: who may no longer trade, or may again.

        Args:
            action: What was done.
            arms: Everybody, as they are then.
        """
        if action.kind in ("throttle", "halt", "admit", "resume"):
            self._change(action.policy, action.at, trading=action.kind in ("admit", "resume"))
        elif action.kind in ("freeze_challengers", "stop_entries"):
            for arm in arms:
                if arm.role == "challenger" or action.kind == "stop_entries":
                    self._change(arm.name, action.at, trading=False)

    def _change(self, policy: str, at: datetime, *, trading: bool) -> None:
        self._changes.setdefault(policy, []).append((at, trading))
