"""The floor: what traffic gives an arm, and what it cannot change."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from math import inf, nan, sqrt
from random import Random

import numpy as np
import pytest

from tiltyard.facts.decision import Decision
from tiltyard.facts.mark import Mark
from tiltyard.facts.trade import Trade
from tiltyard.features.technical import Indicators
from tiltyard.features.vector import Features
from tiltyard.kernel.money import Money, money
from tiltyard.market.bar import HOUR, Bar
from tiltyard.market.costs import Costs
from tiltyard.market.paper import PaperVenue
from tiltyard.market.simulated import DEFAULT, simulated_hours
from tiltyard.metrics.shadow_gap import Gap, ShadowGap
from tiltyard.policies.breakout import Breakout
from tiltyard.policies.policy import Intent, Observation, Policy
from tiltyard.policies.trend import Trend
from tiltyard.router.floor import Floor, Reporter, Seat
from tiltyard.router.split import Split

START = datetime(2025, 1, 1, tzinfo=UTC)
SEED = 20250707
ARMS: Mapping[str, Policy] = {
    "champion": Trend(20, 100, stop_ranges=4),
    "breakout": Breakout(),
    "fast": Trend(5, 20, stop_ranges=3),
}
NO_CHANGES: Mapping[int, Sequence[str]] = {}
CAPITAL = money(10_000)
EVEN = {"champion": 0.5, "breakout": 0.25, "fast": 0.25}


@pytest.fixture(scope="module")
def hours() -> list[dict[str, Bar]]:
    """Half a year; every hundredth hour of one symbol is stale."""
    rng = np.random.default_rng(SEED)
    every = simulated_hours(DEFAULT, START, 4_000, rng)
    return [
        {name: bar for name, bar in bars.items() if number % 100 or name != "SOL/USDT"}
        for number, bars in enumerate(every)
    ]


@dataclass
class Course:
    """What came of some time on the floor."""

    trades: list[Trade] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)

    def of(self, *books: str, policy: str = "") -> list[Trade]:
        return [one for one in self.trades if one.book in books and policy in ("", one.policy)]


def played(
    hours: Sequence[Mapping[str, Bar]],
    shares: Mapping[str, float] | None,
    *,
    live_costs: Costs | None = None,
    arms: Mapping[str, Policy] = ARMS,
    changes: Mapping[int, Sequence[str]] = NO_CHANGES,
) -> Course:
    """A course; from an hour of ``changes`` on the arms named there may only leave."""
    costs = Costs(fee_bps=5, half_spread_bps=1)
    live, paper = PaperVenue(live_costs or costs, HOUR), PaperVenue(costs, HOUR)
    floor = Floor(live, paper, Reporter(), Random(SEED))  # noqa: S311 nothing secret
    for name, policy in arms.items():
        floor.seat(name, Seat(policy, CAPITAL, 0.2))
    needs = [name for policy in arms.values() for name in policy.needs]
    indicators = {symbol: Indicators(symbol, needs, HOUR) for symbol in hours[1]}
    split = Split(shares, revision=1, salt="s") if shares else None
    course = Course()
    for number, bars in enumerate(hours):
        if number in changes:
            floor.only_leaves(changes[number])
        course.trades += floor.open_bars(bars)
        prices = {symbol: bar.open for symbol, bar in bars.items()}
        course.marks += floor.marks(prices, START + number * HOUR)
        course.trades += floor.close_bars(bars)
        known: dict[str, Features] = {
            symbol: indicators[symbol].see(bar) for symbol, bar in bars.items()
        }
        course.decisions += floor.decide(known, split, {})
    return course


def on_paper(course: Course) -> list[Trade]:
    """What every arm did on paper, whether it was live as well or not."""
    return [one._replace(book="shadow", trade_id="") for one in course.of("shadow", "twin")]


def test_what_an_arm_does_on_paper_is_the_same_whatever_traffic_anybody_has(
    hours: list[dict[str, Bar]],
) -> None:
    alone = played(hours, {"champion": 1.0})
    assert len(on_paper(alone)) > 300
    assert on_paper(played(hours, EVEN)) == on_paper(alone) == on_paper(played(hours, None))
    halted = played(hours, {"champion": 1.0}, changes={700: ["breakout"]})
    assert on_paper(halted) == on_paper(alone)


def test_halting_one_arm_changes_no_episode_of_another(hours: list[dict[str, Bar]]) -> None:
    usual, halted = played(hours, EVEN), played(hours, EVEN, changes={700: ["breakout"]})
    for other in ("champion", "fast"):
        assert usual.of("live", policy=other) == halted.of("live", policy=other)
    late = START + 700 * HOUR
    assert not [one for one in halted.of("live", policy="breakout") if one.opened_at > late]
    assert [one for one in usual.of("live", policy="breakout") if one.opened_at > late]


def test_a_live_episode_was_given_with_the_propensity_that_is_written_down(
    hours: list[dict[str, Bar]],
) -> None:
    course = played(hours, EVEN)
    given = {one.episode_id: one for one in course.decisions}
    for trade in course.of("live"):
        assert trade.episode_id is not None
        decision = given[trade.episode_id]
        assert (decision.policy, decision.propensity) == (trade.policy, EVEN[trade.policy])
        assert decision.decided_at <= trade.opened_at
        assert decision.volatility_tercile is None, "nobody has said how wild it was"
    for trade in course.of("shadow"):
        assert trade.episode_id is not None
        assert given[trade.episode_id].policy != trade.policy


def test_as_many_episodes_are_live_as_the_share_says(hours: list[dict[str, Bar]]) -> None:
    course = played(hours, EVEN)
    begun = Counter(trade.policy for trade in course.of("shadow", "twin"))
    lived = Counter(trade.policy for trade in course.of("twin"))
    for name, share in EVEN.items():
        away = abs(lived[name] - share * begun[name])
        # three shares beyond 4 standard deviations by chance: once in 5,000 seeds
        assert away < 4 * sqrt(begun[name] * share * (1 - share)), name


def test_every_live_trade_has_a_twin_that_closed_with_it_and_with_equal_costs_is_equal(
    hours: list[dict[str, Bar]],
) -> None:
    course = played(hours, EVEN)
    live, twins = course.of("live"), course.of("twin")
    assert len(live) > 100
    same = [one._replace(book="live", trade_id="") for one in twins]
    assert sorted(same) == sorted(one._replace(trade_id="") for one in live)
    keys = [(one.source, one.trade_id) for one in course.trades]
    assert len(set(keys)) == len(keys)


def test_a_planted_bias_of_the_fills_is_found_and_none_where_there_is_none(
    hours: list[dict[str, Bar]],
) -> None:
    champion = {"champion": ARMS["champion"], "fast": ARMS["fast"]}
    for worse_bps, is_found in ((0.0, False), (10.0, True)):
        costs = Costs(fee_bps=5, half_spread_bps=1 + worse_bps)
        course = played(hours, {"champion": 0.5, "fast": 0.5}, live_costs=costs, arms=champion)
        gap = ShadowGap()
        for trade in course.of("live", "twin"):
            gap.see(trade)
        found = gap.read()
        assert isinstance(found, Gap)
        assert (found.high < 0) == is_found
        risks = [(one.risk, one.notional) for one in course.of("twin")]
        planted = -2 * worse_bps / 10_000 * np.mean([n / r for r, n in risks if r and n])
        assert found.mean == pytest.approx(planted, rel=0.05, abs=1e-9)


def test_marks_say_what_is_open_and_once_that_nothing_is(hours: list[dict[str, Bar]]) -> None:
    course = played(hours, EVEN)
    counts = [one.open_positions for one in course.marks if one.policy == "fast"]
    assert set(counts) == {0, 1, 2, 3}
    assert (0, 0) not in set(pairwise(counts))
    assert all((one.exposure or 0) >= one.open_positions for one in course.marks)
    assert all(one.capital == CAPITAL for one in course.marks)


def test_nobody_enters_while_entries_are_stopped_and_what_is_open_runs_off(
    hours: list[dict[str, Bar]],
) -> None:
    course = played(hours, None)
    assert (course.of("live"), course.of("twin"), course.decisions) == ([], [], [])
    assert course.of("shadow")


def test_an_order_for_a_market_that_goes_stale_is_missed_on_paper_and_for_real() -> None:
    class Always:
        needs = ("close",)
        looks_back = 0

        def act(self, observation: Observation, rng: Random) -> Intent:  # noqa: ARG002 the port
            return Intent("long")

    def bar(hour: int) -> dict[str, Bar]:
        return {"A": Bar("A", START + hour * HOUR, 100, 101, 99, 100, 1)}

    course = played([bar(0), bar(1), {}, bar(3)], {"a": 1.0}, arms={"a": Always()})
    assert [one.episode_id for one in course.decisions] == ["A 2025-01-01T01:00:00Z"]
    assert course.marks[0].exposure == Money(CAPITAL // 5)


class Failing:
    """A policy with a defect."""

    needs = ()
    looks_back = 0

    def act(self, observation: Observation, rng: Random) -> Intent:  # noqa: ARG002 it fails
        raise ValueError(observation.features.symbol)


def test_an_arm_whose_policy_fails_keeps_nobody_from_deciding(
    hours: list[dict[str, Bar]],
) -> None:
    trades = []
    for arms in (ARMS, {"failing": Failing(), **ARMS}):
        venue, paper = PaperVenue(Costs(), HOUR), PaperVenue(Costs(), HOUR)
        floor = Floor(venue, paper, Reporter(), Random(SEED))  # noqa: S311 no secret
        told: list[Trade] = []
        for name, policy in arms.items():
            floor.seat(name, Seat(policy, CAPITAL, 0.1))
        needs = sorted({need for policy in ARMS.values() for need in policy.needs})
        indicators = Indicators("BTC/USDT", needs, HOUR)
        for bars in hours[:600]:
            bar = {"BTC/USDT": bars["BTC/USDT"]}
            told += floor.open_bars(bar) + floor.close_bars(bar)
            floor.decide({"BTC/USDT": indicators.see(bar["BTC/USDT"])}, None, {})
        trades.append(told)
    assert len(trades[0]) > 10
    assert trades[0] == trades[1]
    assert [(name, str(error)) for name, error in floor.failed.items()] == [
        ("failing", "BTC/USDT")
    ]  # fmt: skip


class BySize:
    """Long by a half, then as a whole, then by a half again; a day each."""

    needs = ()
    looks_back = 0

    def act(self, observation: Observation, rng: Random) -> Intent:  # noqa: ARG002 draws nothing
        day = observation.features.as_of.day
        return Intent("long", size=1.0 if day % 2 else 0.5)


def test_who_wants_another_size_leaves_what_it_holds_and_enters_anew(
    hours: list[dict[str, Bar]],
) -> None:
    course = played(hours[:200], {"sized": 1.0}, arms={"sized": BySize()})
    live = [one for one in course.of("live") if one.symbol == "BTC/USDT"]
    sizes = [one.notional for one in live]
    assert len(live) > 5
    assert sizes == [money(1_000) if n % 2 else money(2_000) for n in range(len(sizes))] or (
        sizes == [money(2_000) if n % 2 else money(1_000) for n in range(len(sizes))]
    )
    assert all(one.closed_at == other.opened_at for one, other in pairwise(live))
    assert {one.fees for one in live if one.notional == money(1_000)} != {Money(0)}


@pytest.mark.parametrize("size", [0.0, -0.5, 1.5, float("nan")])
def test_a_size_that_is_no_share_fails_its_arm_alone(
    hours: list[dict[str, Bar]], size: float
) -> None:
    class Absurd(BySize):
        def act(self, observation: Observation, rng: Random) -> Intent:  # noqa: ARG002 as above
            return Intent("short", size=size)

    costs = Costs()
    floor = Floor(PaperVenue(costs, HOUR), PaperVenue(costs, HOUR), Reporter(), Random(SEED))  # noqa: S311
    floor.seat("absurd", Seat(Absurd(), CAPITAL, 0.2))
    floor.seat("sized", Seat(BySize(), CAPITAL, 0.2))
    bar = hours[0]["BTC/USDT"]
    known = {"BTC/USDT": Features("BTC/USDT", bar.closes_at(HOUR), {"close": bar.close})}
    decisions = floor.decide(known, Split({"sized": 1.0}, revision=1, salt=""), {})
    assert [one.policy for one in decisions] == ["sized"]
    assert str(floor.failed["absurd"]).startswith("ORDER_INVALID size")


def deciding(
    answers: Sequence[Intent | Exception], symbols: Sequence[Sequence[str]]
) -> tuple[list[str], list[str | None]]:
    """What two arms hold after each round, and who has failed by then.

    In a round they are asked about some symbols. The first answers by a list, the other is long.
    """
    course = iter(answers)

    class Told:
        needs = ()
        looks_back = 0

        def act(self, observation: Observation, rng: Random) -> Intent:  # noqa: ARG002 the port
            answer = next(course)
            if isinstance(answer, Exception):
                raise answer
            return answer

    class Always(Told):
        def act(self, observation: Observation, rng: Random) -> Intent:  # noqa: ARG002 the port
            return Intent("long")

    venue, paper = PaperVenue(Costs(), HOUR), PaperVenue(Costs(), HOUR)
    floor = Floor(venue, paper, Reporter(), Random(SEED))  # noqa: S311 no secret
    floor.seat("told", Seat(Told(), CAPITAL, 0.1))
    floor.seat("other", Seat(Always(), CAPITAL, 0.1))
    held: list[str] = []
    failed: list[str | None] = []
    for hour, names in enumerate(symbols):
        bars = {name: Bar(name, START + hour * HOUR, 100, 101, 99, 100, 1) for name in names}
        at = START + (hour + 1) * HOUR
        floor.open_bars(bars)
        floor.decide({name: Features(name, at, {}) for name in names}, None, {})
        floor.open_bars({name: bar._replace(opened_at=at) for name, bar in bars.items()})
        held.append(" ".join(sorted(
            f"{lane.policy} {one.entry.direction}" for lane, one in paper.positions.items()
        )))  # fmt: skip
        failed.append(", ".join(f"{name}: {why}" for name, why in floor.failed.items()) or None)
    return held, failed


def test_who_failed_once_is_asked_again_and_has_failed_no_more_once_it_decides() -> None:
    held, failed = deciding(
        [Intent("short"), ValueError("once"), Intent("long")], [["A"], ["A"], ["A"]]
    )
    assert held == ["other long told short", "other long told short", "other long told long"]
    assert failed == [None, "told: once", None]


def test_who_fails_in_one_symbol_has_failed_until_it_decides_there() -> None:
    _, failed = deciding(
        [ValueError("of A"), Intent("long"), Intent("long"), Intent("long")],
        [["A", "B"], ["B"], ["A"]],
    )
    assert failed == ["told: of A", "told: of A", None]


@pytest.mark.parametrize("stop", [inf, nan, 1e305, -1.0])
def test_who_orders_what_nobody_can_stays_and_keeps_nobody_from_trading(stop: float) -> None:
    held, failed = deciding(
        [Intent("short"), Intent("long", stop), Intent("nothing")], [["A"], ["A"], ["A"]]
    )
    assert held == ["other long told short", "other long told short", "other long"]
    (told,) = filter(None, failed)
    assert told.startswith("told: ORDER_INVALID A 2025-01-01T02:00:00Z: notional ")
