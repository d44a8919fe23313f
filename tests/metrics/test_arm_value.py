"""An arm's value by propensity: what counts as an opportunity, and what it made there."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from tiltyard.facts.decision import Decision
from tiltyard.facts.trade import Book, Trade
from tiltyard.kernel.money import Money
from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.arm_value import ArmValue
from tiltyard.metrics.off_policy import Estimate, OffPolicyValue
from tiltyard.metrics.traffic import Traffic

START = datetime(2025, 3, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOW = START + 5_000 * HOUR
RISK = Money(10**6)


def decided(number: int, policy: str, propensity: float) -> Decision:
    at = START + number * HOUR
    return Decision(str(number), "SOL/USDT", policy, propensity, 1, at, 1, at.hour)


def closed(
    number: int,
    r: float,
    book: Book,
    risk: Money | None = RISK,
    capital: Money | None = None,
    later: timedelta = timedelta(0),
) -> Trade:
    at = START + number * HOUR + later
    return Trade(
        "floor", f"{number} {book}", "bot", "SOL/USDT", "long", at, at + HOUR,
        Money(round(r * RISK)), risk=risk, capital=capital, book=book, episode_id=str(number),
    )  # fmt: skip


def played(
    *,
    gap: float = 0.0,
    twins: bool = True,
    shadows: float = 1.0,
    risk: Money | None = RISK,
    capital: Money | None = None,
) -> ArmValue:
    """1,000 opportunities, a fifth of them for the bot, which enters in two of three.

    Of the trades on paper at what others were given so large a share is told.
    """
    rng, value = Random(7), ArmValue("bot", lambda _: True)  # noqa: S311 a simulation
    for number in range(1_000):
        is_own = rng.random() < 0.2
        value.decide(decided(number, "bot" if is_own else "prod", 0.2 if is_own else 0.8))
        if number % 3:
            made = rng.gauss(0.3, 0.7)
            if is_own:
                value.see(closed(number, made + gap, "live", risk, capital))
            if twins if is_own else number % 9 < 9 * shadows:
                value.see(closed(number, made, "twin" if is_own else "shadow", RISK, capital))
    return value


def test_the_value_is_per_opportunity_also_where_it_began_nothing() -> None:
    value = played().value(NOW)
    assert (value.opportunities, 150 < value.given < 250) == (1_000, True)
    for _, estimate in value.estimates:
        assert isinstance(estimate, Estimate)
        assert estimate.low < 0.3 * 2 / 3 < estimate.high


def width(value: OffPolicyValue, name: str) -> float:
    estimate = dict(value.estimates)[name]
    assert isinstance(estimate, Estimate)
    return estimate.high - estimate.low


def test_paper_of_every_opportunity_makes_it_narrower_and_fills_still_count() -> None:
    plain, worse = played().value(NOW), played(gap=-0.2).value(NOW)
    assert width(plain, "doubly_robust") < 0.6 * width(plain, "inverse_propensity")
    assert isinstance(plain.doubly_robust, Estimate)
    assert isinstance(worse.doubly_robust, Estimate)
    lost = worse.doubly_robust.value - plain.doubly_robust.value
    assert lost == pytest.approx(-0.2 * 2 / 3, abs=0.03)


def test_what_may_be_open_still_says_nothing_yet() -> None:
    value = played()
    whole = value.value(NOW)
    assert value.value(NOW) == whole, "asked again it is the same"
    soon = START + 999 * HOUR + HOUR
    assert value.value(soon).opportunities == 999, "the last is as young as the longest trade"


@pytest.mark.parametrize(
    ("shadows", "said"),
    [
        (0.0, "on paper at 0 % of the rest"),
        (1 / 3, "on paper at 22 % of the rest"),
    ],
    ids=["twins only", "a third of the shadow"],
)
def test_paper_that_is_told_in_part_says_nothing_of_every_opportunity(
    shadows: float, said: str
) -> None:
    whole, value = played().value(NOW), played(shadows=shadows).value(NOW)
    assert value[:2] == whole[:2], "what is weighed is live"
    assert isinstance(value.doubly_robust, Undefined)
    assert value.doubly_robust.state == "unobserved"
    assert value.doubly_robust.reason.endswith(said)


def test_an_order_that_fills_late_is_not_taken_for_nothing() -> None:
    """Each is filled three hours after the decision and closes another one later, with 1 R."""
    value = ArmValue("bot", lambda _: True)
    for number in range(1_000):
        if number >= 4:
            value.see(closed(number - 4, 1.0, "live", later=3 * HOUR))
        value.decide(decided(number, "bot", 1.0))
    found = value.value(START + 1_000 * HOUR)
    assert found.inverse_propensity == Estimate(1.0, 1.0, 1.0)
    assert found.opportunities == 996


def test_of_two_decisions_of_one_episode_the_first_counts() -> None:
    twice = played()
    for number in range(1_000):
        twice.decide(decided(number, "prod", 0.8))
    assert twice.value(NOW) == played().value(NOW)


def test_without_twins_paper_would_know_who_was_given_what() -> None:
    value = played(twins=False).value(NOW)
    assert isinstance(value.inverse_propensity, Estimate)
    assert isinstance(value.doubly_robust, Undefined)
    assert "live trades have no twin on paper" in value.doubly_robust.reason


def test_an_r_of_a_stop_that_lay_very_near_counts_within_its_bounds_and_is_told() -> None:
    value = ArmValue("bot", lambda _: True)
    in_percent = ArmValue("bot", lambda _: True)
    for number in range(300):
        made = {100: -233.0, 200: 57.85}.get(number, 1.0)
        for one, risk in ((value, RISK), (in_percent, None)):
            one.decide(decided(number, "bot", 1.0))
            one.see(closed(number, made, "live", risk, Money(100 * RISK)))
            one.see(closed(number, 1.0, "twin", risk, Money(100 * RISK)))
    found = value.value(NOW)
    assert found.clipped == 2
    for _, estimate in found.estimates:
        assert isinstance(estimate, Estimate)
        assert estimate.value == pytest.approx((298 - 2.5 + 6) / 300, abs=1e-6)
    raw = in_percent.value(NOW)
    assert (in_percent.unit, raw.clipped) == ("%", 0)
    assert isinstance(raw.inverse_propensity, Estimate)
    assert raw.inverse_propensity.value == pytest.approx((298 - 233 + 57.85) / 300, abs=1e-6)


def test_a_live_trade_that_names_no_risk_leaves_it_undefined() -> None:
    for _, estimate in played(risk=None).value(NOW).estimates:
        assert isinstance(estimate, Undefined)
        assert estimate.state == "no_risk"


def test_an_arm_without_risks_is_valued_in_percent_of_its_capital() -> None:
    in_r = played()
    in_percent = played(risk=None, capital=Money(50 * RISK))
    assert (in_r.unit, in_percent.unit) == ("R", "%")
    pairs = zip(in_r.value(NOW).estimates, in_percent.value(NOW).estimates, strict=True)
    for (_, one), (_, other) in pairs:
        assert isinstance(one, Estimate)
        assert isinstance(other, Estimate)
        assert other == pytest.approx(tuple(2 * number for number in one), abs=1e-5)


TRAFFIC = Traffic([
    (START, {"prod": 0.9, "bot": 0.1}),
    (START + 10 * HOUR, {"prod": 1.0, "bot": 0.0}),
    (START + 20 * HOUR, {"prod": 0.8, "bot": 0.2}),
])  # fmt: skip


@pytest.mark.parametrize(
    ("number", "policy", "propensity", "possible"),
    [
        (5, "prod", 0.9, True),
        (5, "bot", 0.1, True),
        (9, "prod", 1.0, False),
        (12, "prod", 1.0, False),
        (12, "prod", 0.9, True),
        (19, "prod", 0.8, True),
        (25, "prod", 0.5, False),
        (25, "bot", 0.5, False),
    ],
    ids=["then", "itself", "told early", "paused", "told late", "soon", "unknown shares",
         "unknown shares of its own"],
)  # fmt: skip
def test_an_opportunity_counts_when_the_shares_it_was_given_by_had_the_arm(
    number: int, policy: str, propensity: float, *, possible: bool
) -> None:
    assert TRAFFIC.could_choose("bot", decided(number, policy, propensity)) is possible


def test_an_arm_is_paused_between_its_times_with_traffic_and_not_before_the_first() -> None:
    hours = (-5, 5, 15, 25)
    assert [TRAFFIC.paused("bot", START + h * HOUR) for h in hours] == [False, False, True, False]
