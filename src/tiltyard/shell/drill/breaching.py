"""How a guard is driven into its breach: by which trades or readings, one after the other.

A guard is declared by people, so nobody knows beforehand what trips it. Several courses are tried
on a loop in memory: losses between smaller gains, losses alone, great losses, gains alone, few
losses or few gains, or readings beyond the limit; each for as long as the guard's patience lasts.
The first course by which the guard trips, by its own number, is the one. A guard that none of them
trips is not driven, and that is said.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, count, cycle, islice

from tiltyard.checklist.comparison import Comparison
from tiltyard.checklist.guard import Guard
from tiltyard.facts.action import Action
from tiltyard.facts.arm import Arm, Roster
from tiltyard.facts.observation import Observation
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import Money, money
from tiltyard.metrics.catalogue import GAUGES, spec_of
from tiltyard.shell.desk import Desk
from tiltyard.shell.settings import Settings

Fact = Trade | Observation

SOURCE = "drill"
CAPITAL = money(10_000)
"""Of an arm where the settings name none."""
MOST = 1_000
"""Steps of a course."""
MINUTE = timedelta(minutes=1)
_SMALL = 1e-5
"""Of the capital: so small that a thousand of them are no drawdown."""
_PATTERNS: Sequence[Sequence[float]] = (
    (_SMALL, -2 * _SMALL),
    (-_SMALL,),
    (-0.06,),
    (-0.5,),
    (_SMALL,),
    (3 * _SMALL, -_SMALL),
    (12 * _SMALL, -_SMALL, -_SMALL, -_SMALL),
)
"""What is gained and lost of the capital, over and over."""
_FULL, _THEN = (_SMALL,), (-0.5,)
"""Gains until the window of a metric is full, and losses then."""


@dataclass(frozen=True, slots=True)
class Step:
    """Facts of one moment.

    Attributes:
        at: UTC; when they are known and judged.
        facts: In their order.
    """

    at: datetime
    facts: Sequence[Fact]


@dataclass(frozen=True, slots=True)
class Course:
    """What trips a guard.

    Attributes:
        guard: Which.
        before: All steps but the last.
        last: By which it trips.
        action: What the loop in memory has done then.
    """

    guard: Guard
    before: Sequence[Step]
    last: Step
    action: Action


def roster_of(stamp: str, settings: Settings, began: datetime) -> Roster:
    """A champion and a challenger that are marked as of a drill, and nobody else.

    Args:
        stamp: Of the drill; the challenger's own name.
        settings: Bounds of shares.
        began: When their trials begin, UTC.
    """
    capital, start = capital_in(settings), settings.shares.rules().start
    champion = Arm(
        f"{stamp}_champion", "champion", "champion", 1, 1, 1, capital, began, kind=SOURCE
    )
    challenger = Arm(stamp, "challenger", "live", start, start, start, capital, began, kind=SOURCE)
    return Roster().with_arm(champion).with_arm(challenger)


def capital_in(settings: Settings) -> Money:
    """What an arm of a drill trades with."""
    return settings.default_capital() or CAPITAL


def course_for(guard: Guard, settings: Settings, roster: Roster, began: datetime) -> Course | None:
    """What trips a guard; None where nothing does that is tried.

    Args:
        guard: Of the checklist in force.
        settings: In force, without what has to do with files, phones or machines.
        roster: As :func:`roster_of` makes it.
        began: When the first step may be, UTC.
    """
    for steps in _courses(guard, settings, roster, began):
        desk, taken = Desk(settings, roster, live=True), list[Step]()
        for step in steps:
            done = [action for fact in step.facts for action in _feed(desk, fact)]
            done += desk.tick(step.at)
            by_itself = [one for one in done if _is_by(guard, one)]
            if by_itself:
                return Course(guard, taken, step, by_itself[0])
            taken.append(step)
    return None


def _is_by(guard: Guard, action: Action) -> bool:
    """Whether it follows from the number of the guard, and not from not knowing it."""
    return action.cause == guard.name and action.value is not None and (
        guard.when.metric != "" or guard.when.holds(action.value)
    )  # fmt: skip


def _feed(desk: Desk, fact: Fact) -> list[Action]:
    return desk.feed(fact) if isinstance(fact, Trade) else desk.observe(fact)


def _courses(
    guard: Guard, settings: Settings, roster: Roster, began: datetime
) -> Iterator[Iterator[Step]]:
    if guard.metric in GAUGES:
        if readings := _readings(guard):
            whose = "" if guard.scope == "account" else _subject(guard, roster)
            yield islice(_read(readings, whose, guard, began), MOST)
        return
    capital = capital_in(settings)
    if guard.scope == "account":
        capital = money(settings.account.capital or 0.0)
    window = spec_of(guard.metric).window
    results: list[Iterable[float]] = [cycle(pattern) for pattern in _PATTERNS]
    results.append(chain(_FULL * window, cycle(_THEN)))
    for some in results:
        yield islice(_traded(some, _subject(guard, roster), capital, settings, began), MOST)


def _subject(guard: Guard, roster: Roster) -> str:
    """Who trades so that the guard trips: the account is lost by a challenger."""
    arm = roster.champion() if guard.scope == "champion" else roster.challengers()[0]
    return arm.name


def _traded(
    results: Iterable[float], policy: str, capital: Money, settings: Settings, began: datetime
) -> Iterator[Step]:
    account = settings.account
    for number, part in enumerate(results):
        at = began + (number + 1) * MINUTE
        trade = Trade(
            SOURCE, str(number), policy, "DRILL", "long", at - MINUTE, at,
            Money(round(capital * part)),
            account=account.name, currency=account.currency, capital=capital_in(settings),
            seq=number + 1,
        )  # fmt: skip
        yield Step(at, (trade,))


def _read(
    readings: Sequence[tuple[str, float]], policy: str, guard: Guard, began: datetime
) -> Iterator[Step]:
    pace = min(MINUTE, timedelta(seconds=guard.stale_after / 2)) if guard.stale_after else MINUTE
    for number in count():
        at = began + (number + 1) * pace
        facts = [
            Observation(metric, value, at, policy, guard.min_samples, 2 * number + place)
            for place, (metric, value) in enumerate(readings, 1)
        ]  # no two are the same answer
        yield Step(at, facts)


def _readings(guard: Guard) -> Sequence[tuple[str, float]]:
    """What is read: what the guard wants beside, and its own; nothing where that is no gauge."""
    wanted = [(guard.metric, guard.when)]
    if guard.only_if is not None:
        wanted.insert(0, guard.only_if)  # known by the time the guard's own is judged
    readings = []
    for metric, comparison in wanted:
        value = beyond(metric, comparison)
        if metric not in GAUGES or comparison.metric or value is None:
            return ()
        readings.append((metric, value))
    return readings


def beyond(metric: str, comparison: Comparison) -> float | None:
    """A number that a metric may have and that stands in a relation; None where there is none.

    >>> beyond("gpu_util_pct", Comparison.parse("> 60")), beyond("up", Comparison.parse("< 1"))
    (80.0, 0.0)
    >>> beyond("gpu_util_pct", Comparison.parse("> 100")) is None
    True
    """
    spec, limit = spec_of(metric), comparison.number
    far = max(1.0, abs(limit))
    above, below = min(spec.most, limit + far), max(spec.least, limit - far)
    tried = (0.0, 1.0) if spec.unit == "flag" else (limit, (limit + above) / 2, (limit + below) / 2)
    may_be = (number for number in tried if spec.least <= number <= spec.most)
    return next((number for number in may_be if comparison.holds(number)), None)
