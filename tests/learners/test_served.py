"""What every snapshot does that is a policy: it stays when something is not as in training."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from random import Random

import numpy as np
import pytest
import torch

from tiltyard.features.vector import Features
from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.kinds import KINDS, served
from tiltyard.learners.served import Served
from tiltyard.learners.snapshot import Snapshot
from tiltyard.market.bar import HOUR
from tiltyard.policies.policy import Intent, Observation, stay
from told_features import BARS, START, told
from trained_policies import FEATURES, LENGTH, spoilt, tiny, tiny_sizing

MADE: Mapping[str, Callable[[], Snapshot]] = {"tabnet": tiny, "dqn": tiny_sizing}
RNG = Random(0)  # noqa: S311 nothing is drawn


@pytest.fixture(params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def policy(kind: str) -> Served:
    return served(MADE[kind]())


def test_a_policy_says_of_which_snapshot_it_is(policy: Served, kind: str) -> None:
    assert policy.digest == MADE[kind]().digest


def test_it_says_what_it_has_to_be_told(policy: Served) -> None:
    assert set(FEATURES) <= set(policy.needs) <= {*FEATURES, "close"}
    assert policy.looks_back == LENGTH + 1
    assert policy.interval == HOUR
    assert policy.symbols == {"SOL/USDT"}
    assert policy.round_trip_bps == 12


def test_the_same_observation_always_has_the_same_answer(policy: Served, kind: str) -> None:
    observation = Observation(told(BARS)[-1], "short")
    drawn = {policy.act(observation, Random(seed)) for seed in range(5)}  # noqa: S311 as above
    assert len(drawn) == 1
    assert policy.act(observation, RNG) == served(MADE[kind]()).act(observation, RNG)


def _shifted(features: Features) -> Features:
    gone = features.recent[3]
    return features._replace(recent=(*features.recent[:3], gone._replace(
        opened_at=gone.opened_at - timedelta(minutes=1)), *features.recent[4:]))  # fmt: skip


@pytest.mark.parametrize(
    "changed",
    [
        lambda known: known._replace(symbol="ETH/USDT"),
        lambda known: known._replace(values={}),
        lambda known: known._replace(values={**known.values, "rsi_14": float("nan")}),
        lambda known: known._replace(values={**known.values, "rsi_14": float("inf")}),
        lambda known: known._replace(recent=known.recent[1:]),
        lambda known: known._replace(recent=()),
        lambda known: known._replace(as_of=known.as_of + HOUR),
        lambda known: known._replace(recent=(known.recent[0], *known.recent[:-1])),
        _shifted,
        lambda known: known._replace(recent=[b._replace(volume=0.0) for b in known.recent]),
    ],
    ids=["another symbol", "no feature", "a feature that is no number", "an endless feature",
         "too few bars", "no bars", "the last bar is missing", "a bar twice", "a hole",
         "no volume"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning", "ignore:invalid value")
def test_it_stays_when_something_is_not_as_it_was_trained(
    policy: Served, changed: Callable[[Features], Features]
) -> None:
    known = told(BARS)[-1]
    held = [Observation(known, "long"), Observation(known, "short")]
    assert [policy.act(one, RNG) for one in held] != [stay(one) for one in held]
    for holding in ("nothing", "long", "short"):
        observation = Observation(changed(known), holding)
        assert policy.act(observation, RNG) == stay(observation)
    assert policy.is_finite


def test_bars_of_another_length_are_not_what_it_was_trained_on(policy: Served) -> None:
    day = [b._replace(opened_at=START + n * timedelta(hours=4)) for n, b in enumerate(BARS)]
    known = told(day)[-1]
    observation = Observation(known._replace(as_of=day[-1].closes_at(HOUR)), "nothing")
    assert policy.act(observation, RNG) == Intent("nothing")


def test_an_answer_that_is_no_finite_number_changes_nothing_and_is_remembered(kind: str) -> None:
    policy = served(spoilt(MADE[kind]()))
    assert policy.is_finite
    observation = Observation(told(BARS)[-1], "long")
    assert policy.act(observation, RNG) == stay(observation)
    assert not policy.is_finite


def test_many_moments_are_answered_at_once_as_each_is_alone(policy: Served, kind: str) -> None:
    known = told(BARS)
    odd = known[-1]._replace(values={})
    every = [*known[-5:], odd, known[-2]]
    assert policy.answers_to(every) == [policy.answer_to(one) for one in every]
    assert policy.answers_to([odd]) == [None]
    assert policy.answers_to([]) == []
    assert served(spoilt(MADE[kind]())).answers_to(every) == [None] * len(every)


def of_symbols(snapshot: Snapshot, channels: Mapping[str, object]) -> Served:
    return served(
        replace(
            snapshot,
            settings={**snapshot.settings, "symbols": list(channels)},
            scalers={**snapshot.scalers, "channels": dict(channels)},
        )
    )


def test_a_rehearsal_of_many_symbols_asks_the_networks_as_often_as_one_of_few(kind: str) -> None:
    calls = []
    channels = MADE[kind]().scalers["channels"]["SOL/USDT"]
    for count in (1, 40):
        policy = of_symbols(MADE[kind](), {f"S{number}": channels for number in range(count)})
        assert policy.encoder is not None
        asked: list[int] = []
        policy.encoder._network.value.register_forward_hook(
            lambda _, told, __, asked=asked: asked.append(len(told[0]))
        )
        policy.rehearse()
        calls.append(asked)
    assert [len(asked) for asked in calls] == [2, 2]
    assert calls[1][-1] == 40, "and each symbol is asked about"


def test_a_rehearsal_finds_one_symbol_of_many_that_gives_no_finite_number(kind: str) -> None:
    fine = MADE[kind]().scalers["channels"]["SOL/USDT"]
    still = {"mean": [0.0] * 4, "sd": [0.0] * 4}
    policy = of_symbols(MADE[kind](), {"A": fine, "B": still, "C": fine})
    with np.errstate(all="ignore"), pytest.raises(TiltyardError, match="MODEL_NOT_FINITE"):
        policy.rehearse()


def test_a_rehearsal_finds_a_model_that_answers_no_finite_number(policy: Served, kind: str) -> None:
    policy.rehearse()
    with pytest.raises(TiltyardError, match="MODEL_NOT_FINITE"):
        served(spoilt(MADE[kind]())).rehearse()


def test_torch_has_as_many_threads_after_a_decision_as_before(policy: Served) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert policy.answer_to(told(BARS)[-1]) is not None
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
