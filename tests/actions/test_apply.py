"""Applying: every state meets every kind, shares add up, and halts come through."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.actions.apply import CHANGES, apply
from tiltyard.facts.action import PROTECTIVE, Action, Kind
from tiltyard.facts.arm import FLAT, Arm, Review, Role, Roster, State
from tiltyard.kernel.errors import TiltyardError
from tiltyard.router.lifecycle import STATES, TRADING, TRANSITIONS, next_state

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
KINDS: tuple[Kind, ...] = get_args(Kind)
STEPS: frozenset[Kind] = frozenset({"admit", "graduate", "throttle", "halt", "resume"})
CHALLENGERS = ("a", "b", "c")

LIFE = {
    ("candidate", "admit"): "probation",
    ("probation", "graduate"): "live",
    ("probation", "throttle"): "throttled",
    ("live", "throttle"): "throttled",
    ("throttled", "resume"): "probation",
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


@pytest.mark.parametrize("kind", sorted(STEPS | {"scale"}))
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


@pytest.mark.parametrize("kind", ["admit", "resume"])
def test_an_unsaid_share_is_none(kind: Kind) -> None:
    state: State = "candidate" if kind == "admit" else "throttled"
    after = apply(roster(arm(state=state, share=0.0)), action(kind, after=None, ceiling=None))
    assert (after.arms["a"].share, after.arms["a"].ceiling) == (0.0, 0.0)


def test_graduating_changes_the_state_and_nothing_else() -> None:
    before = roster(arm(state="probation"))
    assert apply(before, action("graduate")).arms["a"] == replace(before.arms["a"], state="live")


@pytest.mark.parametrize(("after", "share"), [(0.15, 0.15), (0.6, 0.6), (0.7, 0.6), (None, 0.0)])
def test_scaling_stops_at_the_ceiling(after: float | None, share: float) -> None:
    assert apply(roster(arm()), action("scale", after=after)).arms["a"].share == share


def test_freezing_challengers_takes_the_traffic_of_all_and_names_the_guard() -> None:
    after = apply(roster(arm("a"), arm("b")), action("freeze_challengers", ""))
    assert after.champion().share == 1.0
    assert {each.ceiling for each in after.challengers()} == {0.0}
    assert after.challengers_frozen_by == {"some_guard"}


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
