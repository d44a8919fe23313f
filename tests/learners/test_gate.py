"""The gate: when several seeds are worth a trial."""

import math

from hypothesis import given
from hypothesis import strategies as st

from tiltyard.learners.gate import Tried, Verdict, judge

earned = st.floats(-0.1, 0.1)
returns = st.lists(earned, min_size=5, max_size=9)
STATES = ("not passed", "passed")


def verdict(daily: list[float], **against: float) -> Verdict:
    return judge([Tried(seed, one) for seed, one in enumerate(daily)], against)


@given(returns, earned, st.data())
def test_a_better_seed_never_turns_a_pass_into_a_fail(
    daily: list[float], champion: float, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(daily) - 1))
    better = [*daily]
    better[place] += data.draw(st.floats(0, 0.1))
    before, after = (verdict(one, flat=0.0, champion=champion) for one in (daily, better))
    assert STATES.index(after.state) >= STATES.index(before.state)


@given(returns, earned, st.floats(0, 0.1))
def test_a_better_champion_never_turns_a_fail_into_a_pass(
    daily: list[float], champion: float, more: float
) -> None:
    before, after = (verdict(daily, flat=0.0, champion=one) for one in (champion, champion + more))
    assert STATES.index(after.state) <= STATES.index(before.state)


@given(returns, st.randoms(use_true_random=False))
def test_the_order_of_the_seeds_says_nothing(daily: list[float], random: object) -> None:
    shuffled = sorted(daily, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert verdict(shuffled, flat=0.0) == verdict(daily, flat=0.0)


@given(returns)
def test_who_passes_is_above_everybody_with_three_seeds_in_four(daily: list[float]) -> None:
    found = verdict(daily, flat=0.0, buy_and_hold=0.01)
    assert found.lower_quartile is not None
    above = sum(one > 0.01 for one in daily)
    if found.state == "passed":
        assert above >= math.ceil(len(daily) * 0.75)
    else:
        assert above < len(daily)


def test_a_lucky_seed_does_not_outvote_two_that_lose() -> None:
    assert verdict([-0.004, -0.003, 0.02, 0.02, 0.02, 0.02], flat=0.0).state == "not passed"
    assert verdict([-0.05, -0.001, *[0.004] * 5], flat=0.0).state == "not passed"


def test_what_is_not_known_is_no_pass() -> None:
    rich = [0.05] * 5
    assert verdict(rich, flat=0.0).state == "passed"
    assert verdict(rich[:4], flat=0.0).reasons == ("4 seeds, fewer than 5",)
    assert verdict([*rich[:4], math.nan], flat=0.0).state == "undefined"
    unknown = verdict(rich, champion=math.nan)
    assert unknown.reasons == ("what champion earned is not known",)
    assert unknown.to_json()["against"] == {"champion": None}
    tried = [Tried(seed, 0.05) for seed in range(5)]
    assert judge(tried, {"flat": 0.0}, is_partial=True).state == "undefined"
    assert judge([*tried[:4], Tried(4, None)], {"flat": 0.0}).lower_quartile is None


def test_a_seed_that_wants_the_same_whatever_happens_is_named_and_no_pass() -> None:
    tried = [Tried(seed, 0.05, "long 0.5" if seed == 3 else None) for seed in range(5)]
    found = judge(tried, {"flat": 0.0})
    assert found.told == "not passed: seed 3 wants long 0.5 whatever the market does"


def test_whoever_is_ahead_of_it_is_named_in_one_sentence() -> None:
    found = verdict([0.01] * 5, flat=0.0, buy_and_hold=0.02, champion=0.01)
    assert found.told == (
        "not passed: the lower quartile of 5 seeds, 1.000 % a day, is not above "
        "buy and hold 2.000 %, champion 1.000 %"
    )


def test_a_pass_names_whom_it_has_beaten_and_by_what() -> None:
    assert verdict([0.05] * 5, flat=0.0, champion=0.01).told == (
        "passed: the lower quartile of 5 seeds, 5.000 % a day, is above flat 0.000 %, "
        "champion 1.000 %"
    )
    assert verdict([0.0] * 5, flat=0.0).state == "not passed"
