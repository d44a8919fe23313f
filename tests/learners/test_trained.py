"""A snapshot as a policy: it decides as in training, and stays when something is not as then."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from small_candidates import SETTINGS, market
from tiltyard.features.technical import Indicators
from tiltyard.learners.acting import Acting, expected_move, intent_of
from tiltyard.learners.candidate import MarketData, encoder_in, rows_by, train_candidate
from tiltyard.learners.encoder import Encoder
from tiltyard.learners.head import Head, TabNetSettings
from tiltyard.learners.job import Job
from tiltyard.learners.trained import Trained
from tiltyard.learners.windows import ChannelScaler, windows_of
from tiltyard.market.bar import HOUR
from tiltyard.market.candles import bars_of, candles_of
from tiltyard.policies.policy import Observation
from told_features import BARS, told
from trained_policies import ENCODER, FEATURES, LENGTH, MEANS, encoder_alone, tiny

RNG = Random(0)  # noqa: S311 nothing is drawn


@pytest.fixture
def policy() -> Trained:
    return Trained(tiny())


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
        assert policy.answer_to(features) == probabilities
        move = expected_move(probabilities, MEANS, features.values["volatility_24"], 24)
        intent = intent_of(Acting(margin=0), move, "nothing", features.values["close"])
        assert policy.act(Observation(features, "nothing"), RNG) == intent
        decided.add(intent.hold)
    assert decided >= {"long", "short"}


def test_an_encoder_alone_is_no_policy() -> None:
    with pytest.raises(ValueError, match="timesnet"):
        Trained(encoder_alone())


def test_a_candidate_is_told_live_what_its_head_learnt_from() -> None:
    data = MarketData(market("BTC/USDT", "SOL/USDT", hours=24 * 100))
    made = train_candidate(replace(SETTINGS, hold_out_days=0), data, seed=1, job=Job())
    policy = Trained(made)
    rows = rows_by(SETTINGS, data, encoder_in(made))
    bars = list(bars_of(data.known["SOL/USDT"]))
    indicators = Indicators("SOL/USDT", policy.needs, HOUR)
    live = {}
    for n, bar in enumerate(bars):
        recent = tuple(bars[max(0, n + 1 - policy.looks_back) : n + 1])
        features = indicators.see(bar)._replace(recent=recent)
        live[round(features.as_of.timestamp())] = features
    mine = np.flatnonzero(rows.symbol == rows.symbols.index("SOL/USDT"))[-200:]
    told = [policy.answer_to(live[int(rows.as_of[row])]) for row in mine]
    settings = TabNetSettings(**made.settings["head"])
    weights = {n.removeprefix("head."): w for n, w in made.weights.items() if n[:5] == "head."}
    head = Head.from_weights(weights, settings, made.scalers["features"])
    assert told == head.probabilities(rows.x[mine]).tolist()
