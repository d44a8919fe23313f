"""What is held follows from what is expected, and from nothing else."""

from dataclasses import asdict
from math import inf, nan, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.acting import Acting, expected_move, intent_of
from tiltyard.policies.policy import Holding, Intent

ACTING = Acting(margin=2.0, round_trip_bps=10.0)
BEYOND, WITHIN = 0.0021, 0.0019


@pytest.mark.parametrize(
    ("holding", "move", "held"),
    [
        ("nothing", BEYOND, "long"),
        ("nothing", -BEYOND, "short"),
        ("nothing", WITHIN, "nothing"),
        ("nothing", -WITHIN, "nothing"),
        ("nothing", 0.0, "nothing"),
        ("long", BEYOND, "long"),
        ("long", WITHIN, "long"),
        ("long", 0.0, "long"),
        ("long", -WITHIN, "nothing"),
        ("long", -BEYOND, "short"),
        ("short", -BEYOND, "short"),
        ("short", -WITHIN, "short"),
        ("short", 0.0, "short"),
        ("short", WITHIN, "nothing"),
        ("short", BEYOND, "long"),
    ],
)
def test_it_enters_beyond_the_margin_leaves_on_the_other_sign_and_turns_beyond_it(
    holding: Holding, move: float, held: Holding
) -> None:
    assert intent_of(ACTING, move, holding, 100.0) == Intent(held)


@pytest.mark.parametrize("holding", ["nothing", "long", "short"])
@pytest.mark.parametrize("move", [nan, inf, -inf])
def test_a_move_that_is_no_number_changes_nothing(holding: Holding, move: float) -> None:
    assert intent_of(ACTING, move, holding, 100.0) == Intent(holding)


def test_a_stop_lies_on_the_losing_side_of_the_close() -> None:
    acting = Acting(stop_ranges=3.0)
    assert intent_of(acting, 1.0, "nothing", 100.0, 2.0) == Intent("long", 94.0)
    assert intent_of(acting, -1.0, "long", 100.0, 2.0) == Intent("short", 106.0)
    assert intent_of(acting, 1.0, "nothing", 5.0, 2.0) == Intent("long"), "no price is below zero"


@pytest.mark.parametrize("mean_range", [None, nan])
def test_nothing_is_entered_while_its_stop_is_not_known(mean_range: float | None) -> None:
    acting = Acting(stop_ranges=3.0)
    assert intent_of(acting, 1.0, "nothing", 100.0, mean_range) == Intent("nothing")
    assert intent_of(acting, -1e-9, "long", 100.0, mean_range) == Intent("nothing"), "it may leave"


@given(
    st.floats(-0.1, 0.1), st.sampled_from(["nothing", "long", "short"]), st.floats(0, 5)
)  # fmt: skip
def test_up_and_down_are_treated_alike(move: float, holding: Holding, margin: float) -> None:
    other: dict[Holding, Holding] = {"long": "short", "short": "long", "nothing": "nothing"}
    acting = Acting(margin=margin)
    one = intent_of(acting, move, holding, 100.0).hold
    mirrored = intent_of(acting, -move, other[holding], 100.0).hold
    assert mirrored == other[one]


def test_the_expected_move_is_in_the_volatility_of_its_horizon() -> None:
    move = expected_move([0.2, 0.0, 0.0, 0.0, 0.8], [-2.0, -1.0, 0.0, 1.0, 2.0], 0.01, 16)
    assert move == pytest.approx(1.2 * 0.01 * sqrt(16))


def test_settings_come_back_from_a_snapshots_text() -> None:
    acting = Acting(margin=1.5, stop_ranges=2.0, horizon=12)
    assert Acting.from_json(asdict(acting)) == acting
    assert acting.needs == ("close", "volatility_24", "range_14")
    assert Acting().needs == ("close", "volatility_24")


@pytest.mark.parametrize(
    "wrong", [{"margin": -1.0}, {"round_trip_bps": nan}, {"stop_ranges": inf}, {"horizon": 0}]
)
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(TiltyardError, match="ACTING_INVALID"):
        Acting(**wrong)  # type: ignore[arg-type]
