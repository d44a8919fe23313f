"""An encoder says until when it knows, and goes on learning in its own markets alone."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from small_candidates import DATA, SETTINGS, lasting, market
from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.candidate import MarketData, check_encoder, plan_of
from tiltyard.learners.candidate_encoder import refresh_encoder, train_encoder
from tiltyard.learners.job import Job
from tiltyard.learners.snapshot import Snapshot
from tiltyard.learners.walk_forward import DAY

HOUR = 3600
EARLY = replace(DATA, until=int(DATA.candles["BTC/USDT"].opened_at[24 * 75]))
BEFORE_ITS_TEST = replace(SETTINGS, hold_out_days=0)


@pytest.fixture(scope="module")
def parent() -> Snapshot:
    return train_encoder(SETTINGS, DATA, seed=1, job=Job())


def refreshed(before: Snapshot, data: MarketData, since: int | None = None) -> Snapshot:
    until = plan_of(BEFORE_ITS_TEST, data).encoder_until
    return refresh_encoder(
        SETTINGS, data, before, until=until, since=since, seed=1, job=Job(), epochs=1
    )


def test_what_the_parent_knew_is_known_to_whoever_goes_on_from_it(parent: Snapshot) -> None:
    plan = plan_of(BEFORE_ITS_TEST, EARLY)
    assert parent.lineage["data"]["until"] > plan.encoder_until
    child = refreshed(parent, EARLY)
    assert child.lineage["data"]["until"] == parent.lineage["data"]["until"]
    with pytest.raises(TiltyardError, match=r"ENCODER_KNOWS_TEST .* learnt from bars until"):
        check_encoder(child, EARLY, plan)


def test_nothing_goes_on_from_an_encoder_that_does_not_say_what_it_knew(parent: Snapshot) -> None:
    with pytest.raises(TiltyardError, match=r"ENCODER_KNOWS_TEST .*until when it has learnt"):
        refreshed(replace(parent, lineage={}), EARLY)


def test_an_encoder_goes_on_learning_in_its_own_markets_alone(parent: Snapshot) -> None:
    other = MarketData(market("BTC/USDT", "ETH/USDT"))
    with pytest.raises(TiltyardError, match=r"ENCODER_DIFFERS .*not trained on ETH/USDT"):
        refreshed(parent, other)
    quarters = {}
    for symbol, one in DATA.candles.items():
        at = one.opened_at[0] + (one.opened_at - one.opened_at[0]) // 4
        quarters[symbol] = replace(one, interval=timedelta(minutes=15), opened_at=at)
    with pytest.raises(TiltyardError, match=r"ENCODER_DIFFERS .*last 3,600 s, these 900 s"):
        refreshed(parent, MarketData(quarters))


def test_a_lineage_tells_of_the_bars_that_were_learnt_from(parent: Snapshot) -> None:
    until = plan_of(BEFORE_ITS_TEST, DATA).encoder_until
    since = until - 24 * 40 * HOUR
    told = refreshed(parent, DATA, since).lineage["data"]
    assert (told["since"], told["until"]) == (since, until)
    assert told["bars"] == {"BTC/USDT": 24 * 40, "SOL/USDT": 24 * 40}
    changed = {}
    for symbol, one in DATA.candles.items():
        low = np.where(one.opened_at < since, one.low / 2, one.low)
        changed[symbol] = replace(one, low=low)
    child, same = (refreshed(parent, data, since) for data in (DATA, MarketData(changed)))
    assert same.digest == child.digest
    assert same.lineage["data"]["sha256"] == told["sha256"]


def test_a_market_without_a_bar_there_is_not_told() -> None:
    late = DATA.candles["SOL/USDT"]
    until = int(late.opened_at[0])
    told = MarketData({**DATA.candles, "ETH/USDT": replace(late, opened_at=late.opened_at + 10**7)})
    assert sorted(told.told(until + 100 * HOUR)["bars"]) == ["BTC/USDT", "SOL/USDT"]


@pytest.mark.parametrize(("minutes", "apart"), [(15, 180), (60, 360), (240, 1440)])
def test_a_baseline_is_days_long_and_its_windows_are_three_hours_apart_or_more(
    minutes: int, apart: int
) -> None:
    """Of hours every sixth bar, as the encoder learns; of a quarter of an hour every twelfth."""
    interval = timedelta(minutes=minutes)
    data = MarketData({"SOL/USDT": lasting(DATA.candles["SOL/USDT"], interval)})
    settings = replace(BEFORE_ITS_TEST, baseline_days=5, folds=1)
    encoder = train_encoder(settings, data, seed=1, job=Job())
    at, until = encoder.arrays["baseline_as_of"], plan_of(settings, data).encoder_until
    assert set(np.diff(at).tolist()) == {apart * 60}
    assert 0 <= at[0] - (until - 5 * DAY) < apart * 60
    assert 0 < until - at[-1] <= apart * 60
