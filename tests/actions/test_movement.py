"""What an action moves: every kind is thought of, and shares that are lost are gained elsewhere."""

from datetime import UTC, datetime
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.actions.apply import apply
from tiltyard.actions.movement import (
    EITHER,
    GIFTS,
    MOVING,
    NOT_MOVING,
    ON_EVERYBODY,
    STOPS,
    movement,
)
from tiltyard.facts.action import Action, Kind
from tiltyard.facts.arm import FLAT, Arm, Role, Roster, State
from tiltyard.facts.verdict import Mode
from tiltyard.kernel.errors import TiltyardError

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)


def arm(name: str, state: State, share: float) -> Arm:
    role: Role = "champion" if state == "champion" else "challenger"
    return Arm(name, role, state, share, 0.1, 0.6, None, NOON)


def floor() -> Roster:
    roster = Roster().with_arm(arm(FLAT, "deposed", 0)).with_arm(arm("good", "champion", 1))
    roster = roster.with_arm(arm("new", "live", 0.3)).with_arm(arm("other", "probation", 0.1))
    return roster.with_arm(arm("waits", "candidate", 0))


def act(
    kind: Kind, policy: str = "", after: float | None = None, *, mode: Mode = "enforce"
) -> Action:
    return Action(kind, policy, "guard", mode, NOON, before=0.0, after=after, ceiling=after)


def test_every_kind_of_action_either_moves_traffic_or_does_not() -> None:
    told = [*STOPS, *GIFTS, *EITHER, *NOT_MOVING]
    assert sorted(told) == sorted(get_args(Kind))


@pytest.mark.parametrize("kind", sorted(NOT_MOVING - {"register"}))
def test_what_moves_no_traffic_leaves_every_share(kind: Kind) -> None:
    roster = floor()
    then = apply(roster, act(kind, "other", 0.5))
    assert {name: one.share for name, one in then.arms.items()} == {
        name: one.share for name, one in roster.arms.items()
    }
    assert movement(1, roster, act(kind, "other", 0.5)) is None


@pytest.mark.parametrize(
    ("action", "shifts", "around", "is_stop"),
    [
        (act("halt", "new", 0), {"new": -0.3, "good": 0.3}, (0.3, 0), True),
        (act("throttle", "other", 0), {"other": -0.1, "good": 0.1}, (0.1, 0), True),
        (act("retire", "other"), {"other": -0.1, "good": 0.1}, (0.1, 0), True),
        (act("halt", "good", 0), {"good": -0.6}, (0.6, 0), True),
        (act("crown", "new", 1), {"new": 0.6, "good": -0.6}, (0.3, 0.9), False),
        (act("scale", "other", 0.15), {"other": 0.05, "good": -0.05}, (0.1, 0.15), False),
        (act("scale", "new", 0.15), {"new": -0.15, "good": 0.15}, (0.3, 0.15), True),
        (act("external_edit", "new", 0.2), {"new": -0.1, "good": 0.1}, (0.3, 0.2), True),
        (act("external_edit", "new", 0.4), {"new": 0.1, "good": -0.1}, (0.3, 0.4), False),
        (act("admit", "waits", 0.1), {"waits": 0.1, "good": -0.1}, (0, 0.1), False),
        (
            act("freeze_challengers"),
            {"new": -0.3, "other": -0.1, "good": 0.4},
            (0.4, 0),
            True,
        ),
        (
            act("stop_entries"),
            {"new": -0.3, "other": -0.1, "good": -0.6},
            (1, 0),
            True,
        ),
    ],
    ids=lambda value: f"{value.kind} {value.policy}" if isinstance(value, Action) else "",
)
def test_shares_that_somebody_loses_are_gained_by_others(
    action: Action, shifts: dict[str, float], around: tuple[float, float], *, is_stop: bool
) -> None:
    moved = movement(7, floor(), action)
    assert moved is not None
    assert moved.shifts == pytest.approx(shifts)
    assert (moved.before, moved.after) == pytest.approx(around)
    assert moved.is_stop == is_stop
    assert moved.number == 7


@pytest.mark.parametrize(
    ("stop", "gift"),
    [
        (act("throttle", "new", 0), act("resume", "new", 0.3)),
        (act("halt", "new", 0), act("rearm", "new", 0.3)),
        (act("freeze_challengers"), act("unfreeze_challengers")),
        (act("stop_entries"), act("allow_entries")),
    ],
    ids=lambda action: action.kind,
)
def test_what_undoes_a_stop_moves_the_same_back(stop: Action, gift: Action) -> None:
    roster = floor()
    taken, given = movement(1, roster, stop), movement(2, apply(roster, stop), gift)
    assert taken is not None
    assert given is not None
    assert taken.is_stop
    assert not given.is_stop
    assert given.shifts == {name: -shift for name, shift in taken.shifts.items()}
    assert (given.before, given.after) == (taken.after, taken.before)


def test_what_is_only_observed_has_moved_what_it_would_have() -> None:
    done, seen = (movement(1, floor(), act("halt", "new", mode=m)) for m in get_args(Mode))
    assert done is not None
    assert seen is not None
    assert done.shifts == seen.shifts
    assert movement(1, floor(), act("resume", "new", 0.1, mode="observe")) is None, "it trades"


def test_while_entries_are_stopped_a_halt_moves_nothing() -> None:
    stopped = apply(floor(), act("stop_entries"))
    assert movement(1, stopped, act("halt", "new", 0)) is None
    halted = apply(stopped, act("halt", "new", 0))
    again = movement(2, halted, act("allow_entries"))
    assert again is not None
    assert again.shifts == pytest.approx({"good": 0.9, "other": 0.1})


def test_taking_from_who_has_nothing_moves_nothing() -> None:
    assert movement(1, floor(), act("halt", "waits", 0)) is None


@pytest.mark.parametrize("kind", ["freeze_challengers", "stop_entries"])
@pytest.mark.parametrize("tripped", ["", "good", "new", "waits"])
def test_a_freeze_is_a_stop_of_everybody_whoever_it_follows_from(kind: Kind, tripped: str) -> None:
    whole, moved = (movement(1, floor(), act(kind, name)) for name in ("", tripped))
    assert whole is not None
    assert moved is not None
    assert (moved.before, moved.after) == (whole.before, whole.after)
    assert moved.is_stop
    assert moved.subject == ""
    assert moved.concerns("other")
    assert not moved.concerns("waits")


ACTIONS = st.builds(
    act,
    st.sampled_from(sorted(MOVING)),
    st.sampled_from(["", FLAT, "good", "new", "other", "waits"]),
    st.sampled_from([0.0, 0.1, 0.15, 0.45]),
    mode=st.sampled_from(get_args(Mode)),
)


@given(st.lists(ACTIONS, min_size=1, max_size=4))
def test_whatever_moves_traffic_moves_it_for_who_it_was_done_to(actions: list[Action]) -> None:
    roster = floor()
    for number, action in enumerate(actions):
        moved = movement(number, roster, action)
        if moved is not None:
            assert all(moved.shifts.values())
            assert moved.after != moved.before
            assert moved.is_stop == (
                moved.after < moved.before if action.kind in EITHER else action.kind in STOPS
            )
            assert (moved.subject == "") == (action.kind in ON_EVERYBODY or not action.policy)
        try:
            roster = apply(roster, action)
        except TiltyardError:
            return
