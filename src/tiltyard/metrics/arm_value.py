"""What an arm would have made an opportunity, had it been given every one of them, in R.

Comes in: decisions, and the arm's trades as they close, in the order of their times. An opportunity
counts when the arm might have been given it. Where it was, its reward is what its live trades of
that episode made, and 0 when it began none. What the model expects is what the arm made on paper,
which is known of every opportunity, given or not.

An opportunity whose trade may still be open says nothing yet: those that are younger than the
longest trade of the arm are left out, whatever has closed. So is everything of an episode that is
not among the last ten thousand when a trade of it closes.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tiltyard.facts.decision import Decision
from tiltyard.facts.trade import Trade
from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.off_policy import OffPolicy, OffPolicyValue
from tiltyard.metrics.terciles import MOST

MAY_LACK = 0.05
"""So large a share of the live trades may lack a trade on paper."""


@dataclass(slots=True)
class _Opportunity:
    """What has become of a decision so far; the sums are in R, None while there is no trade."""

    at: datetime
    weight: float
    live: float | None = None
    paper: float | None = None

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
        self._settled = OffPolicy()
        self._longest = timedelta(0)
        self._live = self._lacking = self._riskless = 0

    def decide(self, decision: Decision) -> None:
        """An episode was given to somebody."""
        if not self._could_choose(decision):
            return
        weight = (decision.policy == self._policy) / decision.propensity
        self._waiting[decision.episode_id] = _Opportunity(decision.decided_at, weight)
        if len(self._waiting) > MOST:
            self._settle(self._settled, self._waiting.popitem(last=False)[1])

    def see(self, trade: Trade) -> None:
        """One of its trades has closed."""
        self._longest = max(self._longest, trade.closed_at - trade.opened_at)
        opportunity = self._waiting.get(trade.episode_id or "")
        if opportunity is None:
            return
        if trade.book == "live":
            if opportunity.weight:
                self._riskless += not trade.risk
                opportunity.live = (opportunity.live or 0) + _r(trade)
        elif trade.risk:
            opportunity.paper = (opportunity.paper or 0) + _r(trade)

    def value(self, now: datetime) -> OffPolicyValue:
        """What is known by ``now``, UTC."""
        live, lacking = self._live, self._lacking
        recent = OffPolicy()
        for opportunity in self._waiting.values():
            if now - opportunity.at > self._longest:
                self._settle(recent, opportunity)
        value = self._settled.merge(recent).value()
        (live, self._live), (lacking, self._lacking) = (self._live, live), (self._lacking, lacking)
        if self._riskless:
            told = f"{self._riskless:,} live trades do not say what they risked"
            missing = Undefined("no_risk", told, value.given)
            return value._replace(
                inverse_propensity=missing, self_normalised=missing, doubly_robust=missing
            )
        if lacking > MAY_LACK * live and not isinstance(value.doubly_robust, Undefined):
            told = f"{lacking:,} of {live:,} live trades have no twin on paper"
            return value._replace(doubly_robust=Undefined("unobserved", told, value.given))
        return value

    def _settle(self, sums: OffPolicy, one: _Opportunity) -> None:
        model = None if one.paper is None else (one.paper, one.paper)
        sums.push(one.live or 0, one.weight, block=one.day, model=model)
        self._live += one.live is not None
        self._lacking += one.live is not None and one.paper is None


def _r(trade: Trade) -> float:
    return trade.pnl / trade.risk if trade.risk else 0.0
