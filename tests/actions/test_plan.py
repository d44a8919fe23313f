"""Plans: what protects goes first, nobody is punished twice, and the way back is earned."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tiltyard.actions.apply import apply
from tiltyard.actions.plan import (
    plan,
    plan_admissions,
    plan_ceilings,
    plan_expiry,
    plan_night,
)
from tiltyard.actions.way_back import ThrottledArm, plan_resume
from tiltyard.checklist.comparison import Comparison
from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
from tiltyard.checklist.guard import Checklist, Effect, Guard, WayBack
from tiltyard.facts.action import Action
from tiltyard.facts.arm import FLAT, Arm, Proposal, ProposalKind, Roster, State
from tiltyard.facts.verdict import Answer, Mode, Scope, Verdict
from tiltyard.kernel.undefined import Reading, Undefined, Value
from tiltyard.router.lifecycle import STATES
from tiltyard.scaling.ladder import ShareRules, Step

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
RULES = ShareRules()
PROFIT_FACTOR = DEFAULT_CHECKLIST.guard("challenger_profit_factor_low")
DRAWDOWN = DEFAULT_CHECKLIST.guard("challenger_drawdown_high")


def arm(name: str, state: State = "live", share: float = 0.1) -> Arm:
    return Arm(name, "challenger", state, share, 0.1, 0.6, None, NOON)


def roster(*challengers: Arm) -> Roster:
    made = Roster().with_arm(Arm(FLAT, "champion", "champion", 1, 1, 1, None, NOON))
    for challenger in challengers:
        made = made.with_arm(challenger)
    return made


def verdict(
    guard: Guard,
    subject: str = "a",
    *,
    tripped: bool = True,
    cleared: bool = False,
    escalated: bool = False,
    reading: Reading = Value(1.2, 30),  # noqa: B008 a value, never changed
    reason: str = "",
) -> Verdict:
    answer: Answer = "unknown" if escalated else "breach"
    return Verdict(
        guard.name, guard.scope, subject, answer, reading, 1.6, confirmed=tripped,
        tripped=tripped, cleared=cleared, escalated=escalated, reason=reason, at=NOON,
        up_to_seq=7,
    )  # fmt: skip


def guard_for(effect: Effect, priority: int, scope: Scope = "arm", mode: Mode = "enforce") -> Guard:
    return Guard(
        f"{effect}_{priority}", scope, "pf_150", Comparison("<", 1.6), effect, priority, mode=mode
    )


def checklist(*guards: Guard) -> Checklist:
    return Checklist(guards, "digest")


def kinds(actions: list[Action]) -> list[tuple[str, str]]:
    return [(action.kind, action.policy) for action in actions]


def test_what_protects_goes_first_and_then_by_priority_and_policy() -> None:
    guards = [
        guard_for("review", 1),
        guard_for("throttle", 40),
        guard_for("freeze_ramp", 30, "account"),
        guard_for("freeze_challengers", 20, "account"),
        guard_for("stop_entries", 10, "account"),
        guard_for("halt", 50),
    ]
    subjects = ["a", "b", "", "", "", "c"]
    verdicts = [verdict(guard, name) for guard, name in zip(guards, subjects, strict=True)]
    verdicts.append(verdict(guards[1], "a"))
    everyone = roster(arm("a"), arm("b"), arm("c"))
    assert kinds(plan(verdicts, everyone, checklist(*guards))) == [
        ("stop_entries", ""),
        ("freeze_challengers", ""),
        ("freeze_ramp", ""),
        ("throttle", "a"),
        ("throttle", "b"),
        ("halt", "c"),
        ("review", "a"),
    ]


def test_only_a_tripped_verdict_is_acted_on() -> None:
    assert not plan([verdict(DRAWDOWN, tripped=False)], roster(arm("a")), DEFAULT_CHECKLIST)


def test_an_action_says_what_it_was_decided_from() -> None:
    actions = plan([verdict(PROFIT_FACTOR)], roster(arm("a", share=0.15)), DEFAULT_CHECKLIST)
    assert actions == [
        Action(
            "throttle", "a", "challenger_profit_factor_low", "enforce", NOON, before=0.15,
            after=0.0, value=1.2, limit=1.6, samples=30, reason="pf_challenger_30 < 1.6",
            priority=20, up_to_seq=7,
        )
    ]  # fmt: skip


def test_an_undefined_value_is_recorded_as_none_with_its_reason() -> None:
    blind = verdict(
        PROFIT_FACTOR, reading=Undefined("stale", "last seen 16 min ago", 12), reason="lost"
    )
    (action,) = plan([blind], roster(arm("a")), DEFAULT_CHECKLIST)
    assert (action.value, action.samples, action.reason) == (None, 12, "lost")


def test_an_arm_that_is_halted_is_not_throttled_as_well() -> None:
    verdicts = [verdict(PROFIT_FACTOR), verdict(DRAWDOWN), verdict(PROFIT_FACTOR, "b")]
    actions = plan(verdicts, roster(arm("a"), arm("b")), DEFAULT_CHECKLIST)
    assert kinds(actions) == [("halt", "a"), ("throttle", "b")]


def test_an_arm_is_throttled_once_however_many_guards_say_so() -> None:
    guards = [guard_for("throttle", 30), guard_for("throttle", 20), guard_for("review", 10)]
    everyone = roster(arm("a"))
    actions = plan([verdict(guard) for guard in guards], everyone, checklist(*guards))
    assert [action.cause for action in actions] == ["throttle_20", "review_10"]
    assert apply(everyone, actions[0]).arms["a"].throttled_by == "throttle_20"


def test_an_arm_is_halted_once_by_the_most_urgent_guard() -> None:
    guards = [guard_for("halt", 30), guard_for("halt", 20), guard_for("throttle", 10)]
    actions = plan([verdict(guard) for guard in guards], roster(arm("a")), checklist(*guards))
    assert [action.cause for action in actions] == ["halt_20"]


def test_an_observed_halt_does_not_stand_in_for_an_enforced_throttle() -> None:
    guards = [guard_for("halt", 10, mode="observe"), guard_for("throttle", 20)]
    actions = plan([verdict(guard) for guard in guards], roster(arm("a")), checklist(*guards))
    assert [(action.kind, action.mode) for action in actions] == [
        ("halt", "observe"),
        ("throttle", "enforce"),
    ]


def test_what_is_observed_is_planned_for_the_record_and_changes_nothing() -> None:
    guards = [guard_for(effect, 10, mode="observe") for effect in ("halt", "throttle")]
    everyone = roster(arm("a"))
    actions = plan([verdict(guard) for guard in guards], everyone, checklist(*guards))
    assert kinds(actions) == [("halt", "a"), ("throttle", "a")]
    for action in actions:
        assert apply(everyone, action) is everyone


def test_blindness_throttles_where_sight_would_have_halted() -> None:
    actions = plan([verdict(DRAWDOWN, escalated=True)], roster(arm("a")), DEFAULT_CHECKLIST)
    assert kinds(actions) == [("throttle", "a")]


@pytest.mark.parametrize(
    ("scope", "subject", "paged"), [("account", "default", ""), ("arm", "a", "a")]
)
def test_blindness_of_a_guard_that_pages_on_unknown_only_pages(
    scope: Scope, subject: str, paged: str
) -> None:
    guard = replace(guard_for("freeze_challengers", 10, scope), on_unknown="page")
    blind = verdict(guard, subject, escalated=True)
    assert kinds(plan([blind], roster(arm("a")), checklist(guard))) == [("page", paged)]
    seen = verdict(guard, subject)
    assert [action.kind for action in plan([seen], roster(arm("a")), checklist(guard))] == [
        "freeze_challengers"
    ]


@pytest.mark.parametrize("state", STATES)
def test_a_throttle_is_planned_for_those_with_traffic_only(state: State) -> None:
    actions = plan([verdict(PROFIT_FACTOR)], roster(arm("a", state)), DEFAULT_CHECKLIST)
    assert bool(actions) is (state in ("probation", "live"))


@pytest.mark.parametrize("state", STATES)
def test_a_halt_is_planned_for_all_but_the_halted_and_the_retired(state: State) -> None:
    actions = plan([verdict(DRAWDOWN)], roster(arm("a", state)), DEFAULT_CHECKLIST)
    assert bool(actions) is (state not in ("halted", "retired"))


def test_nothing_is_planned_for_an_arm_that_is_not_there() -> None:
    assert not plan([verdict(DRAWDOWN, "gone")], roster(arm("a")), DEFAULT_CHECKLIST)


def test_a_champion_below_its_band_pages_a_person_and_proposes() -> None:
    guard = DEFAULT_CHECKLIST.guard("champion_profit_factor_low")
    actions = plan([verdict(guard, FLAT)], roster(), DEFAULT_CHECKLIST)
    assert kinds(actions) == [("propose_rollback", FLAT), ("page", FLAT)]


@pytest.mark.parametrize("scope", ["arm", "account", "champion"])
def test_a_rollback_is_proposed_of_the_champion_whoever_is_watched(scope: Scope) -> None:
    guard = guard_for("propose_rollback", 10, scope)
    subject = {"arm": "a", "account": "default", "champion": FLAT}[scope]
    everyone = roster(arm("a"))
    actions = plan([verdict(guard, subject)], everyone, checklist(guard))
    assert kinds(actions) == [("propose_rollback", FLAT)]
    assert apply(everyone, actions[0]).open_proposal("rollback", FLAT)


def test_a_review_that_a_guard_of_the_account_asks_for_is_of_no_arm() -> None:
    guard = guard_for("review", 10, "account")
    actions = plan([verdict(guard, "default")], roster(arm("a")), checklist(guard))
    assert kinds(actions) == [("review", "")]


def test_a_warning_about_the_champion_pages_nobody() -> None:
    guard = guard_for("review", 10, "champion")
    assert kinds(plan([verdict(guard, FLAT)], roster(), checklist(guard))) == [("review", FLAT)]


def test_a_critical_guard_on_an_arm_pages_by_its_alert_and_not_by_an_action() -> None:
    guard = replace(guard_for("review", 10), severity="critical")
    assert kinds(plan([verdict(guard)], roster(arm("a")), checklist(guard))) == [("review", "a")]


def test_a_hold_does_not_outlive_its_guard_being_set_to_observe() -> None:
    guard = replace(DEFAULT_CHECKLIST.guard("api_error_rate_high"), mode="observe")
    frozen = replace(roster(), ramp_frozen_by=frozenset({guard.name}))
    freed = plan([verdict(guard, "", tripped=False, cleared=True)], frozen, checklist(guard))
    assert [action.mode for action in freed] == ["enforce"]
    assert apply(frozen, freed[0]).ramp_frozen_by == frozenset()


def test_a_frozen_ramp_is_freed_by_the_guard_that_froze_it() -> None:
    guard = DEFAULT_CHECKLIST.guard("api_error_rate_high")
    clear = verdict(guard, "", tripped=False, cleared=True)
    assert not plan([clear], roster(), DEFAULT_CHECKLIST)
    other = replace(roster(), ramp_frozen_by=frozenset({"another"}))
    assert not plan([clear], other, DEFAULT_CHECKLIST)
    frozen = replace(roster(), ramp_frozen_by=frozenset({guard.name}))
    assert kinds(plan([clear], frozen, DEFAULT_CHECKLIST)) == [("unfreeze_ramp", "")]
    assert not plan([replace(clear, cleared=False)], frozen, DEFAULT_CHECKLIST)


DAY = timedelta(days=1)


def throttled(
    *, state: State = "throttled", cleared: bool = True, trades: int = 30,
    since: timedelta = DAY, resumed: tuple[timedelta, ...] = (), share: float = 0.0,
    guard: Guard = PROFIT_FACTOR,
) -> ThrottledArm:  # fmt: skip
    times = tuple(NOON - ago for ago in resumed)
    subject = replace(arm("a", state, share), resumed_at=times, ceiling=0.0)
    return ThrottledArm(subject, guard, cleared, Value(2.0, 30), trades, NOON - since)


def returns(subject: ThrottledArm, *others: Arm) -> Action | None:
    return plan_resume(subject, roster(subject.arm, *others), RULES, NOON)


def test_a_throttled_arm_that_earned_it_comes_back_at_its_start_share() -> None:
    assert returns(throttled()) == Action(
        "resume", "a", "challenger_profit_factor_low", "enforce", NOON, before=0.0, after=0.1,
        ceiling=0.15, value=2.0, limit=1.9, samples=30, priority=20,
        reason="pf_30_with_shadow >= 1.9 after 30 further trades",
    )  # fmt: skip


def test_a_way_back_without_a_metric_speaks_of_the_guards_own() -> None:
    guard = replace(PROFIT_FACTOR, clear=WayBack(Comparison(">=", 1.9)))
    action = returns(throttled(guard=guard))
    assert action is not None
    assert action.reason == "pf_challenger_30 >= 1.9 after 30 further trades"


@pytest.mark.parametrize("state", [state for state in STATES if state != "throttled"])
def test_only_a_throttled_arm_comes_back(state: State) -> None:
    assert returns(throttled(state=state)) is None


def test_a_guard_without_a_way_back_lets_nobody_back() -> None:
    assert returns(throttled(guard=DRAWDOWN)) is None


def test_an_arm_that_has_not_cleared_stays() -> None:
    assert returns(throttled(cleared=False)) is None


@pytest.mark.parametrize(("trades", "back"), [(29, False), (30, True), (31, True)])
def test_it_takes_30_further_trades(trades: int, *, back: bool) -> None:
    assert (returns(throttled(trades=trades)) is not None) is back


@pytest.mark.parametrize(
    ("since", "back"),
    [(DAY - timedelta(seconds=1), False), (DAY, True), (DAY + timedelta(seconds=1), True)],
)
def test_it_takes_a_days_cool_down(since: timedelta, *, back: bool) -> None:
    assert (returns(throttled(since=since)) is not None) is back


SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("resumed", "back"),
    [
        ((2 * DAY,), True),
        ((9 * DAY, 2 * DAY), False),
        ((14 * DAY - SECOND, 2 * DAY), False),
        ((14 * DAY, 2 * DAY), True),
        ((30 * DAY, 20 * DAY, 15 * DAY), True),
        ((3 * DAY, 2 * DAY, DAY), False),
    ],
)
def test_twice_in_14_days_then_a_person(resumed: tuple[timedelta, ...], *, back: bool) -> None:
    assert (returns(throttled(resumed=resumed)) is not None) is back


def test_a_count_without_a_span_counts_for_ever() -> None:
    guard = replace(PROFIT_FACTOR, clear=WayBack(Comparison(">=", 1.9), at_most=1))
    assert returns(throttled(guard=guard)) is not None
    assert returns(throttled(guard=guard, resumed=(900 * DAY,))) is None


def test_no_count_is_no_limit() -> None:
    guard = replace(PROFIT_FACTOR, clear=WayBack(Comparison(">=", 1.9), within_seconds=86400))
    assert returns(throttled(guard=guard, resumed=(SECOND, SECOND, SECOND))) is not None


@pytest.mark.parametrize(
    ("given", "after"), [(0.45, 0.1), (0.5, 0.1), (0.5000001, None), (0.6, None), (0.7, None)]
)
def test_it_comes_back_at_its_start_share_or_waits_for_room(
    given: float, after: float | None
) -> None:
    action = returns(throttled(), arm("b", share=given))
    assert (action and action.after) == after


HOLDS = ["ramp_frozen_by", "challengers_frozen_by", "entries_stopped_by"]


def waiting(name: str, share: float) -> Arm:
    return replace(arm(name, "candidate", 0.0), start_share=share, ceiling=0.0)


def admitted(crowd: Roster, *names: str) -> list[tuple[str, float | None]]:
    actions = plan_admissions(crowd, names, RULES, NOON)
    return [(action.policy, action.after) for action in actions]


def test_candidates_are_admitted_in_order_as_far_as_there_is_room() -> None:
    crowd = roster(arm("live", share=0.3), waiting("a", 0.1), waiting("b", 0.2), waiting("c", 0.1))
    assert admitted(crowd, "a", "b", "c") == [("a", 0.1), ("b", 0.2)]
    assert admitted(crowd, "c", "a", "b") == [("c", 0.1), ("a", 0.1)]
    action = plan_admissions(crowd, ["a"], RULES, NOON)[0]
    assert action == Action(
        "admit", "a", "registration", "enforce", NOON, before=0.0, after=0.1, ceiling=0.15,
        reason="its capital is known",
    )  # fmt: skip


def test_who_was_registered_with_more_than_is_allowed_begins_like_the_others() -> None:
    assert admitted(roster(waiting("former_champion", 1.0)), "former_champion") == [
        ("former_champion", 0.1)
    ]
    former = throttled()
    former = replace(former, arm=replace(former.arm, start_share=1.0))
    action = returns(former)
    assert action is not None
    assert (action.after, action.ceiling) == (0.1, 0.15)


def test_a_candidate_without_room_holds_up_those_behind_it() -> None:
    crowd = roster(arm("live", share=0.5), waiting("big", 0.2), waiting("small", 0.1))
    assert admitted(crowd, "big", "small") == []
    assert admitted(crowd, "small", "big") == [("small", 0.1)]


@pytest.mark.parametrize("state", [state for state in STATES if state != "candidate"])
def test_only_candidates_are_admitted(state: State) -> None:
    crowd = roster(arm("a", state, 0.0), waiting("b", 0.1))
    assert admitted(crowd, "a", "b") == [("b", 0.1)]


@pytest.mark.parametrize("hold", HOLDS)
def test_nobody_is_admitted_while_anything_is_on_hold(hold: str) -> None:
    crowd = roster(waiting("a", 0.1))
    held: Any = {hold: frozenset({"somebody"})}
    assert admitted(crowd, "a")
    assert admitted(replace(crowd, **held), "a") == []


@pytest.mark.parametrize("hold", HOLDS)
def test_nobody_comes_back_while_anything_is_on_hold(hold: str) -> None:
    subject = throttled()
    held = replace(roster(subject.arm), **{hold: frozenset({"some_guard"})})  # type: ignore[arg-type]  # one of three fields of one type
    assert plan_resume(subject, held, RULES, NOON) is None


def test_an_observing_guard_only_records_who_would_come_back() -> None:
    action = returns(throttled(guard=replace(PROFIT_FACTOR, mode="observe")))
    assert action is not None
    assert action.mode == "observe"


def test_a_night_scales_those_that_grow_and_says_why_the_others_do_not() -> None:
    steps = [Step("a", 0.1, 0.15, "earned x 1.5"), Step("b", 0.1, 0.1, "no trades")]
    assert plan_night(steps, roster(arm("a"), arm("b")), NOON) == [
        Action("scale", "a", "ladder", "enforce", NOON, 0.1, 0.15, reason="earned x 1.5"),
        Action("skip_scale", "b", "ladder", "enforce", NOON, 0.1, 0.1, reason="no trades"),
    ]


FULL_GROWN = Step("a", 0.6, 0.6, "at the cap of 60%", proposes="pf_150 3 against pf_prod 2")


def proposals_of_a_night(everyone: Roster, *steps: Step) -> list[Action]:
    actions = plan_night(steps, everyone, NOON)
    return [action for action in actions if action.kind == "propose_promotion"]


def test_a_night_proposes_what_has_grown_as_far_as_it_can_and_promotes_nobody() -> None:
    everyone = roster(arm("a", share=0.6))
    actions = plan_night([FULL_GROWN], everyone, NOON)
    assert actions == [
        Action("skip_scale", "a", "ladder", "enforce", NOON, 0.6, 0.6, reason="at the cap of 60%"),
        Action("propose_promotion", "a", "ladder", "enforce", NOON, reason=FULL_GROWN.proposes),
    ]
    after = everyone
    for action in actions:
        after = apply(after, action)
    assert after.arms == everyone.arms
    assert after.proposals == (Proposal(1, "promotion", "a", NOON, FULL_GROWN.proposes),)


def test_a_proposal_that_is_open_is_not_made_again() -> None:
    open_one = Proposal(1, "promotion", "a", NOON - DAY, "earned")
    doubt = Proposal(2, "rollback", "a", NOON - DAY, "lost")
    everyone = roster(arm("a", share=0.6))
    assert not proposals_of_a_night(replace(everyone, proposals=(open_one,)), FULL_GROWN)
    closed = replace(open_one, closed_at=NOON, outcome="expired")
    assert proposals_of_a_night(replace(everyone, proposals=(closed, doubt)), FULL_GROWN)


@pytest.mark.parametrize("state", STATES)
def test_only_a_live_arm_that_something_speaks_for_is_proposed(state: State) -> None:
    everyone = roster(arm("a", state, 0.6))
    assert bool(proposals_of_a_night(everyone, FULL_GROWN)) is (state == "live")
    assert not proposals_of_a_night(everyone, replace(FULL_GROWN, proposes=""))


def today(at: datetime) -> date:
    return at.date()


def ceilings(subject: Arm) -> list[tuple[str, float | None, float | None, float | None]]:
    actions = plan_ceilings(roster(subject), RULES, NOON, today)
    return [(one.policy, one.before, one.after, one.ceiling) for one in actions]


@pytest.mark.parametrize(
    ("scaled_at", "raised"),
    [
        (None, True),
        (NOON - DAY, True),
        (NOON - timedelta(hours=12, seconds=1), True),
        (NOON - timedelta(hours=12), False),
        (NOON, False),
        (NOON + DAY, False),
        (NOON + 365 * DAY, True),
    ],
)
def test_a_new_day_gives_room_for_one_multiplication(
    scaled_at: datetime | None, *, raised: bool
) -> None:
    subject = replace(arm("a", share=0.2), ceiling=0.2, scaled_at=scaled_at)
    assert ceilings(subject) == ([("a", 0.2, 0.2, 0.3)] if raised else [])


def test_a_raised_ceiling_says_why_and_moves_no_share() -> None:
    everyone = roster(replace(arm("a", share=0.2), ceiling=0.2))
    (action,) = plan_ceilings(everyone, RULES, NOON, today)
    assert action == Action(
        "raise_ceiling", "a", "ladder", "enforce", NOON, before=0.2, after=0.2, ceiling=0.3,
        reason="a new trading day",
    )  # fmt: skip
    after = apply(everyone, action)
    assert {arm.name: arm.share for arm in after.arms.values()} == {FLAT: 0.8, "a": 0.2}
    assert not plan_ceilings(after, RULES, NOON, today)


@pytest.mark.parametrize("state", STATES)
def test_only_arms_on_trial_with_traffic_get_a_ceiling(state: State) -> None:
    assert bool(ceilings(arm("a", state, 0.1))) is (state in ("probation", "live"))
    assert not ceilings(arm("a", state, 0.0))


def test_no_ceiling_is_above_the_cap() -> None:
    assert ceilings(replace(arm("a", share=0.5), ceiling=0.5)) == [("a", 0.5, 0.5, 0.6)]


@pytest.mark.parametrize("kind", ["promotion", "rollback"])
@pytest.mark.parametrize(
    ("age", "over"), [(2 * DAY - SECOND, False), (2 * DAY, True), (2 * DAY + SECOND, True)]
)
def test_a_proposal_is_over_after_48_hours(
    kind: ProposalKind, age: timedelta, *, over: bool
) -> None:
    closed = Proposal(1, kind, "a", NOON - 9 * DAY, "", NOON - 8 * DAY, "expired")
    waiting_one = Proposal(2, kind, "a", NOON - age, "earned")
    everyone = replace(roster(arm("a")), proposals=(closed, waiting_one))
    expected = Action(
        "expire_proposal", "a", kind, "enforce", NOON, number=2,
        reason="nobody approved it within 48 h",
    )  # fmt: skip
    assert plan_expiry(everyone, NOON) == ([expected] if over else [])
