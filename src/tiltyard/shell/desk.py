"""The loop that everything else is arranged around: measure, judge, plan, apply.

One closed trade comes in. The nights that passed before it are run; the trade is put in
the live or the shadow book by what its arm was allowed to do when it *opened*; it is
measured; the guards that can see a change are judged; what they call for is applied to
the roster at once. What goes out is the list of actions. Nothing here reads a clock, a
file or a database: replay and the running desk drive the same loop.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from tiltyard.actions.apply import apply
from tiltyard.actions.plan import (
    ThrottledArm,
    plan,
    plan_admissions,
    plan_night,
    plan_resume,
)
from tiltyard.checklist.guard import TAKES_TRAFFIC, Checklist, Guard
from tiltyard.checklist.judge import FRESH, Memory, judge
from tiltyard.checklist.patience import IMMEDIATE
from tiltyard.facts.action import Action
from tiltyard.facts.arm import Arm, Roster
from tiltyard.facts.mark import Mark
from tiltyard.facts.observation import Observation
from tiltyard.facts.trade import Trade
from tiltyard.facts.verdict import Verdict
from tiltyard.kernel.clock import EARLIEST
from tiltyard.kernel.errors import TiltyardError
from tiltyard.metrics.catalogue import GAUGES
from tiltyard.metrics.panel import Panel
from tiltyard.router.lifecycle import TRADING
from tiltyard.scaling.ladder import Standing, ladder
from tiltyard.scaling.trading_day import nights_between
from tiltyard.shell.settings import Settings

_ADVISORY = frozenset({"review", "page", "refresh_encoder", "restart_learner"})


class Desk:
    """The state of the loop between two events.

    Args:
        settings: Bounds, schedule and checklist.
        roster: Arms as they are at the start.
        measure_only: Keep the verdicts but do nothing; a report wants this.

    Attributes:
        roster: Arms as they are now.
        panel: The measurements.
    """

    def __init__(self, settings: Settings, roster: Roster, *, measure_only: bool = False) -> None:
        self.settings = settings
        self.rules = settings.shares.rules()
        self.checklist: Checklist = settings.checklist
        self.roster = roster
        self.panel = Panel(settings.default_capital(), settings.account_measures())
        self._memories: dict[tuple[str, str], Memory] = {}
        self._measure_only = measure_only
        self._guard_of = {guard.name: guard for guard in self.checklist.guards}
        self._guards: dict[str, list[Guard]] = {
            scope: [guard for guard in self.checklist.guards if guard.scope == scope]
            for scope in ("arm", "champion", "account")
        }
        self._on_event: dict[str, list[Guard]] = {
            scope: [guard for guard in guards if guard.confirm != IMMEDIATE or not measure_only]
            for scope, guards in self._guards.items()
        }
        self._dark: dict[str, list[tuple[datetime, bool]]] = {}
        self._last_event: datetime | None = None
        for arm in roster.arms.values():
            if arm.state == "candidate" and not measure_only:
                self._go_dark(arm.name, EARLIEST, trading=False)
            self.panel.add_arm(arm.name, arm.capital, arm.trial_started_at)
            if arm.role == "champion":
                self.panel.crown(arm.name)

    def feed(self, trade: Trade) -> list[Action]:
        """One closed trade, in judged order; what was done because of it, nights included."""
        done = self._nights(trade.closed_at)
        if trade.revision > 1:
            trade = trade._replace(revision=1)
        if trade.book == "live" and not self._was_trading(trade):
            trade = trade._replace(book="shadow")
        if not self.panel.record(trade):
            raise TiltyardError(
                "TRADE_OUT_OF_ORDER", trade.policy, f"{trade.trade_id} closed at {trade.closed_at} "
                "belongs before what has been judged", "feed current trades in judged order",
            )  # fmt: skip
        self._last_event = trade.closed_at
        done += self._judge_and_act([trade.policy], trade.closed_at)
        return done + self._graduate(trade.policy, trade.closed_at)

    def mark(self, mark: Mark) -> list[Action]:
        """Open positions were valued."""
        done = self._nights(mark.marked_at)
        self.panel.value_open(mark)
        self._last_event = mark.marked_at
        return done + self._judge_and_act([mark.policy], mark.marked_at)

    def observe(self, observation: Observation) -> list[Action]:
        """A gauge was read: of one arm, or of the account and so of every arm."""
        at = observation.observed_at
        done = self._nights(at)
        self.panel.observe(observation)
        self._last_event = at
        policies = [observation.policy] if observation.policy else list(self.roster.arms)
        return done + self._judge_and_act(policies, at)

    def judge_all(self, now: datetime) -> list[Verdict]:
        """Every guard on every subject as of ``now``, most urgent first; halted arms too."""
        verdicts: list[Verdict] = []
        for arm in self.roster.arms.values():
            if arm.state not in ("deposed", "retired"):
                scope = "champion" if arm.role == "champion" else "arm"
                verdicts += self._look(self._guards[scope], arm.name, arm.name, now)
        verdicts += self._look(self._guards["account"], "", self.settings.account.name, now)
        order = {guard.name: guard.priority for guard in self.checklist.guards}
        return sorted(verdicts, key=lambda verdict: order[verdict.guard])

    def next_steps(self, now: datetime) -> list[Action]:
        """What an enforcing desk would do on the verdicts of ``now``; nothing is done."""
        verdicts = [
            verdict for verdict in self.judge_all(now) if verdict.confirmed or verdict.escalated
        ]
        return plan([_as_tripped(verdict) for verdict in verdicts], self.roster, self.checklist)

    def night(self, at: datetime) -> list[Action]:
        """The nightly rule, once."""
        account = self._judge(self._guards["account"], "", self.settings.account.name, at)
        judged = {arm.name: self._judge_arm(arm, at) for arm in self.roster.arms.values()}
        every = [verdict for verdicts in judged.values() for verdict in verdicts]
        done = self._do(plan([*every, *account], self.roster, self.checklist))
        standings = {}
        for arm in self.roster.challengers():
            verdicts = [*judged[arm.name], *account]
            standings[arm.name] = Standing(
                self.panel.read("pf_150", arm.name, at).reading,
                self.panel.read("pf_prod", arm.name, at).reading,
                self.panel.read("dd_150", arm.name, at).reading,
                [(v, self._guard(v).holds_ramp_when_unknown) for v in verdicts if self._blocks(v)],
            )
        done += self._do(plan_night(ladder(self.roster, standings, self.rules), at))
        waiting = [arm.name for arm in self.roster.challengers() if self.knows_capital(arm.name)]
        return done + self._do(plan_admissions(self.roster, waiting, self.rules, at))

    def knows_capital(self, policy: str) -> bool:
        """Whether somebody said what equity an arm has: its policy, or the last of its trades."""
        measures = self.panel.arm(policy)
        return measures.capital > 0 or measures.last_capital > 0

    def _guard(self, verdict: Verdict) -> Guard:
        return self._guard_of[verdict.guard]

    def _blocks(self, verdict: Verdict) -> bool:
        guard = self._guard(verdict)
        return guard.mode == "enforce" and guard.effect not in _ADVISORY

    def _nights(self, until: datetime) -> list[Action]:
        if self._last_event is None or self._measure_only:
            return []
        schedule = self.settings.schedule
        done: list[Action] = []
        for night in nights_between(self._last_event, until, schedule.nightly, schedule.zone):
            done += self.night(night)
        return done

    def _was_trading(self, trade: Trade) -> bool:
        allowed = True
        for at, trading in self._dark.get(trade.policy, ()):
            if at > trade.opened_at:
                break
            allowed = trading
        return allowed

    def _judge_and_act(self, policies: Sequence[str], now: datetime) -> list[Action]:
        arms = [self.roster.arms[name] for name in policies if name in self.roster.arms]
        judged = {arm.name: self._judge_arm(arm, now) for arm in arms}
        verdicts = [verdict for some in judged.values() for verdict in some]
        verdicts += self._judge(self._seen("account", ""), "", self.settings.account.name, now)
        if self._measure_only:
            return []
        done = self._do(plan(verdicts, self.roster, self.checklist))
        for name, some in judged.items():
            done += self._resume(name, some, now)
        return done

    def _judge_arm(self, arm: Arm, now: datetime) -> list[Verdict]:
        if arm.role == "champion":
            return self._judge(self._seen("champion", arm.name), arm.name, arm.name, now)
        if arm.state not in TRADING and arm.state != "throttled":
            return []
        return self._judge(self._seen("arm", arm.name), arm.name, arm.name, now)

    def _seen(self, scope: str, policy: str) -> list[Guard]:
        """Guards worth judging on an event: a gauge that nobody ever reported cannot move."""
        return [g for g in self._on_event[scope] if self.panel.knows(g.metric, policy)]

    def _judge(
        self, guards: Iterable[Guard], policy: str, subject: str, now: datetime
    ) -> list[Verdict]:
        verdicts = []
        for guard in guards:
            key = (guard.name, policy)
            verdict, self._memories[key] = judge(
                guard, self.panel, policy, subject, self._memories.get(key, FRESH), now
            )
            verdicts.append(verdict)
        return verdicts

    def _look(
        self, guards: Iterable[Guard], policy: str, subject: str, now: datetime
    ) -> list[Verdict]:
        """The same verdicts, without remembering that somebody asked."""
        before = dict(self._memories)
        verdicts = self._judge(guards, policy, subject, now)
        self._memories = before
        return verdicts

    def _resume(self, policy: str, verdicts: Iterable[Verdict], now: datetime) -> list[Action]:
        arm = self.roster.arms.get(policy)
        if arm is None or arm.state != "throttled" or self._would_lose_again(arm, verdicts):
            return []
        for verdict in verdicts:
            if verdict.guard != arm.throttled_by:
                continue
            throttled_at = self.roster.reviews_of(policy)[-1].opened_at
            guard, trades = self._guard(verdict), self.panel.arm(policy).since_throttle
            metric = (guard.clear and guard.clear.metric) or guard.metric
            value = self.panel.read(metric, policy, now).reading
            throttled = ThrottledArm(arm, guard, verdict.cleared, value, trades, throttled_at)
            action = plan_resume(throttled, self.roster, self.rules, now)
            return self._do([action]) if action else []
        return []

    def _would_lose_again(self, arm: Arm, verdicts: Iterable[Verdict]) -> bool:
        """Whether another guard that takes traffic is in breach, new trial or not."""
        return any(
            verdict.answer == "breach"
            and verdict.subject == arm.name
            and verdict.guard != arm.throttled_by
            and self._guard(verdict).mode == "enforce"
            and self._guard(verdict).effect in TAKES_TRAFFIC
            and self._guard(verdict).metric in GAUGES
            for verdict in verdicts
        )

    def _graduate(self, policy: str, now: datetime) -> list[Action]:
        arm = self.roster.arms.get(policy)
        trades = self.panel.arm(policy).live.trades
        if arm is None or arm.state != "probation" or trades < self.rules.trial_trades:
            return []
        if self._measure_only:
            return []
        reason = f"{trades} live trades in the trial"
        return self._do([Action("graduate", policy, "lifecycle", "enforce", now, samples=trades,
                                before=arm.share, after=arm.share, reason=reason)])  # fmt: skip

    def _do(self, actions: list[Action]) -> list[Action]:
        for action in actions:
            self.roster = apply(self.roster, action)
            if action.mode == "observe":
                continue
            if action.kind in ("throttle", "halt"):
                self._go_dark(action.policy, action.at, trading=False)
                self.panel.arm(action.policy).throttle(action.at)
            elif action.kind == "admit":
                self._go_dark(action.policy, action.at, trading=True)
            elif action.kind == "resume":
                self._go_dark(action.policy, action.at, trading=True)
                self._start_trial(action.policy, action.at)
            elif action.kind in ("freeze_challengers", "stop_entries"):
                self._hold(action)
        return actions

    def _hold(self, action: Action) -> None:
        for arm in self.roster.arms.values():
            if arm.role == "challenger" or action.kind == "stop_entries":
                self._go_dark(arm.name, action.at, trading=False)

    def _go_dark(self, policy: str, at: datetime, *, trading: bool) -> None:
        self._dark.setdefault(policy, []).append((at, trading))

    def _start_trial(self, policy: str, at: datetime) -> None:
        self.panel.start_trial(policy, at)
        for name, subject in list(self._memories):
            if subject == policy and self._guard_of[name].metric not in GAUGES:
                del self._memories[name, subject]


def _as_tripped(verdict: Verdict) -> Verdict:
    return replace(verdict, tripped=True)
