"""Every metric of every arm, kept up to date in one pass over the facts.

Facts are recorded in judged order; each costs the same however long the ledger is. A
late trade or a correction does not fit a one-way pass: :meth:`Panel.record` answers
False, and the caller rebuilds that one arm from its current trades. So the panel's
state depends on the facts and not on the order in which they arrived.

A trade is measured against its own capital, else the policy's, else the default.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from heapq import merge

from tiltyard.facts.mark import Mark
from tiltyard.facts.observation import Observation
from tiltyard.facts.trade import JudgedOrder, Trade, judged_order
from tiltyard.kernel.money import Money
from tiltyard.kernel.undefined import Reading, Undefined, Value, twelve_digits
from tiltyard.metrics.catalogue import GAUGES, SHADOW, TRADE_METRICS, spec_of
from tiltyard.metrics.champion_span import TRADES as SPAN_TRADES
from tiltyard.metrics.champion_span import ChampionHistory
from tiltyard.metrics.metric import Outcome
from tiltyard.metrics.profit_factor import ProfitFactor
from tiltyard.metrics.rolling import Rolling, Running
from tiltyard.metrics.trial import NavPath, Trial

COMBINED_TRADES = 30


@dataclass(frozen=True, slots=True)
class Measured:
    """A reading, and how old it is.

    Attributes:
        reading: The value, or why there is none.
        as_of: When it was observed; None for values made of closed trades, which do
            not age with the clock.
    """

    reading: Reading
    as_of: datetime | None = None


class ArmMeasures:
    """What is measured of one arm.

    Attributes:
        live: The current trial.
        shadow: The shadow book, which never stops.
        combined: Profit factor over the last 30 trades of both.
        lifetime: Profit factor of every trade of both, ever.
        since_throttle: Trades of either book since the last throttle or re-arming.
        lifetime_trades: Live trades ever, earlier trials included.
        mark: The last mark.
    """

    def __init__(self, capital: Money | None, trial_started_at: datetime | None = None) -> None:
        self.capital = capital or 0
        self.trial_started_at = trial_started_at
        self.live = Trial()
        self.shadow: Trial | None = None
        self.combined = Rolling(ProfitFactor(), trades=COMBINED_TRADES)
        self.lifetime = Running(ProfitFactor())
        self.since_throttle = 0
        self.lifetime_trades = 0
        self.mark: Mark | None = None
        self.span: deque[datetime] = deque(maxlen=SPAN_TRADES)
        self.last: JudgedOrder | None = None

    def close(self, trade: Trade) -> Outcome:
        """One more trade, in judged order."""
        outcome = (trade.pnl, trade.capital or self.capital, trade.risk or 0)
        self.lifetime.push(outcome)
        self.last = judged_order(trade)
        if trade.book == "live":
            self.lifetime_trades += 1
            if not self._in_trial(trade.closed_at):
                self.combined.push(outcome)
                return outcome
            self.span.append(trade.closed_at)
            self.live.close(trade.closed_at, outcome)
        else:
            if self.shadow is None:
                self.shadow = Trial()
            self.shadow.close(trade.closed_at, outcome)
        self.since_throttle += 1
        self.combined.push(outcome)
        return outcome

    def value_open(self, mark: Mark) -> None:
        """One more mark, not before the last trade."""
        self.mark = mark
        if self._in_trial(mark.marked_at):
            capital = mark.capital or self.capital
            self.live.mark(mark.marked_at, mark.unrealised, capital, mark.open_positions)

    def is_late(self, trade: Trade) -> bool:
        """Whether the trade belongs before something that was already measured."""
        if trade.revision > 1 or (self.last is not None and judged_order(trade) <= self.last):
            return True
        return (
            trade.book == "live"
            and self.mark is not None
            and (trade.closed_at <= self.mark.marked_at)
        )

    def _in_trial(self, at: datetime) -> bool:
        return self.trial_started_at is None or at > self.trial_started_at


class Panel:
    """Metrics of all arms.

    Args:
        capital: Default capital of a policy that names none.
        account_capital: Equity of the whole account; None when nobody said.
        account: Its name; trades of other accounts are not counted in it.
    """

    def __init__(
        self,
        capital: Money | None = None,
        account_capital: Money | None = None,
        account: str = "default",
    ) -> None:
        self._default_capital = capital
        self._account_name = account
        self._account_capital = account_capital or 0
        self._arms: dict[str, ArmMeasures] = {}
        self._champion = ("", ChampionHistory())
        self._account = NavPath()
        self._today: tuple[date | None, int] = (None, 0)
        self._gauges: dict[tuple[str, str], Observation] = {}
        self.up_to_seq = 0

    def arm(self, policy: str) -> ArmMeasures:
        """The measures of one arm; made empty when it is new."""
        measures = self._arms.get(policy)
        if measures is None:
            measures = self._arms[policy] = ArmMeasures(self._default_capital)
        return measures

    def add_arm(
        self, policy: str, capital: Money | None, trial_started_at: datetime | None = None
    ) -> None:
        """Start measuring an arm, with what its policy was allotted."""
        self._arms[policy] = ArmMeasures(capital or self._default_capital, trial_started_at)

    def record(self, trade: Trade) -> bool:
        """Measure one more trade; False when it is late and its arm must be rebuilt."""
        measures = self.arm(trade.policy)
        if measures.is_late(trade):
            return False
        self._close(measures, trade)
        return True

    def rebuild(self, policy: str, trades: Iterable[Trade], marks: Iterable[Mark] = ()) -> None:
        """Measure an arm anew from its current trades and marks, each in time order.

        The account's own path is not rewound: it is rebuilt with the whole panel.
        """
        old = self.arm(policy)
        fresh = ArmMeasures(Money(old.capital), old.trial_started_at)
        self._arms[policy] = fresh
        is_champion = self._champion[0] == policy
        if is_champion:
            self._champion = (policy, ChampionHistory())
        facts: Iterator[Trade | Mark] = merge(trades, marks, key=_time_of)
        for fact in facts:
            if isinstance(fact, Mark):
                fresh.value_open(fact)
            else:
                outcome = fresh.close(fact)
                if is_champion and fact.book == "live":
                    self._champion[1].push(fact.closed_at, outcome)

    def crown(self, policy: str, trades: Iterable[Trade] = ()) -> None:
        """From now on ``policy`` is what ``pf_prod`` speaks of; give its live trades so far."""
        self._champion = (policy, ChampionHistory())
        capital = self.arm(policy).capital
        for trade in trades:
            if trade.book == "live":
                outcome = (trade.pnl, trade.capital or capital, trade.risk or 0)
                self._champion[1].push(trade.closed_at, outcome)

    def start_trial(self, policy: str, at: datetime) -> None:
        """Peak and windows begin anew; the shadow book and lifetime counts go on."""
        measures = self.arm(policy)
        measures.trial_started_at = at
        measures.live = Trial()
        measures.span.clear()

    def value_open(self, mark: Mark) -> None:
        """Record what an arm's open positions are worth."""
        self.arm(mark.policy).value_open(mark)

    def observe(self, observation: Observation) -> None:
        """Record a gauge; an older reading than the known one is passed over."""
        key = (observation.name, observation.policy)
        known = self._gauges.get(key)
        if known is None or known.observed_at <= observation.observed_at:
            self._gauges[key] = observation

    def knows(self, metric: str, policy: str) -> bool:
        """Whether a metric can have a value: gauges only once somebody has reported them."""
        return (
            metric not in GAUGES or (metric, policy) in self._gauges or (metric, "") in self._gauges
        )

    def read(self, metric: str, policy: str, now: datetime) -> Measured:
        """The value of a metric for an arm (or for the account, with an empty policy).

        Raises:
            TiltyardError: ``METRIC_UNKNOWN``.
        """
        if metric in TRADE_METRICS or metric in _TRIAL_METRICS:
            measures = self.arm(policy)
            as_of = None
            if metric == "dd_challenger_pct" and measures.mark and measures.mark.open_positions:
                as_of = measures.mark.marked_at
            return Measured(measures.live.read(metric), as_of)
        if metric == "pf_prod":
            span = self.arm(policy).span
            return Measured(self._champion[1].profit_factor(span[0] if span else None, now))
        if metric == "pf_30_with_shadow":
            return Measured(self.arm(policy).combined.value())
        if metric == "account_drawdown_pct":
            return Measured(self._account.drawdown())
        if metric == "account_daily_loss_pct":
            return Measured(self._daily_loss(now))
        return self._read_book_or_gauge(metric, policy)

    def readings(self, metrics: Iterable[str], policy: str, now: datetime) -> Mapping[str, Reading]:
        """Several metrics of one arm."""
        return {name: self.read(name, policy, now).reading for name in metrics}

    def _read_book_or_gauge(self, metric: str, policy: str) -> Measured:
        spec_of(metric)
        if metric.endswith(SHADOW):
            shadow = self.arm(policy).shadow
            if shadow is None:
                return Measured(Undefined("warming", "no shadow trade has closed"))
            return Measured(shadow.read(metric.removesuffix(SHADOW)))
        seen = self._gauges.get((metric, policy)) or self._gauges.get((metric, ""))
        if seen is None:
            return Measured(Undefined("unobserved", "nobody has reported it"))
        return Measured(Value(twelve_digits(seen.number), seen.samples), seen.observed_at)

    def _close(self, measures: ArmMeasures, trade: Trade) -> None:
        outcome = measures.close(trade)
        self.up_to_seq = max(self.up_to_seq, trade.seq)
        if trade.book != "live":
            return
        if self._champion[0] == trade.policy:
            self._champion[1].push(trade.closed_at, outcome)
        if trade.account != self._account_name:
            return
        self._account.close(trade.pnl, self._account_capital)
        day = trade.closed_at.date()
        before = self._today[1] if self._today[0] == day else 0
        self._today = (day, before + trade.pnl)

    def _daily_loss(self, now: datetime) -> Reading:
        if not self._account_capital:
            return Undefined("no_capital", "the account's capital is not configured")
        day, pnl = self._today
        lost = -pnl if day == now.date() else 0
        return Value(twelve_digits(100 * max(0, lost) / self._account_capital), 1)


_TRIAL_METRICS = frozenset({"dd_challenger_pct", "sharpe", "sortino"})


def _time_of(fact: Trade | Mark) -> datetime:
    return fact.marked_at if isinstance(fact, Mark) else fact.closed_at
