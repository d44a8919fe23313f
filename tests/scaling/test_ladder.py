"""The ladder: the users' own SQL, its boundaries, the room, and why an arm is skipped."""

import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.facts.arm import FLAT, Arm, Review, Roster, State
from tiltyard.facts.verdict import Answer, Verdict
from tiltyard.kernel.undefined import Reading, Undefined, Value
from tiltyard.router.lifecycle import STATES
from tiltyard.scaling.ladder import ShareRules, Standing, Step, ladder, was_scaled
from tiltyard.scaling.trading_day import NIGHTLY, trading_day

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
RULES = ShareRules()
USERS_OWN_SQL = """
UPDATE bandit_arms
SET traffic_allocation = traffic_allocation * 1.5
WHERE policy_id = (SELECT id FROM policies WHERE name LIKE '%eee02a74%')
AND pf_150 >= pf_prod
AND dd_150 <= 3
AND traffic_allocation < 0.6;
"""
NAME = "reinforcement_20250707_154526_eee02a74"
WARMING = Undefined("warming", "12 of 150 trades", 12)


def arm(name: str = "a", share: float = 0.1, state: State = "live", ceiling: float = 0.6) -> Arm:
    return Arm(name, "challenger", state, share, 0.1, ceiling, None, NOON)


def roster(*arms: Arm) -> Roster:
    made = Roster().with_arm(Arm(FLAT, "champion", "champion", 1, 1, 1, None, NOON))
    for each in arms:
        made = made.with_arm(each)
    return made


def reading(number: float | None, samples: int = 150) -> Reading:
    return WARMING if number is None else Value(number, samples)


def standing(
    pf_150: float | None = 2.4, pf_prod: float | None = 2.3, dd_150: float | None = 1.0,
    *verdicts: tuple[Verdict, bool],
) -> Standing:  # fmt: skip
    return Standing(reading(pf_150), reading(pf_prod), reading(dd_150), verdicts)


def only(subject: Arm, its: Standing | None, **holds: Any) -> Step:  # noqa: ANN401 fields of the roster
    standings: Mapping[str, Standing] = {} if its is None else {subject.name: its}
    (step,) = ladder(replace(roster(subject), **holds), standings, RULES)
    return step


def share_after_sql(
    share: float, pf_150: float | None, pf_prod: float | None, dd_150: float | None
) -> float:
    database = sqlite3.connect(":memory:")
    try:
        database.executescript(
            "CREATE TABLE policies (id INTEGER PRIMARY KEY, name TEXT);"
            "CREATE TABLE bandit_arms (policy_id INTEGER, traffic_allocation REAL,"
            " pf_150 REAL, pf_prod REAL, dd_150 REAL);"
        )
        database.execute("INSERT INTO policies VALUES (7, ?)", (NAME,))
        database.execute(
            "INSERT INTO bandit_arms VALUES (7, ?, ?, ?, ?)", (share, pf_150, pf_prod, dd_150)
        )
        database.executescript(USERS_OWN_SQL)
        return float(database.execute("SELECT traffic_allocation FROM bandit_arms").fetchone()[0])
    finally:
        database.close()


limits = st.sampled_from([1.5, 2.0, 2.3, 3.0])
maybe = st.none() | st.floats(0, 6).map(lambda number: round(number, 3)) | limits


@given(st.integers(1, 800).map(lambda thousandths: thousandths / 1000), maybe, maybe, maybe)
def test_the_ladder_is_the_users_own_sql_before_clamping(
    share: float, pf_150: float | None, pf_prod: float | None, dd_150: float | None
) -> None:
    unclamped = replace(RULES, champion_floor=-1.0)
    subject = arm(share=share, ceiling=2.0)
    (step,) = ladder(roster(subject), {"a": standing(pf_150, pf_prod, dd_150)}, unclamped)
    by_sql = share_after_sql(share, pf_150, pf_prod, dd_150)
    eligible = by_sql != share
    assert step.reason.startswith("earned") is eligible
    assert step.after == pytest.approx(min(by_sql, max(share, RULES.cap)), abs=1e-12)


@pytest.mark.parametrize(
    ("its", "reason"),
    [
        (standing(2.3, 2.3), "earned x 1.5"),
        (standing(2.2999, 2.3), "pf_150 2.3 < pf_prod 2.3"),
        (standing(1.25, 2.3), "pf_150 1.25 < pf_prod 2.3"),
        (standing(dd_150=3.0), "earned x 1.5"),
        (standing(dd_150=3.01), "dd_150 3.01 % > 3 %"),
        (standing(dd_150=0.0), "earned x 1.5"),
        (standing(pf_150=None), "pf_150 is undefined (warming: 12 of 150 trades)"),
        (standing(pf_prod=None), "pf_prod is undefined (warming: 12 of 150 trades)"),
        (standing(dd_150=None), "dd_150 is undefined (warming: 12 of 150 trades)"),
        (None, "no trades"),
    ],
)
def test_the_literal_rule_at_its_boundaries(its: Standing | None, reason: str) -> None:
    after = 0.15 if reason.startswith("earned") else 0.1
    assert only(arm(), its) == Step("a", 0.1, after, reason)


