"""What a replay leaves for the eye: equity, drawdown, PF-30 and traffic over time.

However long the replay and however many the arms, this stays small. Of an arm's points
every other one is dropped when there are too many; of the changes of traffic likewise.
Of the actions the newest of each arm are kept; arms that a night skipped are no action
here. Up to a few dozen arms nothing of the traffic and the actions is ever dropped.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from tiltyard.facts.action import Action
from tiltyard.facts.arm import Roster
from tiltyard.facts.trade import Trade
from tiltyard.kernel.undefined import Value
from tiltyard.shell.desk import Desk

MOST_POINTS = 4000
"""Of one arm."""
ALL_POINTS = 200_000
"""Of all arms together, and of shares in all changes of traffic."""
FEWEST_POINTS = 200
MOST_ACTIONS = 20_000


@dataclass(slots=True)
class Path:
    """One arm's curves.

    Attributes:
        times: Of each point.
        equity: NAV over live and shadow trades, 1 at the start.
        drawdown: Fall from its peak so far, percent.
        pf_30: Profit factor of the last 30 trades of both books; None while undefined.
        live: Whether the trade counted as live.
    """

    times: list[datetime] = field(default_factory=list)
    equity: list[float] = field(default_factory=list)
    drawdown: list[float] = field(default_factory=list)
    pf_30: list[float | None] = field(default_factory=list)
    live: list[bool] = field(default_factory=list)


class Recording:
    """Collects curves while a replay runs.

    Attributes:
        paths: By policy.
        traffic: ``(time, {policy: share})`` at the start and after every change.
        actions: What was done, oldest first.
    """

    def __init__(self) -> None:
        self.paths: dict[str, Path] = {}
        self.traffic: list[tuple[datetime, dict[str, float]]] = []
        self.actions: list[Action] = []
        self._equity: dict[str, tuple[float, float]] = {}
        self._every: dict[str, int] = {}
        self._seen: dict[str, int] = {}
        self._roster: Roster | None = None
        self._prune_at = 2 * MOST_ACTIONS

    def note(self, desk: Desk, trade: Trade, actions: list[Action], *, was_live: bool) -> None:
        """One trade was judged."""
        self.act(desk, trade.closed_at, actions)
        if trade.book == "twin":
            return
        arm = desk.panel.arm(trade.policy)
        capital = trade.capital or arm.capital
        equity, peak = self._equity.get(trade.policy, (1.0, 1.0))
        if capital:
            equity *= max(0.0, 1 + trade.pnl / capital)
            peak = max(peak, equity)
        self._equity[trade.policy] = (equity, peak)
        self._point(trade, equity, peak, desk, was_live=was_live)

    def act(self, desk: Desk, at: datetime, actions: list[Action]) -> None:
        """Something was judged; the shares are noted when they changed."""
        self.actions += [action for action in actions if action.kind != "skip_scale"]
        if len(self.actions) > self._prune_at:
            self._prune_actions(len(desk.roster.arms))
        if desk.roster is self._roster:
            return
        self._roster = desk.roster
        shares = {name: arm.share for name, arm in desk.roster.arms.items()}
        if not self.traffic or self.traffic[-1][1] != shares:
            self.traffic.append((at, shares))
            if len(self.traffic) > max(FEWEST_POINTS, ALL_POINTS // max(1, len(shares))):
                del self.traffic[1:-1:2]

    def _prune_actions(self, arms: int) -> None:
        each = max(1, MOST_ACTIONS // max(1, arms))
        kept: list[Action] = []
        seen: Counter[str] = Counter()
        for action in reversed(self.actions):
            seen[action.policy] += 1
            if seen[action.policy] <= each:
                kept.append(action)
        self.actions = kept[::-1]
        self._prune_at = max(2 * MOST_ACTIONS, 2 * len(kept))

    def _point(
        self, trade: Trade, equity: float, peak: float, desk: Desk, *, was_live: bool
    ) -> None:
        path = self.paths.setdefault(trade.policy, Path())
        every = self._every.setdefault(trade.policy, 1)
        self._seen[trade.policy] = seen = self._seen.get(trade.policy, 0) + 1
        if seen % every:
            return
        pf_30 = desk.panel.arm(trade.policy).combined.value()
        path.times.append(trade.closed_at)
        path.equity.append(equity)
        path.drawdown.append(100 * (1 - equity / peak))
        path.pf_30.append(pf_30.number if isinstance(pf_30, Value) else None)
        path.live.append(was_live)
        most = max(FEWEST_POINTS, min(MOST_POINTS, ALL_POINTS // max(1, len(desk.roster.arms))))
        if len(path.times) > most:
            self._every[trade.policy] = 2 * every
            for curve in (path.times, path.equity, path.drawdown, path.pf_30, path.live):
                del curve[::2]
