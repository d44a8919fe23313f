"""What an arm would have made an opportunity, had it been given every one of them.

Comes in: decisions, and the arm's trades as they close, in the order of their times. An opportunity
counts when the arm might have been given it. Where it was, its reward is what its live trades of
that episode made, and 0 when it began none. What the model expects is what the arm made on paper,
which is known of every opportunity, given or not.

It is counted in R where every live trade says what it risked, else in percent of the arm's capital.
An R counts from -2.5 to 6 (:mod:`~tiltyard.metrics.unit`), and how many do not count in full is
said.

An opportunity whose trade may still be open says nothing yet: those that are younger than the
longest that the arm took from a decision to the close of a trade are left out, whatever has closed.
So is everything of an episode that is not among the last ten thousand when a trade of it closes. Of
two decisions of one episode the first counts.

Paper has to be told whole (:mod:`~tiltyard.metrics.told_whole`). Where the model says nothing it
counts as 0, which is right of an opportunity at which the arm began none; of one that merely nobody
told of, it is not, and the value would sink with every one that others were given.
"""

from collections import OrderedDict
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from tiltyard.facts.decision import Decision
from tiltyard.facts.trade import Trade
from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.off_policy import OffPolicy, OffPolicyValue
from tiltyard.metrics.terciles import MOST
from tiltyard.metrics.told_whole import ToldWhole
from tiltyard.metrics.unit import UNITS, Unit, counted, is_clipped

MAY_LACK = 0.05
"""So large a share of the live trades may lack a trade on paper."""


@dataclass(slots=True)
class _Opportunity:
    """What has become of a decision so far; a sum in each unit, none while there is no trade.

    Of its trades so many made more R than counts, or lost more.
    """

    at: datetime
    weight: float
    live: dict[Unit, float] = field(default_factory=dict)
    paper: dict[Unit, float] = field(default_factory=dict)
    clipped: int = 0

    @property
    def day(self) -> date:
        return self.at.date()


class ArmValue:
    """The value of one arm by propensity.

    Args:
        policy: The arm.
        could_choose: Whether a decision might have been for it.
    """

    def __init__(self, policy: str, could_choose: Callable[[Decision], bool]) -> None:
        self._policy = policy
        self._could_choose = could_choose
        self._waiting: OrderedDict[str, _Opportunity] = OrderedDict()
        self._settled = {unit: _Sums(OffPolicy()) for unit in UNITS}
        self._longest = timedelta(0)
        self._bare = dict.fromkeys(UNITS, 0)

    def decide(self, decision: Decision) -> None:
        """An episode was given to somebody."""
        if decision.episode_id in self._waiting or not self._could_choose(decision):
            return
        weight = (decision.policy == self._policy) / decision.propensity
        self._waiting[decision.episode_id] = _Opportunity(decision.decided_at, weight)
        if len(self._waiting) > MOST:
            oldest = self._waiting.popitem(last=False)[1]
            for unit, sums in self._settled.items():
                sums.settle(oldest, unit)

    def see(self, trade: Trade) -> None:
        """One of its trades has closed."""
        opportunity = self._waiting.get(trade.episode_id or "")
        began = trade.opened_at if opportunity is None else opportunity.at
        self._longest = max(self._longest, trade.closed_at - began)
        if opportunity is None:
            return
        is_live = trade.book == "live"
        if is_live and not opportunity.weight:
            return
        sums = opportunity.live if is_live else opportunity.paper
        for unit in UNITS:
            if (more := counted(trade, unit)) is not None:
                sums[unit] = sums.get(unit, 0.0) + more
            elif is_live:
                self._bare[unit] += 1
        opportunity.clipped += is_clipped(trade)

    @property
    def unit(self) -> Unit:
        """R, unless a live trade does not say what it risked."""
        return next((unit for unit in UNITS if not self._bare[unit]), "R")

    def value(self, now: datetime) -> OffPolicyValue:
        """What is known by ``now``, UTC."""
        unit = self.unit
        sums = self._settled[unit].copy()
        for opportunity in self._waiting.values():
            if now - opportunity.at > self._longest:
                sums.settle(opportunity, unit)
        value = sums.of.value()._replace(clipped=sums.clipped if unit == "R" else 0)
        if self._bare[unit]:
            told = f"{self._bare['R']:,} live trades do not say what they risked"
            told += f", and {self._bare['%']:,} not their capital"
            missing = Undefined("no_risk", told, value.given)
            return value._replace(
                inverse_propensity=missing, self_normalised=missing, doubly_robust=missing
            )
        if (lack := sums.lack_of_paper) and not isinstance(value.doubly_robust, Undefined):
            return value._replace(doubly_robust=Undefined("unobserved", lack, value.given))
        return value


@dataclass(slots=True)
class _Sums:
    """Over opportunities that are over, in one unit; how many had live trades, and lack paper."""

    of: OffPolicy
    told: ToldWhole = field(default_factory=ToldWhole)
    live: int = 0
    lacking: int = 0
    clipped: int = 0

    def copy(self) -> "_Sums":
        """The same, which goes its own way from here."""
        return replace(self, of=self.of.merge(OffPolicy()), told=copy(self.told))

    def settle(self, one: _Opportunity, unit: Unit) -> None:
        paper = one.paper.get(unit)
        model = None if paper is None else (paper, paper)
        is_live = unit in one.live
        self.of.push(one.live.get(unit, 0.0), one.weight, block=one.day, model=model)
        self.told.see(
            one.day, is_given=one.weight > 0, is_live=is_live, is_on_paper=paper is not None
        )
        self.live += is_live
        self.lacking += is_live and paper is None
        self.clipped += one.clipped

    @property
    def lack_of_paper(self) -> str:
        """That paper says too little of all opportunities, for people; empty where it does not."""
        if self.lacking > MAY_LACK * self.live:
            return f"{self.lacking:,} of {self.live:,} live trades have no twin on paper"
        if not self.told.is_on_paper:
            return self.told.lack or "only opportunities that it was given have a trade on paper"
        return self.told.lack
