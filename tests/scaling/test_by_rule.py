"""The night by another rule: what it wants, within what it may."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from math import nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.actions.apply import apply
from tiltyard.actions.plan import plan_night
from tiltyard.facts.arm import FLAT, Arm, Review, Roster, State
from tiltyard.facts.verdict import Answer, Verdict
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.undefined import Undefined, Value
from tiltyard.router.lifecycle import STATES, TRADING
from tiltyard.scaling.by_rule import steps_by
from tiltyard.scaling.catalogue import FOR_A_DESK, RULES
from tiltyard.scaling.contender import BETS, Contender
from tiltyard.scaling.in_force import in_force
from tiltyard.scaling.ladder import ShareRules, Standing, Step
from tiltyard.scaling.reading import Known

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
BOUNDS = ShareRules()
BY_ROWS = FOR_A_DESK[1:]
LACKS = "3 of its trades do not say what they risked"
UNKNOWN = Undefined("warming", "no trade yet")
STALE = Undefined("stale", "told an hour ago")
CALM = Standing(UNKNOWN, UNKNOWN, Value(1.0, 150), losses=60)
CHAMPION = Contender(
    present=1,
    live_trades=600,
    live_mean=0.4,
    live_squares=1200,
    level=0.4,
    level_signals=900,
    pairs=5000,
    paper_more=250,
)


def arm(name: str = "a", share: float = 0.1, state: State = "live", ceiling: float = 0.15) -> Arm:
    return Arm(name, "challenger", state, share, 0.1, ceiling, None, NOON)


def roster(*arms: Arm) -> Roster:
    made = Roster().with_arm(Arm("champion", "champion", "champion", 1, 1, 1, None, NOON))
    made = made.with_arm(Arm(FLAT, "challenger", "deposed", 0, 1, 0, None, NOON))
    for each in arms:
        made = made.with_arm(each)
    return made


def good(**said: Any) -> Contender:  # noqa: ANN401 fields of a row
    """A challenger that is better with about 99 %."""
    row = Contender(
        present=1, signals=900, difference=0.17, squares=1800, own_paper=800, champion_paper=100,
        live_trades=100, live_mean=0.6, live_squares=200, live_wins=60, pf_30=2.5, age=30,
        pairs=5000, paper_more=250, wealth=[20.0] * BETS,
    )  # fmt: skip
    return replace(row, **said)


def night(
    rule: str,
    floor: Roster,
    rows: Mapping[str, Contender],
    standings: Mapping[str, Standing] | None = None,
    *,
    champion: Contender = CHAMPION,
    on_paper: bool = True,
    only: str = "",
    riskless: int = 0,
) -> dict[str, Step]:
    known = {"champion": Known(replace(champion, wealth=[1.0] * BETS), on_paper)}
    known |= {name: Known(row, on_paper, LACKS if riskless else "") for name, row in rows.items()}
    its = {one.name: CALM for one in floor.challengers()} | dict(standings or {})
    steps = steps_by(in_force(rule, BOUNDS), floor, known, its, BOUNDS, only)
    return {step.policy: step for step in steps}


def evidence(subject: Arm, row: Contender, **said: Any) -> Step:  # noqa: ANN401 what night takes
    return night("evidence", roster(subject), {subject.name: row}, **said)[subject.name]


def test_a_challenger_that_is_surely_better_has_its_share_doubled() -> None:
    step = evidence(arm(), good())
    assert (step.before, step.after) == (0.1, 0.2)
    assert step.reason == "better with 99 % by 900 opportunities, its bets have made 20 of one"


@pytest.mark.parametrize(
    ("subject", "row", "after", "reason"),
    [
        (arm(), good(live_trades=14), 0.1, "better with 99 %"),
        (arm(), good(signals=29), 0.0, "29 of 30 opportunities: no real traffic yet"),
        (arm(), good(difference=0.0), 0.0, "better with 2. % .*: no real traffic$"),
        (arm(), good(pf_30=1.5), 0.0, "factor of its last 30 trades, 1.50, is below 1.6"),
        (arm(), good(difference=-0.4), 0.0, ": retire it$"),
        (arm(share=0.4), good(difference=0.04), 0.2, "better with 5. %"),
        (arm(share=0.6), good(), 0.6, "better with 99 %"),
        (arm(share=0.0, ceiling=0.35), good(), 0.35, "better with 99 %"),
        (arm(share=0.0, ceiling=0.0), good(), 0.1, "better with 99 %"),
        (arm(state="throttled", share=0), good(), 0.0, "^throttled, no traffic$"),
        (arm(state="candidate", share=0), good(), 0.0, "^candidate, no traffic$"),
    ],
    ids=[
        "too few live trades to grow", "too few opportunities", "not better", "a weak month",
        "hardly can be better", "less sure than it was", "at the cap", "back with what it had",
        "its first share", "throttled", "candidate",
    ],
)  # fmt: skip
def test_the_share_follows_the_evidence(
    subject: Arm, row: Contender, after: float, reason: str
) -> None:
    step = evidence(subject, row)
    assert step.after == pytest.approx(after, abs=1e-6)
    assert re.search(reason, step.reason), step.reason


def test_a_pause_keeps_what_it_had_and_a_retirement_does_not() -> None:
    assert evidence(arm(share=0.3), good(pf_30=1.5)).ceiling == 0.3
    assert evidence(arm(share=0.3), good(difference=-0.4)).ceiling is None


def test_after_500_live_trades_neither_cap_nor_floor_hold_it() -> None:
    assert evidence(arm(share=0.6), good(live_trades=499)).after == 0.6
    assert evidence(arm(share=0.6), good(live_trades=500)).after == 1.0


def test_only_one_challenger_has_real_traffic() -> None:
    floor = roster(arm("a", 0.2), arm("b", 0.1))
    steps = night("evidence", floor, {"a": good(difference=0.06), "b": good()})
    assert (steps["a"].after, steps["b"].after) == (0.0, 0.2)
    assert steps["a"].reason.endswith(": another one is preferred")


def test_one_that_has_none_waits_for_one_that_cannot_lose_it_tonight() -> None:
    floor = roster(arm("a", 0.2), arm("b", 0.0, ceiling=0.0))
    rows = {"a": good(difference=0.06), "b": good()}
    steps = night("evidence", floor, rows, {"a": replace(CALM, scaled_today=True)})
    assert (steps["a"].after, steps["b"].after) == (0.2, 0.0)
    assert steps["b"].reason.endswith("but a has real traffic still")


def test_without_a_book_on_paper_the_live_trades_alone_count_and_the_answer_says_so() -> None:
    step = evidence(arm(), good(), on_paper=False)
    assert step.after == 0.2
    assert step.reason == "better with 80 % by 100 live trades alone, its paper is not told whole"


def test_of_one_on_paper_and_one_that_is_not_the_better_has_the_traffic() -> None:
    floor = roster(arm("a", 0.1), arm("b", 0.1))
    known = {
        "champion": Known(replace(CHAMPION), is_on_paper=True),
        "a": Known(good(difference=0.08), is_on_paper=True),
        "b": Known(good(), is_on_paper=False),
    }
    its = {one.name: CALM for one in floor.challengers()}
    steps = steps_by(in_force("evidence", BOUNDS), floor, known, its, BOUNDS)
    shares = {step.policy: step.after for step in steps if step.policy != FLAT}
    assert shares == {"a": 0.0, "b": 0.2}


def test_whoever_has_proven_it_is_proposed_with_its_evidence() -> None:
    step = evidence(arm(share=1.0), good(live_trades=512))
    told = "better with 99 % by 900 opportunities, its bets have made 20 of one, 512 live trades"
    assert (step.after, step.proposes) == (1.0, told)
    (_, proposed) = plan_night([step], roster(arm()), NOON, "evidence")
    assert (proposed.kind, proposed.cause, proposed.reason) == (
        "propose_promotion", "evidence", told,
    )  # fmt: skip


def test_whom_the_rule_is_done_with_loses_its_traffic_and_a_person_is_asked() -> None:
    floor = roster(arm())
    step = night("evidence", floor, {"a": good(difference=-0.4)})["a"]
    actions = plan_night([step], floor, NOON, "evidence")
    assert [(one.kind, one.policy, one.cause) for one in actions] == [
        ("scale", "a", "evidence"), ("review", "a", "evidence"),
    ]  # fmt: skip
    for action in actions:
        floor = apply(floor, action)
    assert (floor.arms["a"].share, floor.arms["a"].ceiling, floor.arms["a"].state) == (0, 0, "live")
    assert [(review.guard, review.advisory) for review in floor.reviews] == [("evidence", True)]
    assert len(plan_night([step], floor, NOON, "evidence")) == 1, "it is asked already"


def test_one_whose_time_is_up_goes_on_by_its_evidence_until_a_person_takes_it_out() -> None:
    step = evidence(arm(), good(age=61))
    assert step.after == 0.2
    assert step.asks == (
        "better with 99 % by 900 opportunities: its time is up, after 61 days and 100 live trades"
    )


def test_a_paused_arm_may_come_back_with_what_it_had() -> None:
    floor = roster(arm(share=0.3, ceiling=0.3))
    for row in (good(pf_30=1.5), good()):
        (step,) = (
            one for one in night("evidence", floor, {"a": row}).values() if one.policy == "a"
        )
        for action in plan_night([step], floor, NOON, "evidence"):
            floor = apply(floor, action)
    assert floor.arms["a"].share == 0.3


@pytest.mark.parametrize("rule", [name for name in BY_ROWS if name != "static"])
@pytest.mark.parametrize(
    ("row", "champion", "riskless"),
    [
        (good(live_trades=1, live_wins=1, signals=0), CHAMPION, 0),
        (good(), replace(CHAMPION, live_trades=0), 0),
        (good(), CHAMPION, 3),
        (good(live_squares=0.0), replace(CHAMPION, live_squares=0.0), 0),
    ],
    ids=["of the arm", "of the champion", "of what a trade risked", "of any spread"],
)
def test_nothing_grows_by_what_is_unknown(
    rule: str, row: Contender, champion: Contender, riskless: int
) -> None:
    step = night(
        rule, roster(arm(share=0.01)), {"a": row}, champion=champion, riskless=riskless,
        on_paper=False,
    )["a"]  # fmt: skip
    assert step.after == 0.01
    assert "trade" in step.reason


def verdict(answer: Answer, reading: Undefined = STALE) -> Verdict:
    return Verdict(
        "guard", "arm", "a", answer, confirmed=False, tripped=False, cleared=False, escalated=False,
        reading=reading, limit=4, at=NOON, up_to_seq=0, reason="nobody knows",
    )  # fmt: skip


BLOCKED: Mapping[str, Any] = {
    "a breached guard": ({}, {"verdicts": [(verdict("breach"), True)]}),
    "an unknown guard": ({}, {"verdicts": [(verdict("unknown"), True)]}),
    "an open review": ({"reviews": (Review(1, "a", "guard", NOON),)}, {}),
    "a hold on the ramp": ({"ramp_frozen_by": frozenset({"guard"})}, {}),
    "no entries for anyone": ({"entries_stopped_by": frozenset({"guard"})}, {}),
    "a change on this trading day": ({}, {"scaled_today": True}),
}


@pytest.mark.parametrize("rule", BY_ROWS)
@pytest.mark.parametrize("why", list(BLOCKED))
def test_nothing_grows_against(rule: str, why: str) -> None:
    held, told = BLOCKED[why]
    floor = replace(roster(arm(share=0.01)), **held)
    assert night(rule, floor, {"a": good()})["a"].after > 0.01 or held
    step = night(rule, floor, {"a": good()}, {"a": replace(CALM, **told)})["a"]
    assert step.after == 0.01


@pytest.mark.parametrize("why", [*BLOCKED, "too few losses"])
def test_nobody_is_proposed_against(why: str) -> None:
    """It has all the share there is, so it need not grow to be proposed."""
    held, told = BLOCKED.get(why, ({}, {"losses": 4}))
    floor = replace(roster(arm(share=1.0)), **held)
    rows = {"a": good(live_trades=512)}
    assert night("evidence", roster(arm(share=1.0)), rows)["a"].proposes
    step = night("evidence", floor, rows, {"a": replace(CALM, **told)})["a"]
    assert (step.after, step.proposes) == (1.0, "")


def test_without_a_book_on_paper_nobody_is_proposed_since_nothing_was_bet() -> None:
    row = good(live_trades=2_000, live_mean=0.9, live_squares=3_000, pf_30=2.5)
    step = evidence(arm(share=1.0), row, on_paper=False)
    assert step.reason.startswith("better with over 99 % by 2,000 live trades alone")
    assert step.proposes == ""


@pytest.mark.parametrize("row", [good(pf_30=0.4), good(difference=-0.4)])
def test_a_share_shrinks_also_while_the_ramp_is_frozen(row: Contender) -> None:
    floor = replace(roster(arm(share=0.6)), ramp_frozen_by=frozenset({"guard"}))
    assert night("evidence", floor, {"a": row})["a"].after == 0
    floor = replace(floor, entries_stopped_by=frozenset({"guard"}))
    assert night("evidence", floor, {"a": row})["a"].after == 0.6


@pytest.mark.parametrize(("rule", "after"), [("evidence", 0.2), ("thompson", 0.1)])
def test_a_guard_that_waits_for_live_trades_holds_up_only_who_is_not_compared_on_paper(
    rule: str, after: float
) -> None:
    warming = replace(CALM, verdicts=[(verdict("unknown", UNKNOWN), True)])
    assert night(rule, roster(arm()), {"a": good()}, {"a": warming})["a"].after == after


def test_nothing_grows_before_it_has_thirty_trades_of_either_book() -> None:
    step = evidence(arm(), good(pf_30=nan))
    assert step.after == 0.1
    assert step.reason.endswith(
        "but it has no profit factor of its last 30 trades, live and on paper"
    )


def test_an_advice_that_nobody_has_read_stops_nothing() -> None:
    floor = replace(roster(arm()), reviews=(Review(1, "a", "evidence", NOON, advisory=True),))
    assert night("evidence", floor, {"a": good()})["a"].after == 0.2


numbers = st.one_of(
    st.just(nan), st.just(0.0), st.floats(-3, 3), st.sampled_from([29.0, 30.0, 150.0, 499.0, 500.0])
)
counts = st.sampled_from([0.0, 1.0, 14.0, 15.0, 30.0, 149.0, 150.0, 499.0, 500.0, 2000.0])
rows = st.builds(
    Contender,
    present=st.just(1.0), age=st.sampled_from([0.0, 30.0, 61.0, 200.0]), pf_30=numbers,
    live_trades=counts, live_wins=st.just(0.0), live_mean=st.floats(-2, 2),
    live_squares=st.floats(0, 5000), ratio=st.floats(-6, 6), pairs=counts,
    paper_more=st.floats(-50, 50), level_signals=counts, level=st.floats(-1, 1), signals=counts,
    difference=st.floats(-1, 1), squares=st.floats(0, 5000), own_paper=st.just(0.0),
    champion_paper=st.just(0.0),
    wealth=st.lists(st.floats(0, 100), min_size=BETS, max_size=BETS),
).map(lambda row: replace(row, own_paper=row.signals))  # fmt: skip
shares = st.sampled_from([0.0, 0.0, 0.01, 0.05, 0.1, 0.15])
arms = st.tuples(
    st.sampled_from(STATES).filter(lambda state: state not in ("champion", "retired")), shares,
    rows, st.booleans(), st.integers(0, 1), st.booleans(), st.booleans(), numbers,
)  # fmt: skip


@pytest.mark.parametrize("rule", BY_ROWS)
@given(champion=rows, paper=st.booleans(), drawn=st.lists(arms, max_size=4), data=st.data())
def test_no_rule_passes_a_bound_whatever_it_is_told(
    rule: str, champion: Contender, *, paper: bool, drawn: list[Any], data: st.DataObject
) -> None:
    floor = roster()
    known = {"champion": Known(champion, paper)}
    standings = {FLAT: CALM}
    for number, (state, share, row, on_paper, riskless, is_bad, is_late, fall) in enumerate(drawn):
        one = arm(f"arm {number}", share if state in TRADING else 0.0, state)
        floor = floor.with_arm(one)
        if state != "deposed":
            known[one.name] = Known(row, on_paper, LACKS if riskless else "")
        verdicts = [(verdict("unknown"), True)] if is_bad else []
        reading = UNKNOWN if fall != fall else Value(fall, 150)  # noqa: PLR0124 it is no number
        standings[one.name] = Standing(UNKNOWN, UNKNOWN, reading, verdicts, scaled_today=is_late)
    only = data.draw(st.sampled_from(["", *(one.name for one in floor.challengers())]))
    ruling = in_force(rule, BOUNDS)
    frees = ruling.frees_after
    steps = steps_by(ruling, floor, known, standings, BOUNDS, only)
    after = floor
    for action in plan_night(steps, floor, NOON, rule):
        after = apply(after, action)  # SHARES_EXCEED_ONE would be raised
    assert len(steps) == (1 if only else len(floor.challengers()))
    for step in steps:
        before, now = floor.arms[step.policy], after.arms[step.policy]
        assert (step.before, step.after) == (before.share, now.share)
        assert 0 <= now.share <= 1
        assert now.state == before.state, "nobody is retired, promoted or let in by a rule"
        its, standing = known.get(step.policy), standings[step.policy]
        if before.state not in TRADING or standing.scaled_today:
            assert now.share == before.share
        if now.share <= before.share:
            continue
        assert its is not None
        is_free = bool(frees) and its.row.live_trades >= frees
        assert now.share <= (1.0 if is_free else BOUNDS.cap)
        assert after.champion().share >= (0 if is_free else BOUNDS.champion_floor - 1e-9)
        assert not standing.verdicts
        assert rule == "static" or not its.lacks
        if ruling.compares_on_paper and not before.share:
            assert [other.name for other in after.challengers() if other.share] == [step.policy]


def test_a_rule_that_nobody_knows_is_refused() -> None:
    with pytest.raises(TiltyardError, match=r"^RULE_UNKNOWN evidense: .*did you mean 'evidence'"):
        in_force("evidense", BOUNDS)
    for name in set(RULES) - set(BY_ROWS):
        with pytest.raises(TiltyardError, match=f"^RULE_UNKNOWN {name}: no desk is run by"):
            in_force(name, BOUNDS)
