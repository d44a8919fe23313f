"""What a desk measures: every arm of its roster, and whom it has fallen behind with.

Facts come in, and rosters; a panel goes by both. A fact that cannot be put in its place any more,
and an arm whose past is asked for anew, leave that arm behind: whoever runs the desk gives it the
arm's facts again. In a replay every fact is there in its order, and nobody falls behind.
"""

from collections.abc import Iterable

from tiltyard.facts.arm import Arm, Roster
from tiltyard.facts.correction import Correction
from tiltyard.facts.decision import Decision
from tiltyard.facts.mark import Mark
from tiltyard.facts.trade import Trade
from tiltyard.kernel.errors import TiltyardError
from tiltyard.metrics.panel import Panel
from tiltyard.metrics.recent import KEPT
from tiltyard.shell.registration import is_sized
from tiltyard.shell.settings import Settings


class Measurements:
    """The panel of a desk, in step with its roster.

    Args:
        settings: Capital, account and floors.
        roster: Arms as they are at the start.
        live: Facts may come late, and again.

    Attributes:
        panel: The measurements.
        behind: Arms that have to be measured anew: a late fact lies too far back, their capital was
            said, they have traded before they joined, or the past of a new champion is asked for.
    """

    def __init__(self, settings: Settings, roster: Roster, *, live: bool) -> None:
        self._default_capital = settings.default_capital()
        self._live = live
        self.behind: set[str] = set()
        self.panel = Panel(
            self._default_capital,
            settings.account_measures(),
            kept=KEPT if live else 0,
            floors=settings.checklist.floors,
        )
        self.panel.start_account(roster.account_since)
        for arm in roster.arms.values():
            self._join(arm, roster)
            if arm.role == "champion":
                self.panel.crown(arm.name)

    def record(self, trade: Trade) -> None:
        """A trade has closed.

        Raises:
            TiltyardError: ``TRADE_OUT_OF_ORDER`` in a replay, where every trade is in judged order.
        """
        if not self.panel.record(trade):
            self._out_of_order(trade)

    def correct(self, correction: Correction) -> None:
        """A trade is another than it was told; raises as :meth:`record`."""
        if not self.panel.correct(correction):
            self._out_of_order(correction.trade)

    def value_open(self, mark: Mark) -> None:
        """Open positions were valued."""
        if not self.panel.value_open(mark):
            self._fall_behind(mark.policy)

    def decide(self, decision: Decision) -> None:
        """An episode was given to an arm."""
        if not self.panel.decide(decision):
            self._fall_behind(decision.policy)

    def decide_late(self, decisions: Iterable[Decision]) -> None:
        """The same of episodes that pairs have overtaken, told together."""
        for policy in self.panel.decide_late(decisions):
            self._fall_behind(policy)

    def rebuild(
        self,
        policy: str,
        trades: Iterable[Trade],
        marks: Iterable[Mark],
        decisions: Iterable[Decision],
    ) -> None:
        """Measure an arm anew: it is behind no more."""
        self.panel.rebuild(policy, trades, marks, decisions)
        self.behind.discard(policy)

    def follow(self, before: Roster, after: Roster) -> list[str]:
        """Go on from another roster; whose trial is another one now."""
        on_trial_anew = []
        for arm in after.arms.values():
            known = before.arms.get(arm.name)
            if known == arm and before.reviews is after.reviews:
                continue
            if known is None or known.capital != arm.capital:
                self._join_or_size(known, arm, after)
            if known is not None and arm.trial_started_at != known.trial_started_at:
                if arm.trial_started_at is not None:
                    self.panel.start_trial(arm.name, arm.trial_started_at)
                on_trial_anew.append(arm.name)
            taken_at = after.taken_at(arm.name)
            if taken_at is not None and taken_at != before.taken_at(arm.name):
                self.panel.arm(arm.name).throttle(taken_at)
            if arm.role == "champion" and (known is None or known.role != "champion"):
                self.panel.crown(arm.name)
                self._fall_behind(arm.name)
        if after.account_since != before.account_since:
            self.panel.start_account(after.account_since)
        return on_trial_anew

    def knows_capital(self, arm: Arm) -> bool:
        """Whether somebody said what equity an arm has, by what is measured."""
        measures = self.panel.arm(arm.name)
        is_said = bool(arm.capital or measures.capital or measures.last_capital)
        is_blind = measures.live.nav.without_capital > 0
        return is_sized(arm, is_said=is_said, is_blind=is_blind)

    def _join(self, arm: Arm, roster: Roster) -> None:
        self.panel.add_arm(arm.name, arm.capital, arm.trial_started_at)
        taken_at = roster.taken_at(arm.name)
        if taken_at is not None:
            self.panel.arm(arm.name).throttle(taken_at)

    def _join_or_size(self, known: Arm | None, arm: Arm, roster: Roster) -> None:
        if known is not None or self.panel.has_measured(arm.name):
            self._fall_behind(arm.name)
        if known is None:
            self._join(arm, roster)
        else:
            self.panel.arm(arm.name).capital = arm.capital or self._default_capital or 0

    def _fall_behind(self, policy: str) -> None:
        if self._live:
            self.behind.add(policy)

    def _out_of_order(self, trade: Trade) -> None:
        self._fall_behind(trade.policy)
        if not self._live:
            raise TiltyardError(
                "TRADE_OUT_OF_ORDER", trade.policy, f"{trade.trade_id} closed at "
                f"{trade.closed_at} belongs before what has been judged",
                "feed current trades in judged order",
            )  # fmt: skip
