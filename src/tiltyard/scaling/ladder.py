"""The ladder: a night multiplies the share of a challenger that earned it by 1.5.

The literal rule of its users' SQL: ``pf_150 >= pf_prod AND dd_150 <= 3 AND
traffic_allocation < 0.6``. Our command adds that nothing grows on missing data, on an
open review, on a breached or unknown hard guard, or past the champion's floor, and that
a share is multiplied once in a trading day, by whomever. Room that does not suffice for
all goes to the best ``pf_150`` first. It never promotes: an arm that has grown as far as
it can, after 500 live trades, is proposed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tiltyard.facts.arm import Arm, Roster
from tiltyard.facts.verdict import Verdict
from tiltyard.kernel.undefined import Reading, Value
from tiltyard.router.lifecycle import TRADING

LADDER = "ladder"
"""Its name."""
FACTOR = 1.5
DRAWDOWN_LIMIT = 3.0
FEWEST_LOSSES = 5
"""Among the last 150 trades, before a profit factor is taken for evidence of a champion."""
BELIEVED_AHEAD = timedelta(days=1)
"""So far ahead of now a share may have been multiplied, by a clock that was set back since."""


def fits(share: float, room: float) -> bool:
    """Whether there is room for a share; what adding shares loses does not count.

    >>> fits(0.1, 1 - 0.4 - 0.2 - 0.3)
    True
    """
    return round(room - share, 9) >= 0


@dataclass(frozen=True, slots=True)
class ShareRules:
    """The bounds of traffic allocation, as fractions of all opportunities.

    Attributes:
        start: What a challenger begins with.
        champion_floor: What the champion always keeps.
        cap: The most a challenger may have.
        trial_trades: Live trades after which probation is over.
        promotion_trades: Live trades of the trial before an arm is proposed as champion.
    """

    start: float = 0.10
    champion_floor: float = 0.40
    cap: float = 0.60
    trial_trades: int = 150
    promotion_trades: int = 500

    def ceiling(self, share: float) -> float:
        """The most a share may become on a trading day on which it was not multiplied yet."""
        return round(min(self.cap, share * FACTOR), 12)

    def most(self) -> float:
        """What all challengers may have together."""
        return round(1.0 - self.champion_floor, 12)

    def begins_with(self, arm: Arm) -> float:
        """The share with which an arm begins a trial.

        What it was registered with; a former champion was registered with more than any
        challenger may have, and begins like one that said nothing.
        """
        allowed = fits(arm.start_share, min(self.cap, self.most()))
        return arm.start_share if allowed else self.start

    def room(self, roster: Roster) -> float:
        """What is left for challengers above the champion's floor."""
        given = sum(arm.share for arm in roster.challengers())
        return round(max(0.0, 1.0 - self.champion_floor - given), 12)


