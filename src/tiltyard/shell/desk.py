"""The loop that everything else is arranged around: measure, judge, plan, apply.

One closed trade comes in. It is measured; the guards that can see a change are judged;
what they call for is applied to the roster at once. What goes out is the list of actions.
Nothing here reads a clock, a file or a database: replay and the running desk drive the
same loop, and differ in three things. In a replay the nights that passed before a trade are
run when it comes, and a trade is live or shadow by what its arm was allowed to do when it
*opened*; a running desk has a clock for the nights and believes the book it is told. And a
running desk is told facts late, and corrections.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime

from tiltyard.actions.apply import apply
from tiltyard.actions.plan import plan, plan_admissions, plan_ceilings, plan_night
from tiltyard.actions.way_back import ThrottledArm, plan_resume, would_lose_again
from tiltyard.checklist.guard import Checklist
from tiltyard.checklist.on_duty import Examined, GuardsOnDuty
from tiltyard.facts.action import GIVING, Action
from tiltyard.facts.allotment import sized
from tiltyard.facts.arm import Arm, Roster
from tiltyard.facts.correction import Correction
from tiltyard.facts.decision import Decision
from tiltyard.facts.mark import Mark
from tiltyard.facts.observation import Observation
from tiltyard.facts.trade import Trade
from tiltyard.facts.verdict import Verdict
from tiltyard.scaling.ladder import Standing, was_scaled
from tiltyard.scaling.trading_day import nights_between
from tiltyard.shell.measurements import Measurements
from tiltyard.shell.replaying.books import Books
from tiltyard.shell.ruling import Ruling
from tiltyard.shell.settings import Settings


class Desk:
    """The state of the loop between two events.

    Args:
        settings: Bounds, schedule and checklist.
        roster: Arms as they are at the start.
        measure_only: Keep the verdicts but do nothing; a report wants this.
        live: It runs by the clock, and believes the book of a trade.
        observe: What guards would do is recorded, and nothing is done.
        in_order: Every fact comes in time order, and so the rule in force follows them as they
            come; else it has to be told of everything before a night.

    Attributes:
        roster: Arms as they are now.
        panel: The measurements.
        guards: Those of the checklist, with what they remember.
        takes_only: Nobody comes back and nobody is graduated, while that cannot be written.
        ruling: What moves shares at night.
        behind: Arms that have to be measured anew.
    """

    def __init__(
        self,
        settings: Settings,
        roster: Roster,
        *,
        measure_only: bool = False,
        live: bool = False,
        observe: bool = False,
        in_order: bool = False,
    ) -> None:
        self.settings = settings
        self.rules = settings.shares.rules()
        self.ruling = Ruling(settings, in_order=in_order or not live)
        self.checklist: Checklist = settings.checklist
        self.roster = roster
        self._measurements = Measurements(settings, roster, live=live)
        self.panel = self._measurements.panel
        self.behind = self._measurements.behind
        self._measure_only = measure_only
        self.takes_only = False
        self._live = live
        self._observe = observe
        if observe:
            self.checklist = _observing(self.checklist)
        self.guards = GuardsOnDuty(
            self.checklist, self.panel, settings.account.name, live=live, only_patient=measure_only
        )
        self._books = Books(
            arm.name
            for arm in roster.arms.values()
            if arm.state == "candidate" and not measure_only
        )
        self._last_event: datetime | None = None

    def feed(self, trade: Trade, now: datetime | None = None) -> list[Action]:
        """One closed trade; what was done because of it, nights included.

        Args:
            trade: The fact.
            now: When it is judged; None judges it when the trade closed. What the account has
                lost is read as of the close: a loss belongs to the day on which it was made.

        Raises:
            TiltyardError: ``TRADE_OUT_OF_ORDER`` in a replay, where every trade is in judged order.
        """
        done = self._nights(trade.closed_at)
        if not self._live:
            trade = self._books.of(trade)
        self._measurements.record(trade)
        self.ruling.close(sized(trade, self.roster, self.settings.default_capital()))
        self._last_event = trade.closed_at
        at = now or trade.closed_at
        done += self._judge_and_act([trade.policy], at, _account_at(trade, at))
        return done + self._graduate(trade.policy, at)

    def correct(self, correction: Correction, now: datetime) -> list[Action]:
        """A trade is another than it was told; judged as a trade."""
        trade = correction.trade
        self._measurements.correct(correction)
        done = self._judge_and_act([trade.policy], now, _account_at(trade, now))
        return done + self._graduate(trade.policy, now)

    def mark(self, mark: Mark, now: datetime | None = None) -> list[Action]:
        """Open positions were valued."""
        done = self._nights(mark.marked_at)
        self._measurements.value_open(mark)
        self._last_event = mark.marked_at
        at = now or mark.marked_at
        return done + self._judge_and_act([mark.policy], at, at)

    def decide(self, decision: Decision) -> None:
        """An episode was given to an arm: nothing is judged by that."""
        self._measurements.decide(decision)
        self.ruling.decide(decision)

    def decide_late(self, decisions: Iterable[Decision]) -> None:
        """The same of episodes that pairs have overtaken, told together."""
        self._measurements.decide_late(decisions)

    def observe(self, observation: Observation, now: datetime | None = None) -> list[Action]:
        """A gauge was read: of one arm, or of the account and so of every arm."""
        at = observation.observed_at
        done = self._nights(at)
        self.panel.observe(observation)
        self._last_event = at
        policies = [observation.policy] if observation.policy else list(self.roster.arms)
        return done + self._judge_and_act(policies, now or at, now or at)

    def tick(self, now: datetime) -> list[Action]:
        """Time has passed: everything is judged again, for what only time makes true."""
        done = self._judge_and_act(list(self.roster.arms), now, now)
        for name in list(self.roster.arms):
            done += self._graduate(name, now)
        return done

    def measure_again(
        self,
        policy: str,
        trades: Iterable[Trade],
        marks: Iterable[Mark],
        decisions: Iterable[Decision] = (),
    ) -> None:
        """An arm that has fallen behind is measured anew; the next tick judges it.

        Args:
            policy: The arm.
            trades: Its current trades, in judged order.
            marks: Its marks, in time order.
            decisions: Which episodes it was given, in time order.
        """
        self._measurements.rebuild(policy, trades, marks, decisions)

    def adopt(self, roster: Roster) -> None:
        """Go on from another roster, and measure what is new in it."""
        before, self.roster = self.roster, roster
        for policy in self._measurements.follow(before, roster):
            self.guards.forget_trial(policy)

    def judge_all(self, now: datetime) -> list[Verdict]:
        """Every guard on every subject as of ``now``, most urgent first; halted arms too."""
        return self.guards.look(self.roster.arms.values(), now)

    def examine(self, now: datetime) -> Iterator[Examined]:
        """The same arm by arm, with what the guards remember."""
        return self.guards.examine(self.roster.arms.values(), now)

    def next_steps(self, now: datetime) -> list[Action]:
        """What an enforcing desk would do on the verdicts of ``now``; nothing is done."""
        verdicts = [
            verdict for verdict in self.judge_all(now) if verdict.confirmed or verdict.escalated
        ]
        return plan([_as_tripped(verdict) for verdict in verdicts], self.roster, self.checklist)

    def night(self, at: datetime, only: str = "", barred: Collection[str] = ()) -> list[Action]:
        """The nightly rule, once.

        Args:
            at: UTC.
            only: The one arm that may grow; empty for all.
            barred: Arms whose share was multiplied on this trading day already.
        """
        account = self.guards.judge_account(at, every=True)
        judged = {arm.name: self.guards.judge_arm(arm, at) for arm in self.roster.arms.values()}
        every = [verdict for verdicts in judged.values() for verdict in verdicts]
        done = self.do(plan([*every, *account], self.roster, self.checklist))
        standings = {}
        for arm in self.roster.challengers():
            standing = self._standing(arm, [*judged[arm.name], *account], at)
            if arm.name in barred:
                standing = replace(standing, scaled_today=True)
            standings[arm.name] = standing
        steps = self.ruling.steps(self.roster, standings, self.panel, at, only)
        done += self.do(plan_night(steps, self.roster, at, self.ruling.name))
        return done + self.admit(at)

    def tonight(self, policy: str, now: datetime) -> str:
        """What the rule in force would say of a challenger, its guards left aside."""
        standings = {arm.name: self._standing(arm, (), now) for arm in self.roster.challengers()}
        steps = self.ruling.steps(self.roster, standings, self.panel, now, policy)
        return steps[0].reason

    def admit(self, at: datetime) -> list[Action]:
        """Candidates whose capital is known go on trial, as far as there is room."""
        waiting = [arm.name for arm in self.roster.challengers() if self.knows_capital(arm)]
        return self.do(plan_admissions(self.roster, waiting, self.rules, at))

    def raise_ceilings(self, at: datetime) -> list[Action]:
        """On a new trading day every arm has room for one multiplication again."""
        return self.do(plan_ceilings(self.roster, self.rules, at, self.trading_day))

    @property
    def observes(self) -> bool:
        """Whether guards are judged and recorded, and nothing is done."""
        return self._observe

    def trading_day(self, at: datetime) -> date:
        """The trading day that a time lies in."""
        return self.settings.schedule.trading_day(at)

    def knows_capital(self, arm: Arm) -> bool:
        """Whether somebody said what equity an arm has, by what is measured."""
        return self._measurements.knows_capital(arm)

    def _standing(self, arm: Arm, verdicts: Iterable[Verdict], at: datetime) -> Standing:
        live = self.panel.arm(arm.name).live
        return Standing(
            self.panel.read("pf_150", arm.name, at).reading,
            self.panel.read("pf_prod", arm.name, at).reading,
            self.panel.read("dd_150", arm.name, at).reading,
            self.guards.restraints(verdicts),
            scaled_today=was_scaled(arm, at, self.trading_day),
            live_trades=live.trades,
            losses=live.losing_trades(),
        )

    def _nights(self, until: datetime) -> list[Action]:
        if self._last_event is None or self._measure_only or self._live:
            return []
        schedule = self.settings.schedule
        done: list[Action] = []
        for night in nights_between(self._last_event, until, schedule.nightly, schedule.zone):
            done += self.night(night)
        return done

    def _judge_and_act(
        self, policies: Sequence[str], now: datetime, account_at: datetime
    ) -> list[Action]:
        arms = [self.roster.arms[name] for name in policies if name in self.roster.arms]
        judged = {arm.name: self.guards.judge_arm(arm, now) for arm in arms}
        verdicts = [verdict for some in judged.values() for verdict in some]
        verdicts += self.guards.judge_account(now, read_at=account_at)
        if self._measure_only:
            return []
        planned = plan(verdicts, self.roster, self.checklist)
        if self._observe:  # nor does a hold end whose guard enforced before
            return self.do([action for action in planned if action.mode == "observe"])
        if self.takes_only:
            return self.do([action for action in planned if action.kind not in GIVING])
        done = self.do(planned)
        for name, some in judged.items():
            done += self._resume(name, some, now)
        return done

    def _resume(self, policy: str, verdicts: Iterable[Verdict], now: datetime) -> list[Action]:
        arm = self.roster.arms.get(policy)
        if arm is None or arm.state != "throttled":
            return []
        if would_lose_again(arm, verdicts, self.checklist):
            return []
        for verdict in verdicts:
            if verdict.guard != arm.throttled_by:
                continue
            throttled_at = self.roster.taken_at(policy) or now
            guard, trades = self.guards.named(verdict.guard), self.panel.arm(policy).since_throttle
            metric = (guard.clear and guard.clear.metric) or guard.metric
            value = self.panel.read(metric, policy, now).reading
            throttled = ThrottledArm(
                arm, guard, verdict.cleared, value, trades, throttled_at,
                scaled_today=was_scaled(arm, now, self.trading_day),
            )  # fmt: skip
            action = plan_resume(throttled, self.roster, self.rules, now)
            return self.do([action]) if action else []
        return []

    def _graduate(self, policy: str, now: datetime) -> list[Action]:
        arm = self.roster.arms.get(policy)
        trades = self.panel.arm(policy).live.trades
        if arm is None or arm.state != "probation" or trades < self.rules.trial_trades:
            return []
        if self._measure_only or self._observe or self.takes_only:
            return []
        reason = f"{trades} live trades in the trial"
        return self.do([Action("graduate", policy, "lifecycle", "enforce", now, samples=trades,
                                before=arm.share, after=arm.share, reason=reason)])  # fmt: skip

    def do(self, actions: list[Action]) -> list[Action]:
        """Change the roster as the actions say; the same actions, done."""
        for action in actions:
            after = apply(self.roster, action)
            if after is self.roster:
                continue
            self.adopt(after)
            if not self._live:
                self._books.note(action, self.roster.arms.values())
        return actions


def _account_at(trade: Trade, now: datetime) -> datetime:
    """The day of the account that a trade has changed; on paper it has changed none."""
    return trade.closed_at if trade.book == "live" else now


def _observing(checklist: Checklist) -> Checklist:
    """The same declaration, with every guard only recording what it would do."""
    return replace(
        checklist, guards=tuple(replace(guard, mode="observe") for guard in checklist.guards)
    )


def _as_tripped(verdict: Verdict) -> Verdict:
    return replace(verdict, tripped=True)
