"""A policy that says how much: it decides as its tables do, and takes sizes as they are held."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray

from tiltyard.features.channels import channels_of
from tiltyard.learners.sizing import Sizing, intent_for, scaled
from tiltyard.learners.values import choices
from tiltyard.policies.policy import Holding, Intent, Observation
from told_features import BARS, told
from trained_policies import FEATURES, tiny, tiny_sizing

RNG = Random(0)  # noqa: S311 nothing is drawn
HELD: list[tuple[Holding, float]] = [
    ("short", 1.0), ("short", 0.5), ("nothing", 1.0), ("long", 0.5), ("long", 1.0)
]  # fmt: skip


@pytest.fixture
def policy() -> Sizing:
    return Sizing(tiny_sizing())


def test_it_decides_live_as_tables_say_that_are_made_of_all_rows_at_once(policy: Sizing) -> None:
    assert policy.encoder is not None
    snapshot = tiny_sizing()
    live = [one for one in told(BARS) if set(FEATURES) <= one.values.keys()][-60:]
    rows = []
    for features in live:
        window = policy.scaler.scaled("SOL/USDT", channels_of(features.recent))
        embedding = policy.encoder.embed(window[None])[0]
        rows.append([*(features.values[name] for name in FEATURES), *embedding])
    x = scaled(np.array(rows, np.float32), snapshot.scalers["features"])
    table = choices([snapshot.part("seed_1"), snapshot.part("seed_2")], x)
    wanted = [intent_for(position) for position in snapshot.settings["positions"]]
    for features, chosen in zip(live, table.tolist(), strict=True):
        for (holding, size), place in zip(HELD, chosen, strict=True):
            observation = Observation(features, holding, size)
            assert policy.act(observation, RNG) == wanted[place]
    assert len(set(table.ravel().tolist())) > 2


def test_a_size_that_it_does_not_know_is_the_nearest_that_it_does(policy: Sizing) -> None:
    features = told(BARS)[-1]
    for size, nearest in ((0.6, 0.5), (0.3, 0.5), (0.9, 1.0)):
        said = policy.act(Observation(features, "long", size), RNG)
        assert said == policy.act(Observation(features, "long", nearest), RNG)


def test_what_is_wanted_is_a_share_of_the_whole() -> None:
    assert intent_for(-0.5) == Intent("short", size=0.5)
    assert intent_for(1.0) == Intent("long")
    assert intent_for(0.0) == Intent("nothing")


@pytest.mark.parametrize(
    ("positions", "sd", "layer"),
    [
        ([-5.0, -2.0, 0.0, 2.0, 5.0], None, None),
        ([-1.0, 0.0, 1.0], None, None),
        ([0.0] * 5, None, None),
        (None, [1.0], None),
        (None, None, ("seed_2.layer_1.weights", np.zeros((3, 8), np.float32))),
        (None, None, ("seed_1.layer_2.shift", np.zeros(1, np.float32))),
        (None, None, ("seed_1.layer_2.weights", np.zeros((8, 4), np.float32))),
    ],
)
def test_one_whose_parts_do_not_fit_is_none(
    positions: list[float] | None, sd: list[float] | None,
    layer: tuple[str, NDArray[np.float32]] | None,
) -> None:  # fmt: skip
    whole = tiny_sizing()
    settings = whole.settings if positions is None else {**whole.settings, "positions": positions}
    features = {**whole.scalers["features"], **({} if sd is None else {"sd": sd})}
    weights = {**whole.weights, **({} if layer is None else dict([layer]))}
    scalers = {**whole.scalers, "features": features}
    with pytest.raises(ValueError, match=r"positions|inputs|layer|answers"):
        Sizing(replace(whole, settings=settings, weights=weights, scalers=scalers))


def test_a_head_is_no_policy_that_says_how_much() -> None:
    with pytest.raises(ValueError, match="tabnet"):
        Sizing(tiny())


def test_features_beyond_what_was_seen_say_no_more() -> None:
    scaler = {"mean": [1.0, 0.0], "sd": [2.0, 1.0]}
    assert scaled(np.array([[3.0, 1e9], [-1e9, 0.5]]), scaler).tolist() == [[1.0, 5.0], [-5.0, 0.5]]
