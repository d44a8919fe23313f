"""A snapshot as a policy: it decides as in training, and stays when something is not as then."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import numpy as np
import pytest
import torch

from small_candidates import SETTINGS, market
from tiltyard.features.technical import Indicators
from tiltyard.features.vector import Features
from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.acting import Acting, expected_move, intent_of
from tiltyard.learners.candidate import MarketData, encoder_in, rows_by, train_candidate
from tiltyard.learners.encoder import Encoder
from tiltyard.learners.head import Head, TabNetSettings
from tiltyard.learners.job import Job
from tiltyard.learners.trained import Trained
from tiltyard.learners.windows import ChannelScaler, windows_of
from tiltyard.market.bar import HOUR, Bar
from tiltyard.market.candles import bars_of, candles_of
from tiltyard.policies.policy import Intent, Observation, stay
from trained_policies import ENCODER, FEATURES, LENGTH, MEANS, encoder_alone, spoilt, tiny, wavy

START = datetime(2025, 5, 1, tzinfo=UTC)
RNG = Random(0)  # noqa: S311 nothing is drawn
BARS = wavy(START, 120)


def told(bars: Sequence[Bar], *, looks_back: int = LENGTH + 1) -> list[Features]:
    """What a desk tells after each bar."""
    indicators = Indicators(bars[0].symbol, [*FEATURES, "close", "range_14"], HOUR)
    return [
        indicators.see(bar)._replace(recent=tuple(bars[max(0, n + 1 - looks_back) : n + 1]))
        for n, bar in enumerate(bars)
    ]


@pytest.fixture
def policy() -> Trained:
    return Trained.from_snapshot(tiny())


def test_it_says_what_it_has_to_be_told(policy: Trained) -> None:
    assert policy.needs == (*FEATURES, "close")
    assert policy.looks_back == LENGTH + 1
    assert policy.digest == tiny().digest


def test_it_decides_live_as_a_walk_forward_does_from_columns(policy: Trained) -> None:
    snapshot = tiny()
    scaler = ChannelScaler.from_json(snapshot.scalers["channels"])
    windows = windows_of([candles_of(BARS, HOUR)], LENGTH, scaler)
    weights = {n.removeprefix("encoder."): w for n, w in snapshot.weights.items()
               if n.startswith("encoder.")}  # fmt: skip
    embedded = Encoder.from_weights(weights, ENCODER).embed(windows.data)
    head = Head.from_weights(
        {n.removeprefix("head."): w for n, w in snapshot.weights.items() if n.startswith("head.")},
        TabNetSettings(**snapshot.settings["head"]), snapshot.scalers["features"],
    )  # fmt: skip
    live = {round(one.as_of.timestamp()): one for one in told(BARS)}
    decided = set()
    for as_of, embedding in zip(windows.as_of.tolist(), embedded, strict=True):
        features = live[as_of]
        if "volatility_24" not in features.values:
            continue
        row = [*(features.values[name] for name in FEATURES), *embedding]
        probabilities = head.probabilities(np.array([row], np.float32))[0].tolist()
        assert policy.probabilities(features) == probabilities
        move = expected_move(probabilities, MEANS, features.values["volatility_24"], 24)
        intent = intent_of(Acting(margin=0), move, "nothing", features.values["close"])
        assert policy.act(Observation(features, "nothing"), RNG) == intent
        decided.add(intent.hold)
    assert decided >= {"long", "short"}


def test_the_same_observation_always_has_the_same_answer(policy: Trained) -> None:
    observation = Observation(told(BARS)[-1], "short")
    drawn = {policy.act(observation, Random(seed)) for seed in range(5)}  # noqa: S311 as above
    assert len(drawn) == 1
    assert policy.act(observation, RNG) == Trained.from_snapshot(tiny()).act(observation, RNG)


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
    policy: Trained, changed: Callable[[Features], Features]
) -> None:
    known = told(BARS)[-1]
    assert {policy.act(Observation(known, held), RNG).hold for held in ("long", "short")} != {
        "long", "short"
    }  # fmt: skip
    for holding in ("nothing", "long", "short"):
        observation = Observation(changed(known), holding)
        assert policy.act(observation, RNG) == stay(observation)
    assert policy.is_finite


def test_bars_of_another_length_are_not_what_it_was_trained_on(policy: Trained) -> None:
    day = [b._replace(opened_at=START + n * timedelta(hours=4)) for n, b in enumerate(BARS)]
    known = told(day)[-1]
    observation = Observation(known._replace(as_of=day[-1].closes_at(HOUR)), "nothing")
    assert policy.act(observation, RNG) == Intent("nothing")


def test_an_answer_that_is_no_finite_number_changes_nothing_and_is_remembered() -> None:
    policy = Trained.from_snapshot(spoilt(tiny()))
    assert policy.is_finite
    observation = Observation(told(BARS)[-1], "long")
    assert policy.act(observation, RNG) == stay(observation)
    assert not policy.is_finite


def test_a_rehearsal_of_many_symbols_asks_the_networks_as_often_as_one_of_few() -> None:
    calls = []
    for count in (1, 40):
        symbols = [f"S{number}" for number in range(count)]
        channels = dict.fromkeys(symbols, tiny().scalers["channels"]["SOL/USDT"])
        policy = Trained.from_snapshot(
            replace(
                tiny(),
                settings={**tiny().settings, "symbols": symbols},
                scalers={**tiny().scalers, "channels": channels},
            )
        )
        assert policy.encoder is not None
        asked: list[int] = []
        policy.encoder._network.value.register_forward_hook(
            lambda _, told, __, asked=asked: asked.append(len(told[0]))
        )
        policy.rehearse()
        calls.append(asked)
    assert [len(asked) for asked in calls] == [2, 2]
    assert calls[1][-1] == 40, "and each symbol is asked about"


def test_a_rehearsal_finds_one_symbol_of_many_that_gives_no_finite_number() -> None:
    fine = tiny().scalers["channels"]["SOL/USDT"]
    channels = {"A": fine, "B": {"mean": [0.0] * 4, "sd": [0.0] * 4}, "C": fine}
    policy = Trained.from_snapshot(
        replace(
            tiny(),
            settings={**tiny().settings, "symbols": ["A", "B", "C"]},
            scalers={**tiny().scalers, "channels": channels},
        )
    )
    with np.errstate(all="ignore"), pytest.raises(TiltyardError, match="MODEL_NOT_FINITE"):
        policy.rehearse()


def test_a_rehearsal_finds_a_model_that_answers_no_finite_number(policy: Trained) -> None:
    policy.rehearse()
    with pytest.raises(TiltyardError, match="MODEL_NOT_FINITE"):
        Trained.from_snapshot(spoilt(tiny())).rehearse()


def test_an_encoder_alone_is_no_policy() -> None:
    with pytest.raises(ValueError, match="timesnet"):
        Trained.from_snapshot(encoder_alone())


def test_torch_has_as_many_threads_after_a_decision_as_before(policy: Trained) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert policy.probabilities(told(BARS)[-1]) is not None
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_a_candidate_is_told_live_what_its_head_learnt_from() -> None:
    data = MarketData(market("BTC/USDT", "SOL/USDT", hours=24 * 100))
    made = train_candidate(replace(SETTINGS, hold_out_days=0), data, seed=1, job=Job())
    policy = Trained.from_snapshot(made)
    rows = rows_by(SETTINGS, data, encoder_in(made))
    bars = list(bars_of(data.known["SOL/USDT"]))
    indicators = Indicators("SOL/USDT", policy.needs, HOUR)
    live = {}
    for n, bar in enumerate(bars):
        recent = tuple(bars[max(0, n + 1 - policy.looks_back) : n + 1])
        features = indicators.see(bar)._replace(recent=recent)
        live[round(features.as_of.timestamp())] = features
    mine = np.flatnonzero(rows.symbol == rows.symbols.index("SOL/USDT"))[-200:]
    told = [policy.probabilities(live[int(rows.as_of[row])]) for row in mine]
    settings = TabNetSettings(**made.settings["head"])
    weights = {n.removeprefix("head."): w for n, w in made.weights.items() if n[:5] == "head."}
    head = Head.from_weights(weights, settings, made.scalers["features"])
    assert told == head.probabilities(rows.x[mine]).tolist()
