"""Everything that is measured of one arm: its trial, its shadow book, and its life.

A trade is measured against its own capital, else the policy's, else the default. A new
trial begins when an arm comes back; the shadow book and the counts of its life go on.
"""

from collections import deque
from collections.abc import Sequence
from copy import copy
from datetime import datetime

from tiltyard.facts.allotment import sized_on
from tiltyard.facts.decision import Decision
from tiltyard.facts.mark import Mark
from tiltyard.facts.trade import JudgedOrder, Trade, judged_order
from tiltyard.kernel.money import Money
from tiltyard.metrics.champion_span import TRADES as SPAN_TRADES
from tiltyard.metrics.metric import Outcome
from tiltyard.metrics.profit_factor import ProfitFactor
from tiltyard.metrics.rolling import Rolling, Running
from tiltyard.metrics.shadow_gap import ShadowGap
from tiltyard.metrics.trial import Trial

COMBINED_TRADES = 30


class ArmMeasures:
    """What is measured of one arm.

    Args:
        capital: What its policy was allotted.
        trial_started_at: Only trades after that are of the trial.
        floors: Profit factors that its live trades of the trial are weighed against.

    Attributes:
        live: The current trial.
        shadow: The shadow book, which never stops.
        combined: Profit factor over the last 30 trades of both.
        lifetime: Profit factor of every trade of both, ever.
        throttled_at: When it was last throttled or halted.
        since_throttle: Trades of either book that closed after that.
        trades: Trades of both books ever.
        gap: What its live trades made more than their twins on paper.
        lifetime_trades: Live trades ever, earlier trials included.
        mark: The last mark.
        open_positions: Those that it told of and that have not closed since.
        traded_since: A live trade has closed after it.
        lost_at: When the drawdown of this trial was lost for want of capital.
        last_capital: What the last trade was measured against; 0 for nothing.
        was_sized: Some trade or mark had a capital to be measured against.
    """

    def __init__(
        self,
        capital: Money | None,
        trial_started_at: datetime | None = None,
        floors: Sequence[float] = (),
    ) -> None:
        self.capital = capital or 0
        self.trial_started_at = trial_started_at
        self._floors = floors
        self.live = Trial(floors)
        self.shadow: Trial | None = None
        self.combined = Rolling(ProfitFactor(), trades=COMBINED_TRADES)
        self.lifetime = Running(ProfitFactor())
        self.throttled_at: datetime | None = None
        self.since_throttle = 0
        self.trades = 0
        self.lifetime_trades = 0
        self.mark: Mark | None = None
        self.open_positions = 0
        self.traded_since = False
        self.lost_at: datetime | None = None
        self.last_capital = 0
        self.was_sized = False
        self.gap = ShadowGap()
        self.span: deque[datetime] = deque(maxlen=SPAN_TRADES)
        self.last: JudgedOrder | None = None

    def copy(self) -> "ArmMeasures":
        """The same, which goes its own way from here."""
        other = copy(self)
        other.live = self.live.copy()
        other.shadow = None if self.shadow is None else self.shadow.copy()
        other.combined, other.lifetime = self.combined.copy(), self.lifetime.copy()
        other.span, other.gap = self.span.copy(), self.gap.copy()
        return other

    def close(self, trade: Trade) -> Outcome:
        """One more trade, in judged order; a twin is only compared."""
        outcome = (trade.pnl, trade.capital or self.capital, trade.risk or 0)
        self.gap.see(sized_on(trade, Money(self.capital)))
        if trade.book == "twin":
            self.last = judged_order(trade)
            return outcome
        self.lifetime.push(outcome)
        self.combined.push(outcome)
        self.trades += 1
        self.last = judged_order(trade)
        self.last_capital = outcome[1]
        self.was_sized |= outcome[1] > 0
        if self.throttled_at is None or trade.closed_at > self.throttled_at:
            self.since_throttle += 1
        if trade.book == "live":
            self.lifetime_trades += 1
            self.traded_since = True
            if self.mark is not None and trade.opened_at <= self.mark.marked_at:
                self.open_positions = max(0, self.open_positions - 1)
            if self._in_trial(trade.closed_at):
                self.span.append(trade.closed_at)
                self.live.close(trade.closed_at, outcome, self.open_positions)
                self._notice_loss(trade.closed_at)
        else:
            if self.shadow is None:
                self.shadow = Trial()
            self.shadow.close(trade.closed_at, outcome)
        return outcome

    def decide(self, decision: Decision) -> None:
        """An episode was given to the arm."""
        self.gap.decide(decision)

    def start_trial(self, at: datetime | None) -> None:
        """Peak and windows begin anew."""
        self.trial_started_at = at
        self.live = Trial(self._floors)
        self.lost_at = None
        self.span.clear()

    def throttle(self, at: datetime | None) -> None:
        """It was throttled or halted: from here on its further trades are counted."""
        self.throttled_at = at
        self.since_throttle = 0

    def value_open(self, mark: Mark) -> None:
        """One more mark, not before the last trade."""
        self.mark, self.open_positions, self.traded_since = mark, mark.open_positions, False
        capital = mark.capital or self.capital
        self.was_sized |= capital > 0
        if self._in_trial(mark.marked_at):
            self.live.mark(mark.marked_at, mark.unrealised, capital)
            self._notice_loss(mark.marked_at)

    def is_late(self, trade: Trade) -> bool:
        """Whether the trade belongs before something that was already measured."""
        if self.last is not None and judged_order(trade) <= self.last:
            return True
        if self.gap.has_passed(trade):
            return True
        return (
            trade.book == "live"
            and self.mark is not None
            and (trade.closed_at <= self.mark.marked_at)
        )

    def is_overtaken(self, decision: Decision) -> bool:
        """Whether a pair that was measured already may be one of its episode."""
        return self.gap.has_passed(decision)

    def is_old(self, mark: Mark) -> bool:
        """Whether the mark belongs before something that was already measured."""
        if self.mark is not None and mark.marked_at < self.mark.marked_at:
            return True
        return self.last is not None and mark.marked_at < self.last[0]

    @property
    def valued_at(self) -> datetime | None:
        """When the positions that are open were valued, or the trial has begun with them.

        None when none are known.
        """
        if self.mark is None or not self.open_positions:
            return None
        return max(self.mark.marked_at, self.trial_started_at or self.mark.marked_at)

    def _notice_loss(self, at: datetime) -> None:
        if self.lost_at is None and self.live.nav.without_capital:
            self.lost_at = at

    def _in_trial(self, at: datetime) -> bool:
        return self.trial_started_at is None or at > self.trial_started_at