def was_scaled(arm: Arm, now: datetime, day_of: Callable[[datetime], date]) -> bool:
    """Whether its share was multiplied on the trading day of ``now`` already, by whomever.

    A time up to a day ahead tells of a clock that was set back since, and counts: no trading
    day gets a second multiplication. A time further ahead was never today's, and is not
    believed: who was multiplied while the clock was a year ahead does not wait for a year.
    """
    at = arm.scaled_at
    return at is not None and at <= now + BELIEVED_AHEAD and day_of(at) >= day_of(now)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ladder reads of one challenger.

    Attributes:
        pf_150: Profit factor of its last 150 trades.
        pf_prod: The champion's over the same span.
        dd_150: Largest fall within its last 150 trades, percent.
        verdicts: The latest answers of its guards and the account's, with whether nothing
            grows while that value is unknown; guards that only advise are left out.
        scaled_today: Its share was multiplied on this trading day already.
        live_trades: Of the trial.
        losses: Losing trades among the last 150.
    """

    pf_150: Reading
    pf_prod: Reading
    dd_150: Reading
    verdicts: Sequence[tuple[Verdict, bool]] = ()
    scaled_today: bool = False
    live_trades: int = 0
    losses: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """What the night brings one challenger.

    Attributes:
        policy: The arm.
        before: Share before.
        after: Share after; equal to ``before`` when skipped.
        reason: Why it grows, or why not.
        proposes: What speaks for making it the champion; empty for nothing.
        asks: Why a person should retire it; empty for no reason.
        ceiling: What an arm that is only paused had, and comes back with; None for nothing.
    """

    policy: str
    before: float
    after: float
    reason: str
    proposes: str = ""
    asks: str = ""
    ceiling: float | None = None


def ladder(
    roster: Roster, standings: Mapping[str, Standing], rules: ShareRules, only: str = ""
) -> list[Step]:
    """The night's steps, those that grow first, best ``pf_150`` first.

    Args:
        roster: As it is before.
        standings: Of the challengers, by name.
        rules: The bounds of shares.
        only: The one challenger that may step, into all the room there is; empty for all.
    """
    skipped: list[Step] = []
    eligible: list[tuple[float, Arm]] = []
    for arm in roster.challengers():
        if only not in ("", arm.name):
            continue
        merit = _merit(roster, arm, standings.get(arm.name))
        if isinstance(merit, str):
            skipped.append(Step(arm.name, arm.share, arm.share, merit))
        else:
            eligible.append((-merit, arm))
    eligible.sort(key=lambda entry: (entry[0], entry[1].name))
    room = rules.room(roster)
    steps: list[Step] = []
    for _, arm in eligible:
        step = _step(arm, standings[arm.name], room, rules)
        room = round(room - (step.after - step.before), 12)
        steps.append(step)
    return [*sorted(steps, key=lambda step: step.after == step.before), *skipped]


def _step(arm: Arm, standing: Standing, room: float, rules: ShareRules) -> Step:
    """The step of an arm that earned one, as far as it goes."""
    earned = round(arm.share * FACTOR, 12)
    after = round(min(earned, rules.cap, arm.share + room), 12)
    if after <= arm.share:
        why = _why_full(arm, rules)
        return Step(arm.name, arm.share, arm.share, why, _promotion(standing, rules))
    return Step(
        arm.name, arm.share, after, "earned x 1.5" if after == earned else "earned, clamped"
    )


def _why_full(arm: Arm, rules: ShareRules) -> str:
    if arm.share >= rules.cap:
        return f"at the cap of {rules.cap:.0%}"
    return f"no room above the champion's floor of {rules.champion_floor:.0%}"


def _promotion(standing: Standing, rules: ShareRules) -> str:
    """What speaks for promoting an arm that has grown as far as it can; empty when too little."""
    enough = standing.live_trades >= rules.promotion_trades and standing.losses >= FEWEST_LOSSES
    if not enough:
        return ""
    return (
        f"pf_150 {_told(standing.pf_150)} against pf_prod {_told(standing.pf_prod)}, "
        f"dd_150 {_told(standing.dd_150)} % after {standing.live_trades:,} live trades"
    )


def _told(reading: Reading) -> str:
    return f"{reading.number:.3g}" if isinstance(reading, Value) else str(reading)


def _merit(roster: Roster, arm: Arm, standing: Standing | None) -> float | str:
    """The ``pf_150`` of an arm that earned its step, or the reason why it did not."""
    if arm.state not in TRADING or arm.share <= 0:
        return f"{arm.state}, no traffic"
    if roster.holds():
        return f"on hold by {', '.join(sorted(roster.holds()))}"
    if roster.blocking_reviews(arm.name):
        return "a review is open"
    if standing is None:
        return "no trades"
    if standing.scaled_today:
        return "its share was multiplied on this trading day already"
    return guard_obstacle(standing) or _rule_merit(standing)


def guard_obstacle(standing: Standing) -> str:
    """The guard because of which a share does not grow; empty for none."""
    for verdict, holds in standing.verdicts:
        if verdict.answer == "breach":
            return f"{verdict.guard} is breached"
        if verdict.answer in ("unknown", "error") and holds:
            return f"{verdict.guard} is unknown: {verdict.reason}"
    return ""


def _rule_merit(standing: Standing) -> float | str:
    numbers = []
    for name in ("pf_150", "pf_prod", "dd_150"):
        reading = getattr(standing, name)
        if not isinstance(reading, Value):
            return f"{name} is {reading}"
        numbers.append(reading.number)
    own, champion, fall = numbers
    if own < champion:
        return f"pf_150 {own:.3g} < pf_prod {champion:.3g}"
    if fall > DRAWDOWN_LIMIT:
        return f"dd_150 {fall:.3g} % > {DRAWDOWN_LIMIT:g} %"
    return own