@pytest.mark.parametrize(
    ("share", "ceiling", "after", "reason"),
    [
        (0.1, 0.6, 0.15, "earned x 1.5"),
        (0.4, 0.6, 0.6, "earned x 1.5"),
        (0.41, 0.6, 0.6, "earned, clamped"),
        (0.59, 0.6, 0.6, "earned, clamped"),
        (0.6, 0.6, 0.6, "at the cap of 60%"),
        (0.61, 0.7, 0.61, "at the cap of 60%"),
        (0.2, 0.25, 0.3, "earned x 1.5"),
        (0.2, 0.3, 0.3, "earned x 1.5"),
        (0.2, 0.2, 0.3, "earned x 1.5"),
        (0.2, 0.1, 0.3, "earned x 1.5"),
        (0.123456789012, 0.6, 0.185185183518, "earned x 1.5"),
    ],
)
def test_a_step_stops_at_the_cap_and_leaves_the_ceiling_to_edits_by_sql(
    share: float, ceiling: float, after: float, reason: str
) -> None:
    assert only(arm(share=share, ceiling=ceiling), standing()) == Step("a", share, after, reason)


def test_room_goes_to_the_best_first_and_the_last_is_trimmed() -> None:
    arms = [arm("a", 0.15), arm("b", 0.2), arm("c", 0.1), arm("d", 0.05)]
    standings = {
        "a": standing(2.4), "b": standing(2.9), "c": standing(1.0), "d": standing(2.6)
    }  # fmt: skip
    steps = ladder(roster(*arms), standings, RULES)
    assert [(step.policy, step.after, step.reason) for step in steps] == [
        ("b", 0.3, "earned x 1.5"),
        ("d", 0.05, "no room above the champion's floor of 40%"),
        ("a", 0.15, "no room above the champion's floor of 40%"),
        ("c", 0.1, "pf_150 1 < pf_prod 2.3"),
    ]


def test_the_last_that_still_grows_is_trimmed_to_the_room() -> None:
    arms = [arm("a", 0.2), arm("b", 0.2), arm("c", 0.05)]
    standings = {"a": standing(2.4), "b": standing(2.9), "c": standing(2.3)}
    steps = ladder(roster(*arms), standings, RULES)
    assert [(step.policy, step.after, step.reason) for step in steps] == [
        ("b", 0.3, "earned x 1.5"),
        ("a", 0.25, "earned, clamped"),
        ("c", 0.05, "no room above the champion's floor of 40%"),
    ]


def test_room_is_not_kept_for_arms_that_nobody_asked_to_scale() -> None:
    arms = [arm("a", 0.3), arm("b", 0.2)]
    standings = {"a": standing(2.9), "b": standing(2.5)}
    assert [step.policy for step in ladder(roster(*arms), standings, RULES)] == ["a", "b"]
    (step,) = ladder(roster(*arms), standings, RULES, only="b")
    assert (step.policy, step.after) == ("b", 0.3)


def test_those_that_grow_come_first_and_those_that_did_not_earn_it_last() -> None:
    arms = [arm("best", 0.3), arm("full", 0.2), arm("poor", 0.02), arm("good", 0.02)]
    rules = replace(RULES, cap=0.2)
    standings = {
        "best": standing(3.0), "full": standing(2.9), "poor": standing(1.0), "good": standing(2.5)
    }  # fmt: skip
    steps = ladder(roster(*arms), standings, rules)
    assert [step.policy for step in steps] == ["good", "best", "full", "poor"]


def test_a_share_is_multiplied_once_in_a_trading_day() -> None:
    again = replace(standing(), scaled_today=True, live_trades=900, losses=9)
    assert only(arm(), again) == Step(
        "a", 0.1, 0.1, "its share was multiplied on this trading day already"
    )


FULLY_GROWN = replace(standing(3.0), live_trades=500, losses=5)


