"""Every metric of every arm, kept up to date in one pass over the facts.

Facts are recorded in judged order; each costs the same however long the ledger is. A late
fact or a correction is put in its place where that is among the last of its arm. Where it
lies further back, :meth:`Panel.record` answers False, and the caller rebuilds that one arm
from its current facts. So the panel's state depends on the facts and not on the order in
which they arrived.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from heapq import merge

from tiltyard.facts.correction import Correction
from tiltyard.facts.decision import Decision
from tiltyard.facts.mark import LastMark, Mark
from tiltyard.facts.observation import Observation
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import Money
from tiltyard.kernel.undefined import Reading, Undefined, Value, twelve_digits
from tiltyard.metrics.account import AccountMeasures
from tiltyard.metrics.api_calls import COUNTS, ApiCalls
from tiltyard.metrics.arm_measures import ArmMeasures
from tiltyard.metrics.catalogue import (
    DRAWDOWNS,
    GAUGES,
    HEARTBEAT,
    SHADOW,
    TRADE_METRICS,
    spec_of,
)
from tiltyard.metrics.champion_span import ChampionHistory
from tiltyard.metrics.gauges import LastGauges
from tiltyard.metrics.measured import Measured
from tiltyard.metrics.recent import ArmFact, RecentFacts, time_of


class Panel:
    """Metrics of all arms.

    Args:
        capital: Default capital of a policy that names none.
        account: The account, before its first trade.
        kept: So many facts of each arm are kept for late ones; 0 where all come in order.
        floors: Profit factors against which the live trades of each trial are weighed.

    Attributes:
        api_calls: Calls to the venue, as bots count them.
        up_to_seq: The last position of a trade that was measured.
    """

    def __init__(
        self,
        capital: Money | None = None,
        account: AccountMeasures | None = None,
        *,
        kept: int = 0,
        floors: Sequence[float] = (),
    ) -> None:
        self._default_capital = capital
        self._kept = kept
        self._floors = tuple(floors)
        self._arms: dict[str, ArmMeasures] = {}
        self._recent: dict[str, RecentFacts] = {}
        self._champion = ("", ChampionHistory())
        self._account = account or AccountMeasures()
        self._gauges = LastGauges()
        self.api_calls = ApiCalls()
        self.up_to_seq = 0
        self._readers: dict[str, Callable[[str, datetime], Measured]] = {
            **{name: partial(self._read_gauge, name) for name in GAUGES},
            **{name: partial(self._read_trial, name) for name in TRADE_METRICS},
            "dd_challenger_pct": self._read_drawdown,
            "api_error_rate": self._read_error_rate,
            "sharpe": partial(self._read_daily, "sharpe"),
            "sortino": partial(self._read_daily, "sortino"),
            "pf_prod": self._read_champion,
            "pf_30_with_shadow": self._read_combined,
            "account_drawdown_pct": self._read_account_drawdown,
            "account_daily_loss_pct": self._read_daily_loss,
        }

    def arm(self, policy: str) -> ArmMeasures:
        """The measures of one arm; made empty when it is new."""
        measures = self._arms.get(policy)
        if measures is None:
            measures = self._begin(policy, ArmMeasures(self._default_capital, None, self._floors))
        return measures

    def has_measured(self, policy: str) -> bool:
        """Whether an arm has traded, was given an episode, or its positions were valued."""
        arm = self._arms.get(policy)
        return arm is not None and bool(arm.trades or arm.mark or arm.gap.has_decisions)

    def add_arm(
        self, policy: str, capital: Money | None, trial_started_at: datetime | None = None
    ) -> None:
        """Start measuring an arm, with what its policy was allotted."""
        capital = capital or self._default_capital
        self._begin(policy, ArmMeasures(capital, trial_started_at, self._floors))

    def record(self, trade: Trade) -> bool:
        """Measure one more trade; False when it lies too far back, and its arm must be rebuilt.

        The account and the champion's history have counted it all the same.
        """
        measures = self.arm(trade.policy)
        is_measured = True
        if measures.is_late(trade):
            is_measured = self._put([trade], measures)
        else:
            measures.close(trade)
            self._note(trade, measures)
        self.up_to_seq = max(self.up_to_seq, trade.seq)
        self._account.close(trade)
        if trade.book == "live" and self._champion[0] == trade.policy:
            self._champion[1].push(trade)
        return is_measured

    def correct(self, correction: Correction) -> bool:
        """A trade is another than it was told; False as :meth:`record`."""
        before, trade = correction
        self.up_to_seq = max(self.up_to_seq, trade.seq)
        self._account.correct(correction)
        if self._champion[0] == trade.policy:
            if before.book == "live":
                self._champion[1].take_back(before)
            if trade.book == "live":
                self._champion[1].push(trade)
        recent = self._recent.get(trade.policy)
        if recent is None or not recent.holds(before):
            return False
        return self._put([trade], self.arm(trade.policy), instead_of=before)

    def rebuild(
        self,
        policy: str,
        trades: Iterable[Trade],
        marks: Iterable[Mark] = (),
        decisions: Iterable[Decision] = (),
    ) -> None:
        """Measure an arm anew from its current trades, marks and decisions, each in time order.

        An error on the way leaves the arm as it was.
        """
        old = self.arm(policy)
        fresh = ArmMeasures(Money(old.capital), old.trial_started_at, self._floors)
        fresh.throttled_at = old.throttled_at
        recent = RecentFacts(fresh, self._kept) if self._kept else None
        history, up_to_seq = ChampionHistory(), self.up_to_seq
        is_champion = self._champion[0] == policy
        facts: Iterator[ArmFact] = merge(decisions, trades, marks, key=time_of)
        for fact in facts:
            if isinstance(fact, Decision):
                fresh.decide(fact)
            elif isinstance(fact, Mark):
                fresh.value_open(fact)
            else:
                up_to_seq = max(up_to_seq, fact.seq)
                fresh.close(fact)
                if is_champion and fact.book == "live":
                    history.push(fact)
            if recent is not None:
                recent.note(fact, fresh)
        self._arms[policy], self.up_to_seq = fresh, up_to_seq
        if recent is not None:
            self._recent[policy] = recent
        if is_champion:
            self._champion = (policy, history)

    def crown(self, policy: str) -> None:
        """From its next trade on ``policy`` is what ``pf_prod`` speaks of.

        Of its trades until now, too, once it has been measured anew.
        """
        self._champion = (policy, ChampionHistory())

    def last_marks(self) -> Mapping[str, LastMark]:
        """The last mark of every arm that has one."""
        return {
            name: LastMark(arm.mark, arm.open_positions, arm.traded_since)
            for name, arm in self._arms.items()
            if arm.mark is not None
        }

    def start_account(self, at: datetime | None) -> None:
        """The account's path begins anew, after ``at``; what its days have lost stays."""
        self._account = self._account.afresh(at)

    def start_trial(self, policy: str, at: datetime) -> None:
        """Peak and windows begin anew; the shadow book and lifetime counts go on."""
        self.arm(policy).start_trial(at)

    def value_open(self, mark: Mark) -> bool:
        """Record what an arm's open positions are worth; False as :meth:`record`."""
        measures = self.arm(mark.policy)
        if measures.is_old(mark):
            return self._put([mark], measures)
        measures.value_open(mark)
        self._note(mark, measures)
        return True

    def decide(self, decision: Decision) -> bool:
        """An episode was given to an arm; False as :meth:`record`."""
        measures = self.arm(decision.policy)
        if measures.is_overtaken(decision):
            return self._put([decision], measures)
        measures.decide(decision)
        self._note(decision, measures)
        return True

    def is_overtaken(self, decision: Decision) -> bool:
        """Whether a decision is told after a pair that may be of its episode."""
        return self.arm(decision.policy).is_overtaken(decision)

    def decide_late(self, decisions: Iterable[Decision]) -> set[str]:
        """Episodes were given to arms, as for :meth:`decide`; the arms that must be rebuilt.

        However many were overtaken, the last facts of each arm are gone through once.
        """
        late: dict[str, list[ArmFact]] = {}
        for decision in decisions:
            late.setdefault(decision.policy, []).append(decision)
        return {name for name, some in late.items() if not self._put(some, self.arm(name))}

    def observe(self, observation: Observation) -> None:
        """Record a gauge; an older reading than the known one is passed over.

        What bots have counted adds up, whenever it comes.
        """
        if observation.name in COUNTS:
            self.api_calls.see(observation)
            return
        self._gauges.see(observation)

    def knows(self, metric: str, policy: str) -> bool:
        """Whether a metric can have a value: once a gauge is reported, or an arm has a capital."""
        if metric == "api_error_rate" and self.api_calls.newest is not None:
            return True
        if metric in GAUGES:
            return self._gauges.of(metric, policy) is not None
        return metric not in DRAWDOWNS or self.arm(policy).was_sized

    def read(self, metric: str, policy: str, now: datetime) -> Measured:
        """The value of a metric for an arm (or for the account, with an empty policy).

        Raises:
            TiltyardError: ``METRIC_UNKNOWN``.
        """
        reader = self._readers.get(metric)
        return reader(policy, now) if reader else self._read_shadow(metric, policy)

    def doubt(self, policy: str, floor: float) -> Reading:
        """The evidence that an arm's profit factor is below one of the floors by now.

        It is made of the live trades of its trial (:mod:`~tiltyard.metrics.e_cusum`).
        """
        return self.arm(policy).live.doubt(floor)

    def readings(self, metrics: Iterable[str], policy: str, now: datetime) -> Mapping[str, Reading]:
        """Several metrics of one arm."""
        return {name: self.read(name, policy, now).reading for name in metrics}

    def _read_trial(self, metric: str, policy: str, _: datetime) -> Measured:
        measures = self.arm(policy)
        reading, trades = measures.live.read(metric), measures.live.trades
        lacks_capital = isinstance(reading, Undefined) and reading.state == "no_capital"
        as_of = measures.lost_at if lacks_capital else self.heard_from(policy)
        return Measured(reading, as_of, trades)

    def heard_from(self, policy: str) -> datetime | None:
        """When an arm's bot last said that it lives; None for one that never does."""
        beat = self._gauges.own(HEARTBEAT, policy)
        return None if beat is None else beat.observed_at

    def _read_daily(self, metric: str, policy: str, _: datetime) -> Measured:
        live = self.arm(policy).live
        return Measured(live.read(metric), None, live.nav.facts)

    def _read_drawdown(self, policy: str, _: datetime) -> Measured:
        measures = self.arm(policy)
        nav = measures.live.nav
        return Measured(nav.drawdown(), measures.lost_at or measures.valued_at, nav.facts)

    def _read_champion(self, policy: str, now: datetime) -> Measured:
        measures = self.arm(policy)
        since = measures.span[0] if measures.span else None
        reading = self._champion[1].profit_factor(since, now)
        return Measured(reading, None, measures.live.trades)

    def _read_combined(self, policy: str, _: datetime) -> Measured:
        measures = self.arm(policy)
        return Measured(measures.combined.value(), None, measures.trades)

    def _read_account_drawdown(self, _: str, __: datetime) -> Measured:
        return Measured(self._account.drawdown(), None, self._account.facts)

    def _read_daily_loss(self, _: str, now: datetime) -> Measured:
        return Measured(self._account.daily_loss(now), None, self._account.trades)

    def _read_gauge(self, metric: str, policy: str, _: datetime) -> Measured:
        gauge = self._gauges.of(metric, policy)
        if gauge is None:
            return Measured(Undefined("unobserved", "nobody has reported it"), None, 0)
        reading = Value(twelve_digits(gauge.number), gauge.samples)
        return Measured(reading, gauge.observed_at, gauge.seq)

    def _read_error_rate(self, policy: str, now: datetime) -> Measured:
        """From what bots have counted, where any does; else as somebody reports the rate."""
        counted = self.api_calls
        if counted.newest is None:
            return self._read_gauge("api_error_rate", policy, now)
        return Measured(counted.rate(), counted.newest, counted.last_seq)

    def _read_shadow(self, metric: str, policy: str) -> Measured:
        spec_of(metric)
        shadow = self.arm(policy).shadow
        if shadow is None:
            return Measured(Undefined("warming", "no shadow trade has closed"), None, 0)
        return Measured(shadow.read(metric.removesuffix(SHADOW)), None, shadow.trades)

    def _begin(self, policy: str, measures: ArmMeasures) -> ArmMeasures:
        self._arms[policy] = measures
        if self._kept:
            self._recent[policy] = RecentFacts(measures, self._kept)
        return measures

    def _note(self, fact: ArmFact, measures: ArmMeasures) -> None:
        if self._kept:
            self._recent[fact.policy].note(fact, measures)

    def _put(
        self,
        facts: Sequence[ArmFact],
        measures: ArmMeasures,
        *,
        instead_of: Trade | None = None,
    ) -> bool:
        """Give facts of an arm their places; False when one of them lies too far back."""
        policy = facts[0].policy
        recent = self._recent.get(policy)
        if recent is None or not all(map(recent.reaches, facts)):
            return False
        self._arms[policy] = recent.put(facts, measures, instead_of=instead_of)
        return True
