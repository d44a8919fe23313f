"""Who is stale, and who goes: what the purge may do, and what it never does."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.actions.apply import apply
from tiltyard.actions.purge import (
    ACTIVE,
    PURGE,
    Past,
    PurgeRules,
    PurgeVerdict,
    judge,
    why_it_stays,
    why_stale,
)
from tiltyard.actions.verbs import Situation, obey
from tiltyard.facts.action import Action
from tiltyard.facts.arm import FLAT, Arm, Proposal, Review, Roster, State
from tiltyard.facts.command import Command, Verb
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.undefined import Reading, Undefined, Value
from tiltyard.scaling.ladder import ShareRules

NOW = datetime(2026, 11, 29, 3, tzinfo=UTC)
DAY = timedelta(days=1)
RULES = PurgeRules()
PROD, BOT, OTHER, THIRD = "prod", "bot", "other", "third"
NO_LOSSES = Undefined("no_losses", "no losing trade has closed yet", 200)


def roster(*arms: Arm, champion: str = PROD) -> Roster:
    made = Roster()
    if champion != FLAT:
        made = made.with_arm(Arm(FLAT, "challenger", "deposed", 0, 1, 0, None, NOW))
    made = made.with_arm(Arm(champion, "champion", "champion", 1, 1, 1, None, NOW))
    for arm in arms:
        made = made.with_arm(arm)
    return made


def arm(name: str = BOT, state: State = "live") -> Arm:
    share = 0.1 if state in ("probation", "live") else 0.0
    return Arm(name, "challenger", state, share, 0.1, share, None, NOW - 90 * DAY)


def past(
    days: float | None = 60, trades: int = 150, factor: Reading | None = None,
    open_positions: int | None = 0, *, has_traded: bool | None = None, lacks: str = "",
) -> Past:  # fmt: skip
    since = None if days is None else NOW - days * DAY
    traded = trades > 0 if has_traded is None else has_traded
    return Past(since, trades, traded, factor or Value(2.0, trades), open_positions, lacks)


STALE = past()


def told(
    house: Roster, pasts: Mapping[str, Past], rules: PurgeRules = RULES
) -> Mapping[str, PurgeVerdict]:
    every = {name: pasts.get(name, past(0)) for name in house.arms}
    return {verdict.policy: verdict for verdict in judge(house, every, rules, NOW)}


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (past(60, 150), "60 days at or below its starting share, with a full trial of 150 trades"),
        (past(59.99, 150), ""),
        (past(60, 149), ""),
        (past(None, 150), ""),
        (past(-1, 150), ""),
        (past(60, 0), "60 days at or below its starting share, without a trade"),
        (past(60, 0, has_traded=True), ""),
        (past(60, 1), ""),
        (past(None, 0), ""),
        (past(0, 150, Value(1.19, 150)), "profit factor 1.19 < 1.2 over 150 live trades"),
        (past(0, 150, Value(1.19999, 150)), "profit factor 1.199 < 1.2 over 150 live trades"),
        (past(0, 150, Value(0.0, 150)), "profit factor 0.0 < 1.2 over 150 live trades"),
        (past(0, 150, Value(1.2, 150)), ""),
        (past(0, 900, Value(1.1, 149)), ""),
        (past(0, 900, Undefined("warming", "no trade has closed")), ""),
        (past(0, 900, NO_LOSSES), ""),
        (past(None, 900, Value(1.1, 1500)), "profit factor 1.1 < 1.2 over 1,500 live trades"),
    ],
)
def test_who_is_stale(known: Past, reason: str) -> None:
    assert why_stale(known, RULES, NOW) == reason


def test_the_numbers_are_settings() -> None:
    rules = PurgeRules(days=10, profit_factor=2, trades=20, minimum_active=1)
    assert why_stale(past(10, 20), rules, NOW)
    assert why_stale(past(0, 20, Value(1.9, 20)), rules, NOW)
    assert told(roster(arm()), {BOT: STALE}, rules)[BOT].step == "retire"


@pytest.mark.parametrize(
    ("state", "open_positions", "step", "why"),
    [
        ("live", 0, "retire", ""),
        ("live", None, "take", ""),
        ("probation", None, "take", ""),
        ("live", 1, "keep", "it has positions open: 1"),
        ("throttled", 0, "retire", ""),
        ("throttled", None, "keep", "no mark since it lost its traffic says that it holds nothing"),
        ("throttled", 2, "keep", "it has positions open: 2"),
        ("halted", 0, "retire", ""),
        ("halted", None, "keep", "no mark since it lost its traffic says that it holds nothing"),
        ("candidate", None, "retire", ""),
        ("candidate", 1, "keep", "it has positions open: 1"),
        ("deposed", 0, "keep", ("it is kept as known-good, and the champion may be rolled back to "
         "it")),
    ],
)  # fmt: skip
def test_what_is_done_with_a_stale_one(
    state: State, open_positions: int | None, step: str, why: str
) -> None:
    house = roster(arm(state=state), arm(OTHER), arm(THIRD))
    verdict = told(house, {BOT: replace(STALE, open_positions=open_positions)})[BOT]
    stale = "60 days at or below its starting share, with a full trial of 150 trades"
    assert (verdict.step, verdict.reason) == (step, f"{stale}; but {why}" if why else stale)


def test_who_has_left_and_who_never_trades_and_the_champion_are_not_judged() -> None:
    house = roster(arm(state="retired"), arm(OTHER), arm(THIRD))
    assert set(told(house, {})) == {OTHER, THIRD}
    assert why_it_stays(house.champion(), house, 0) == "it is the champion"


def test_whoever_a_person_has_still_to_look_at_stays() -> None:
    house = roster(arm(state="halted"), arm(OTHER), arm(THIRD))
    review = Review(7, BOT, "drawdown_high", NOW - 70 * DAY)
    for one in (review, replace(review, advisory=True)):
        verdict = told(replace(house, reviews=(one,)), {BOT: STALE})[BOT]
        assert verdict.step == "keep"
        assert verdict.reason.endswith("; but review 7 of it is not acknowledged")
    seen = replace(review, acknowledged_at=NOW)
    others = replace(review, policy=OTHER)
    own = replace(review, guard=PURGE)
    for one in (seen, others, own):
        assert told(replace(house, reviews=(one,)), {BOT: STALE})[BOT].step == "retire"


def test_who_is_proposed_as_champion_stays() -> None:
    house = roster(arm(), arm(OTHER), arm(THIRD))
    waits = Proposal(1, "promotion", BOT, NOW, "it is better")
    verdict = told(replace(house, proposals=(waits,)), {BOT: STALE})[BOT]
    assert (verdict.step, verdict.reason.partition("; ")[2]) == (
        "keep", "but it is proposed as champion",
    )  # fmt: skip


def test_who_has_something_missing_stays_with_that_as_the_reason() -> None:
    lacking = replace(STALE, lacks="no snapshot holds its model")
    verdict = told(roster(arm(), arm(OTHER)), {BOT: lacking})[BOT]
    assert verdict.step == "keep"
    assert verdict.reason.endswith("; but no snapshot holds its model")


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (past(None), ("how long its share has been low is not known; profit factor 2 over 150 live "
         "trades")),
        (past(12, 1), ("12 of 60 days at or below its starting share; profit factor 2 over 1 live "
         "trade")),
        (past(12, 40), ("12 of 60 days at or below its starting share; profit factor 2 over 40 "
         "live trades")),
        (past(60, 40), ("60 days at or below its starting share, but 40 of 150 trades are no full "
         "trial; profit factor 2 over 40 live trades")),
        (past(0, 200, NO_LOSSES), ("0 of 60 days at or below its starting share; profit factor "
         "undefined (no_losses: no losing trade has closed yet) over 200 live trades")),
    ],
)  # fmt: skip
def test_who_is_not_stale_is_told_its_numbers(known: Past, reason: str) -> None:
    verdict = told(roster(arm()), {BOT: known})[BOT]
    assert (verdict.step, verdict.reason) == ("keep", reason)


def test_where_not_all_may_go_the_worst_do() -> None:
    house = roster(*(arm(name) for name in ("a", "b", "c", "d", "e")))
    pasts = {
        "a": past(61), "b": past(99), "c": past(0, 200, Value(1.1, 200)),
        "d": past(0, 200, Value(0.5, 200)), "e": past(99),
    }  # fmt: skip
    verdicts = judge(house, {**pasts, FLAT: past(0)}, RULES, NOW)
    assert [one.policy for one in verdicts] == ["d", "c", "b", "e", "a"]
    assert [one.step for one in verdicts] == ["retire"] * 4 + ["keep"]
    assert verdicts[-1].reason.endswith("; but of 2 that have to be active 1 would be left")


def test_who_trades_no_more_does_not_count_and_does_not_stay_for_it() -> None:
    house = roster(arm(), arm(OTHER, "halted"), arm(THIRD, "candidate"))
    steps = {name: one.step for name, one in told(house, dict.fromkeys(house.arms, STALE)).items()}
    assert steps == {BOT: "keep", OTHER: "retire", THIRD: "retire"}


def test_flat_is_no_active_policy() -> None:
    house = roster(arm(), arm(OTHER), champion=FLAT)
    steps = {one.step for one in told(house, dict.fromkeys(house.arms, STALE)).values()}
    assert steps == {"keep"}


def test_whose_traffic_is_taken_first_counts_as_gone() -> None:
    house = roster(arm(), arm(OTHER), arm(THIRD))
    unknown = replace(STALE, open_positions=None)
    steps = [one.step for one in told(house, dict.fromkeys(house.arms, unknown)).values()]
    assert steps == ["take", "take", "keep"]


readings = st.one_of(
    st.builds(Value, st.floats(0, 5), st.integers(0, 400)),
    st.sampled_from([NO_LOSSES, Undefined("warming", "no trade has closed")]),
)
pasts_drawn = st.builds(
    past,
    st.one_of(st.none(), st.floats(-10, 200)),
    st.integers(0, 400),
    readings,
    st.sampled_from([0, 0, None, 1]),
    has_traded=st.booleans(),
    lacks=st.sampled_from(["", "", "no snapshot"]),
)
states: st.SearchStrategy[State] = st.sampled_from(
    ["candidate", "probation", "live", "throttled", "halted", "deposed", "retired"]
)


@st.composite
def houses(draw: st.DrawFn) -> tuple[Roster, Mapping[str, Past]]:
    names = [f"arm {n}" for n in range(draw(st.integers(0, 6)))]
    house = roster(
        *(replace(arm(name, draw(states)), share=0.0) for name in names),
        champion=draw(st.sampled_from([PROD, FLAT])),
    )
    reviews = tuple(
        Review(n, name, draw(st.sampled_from(["a guard", PURGE])), NOW,
               draw(st.sampled_from([None, NOW])))
        for n, name in enumerate(names) if draw(st.booleans())
    )  # fmt: skip
    return replace(house, reviews=reviews), {name: draw(pasts_drawn) for name in [*names, FLAT]}


def active(house: Roster) -> int:
    return sum(one.state in ACTIVE and one.name != FLAT for one in house.arms.values())


@given(houses(), st.integers(0, 4))
def test_the_laws_of_the_purge(drawn: tuple[Roster, Mapping[str, Past]], minimum: int) -> None:
    house, pasts = drawn
    rules = PurgeRules(minimum_active=minimum)
    verdicts = judge(house, pasts, rules, NOW)
    going = [one for one in verdicts if one.step != "keep"]
    left = house
    for one in going:
        known = house.arms[one.policy]
        assert known.role == "challenger"
        assert known.name != FLAT
        assert known.state not in ("deposed", "retired", "champion")
        assert one.past.open_positions in (0, None), "nobody who holds a position"
        assert one.step == "take" or one.past.open_positions == 0 or known.state == "candidate"
        assert not one.past.lacks
        assert all(review.guard == PURGE for review in house.open_reviews(one.policy))
        is_low = one.days is not None and one.days >= 60
        is_poor = isinstance(one.past.profit_factor, Value) and one.past.profit_factor.number < 1.2
        assert is_low or is_poor, "nothing undefined is a reason"
        left = apply(left, Action("retire", one.policy, PURGE, "enforce", NOW, after=0.0))
    if any(house.arms[one.policy].state in ACTIVE for one in going):
        assert active(left) >= minimum
    again = judge(left, pasts, rules, NOW)
    assert all(one.step == "keep" for one in again), "what it says is done at once"


def asked(
    house: Roster, verb: Verb, held: int | None = 0, name: str = BOT, **arguments: str
) -> Roster:
    command = Command("key", verb, name, "maintenance", "it is stale", NOW, arguments)
    situation = Situation(house, ShareRules(), NOW, {name: held})
    for action in obey(command, situation).actions:
        house = apply(house, action)
    return house


def test_the_verb_takes_nobody_for_the_purge_who_is_needed_by_then() -> None:
    house = roster(arm(), arm(OTHER))
    review = Review(1, BOT, "drawdown_high", NOW)
    for verb in ("retire", "throttle"):
        assert asked(house, verb, purge="2").arms[BOT].state != "live"
        for refused in (replace(house, reviews=(review,)), roster(arm())):
            with pytest.raises(TiltyardError, match="PURGE_REFUSED"):
                asked(refused, verb, purge="2")
            assert asked(refused, verb).arms[BOT].state != "live", "a person may"


def test_the_purge_vouches_for_nothing_that_is_not_known() -> None:
    house = roster(arm(), arm(OTHER))
    assert asked(house, "retire", None).arms[BOT].state == "retired", "by a person's word"
    for held, code in ((None, "POSITIONS_UNKNOWN"), (1, "POSITIONS_OPEN")):
        with pytest.raises(TiltyardError, match=code):
            asked(house, "retire", held, purge="2")


def test_whose_traffic_the_purge_took_goes_when_it_is_known_to_hold_nothing() -> None:
    house = asked(roster(arm(), arm(OTHER)), "throttle", None, purge="2")
    assert (house.arms[BOT].throttled_by, house.open_reviews(BOT)[0].guard) == (PURGE, PURGE)
    assert told(house, {BOT: STALE})[BOT].step == "retire"
    assert asked(house, "retire", 0, purge="2").arms[BOT].state == "retired"
    assert asked(roster(arm()), "throttle").arms[BOT].throttled_by == "person"