@pytest.mark.parametrize(
    ("share", "live_trades", "losses", "proposed"),
    [
        (0.6, 500, 5, True),
        (0.6, 501, 6, True),
        (0.7, 500, 5, True),
        (0.6, 499, 5, False),
        (0.6, 500, 4, False),
        (0.5, 500, 5, False),
    ],
)
def test_an_arm_that_has_grown_as_far_as_it_can_is_proposed_after_500_live_trades(
    share: float, live_trades: int, losses: int, *, proposed: bool
) -> None:
    step = only(arm(share=share), replace(FULLY_GROWN, live_trades=live_trades, losses=losses))
    assert bool(step.proposes) is proposed


def test_a_proposal_says_what_speaks_for_it() -> None:
    assert only(arm(share=0.6), replace(FULLY_GROWN, live_trades=1234)).proposes == (
        "pf_150 3 against pf_prod 2.3, dd_150 1 % after 1,234 live trades"
    )


def test_an_arm_without_room_is_proposed_as_well() -> None:
    arms = [arm("a", 0.3), arm("b", 0.3)]
    steps = ladder(roster(*arms), {"a": FULLY_GROWN}, RULES)
    assert [(step.policy, bool(step.proposes)) for step in steps] == [("a", True), ("b", False)]


@pytest.mark.parametrize(
    "its",
    [
        replace(FULLY_GROWN, pf_150=Value(2.2, 150)),
        replace(FULLY_GROWN, dd_150=Value(3.1, 150)),
        replace(FULLY_GROWN, pf_prod=WARMING),
        replace(FULLY_GROWN, scaled_today=True),
    ],
)
def test_what_has_not_earned_a_step_is_not_proposed(its: Standing) -> None:
    assert only(arm(share=0.6), its).proposes == ""


def test_what_is_left_of_the_room_goes_to_the_next() -> None:
    arms = [arm("a", 0.2), arm("b", 0.24)]
    steps = ladder(roster(*arms), {"a": standing(2.9), "b": standing(2.5)}, RULES)
    assert [(step.policy, step.after) for step in steps] == [("a", 0.3), ("b", 0.3)]


def test_equals_grow_in_the_order_of_their_names() -> None:
    arms = [arm("b", 0.2), arm("a", 0.2)]
    steps = ladder(roster(*arms), {"a": standing(), "b": standing()}, RULES)
    assert [step.policy for step in steps] == ["a", "b"]


@given(
    st.lists(
        st.tuples(st.integers(1, 150), st.integers(1, 4), st.integers(0, 600)),
        min_size=1, max_size=4,
    )
)  # fmt: skip
def test_the_champion_keeps_its_floor_and_nobody_shrinks(
    drawn: list[tuple[int, int, int]],
) -> None:
    arms = [
        arm(f"arm_{index}", share / 1000, ceiling=ceiling / 1000)
        for index, (share, _, ceiling) in enumerate(drawn)
    ]
    standings = {
        each.name: standing(2.0 + best) for each, (_, best, _) in zip(arms, drawn, strict=True)
    }
    steps = ladder(roster(*arms), standings, RULES)
    assert sum(step.after for step in steps) <= 0.6 + 1e-9
    assert all(step.after >= step.before for step in steps)
    assert {step.policy for step in steps} == {each.name for each in arms}


@pytest.mark.parametrize("state", STATES)
def test_only_trading_arms_grow(state: State) -> None:
    reason = "earned x 1.5" if state in ("probation", "live") else f"{state}, no traffic"
    assert only(arm(state=state), standing()).reason == reason


def test_a_share_of_nothing_stays_nothing() -> None:
    assert only(arm(share=0.0), standing()) == Step("a", 0.0, 0.0, "live, no traffic")


@pytest.mark.parametrize("hold", ["ramp_frozen_by", "challengers_frozen_by", "entries_stopped_by"])
def test_nobody_grows_while_anything_is_on_hold(hold: str) -> None:
    guards = frozenset({"guard_b", "guard_a"})
    assert only(arm(), standing(), **{hold: guards}).reason == "on hold by guard_a, guard_b"


def test_an_open_review_holds_its_own_arm_until_somebody_looked() -> None:
    review = Review(1, "a", "guard", NOON)
    assert only(arm(), standing(), reviews=(review,)).reason == "a review is open"
    advisory = replace(review, advisory=True)
    assert only(arm(), standing(), reviews=(advisory,)).after == 0.15
    looked = replace(review, acknowledged_at=NOON)
    assert only(arm(), standing(), reviews=(looked,)).after == 0.15
    assert only(arm(), standing(), reviews=(replace(review, policy="b"),)).after == 0.15


