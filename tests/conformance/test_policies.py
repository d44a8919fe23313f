"""What every policy in the catalogue keeps to."""

from copy import deepcopy
from random import Random
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.features.technical import indicator
from tiltyard.features.vector import Features
from tiltyard.kernel.clock import moment
from tiltyard.market.bar import HOUR
from tiltyard.policies.catalogue import POLICIES
from tiltyard.policies.policy import Holding, Intent, Observation, Policy

NOW = moment("2025-07-07T12:00:00Z")
SEED = 20250707
holdings: st.SearchStrategy[Holding] = st.sampled_from(["long", "short", "nothing"])


@pytest.fixture(params=list(POLICIES))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def told(
    policy: Policy, holding: Holding, values: list[float], *, without: str = ""
) -> Observation:
    known = dict(zip(policy.needs, values, strict=False))
    known.pop(without, None)
    return Observation(Features("SOL/USDT", NOW, MappingProxyType(known)), holding)


def prices(policy: Policy) -> st.SearchStrategy[list[float]]:
    count = len(policy.needs)
    return st.lists(st.floats(1.0, 200.0), min_size=count, max_size=count)


def test_it_asks_for_features_that_there_are(kind: str) -> None:
    for name in POLICIES.get(kind).needs:
        assert callable(indicator(name, HOUR))


@pytest.mark.parametrize("kind", list(POLICIES))
@given(data=st.data(), holding=holdings)
def test_the_same_observation_has_the_same_answer_and_is_left_as_it_was(
    kind: str, data: st.DataObject, holding: Holding
) -> None:
    policy = POLICIES.get(kind)
    observation = told(policy, holding, data.draw(prices(policy)))
    before = deepcopy(dict(observation.features.values))
    first = policy.act(observation, Random(SEED))  # noqa: S311 not for secrets
    policy.act(told(policy, "nothing", [1.0] * len(policy.needs)), Random(SEED))  # noqa: S311
    assert policy.act(observation, Random(SEED)) == first  # noqa: S311
    assert dict(observation.features.values) == before


@pytest.mark.parametrize("kind", [kind for kind in POLICIES if POLICIES.get(kind).needs])
@given(data=st.data(), holding=holdings)
def test_who_does_not_know_enough_stays(kind: str, data: st.DataObject, holding: Holding) -> None:
    policy = POLICIES.get(kind)
    lacking = data.draw(st.sampled_from([n for n in policy.needs if n != "close"]))
    observation = told(policy, holding, data.draw(prices(policy)), without=lacking)
    assert policy.act(observation, Random(SEED)) == Intent(holding)  # noqa: S311


@pytest.mark.parametrize("kind", list(POLICIES))
@given(data=st.data(), holding=holdings)
def test_a_stop_is_above_zero_or_there_is_none(
    kind: str, data: st.DataObject, holding: Holding
) -> None:
    policy = POLICIES.get(kind)
    intent = policy.act(told(policy, holding, data.draw(prices(policy))), Random(SEED))  # noqa: S311
    assert intent.stop is None or intent.stop > 0
    assert intent.hold != "nothing" or intent.stop is None
