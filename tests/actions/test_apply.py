"""Applying: every state meets every kind, shares add up, and halts come through."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.actions.apply import CHANGES, apply
from tiltyard.facts.action import PERSON, PROTECTIVE, Action, Kind
from tiltyard.facts.arm import FLAT, Arm, Proposal, ProposalKind, Review, Role, Roster, State
from tiltyard.kernel.errors import TiltyardError
from tiltyard.router.lifecycle import STATES, TRADING, TRANSITIONS, next_state

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
KINDS: tuple[Kind, ...] = get_args(Kind)
STEPS: frozenset[Kind] = frozenset(
    {"admit", "graduate", "throttle", "halt", "resume", "rearm", "retire", "crown"}
)
OF_ONE_ARM: frozenset[Kind] = STEPS | {
    "scale", "raise_ceiling", "external_edit", "begin_now", "review", "propose_promotion",
    "propose_rollback",
}  # fmt: skip
CHALLENGERS = ("a", "b", "c")

LIFE = {
    ("candidate", "admit"): "probation",
    ("probation", "graduate"): "live",
    ("probation", "throttle"): "throttled",
    ("live", "throttle"): "throttled",
    ("throttled", "resume"): "probation",
    ("throttled", "rearm"): "probation",
    ("halted", "rearm"): "probation",
    ("deposed", "rearm"): "probation",
    ("live", "crown"): "champion",
    ("deposed", "crown"): "champion",
    ("candidate", "retire"): "retired",
    ("probation", "retire"): "retired",
    ("live", "retire"): "retired",
    ("throttled", "retire"): "retired",
    ("halted", "retire"): "retired",
    ("deposed", "retire"): "retired",
    ("candidate", "halt"): "halted",
    ("probation", "halt"): "halted",
    ("live", "halt"): "halted",
    ("champion", "halt"): "halted",
    ("throttled", "halt"): "halted",
    ("halted", "halt"): "halted",
    ("deposed", "halt"): "halted",
    ("retired", "halt"): "halted",
}


def arm(name: str = "a", state: State = "live", share: float = 0.1) -> Arm:
    role: Role = "champion" if state == "champion" else "challenger"
    return Arm(name, role, state, share, 0.1, 0.6, None, NOON)


def roster(*arms: Arm) -> Roster:
    """Of these arms, with ``flat`` as champion where none of them is."""
    others = [other for other in arms if other.name != FLAT]
    crowned = any(other.role == "champion" for other in others)
    flat = Arm(
        FLAT, "challenger" if crowned else "champion", "deposed" if crowned else "champion",
        0, 0, 0, None, NOON,
    )  # fmt: skip
    made = Roster().with_arm(flat)
    for other in others:
        made = made.with_arm(other)
    return made


def action(kind: Kind, policy: str = "a", after: float | None = 0.1, **more: object) -> Action:
    made = Action(kind, policy, "some_guard", "enforce", NOON, after=after, ceiling=0.6)
    return replace(made, **more)  # type: ignore[arg-type]  # checked by the dataclass


def total(state: Roster) -> float:
    return round(sum(each.share for each in state.arms.values()), 12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("state", STATES)
def test_every_state_meets_every_kind(state: State, kind: Kind) -> None:
    before = roster(arm(state=state))
    if kind in STEPS and (state, kind) not in LIFE:
        with pytest.raises(TiltyardError) as caught:
            apply(before, action(kind))
        assert str(caught.value) == f"TRANSITION_REFUSED a: a {state} arm cannot {kind}"
    else:
        after = apply(before, action(kind))
        assert after.arms["a"].state == LIFE.get((state, kind), state)
        assert total(after) == 1.0
        after.champion()


def test_the_table_of_transitions_is_the_life_of_an_arm() -> None:
    assert TRANSITIONS == LIFE
    assert frozenset({"probation", "live"}) == TRADING
    assert set(STATES) == set(get_args(State))


@pytest.mark.parametrize("state", STATES)
def test_a_halt_is_accepted_from_every_state(state: State) -> None:
    halted = apply(roster(arm(state=state)), action("halt")).arms["a"]
    assert (halted.state, halted.role, halted.share) == ("halted", "challenger", 0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_only_observed_changes_nothing(kind: Kind) -> None:
    before = roster(arm())
    assert apply(before, action(kind, mode="observe")) is before
    assert apply(before, action(kind, "nobody", mode="observe")) is before


@pytest.mark.parametrize("kind", sorted(OF_ONE_ARM))
def test_an_arm_that_is_not_there_is_named(kind: Kind) -> None:
    with pytest.raises(TiltyardError) as caught:
        apply(roster(arm()), action(kind, "gone"))
    assert str(caught.value) == f"POLICY_UNKNOWN gone: cannot {kind}: no such arm"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in CHANGES])
def test_a_kind_without_a_change_leaves_the_roster_as_it_is(kind: Kind) -> None:
    before = roster(arm())
    assert apply(before, action(kind)) is before


def test_everything_that_protects_changes_something() -> None:
    assert set(CHANGES) >= PROTECTIVE


@pytest.mark.parametrize(("kind", "state"), [("throttle", "throttled"), ("halt", "halted")])
def test_losing_traffic_gives_it_to_the_champion_and_opens_a_review(
    kind: Kind, state: State
) -> None:
    after = apply(roster(arm(share=0.3), arm("b", share=0.2)), action(kind))
    lost = after.arms["a"]
    assert (lost.state, lost.share, lost.ceiling, lost.throttled_by) == (
        state, 0.0, 0.0, "some_guard"
    )  # fmt: skip
    assert after.champion().share == 0.8
    assert after.reviews == (Review(1, "a", "some_guard", NOON),)
    assert apply(after, action("halt", "b")).reviews[1].number == 2


def test_a_halt_repeated_is_the_halt() -> None:
    once = apply(roster(arm()), action("halt"))
    assert apply(once, action("halt", at=NOON + timedelta(hours=1))) == once


def test_a_halt_repeated_takes_back_what_an_edit_by_hand_gave() -> None:
    once = apply(roster(arm()), action("halt"))
    edited = once.with_arm(replace(once.arms["a"], share=0.4, ceiling=0.6))
    assert apply(edited, action("halt")) == once


def test_a_throttled_arm_that_is_halted_says_so_and_opens_another_review() -> None:
    after = apply(apply(roster(arm()), action("throttle")), action("halt", cause="worse"))
    assert (after.arms["a"].state, after.arms["a"].throttled_by) == ("halted", "worse")
    assert [review.guard for review in after.reviews] == ["some_guard", "worse"]


def test_halting_the_champion_crowns_flat() -> None:
    before = roster(arm("a", "champion"), arm("b", share=0.25))
    assert before.champion().name == "a"
    halted_before = replace(before.arms[FLAT], throttled_by="an older guard")
    after = apply(before.with_arm(halted_before), action("halt"))
    flat = after.champion()
    assert (flat.name, flat.state, flat.share, flat.ceiling, flat.throttled_by) == (
        FLAT, "champion", 0.75, 1.0, ""
    )  # fmt: skip
    assert (after.arms["a"].role, after.arms["a"].share) == ("challenger", 0.0)


def test_halting_flat_itself_leaves_nobody_and_is_refused() -> None:
    with pytest.raises(TiltyardError, match="CHAMPION_MISSING flat: no flat policy to fall back"):
        apply(roster(arm()), action("halt", FLAT))


def test_halting_a_champion_without_flat_is_refused() -> None:
    alone = Roster().with_arm(arm("a", "champion"))
    with pytest.raises(TiltyardError, match="CHAMPION_MISSING a: no flat policy to fall back on"):
        apply(alone, action("halt"))


def test_a_champion_is_not_throttled() -> None:
    with pytest.raises(TiltyardError, match="TRANSITION_REFUSED a: a champion arm cannot throttle"):
        apply(roster(arm("a", "champion")), action("throttle"))


def test_coming_back_starts_a_new_trial_at_the_given_share() -> None:
    before = apply(roster(arm(share=0.3)), action("throttle"))
    later = NOON + timedelta(days=2)
    back = apply(before, action("resume", after=0.1, at=later)).arms["a"]
    assert (back.state, back.share, back.ceiling, back.throttled_by) == (
        "probation", 0.1, 0.6, ""
    )  # fmt: skip
    assert back.trial_started_at == later
    assert back.resumed_at == (later,)
    assert back.start_share == 0.1


def test_an_admitted_candidate_receives_traffic() -> None:
    after = apply(roster(arm(state="candidate", share=0.0)), action("admit", after=0.2))
    assert (after.arms["a"].share, after.arms["a"].ceiling) == (0.2, 0.6)
    assert after.champion().share == 0.8


@pytest.mark.parametrize("kind", ["admit", "resume", "rearm"])
def test_an_unsaid_share_is_none(kind: Kind) -> None:
    state: State = "candidate" if kind == "admit" else "throttled"
    after = apply(roster(arm(state=state, share=0.0)), action(kind, after=None, ceiling=None))
    assert (after.arms["a"].share, after.arms["a"].ceiling) == (0.0, 0.0)


def test_graduating_changes_the_state_and_nothing_else() -> None:
    before = roster(arm(state="probation"))
    assert apply(before, action("graduate")).arms["a"] == replace(before.arms["a"], state="live")


@pytest.mark.parametrize(("after", "share"), [(0.15, 0.15), (0.6, 0.6), (0.7, 0.7), (None, 0.0)])
def test_a_share_that_was_scaled_may_not_grow_again_on_that_day(
    after: float | None, share: float
) -> None:
    night = NOON + timedelta(hours=14)
    scaled = apply(roster(arm()), action("scale", after=after, at=night)).arms["a"]
    assert (scaled.share, scaled.ceiling, scaled.scaled_at) == (share, share, night)


def test_more_traffic_than_there_is_is_refused() -> None:
    with pytest.raises(TiltyardError, match="SHARES_EXCEED_ONE a: with its"):
        apply(roster(arm(), arm("b", share=0.2)), action("scale", after=0.9))


def test_a_new_day_raises_the_ceiling_and_nothing_else() -> None:
    before = roster(arm())
    raised = apply(before, action("raise_ceiling", after=0.5, ceiling=0.15)).arms["a"]
    assert raised == replace(before.arms["a"], ceiling=0.15)
    assert apply(before, action("raise_ceiling", ceiling=None)).arms["a"].ceiling == 0.0


@pytest.mark.parametrize("state", [state for state in STATES if state not in TRADING])
@pytest.mark.parametrize("kind", ["scale", "raise_ceiling", "external_edit"])
def test_only_an_arm_on_trial_can_be_given_more(kind: Kind, state: State) -> None:
    before = roster(arm(state=state, share=0.0))
    assert apply(before, action(kind, after=0.3, before=0.0)) is before


@pytest.mark.parametrize(
    ("was", "share", "scaled"), [(0.1, 0.15, True), (0.1, 0.1, False), (0.1, 0.05, False)]
)
def test_an_edit_by_sql_is_taken_over_and_a_raise_was_the_days_multiplication(
    was: float, share: float, *, scaled: bool
) -> None:
    later = NOON + timedelta(hours=3)
    edit = action("external_edit", before=was, after=share, ceiling=0.15, at=later)
    edited = apply(roster(replace(arm(), scaled_at=NOON)), edit)
    subject = edited.arms["a"]
    assert (subject.share, subject.ceiling) == (share, 0.15)
    assert subject.scaled_at == (later if scaled else NOON)
    assert edited.champion().share == round(1 - share, 12)


def test_freezing_challengers_takes_the_traffic_of_all_and_names_the_guard() -> None:
    after = apply(roster(arm("a"), arm("b")), action("freeze_challengers", ""))
    assert after.champion().share == 1.0
    assert {each.ceiling for each in after.challengers()} == {0.0}
    assert after.challengers_frozen_by == {"some_guard"}


def test_frozen_twice_they_get_back_what_they_had_when_the_last_lets_go() -> None:
    before = roster(arm("a", share=0.3), arm("b", "probation", 0.2), arm("c", "throttled", 0.0))
    state = apply(before, action("freeze_challengers", "", cause="one"))
    state = apply(state, action("freeze_challengers", "", cause="two"))
    assert {name: each.held_share for name, each in state.arms.items()} == {
        FLAT: 0.0, "a": 0.3, "b": 0.2, "c": 0.0
    }  # fmt: skip
    state = apply(state, action("unfreeze_challengers", "", cause="one"))
    assert state.champion().share == 1.0
    free = apply(state, action("unfreeze_challengers", "", cause="two"))
    assert not free.challengers_frozen_by
    assert [(e.name, e.share, e.ceiling, e.held_share) for e in free.challengers()] == [
        ("a", 0.3, 0.3, 0.0), ("b", 0.2, 0.2, 0.0), ("c", 0.0, 0.0, 0.0)
    ]  # fmt: skip
    assert free.champion().share == 0.5


def test_whoever_did_not_freeze_does_not_let_go() -> None:
    frozen = apply(roster(arm()), action("freeze_challengers", "", cause="one"))
    assert apply(frozen, action("unfreeze_challengers", "", cause="two")) is frozen
    free = roster(arm())
    assert apply(free, action("unfreeze_challengers", "")) is free


@pytest.mark.parametrize("kind", ["throttle", "halt", "retire"])
def test_what_is_taken_during_a_freeze_is_not_given_back(kind: Kind) -> None:
    state = apply(roster(arm(), arm("b")), action("freeze_challengers", ""))
    state = apply(apply(state, action(kind)), action("unfreeze_challengers", "", ceiling=None))
    assert (state.arms["a"].share, state.arms["a"].held_share) == (0.0, 0.0)
    assert state.arms["b"].share == 0.1


@pytest.mark.parametrize("state", sorted(set(STATES) - TRADING - {"champion"}))
def test_a_held_share_is_given_to_arms_on_trial_only(state: State) -> None:
    held = replace(arm(state=state, share=0.0), held_share=0.3, ceiling=0.0)
    frozen = replace(roster(held), challengers_frozen_by=frozenset({"some_guard"}))
    free = apply(frozen, action("unfreeze_challengers", ""))
    assert free.arms["a"] == replace(held, held_share=0.0)


@pytest.mark.parametrize(
    ("most", "taken", "shares"),
    [
        (None, 0.0, (0.3, 0.2)),
        (0.6, 0.0, (0.3, 0.2)),
        (0.4, 0.0, (0.3, 0.1)),
        (0.3, 0.0, (0.3, 0.0)),
        (0.2, 0.0, (0.2, 0.0)),
        (None, 0.6, (0.3, 0.1)),
        (1.7, 0.6, (0.3, 0.1)),
        (0.6, 0.6, (0.0, 0.0)),
        (0.5, 0.6, (0.0, 0.0)),
    ],
)
def test_a_freeze_gives_back_as_far_as_there_is_room(
    most: float | None, taken: float, shares: tuple[float, float]
) -> None:
    before = roster(arm("a", share=0.3), arm("b", share=0.2), arm("c", "candidate", 0.0))
    state = apply(before, action("freeze_challengers", ""))
    if taken:
        state = apply(state, action("admit", "c", after=taken))
    free = apply(state, action("unfreeze_challengers", "", ceiling=most))
    assert (free.arms["a"].share, free.arms["b"].share) == shares
    assert (free.arms["a"].ceiling, free.arms["b"].ceiling) == shares
    assert total(free) == 1.0


def test_a_ramp_frozen_by_two_is_free_when_both_let_go() -> None:
    state = apply(roster(), action("freeze_ramp", "", cause="one"))
    state = apply(state, action("freeze_ramp", "", cause="two"))
    assert state.ramp_frozen_by == {"one", "two"}
    state = apply(state, action("unfreeze_ramp", "", cause="one"))
    assert state.ramp_frozen_by == {"two"}
    assert not apply(state, action("unfreeze_ramp", "", cause="two")).ramp_frozen_by


def test_stopping_entries_names_the_guard_and_moves_no_share() -> None:
    before = roster(arm())
    after = apply(before, action("stop_entries", ""))
    assert after.entries_stopped_by == {"some_guard"}
    assert after.arms == before.arms


def test_entries_go_on_when_the_last_of_those_who_stopped_them_lets_go() -> None:
    state = apply(roster(arm()), action("stop_entries", "", cause="one"))
    state = apply(state, action("stop_entries", "", cause="two"))
    state = apply(state, action("allow_entries", "", cause="one"))
    assert state.entries_stopped_by == {"two"}
    assert not apply(state, action("allow_entries", "", cause="two")).entries_stopped_by


def test_after_a_guard_stopped_entries_the_account_begins_anew() -> None:
    later = NOON + timedelta(hours=1)
    stopped = apply(roster(arm()), action("stop_entries", ""))
    assert stopped.account_since is None
    assert apply(stopped, action("allow_entries", "", at=later)).account_since == later
    assert apply(stopped, action("allow_entries", "", cause="another", at=later)) is stopped


def test_a_person_who_stops_and_allows_entries_forgives_no_drawdown() -> None:
    stopped = apply(roster(arm()), action("stop_entries", "", cause=PERSON))
    stopped = replace(stopped, account_since=NOON)
    later = NOON + timedelta(hours=1)
    allowed = apply(stopped, action("allow_entries", "", cause=PERSON, at=later))
    assert (allowed.entries_stopped_by, allowed.account_since) == (frozenset(), NOON)


def test_an_advisory_review_is_opened_once_and_takes_nothing() -> None:
    before = roster(arm(), arm("b"))
    asked = apply(before, action("review"))
    assert asked.reviews == (Review(1, "a", "some_guard", NOON, advisory=True),)
    assert asked.arms == before.arms
    assert not asked.blocking_reviews("a")
    assert apply(asked, action("review")) is asked
    assert len(apply(asked, action("review", cause="another")).reviews) == 2
    assert len(apply(asked, action("review", "b")).reviews) == 2
    looked = apply(asked, action("acknowledge", number=1))
    assert len(apply(looked, action("review")).reviews) == 2


def test_a_review_of_the_account_is_an_alert_and_no_more() -> None:
    before = roster(arm())
    assert apply(before, action("review", "")) is before


def test_a_review_is_acknowledged_by_its_number_and_the_first_time_counts() -> None:
    before = apply(apply(roster(arm(), arm("b")), action("throttle")), action("throttle", "b"))
    later = NOON + timedelta(hours=1)
    looked = apply(before, action("acknowledge", "b", number=2, at=later))
    assert [review.acknowledged_at for review in looked.reviews] == [None, later]
    assert apply(looked, action("acknowledge", number=2, at=later + timedelta(1))) == looked
    assert apply(looked, action("acknowledge", number=3)) == looked


def test_a_person_re_arms_at_a_new_trial_and_forgets_what_came_back_by_itself() -> None:
    before = apply(roster(replace(arm(), resumed_at=(NOON,))), action("halt"))
    later = NOON + timedelta(days=2)
    back = apply(before, action("rearm", after=0.2, ceiling=0.3, at=later)).arms["a"]
    assert (back.state, back.share, back.ceiling, back.throttled_by) == (
        "probation", 0.2, 0.3, ""
    )  # fmt: skip
    assert (back.trial_started_at, back.resumed_at) == (later, ())
    assert back.start_share == 0.2


def test_a_re_armed_former_champion_is_no_longer_known_good() -> None:
    deposed = replace(arm(state="deposed", share=0.0), deposed_at=NOON, start_share=1.0)
    back = apply(roster(deposed), action("rearm")).arms["a"]
    assert (back.state, back.deposed_at, back.start_share) == ("probation", None, 0.1)


@pytest.mark.parametrize("kind", ["halt", "retire"])
def test_a_known_good_champion_that_is_halted_or_retired_is_not_known_good(kind: Kind) -> None:
    deposed = replace(arm(state="deposed", share=0.0), deposed_at=NOON)
    assert apply(roster(deposed), action(kind)).arms["a"].deposed_at is None


def test_retiring_takes_everything() -> None:
    gone = apply(roster(arm(share=0.3)), action("retire"))
    assert (gone.arms["a"].share, gone.arms["a"].ceiling) == (0.0, 0.0)
    assert gone.champion().share == 1.0
    assert not gone.reviews


def test_a_crowned_challenger_takes_what_the_champion_had() -> None:
    before = roster(arm("prod", "champion"), arm(share=0.3), arm("b", share=0.2))
    after = apply(before, action("crown", ceiling=None, after=None))
    new, former = after.champion(), after.arms["prod"]
    assert (new.name, new.state, new.share, new.ceiling) == ("a", "champion", 0.8, 1.0)
    assert (former.role, former.state, former.share, former.ceiling, former.deposed_at) == (
        "challenger", "deposed", 0.0, 0.0, NOON
    )  # fmt: skip
    assert after.arms["b"] == before.arms["b"]


def test_a_known_good_champion_comes_back_with_nothing_against_it() -> None:
    deposed = replace(
        arm(state="deposed", share=0.0), deposed_at=NOON, throttled_by="old", held_share=0.2
    )
    crowned = apply(roster(deposed), action("crown")).champion()
    assert (crowned.name, crowned.deposed_at, crowned.throttled_by, crowned.held_share) == (
        "a", None, "", 0.0
    )  # fmt: skip


def proposed(state: Roster, kind: ProposalKind, policy: str) -> Roster:
    propose: Kind = "propose_promotion" if kind == "promotion" else "propose_rollback"
    return apply(state, action(propose, policy, reason="it earned it"))


def outcomes(state: Roster) -> list[str]:
    return [each.outcome or "open" for each in state.proposals]


@pytest.mark.parametrize("kind", ["promotion", "rollback"])
def test_a_proposal_waits_for_a_person_once_at_a_time(kind: ProposalKind) -> None:
    before = roster(arm(), arm("b"))
    state = proposed(before, kind, "a")
    assert state.proposals == (Proposal(1, kind, "a", NOON, "it earned it"),)
    assert state.arms == before.arms
    assert proposed(state, kind, "a") is state
    assert [each.number for each in proposed(state, kind, "b").proposals] == [1, 2]
    other: ProposalKind = "rollback" if kind == "promotion" else "promotion"
    assert len(proposed(state, other, "a").proposals) == 2
    assert state.open_proposal(kind, "a") == state.proposals[0]
    assert state.proposals[0].expires_at == NOON + timedelta(hours=48)


def test_a_proposal_expires_by_its_number_once() -> None:
    state = proposed(proposed(roster(arm(), arm("b")), "promotion", "a"), "promotion", "b")
    later = NOON + timedelta(hours=48)
    over = apply(state, action("expire_proposal", "b", number=2, at=later))
    assert outcomes(over) == ["open", "expired"]
    assert over.proposals[1].closed_at == later
    assert over.open_proposal("promotion", "b") is None
    assert apply(over, action("expire_proposal", "b", number=2)) is over
    assert apply(over, action("expire_proposal", number=9)) is over
    again = proposed(over, "promotion", "b")
    assert outcomes(again) == ["open", "expired", "open"]


@pytest.mark.parametrize("kind", ["throttle", "halt", "retire"])
def test_an_arm_that_loses_its_traffic_is_no_longer_proposed(kind: Kind) -> None:
    state = proposed(proposed(roster(arm(), arm("b")), "promotion", "a"), "promotion", "b")
    after = apply(state, action(kind))
    assert outcomes(after) == ["withdrawn", "open"]
    assert after.proposals[0].closed_at == NOON


@pytest.mark.parametrize(("number", "outcome"), [(1, "approved"), (0, "withdrawn")])
def test_a_proposal_that_the_action_names_is_approved_by_it(number: int, outcome: str) -> None:
    start = roster(arm("prod", "champion"), arm(), arm("b"))
    promoted = proposed(proposed(start, "promotion", "a"), "promotion", "b")
    promoted = proposed(promoted, "rollback", "prod")
    crowned = apply(promoted, action("crown", number=number))
    assert outcomes(crowned) == [outcome, "open", "withdrawn"]
    doubted = proposed(start, "rollback", "prod")
    assert outcomes(apply(doubted, action("halt", "prod", number=number))) == [outcome]


def test_a_step_that_is_not_in_the_table_is_refused_by_name() -> None:
    assert next_state("a", "candidate", "admit") == "probation"
    with pytest.raises(TiltyardError, match="TRANSITION_REFUSED a: a retired arm cannot admit"):
        next_state("a", "retired", "admit")


shares = st.integers(0, 20).map(lambda hundredths: hundredths / 100)
actions = st.builds(
    action, st.sampled_from(KINDS), st.sampled_from((*CHALLENGERS, FLAT, "prod")), shares
)


@given(st.lists(actions, max_size=30))
def test_shares_add_up_to_one_and_there_is_one_champion_whatever_happens(
    sequence: list[Action],
) -> None:
    state = roster(arm("prod", "champion"), *map(arm, CHALLENGERS))
    for step in sequence:
        with suppress(TiltyardError):
            state = apply(state, step)
        assert total(state) == 1.0
        assert all(0 <= each.share <= 1 for each in state.arms.values())
        state.champion()


@given(st.lists(actions, max_size=15), st.sampled_from(CHALLENGERS))
def test_a_halt_comes_through_after_anything_and_twice_is_once(
    sequence: list[Action], name: str
) -> None:
    state = roster(arm("prod", "champion"), *map(arm, CHALLENGERS))
    for step in sequence:
        with suppress(TiltyardError):
            state = apply(state, step)
    once = apply(state, action("halt", name))
    assert (once.arms[name].state, once.arms[name].share) == ("halted", 0.0)
    assert apply(once, action("halt", name)) == once