def answered(answer: Answer) -> Verdict:
    return Verdict(
        "some_guard", "arm", "a", answer, WARMING, 1.6, confirmed=False, tripped=False,
        cleared=False, escalated=False, reason="lost it", at=NOON, up_to_seq=0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "holds", "reason"),
    [
        ("pass", True, "earned x 1.5"),
        ("pass", False, "earned x 1.5"),
        ("breach", True, "some_guard is breached"),
        ("breach", False, "some_guard is breached"),
        ("unknown", True, "some_guard is unknown: lost it"),
        ("unknown", False, "earned x 1.5"),
        ("error", True, "some_guard is unknown: lost it"),
        ("error", False, "earned x 1.5"),
    ],
)
def test_a_breached_guard_blocks_and_an_unknown_one_if_it_holds_the_ramp(
    answer: Answer, reason: str, *, holds: bool
) -> None:
    its = standing(2.4, 2.3, 1.0, (answered("pass"), True), (answered(answer), holds))
    assert only(arm(), its).reason == reason


@pytest.mark.parametrize(
    ("shares", "room"), [((), 0.6), ((0.1, 0.2), 0.3), ((0.6,), 0.0), ((0.5, 0.3), 0.0)]
)
def test_room_is_what_the_champions_floor_leaves(shares: tuple[float, ...], room: float) -> None:
    arms = [arm(f"arm_{index}", share) for index, share in enumerate(shares)]
    assert RULES.room(roster(*arms)) == room


def test_the_defaults_are_those_of_the_product() -> None:
    assert ShareRules() == ShareRules(0.10, 0.40, 0.60, 150, 500)


@pytest.mark.parametrize(
    ("share", "ceiling"),
    [(0.1, 0.15), (0.4, 0.6), (0.41, 0.6), (0.7, 0.6), (0.0, 0.0), (1 / 3, 0.5)],
)
def test_a_ceiling_is_one_multiplication_and_never_above_the_cap(
    share: float, ceiling: float
) -> None:
    assert RULES.ceiling(share) == ceiling


def test_a_ceiling_has_no_more_digits_than_the_audit_keeps() -> None:
    assert replace(RULES, cap=1 / 3).ceiling(0.3) == 0.333333333333


@pytest.mark.parametrize(
    ("registered_with", "cap", "begins"),
    [(0.1, 0.6, 0.1), (0.25, 0.6, 0.25), (0.6, 0.6, 0.6), (0.6, 0.9, 0.6), (0.0, 0.6, 0.0),
     (0.6000001, 0.6, 0.1), (0.61, 0.9, 0.1), (0.3, 0.2, 0.1), (1.0, 0.6, 0.1)],
)  # fmt: skip
def test_a_trial_begins_with_what_was_registered_unless_no_challenger_may_have_it(
    registered_with: float, cap: float, begins: float
) -> None:
    subject = replace(arm(), start_share=registered_with)
    assert replace(RULES, cap=cap).begins_with(subject) == begins


def test_all_challengers_together_leave_the_champion_its_floor() -> None:
    assert RULES.most() == 0.6
    assert replace(RULES, champion_floor=0.0).most() == 1.0


HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")


def day_of(at: datetime) -> date:
    return trading_day(at, NIGHTLY, BERLIN)


@given(st.lists(st.integers(-24 * 60, 40 * 60), max_size=60))
def test_no_trading_day_has_two_multiplications_though_the_clock_is_set_back(
    minutes: list[int],
) -> None:
    """The clock is never more than a day behind the latest time that it ever showed."""
    subject, now, latest, days = arm(), NOON, NOON, []
    for some in minutes:
        now = max(now + timedelta(minutes=some), latest - DAY)
        latest = max(latest, now)
        if not was_scaled(subject, now, day_of):
            subject = replace(subject, scaled_at=now)
            days.append(day_of(now))
    assert len(days) == len(set(days))


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=20), st.integers(0, 48))
def test_whatever_time_a_clock_has_shown_nobody_waits_longer_than_two_days(
    hours: list[int], later: int
) -> None:
    """Every time is one at which the clock stood; then it is right again, and stays so."""
    subject = arm()
    for some in hours:
        shown = NOON + some * HOUR
        if not was_scaled(subject, shown, day_of):
            subject = replace(subject, scaled_at=shown)
    right = NOON + later * HOUR
    assert not all(was_scaled(subject, right + wait * DAY, day_of) for wait in range(3))


@pytest.mark.parametrize(
    ("ahead", "counts"),
    [
        (timedelta(), True),
        (5 * HOUR, True),
        (DAY, True),
        (DAY + timedelta(microseconds=1), False),
        (365 * DAY, False),
    ],
)
def test_a_multiplication_further_ahead_than_a_day_is_not_believed(
    ahead: timedelta, *, counts: bool
) -> None:
    assert was_scaled(replace(arm(), scaled_at=NOON + ahead), NOON, day_of) is counts
