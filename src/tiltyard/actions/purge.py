"""Which policies are stale, and which of them may go.

Comes in: the roster, and what is known of each arm's past. Goes out: a verdict on every arm that
could go, worst first, with its reason and its numbers.

An arm is stale when it made less than 1.2 for each 1 that it lost over 150 live trades of its
trial, or when it has not been above its starting share for 60 days, though it has had a full trial
of 150 trades on both books, or has never traded at all. Nothing undefined is a reason.

A stale arm stays while somebody may need it: the champion, ``flat``, a former champion that is kept
as known-good, whoever a person has still to look at, whoever holds a position; and where fewer
policies would be left active than have to be. What an arm holds that still has traffic may not be
known: then that is taken first, and the arm goes when it is known to hold nothing.

>>> rules = PurgeRules()
>>> why_stale(Past(None, 150, True, Value(1.1, 150), 0), rules, datetime.max)
'profit factor 1.1 < 1.2 over 150 live trades'
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import floor, inf
from typing import Literal

from tiltyard.facts.arm import FLAT, Arm, Roster, State
from tiltyard.kernel.text import count_text
from tiltyard.kernel.undefined import Reading, Value
from tiltyard.router.lifecycle import TRADING

PURGE = "purge"
"""The cause of what is done because an arm is stale, and the argument of its commands: how many
policies have to be left active."""
ACTIVE: frozenset[State] = TRADING | {"champion", "throttled"}
"""States of policies that trade, for real or on paper; ``flat`` never does."""

Step = Literal["retire", "take", "keep"]
"""What is done: out for good, traffic to 0 first, or nothing."""


@dataclass(frozen=True, slots=True)
class PurgeRules:
    """When a policy is stale.

    Attributes:
        days: So long at or below its starting share.
        profit_factor: Below it.
        trades: Of a full trial, and that the profit factor is made from at least.
        minimum_active: So many policies are always left.
    """

    days: float = 60
    profit_factor: float = 1.2
    trades: int = 150
    minimum_active: int = 2


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of an arm.

    Attributes:
        low_since: From when on it was not above its starting share; None when nobody knows.
        trades: Of its trial, on both books.
        has_traded: On either book, ever.
        profit_factor: Of the live trades of its trial.
        open_positions: None when nobody knows.
        lacks: What has to be there before it may go, and is not; empty when nothing is missing.
    """

    low_since: datetime | None
    trades: int
    has_traded: bool
    profit_factor: Reading
    open_positions: int | None
    lacks: str = ""

    def days(self, now: datetime) -> float | None:
        """So long it was not above its starting share."""
        return None if self.low_since is None else (now - self.low_since) / timedelta(days=1)


@dataclass(frozen=True, slots=True)
class PurgeVerdict:
    """What is to be done with an arm.

    Attributes:
        policy: It.
        step: What.
        reason: Why, one sentence part for people.
        days: At or below its starting share; None when nobody knows.
        past: What is known of it.
    """

    policy: str
    step: Step
    reason: str
    days: float | None
    past: Past


def judge(
    roster: Roster, pasts: Mapping[str, Past], rules: PurgeRules, now: datetime
) -> list[PurgeVerdict]:
    """A verdict on every challenger that has not left, worst first.

    Those below the profit factor come first, the lowest of them at the head; then those that have
    been low for longest. So where not all stale ones may go, the worst do.

    Args:
        roster: As it stands.
        pasts: Of every challenger.
        rules: When one is stale.
        now: UTC.
    """

    def worst_first(arm: Arm) -> tuple[float, float, str]:
        past = pasts[arm.name]
        profit, days = _profit(past, rules), past.days(now)
        return inf if profit is None else profit, 0 if days is None else -days, arm.name

    verdicts = []
    for arm in sorted(roster.challengers(), key=worst_first):
        if arm.state == "retired" or arm.name == FLAT:
            continue
        past = pasts[arm.name]
        step, reason = _step(arm, past, roster, rules, now)
        if step != "keep":
            roster = _without(roster, arm)
        verdicts.append(PurgeVerdict(arm.name, step, reason, past.days(now), past))
    return verdicts


def why_stale(past: Past, rules: PurgeRules, now: datetime) -> str:
    """Why an arm is stale; empty when it is not, or nobody knows."""
    profit = _profit(past, rules)
    if profit is not None:
        over = count_text(past.profit_factor.samples, "live trade")
        return f"profit factor {profit} < {rules.profit_factor:g} over {over}"
    days = past.days(now)
    if days is None or days < rules.days:
        return ""
    if past.trades >= rules.trades:
        return f"{_low(days)}, with a full trial of {count_text(past.trades, 'trade')}"
    return "" if past.has_traded else f"{_low(days)}, without a trade"


def why_it_stays(arm: Arm, roster: Roster, minimum_active: int) -> str:
    """Who needs an arm, whatever it has earned; empty when nobody does."""
    if arm.role == "champion":
        return "it is the champion"
    if arm.state == "deposed":
        return "it is kept as known-good, and the champion may be rolled back to it"
    reviews = [one for one in roster.open_reviews(arm.name) if one.guard != PURGE]
    if reviews:
        return f"review {reviews[0].number} of it is not acknowledged"
    if roster.open_proposal("promotion", arm.name):
        return "it is proposed as champion"
    left = [one for one in roster.arms.values() if one.state in ACTIVE and one.name != FLAT]
    if arm in left and len(left) <= minimum_active:
        return f"of {minimum_active} that have to be active {len(left) - 1} would be left"
    return ""


def _step(
    arm: Arm, past: Past, roster: Roster, rules: PurgeRules, now: datetime
) -> tuple[Step, str]:
    stale = why_stale(past, rules, now)
    if not stale:
        return "keep", _why_not_stale(past, rules, now)
    if stays := why_it_stays(arm, roster, rules.minimum_active) or past.lacks or _holds(arm, past):
        return "keep", f"{stale}; but {stays}"
    if past.open_positions == 0 or arm.state == "candidate":
        return "retire", stale
    return "take", stale


def _holds(arm: Arm, past: Past) -> str:
    """What an arm holds, or may hold though it has no traffic that could be taken."""
    if past.open_positions:
        return f"it has positions open: {past.open_positions:,}"
    if past.open_positions is None and arm.state not in TRADING | {"candidate"}:
        return "no mark since it lost its traffic says that it holds nothing"
    return ""


def _why_not_stale(past: Past, rules: PurgeRules, now: datetime) -> str:
    days, factor = past.days(now), past.profit_factor
    if days is None:
        low = "how long its share has been low is not known"
    elif days < rules.days:
        low = f"{days:,.0f} of {rules.days:g} days at or below its starting share"
    else:
        low = f"{_low(days)}, but {past.trades:,} of {rules.trades:,} trades are no full trial"
    said = f"{factor.number:.4g}" if isinstance(factor, Value) else str(factor)
    return f"{low}; profit factor {said} over {count_text(factor.samples, 'live trade')}"


def _profit(past: Past, rules: PurgeRules) -> float | None:
    """The profit factor where it is a reason to go, cut to three decimals; else None."""
    factor = past.profit_factor
    if not isinstance(factor, Value) or factor.samples < rules.trades:
        return None
    return floor(factor.number * 1000) / 1000 if factor.number < rules.profit_factor else None


def _low(days: float) -> str:
    return f"{count_text(round(days), 'day')} at or below its starting share"


def _without(roster: Roster, arm: Arm) -> Roster:
    left = {name: one for name, one in roster.arms.items() if name != arm.name}
    return replace(roster, arms=left)
