"""What is told of bars: which follow each other, what is known after them, what was due."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from little_markets import SINCE, START, LittleMarket, little_market, rows_known
from tiltyard.learners.tracks import NO_ROW, Tracks, tracks_of
from tiltyard.market.bar import HOUR
from tiltyard.market.candles import Candles
from tiltyard.market.costs import FundingRates

SEEDS = st.integers(0, 10_000)


def alone(market: LittleMarket, **rates: FundingRates) -> Tracks:
    return tracks_of(market.candles, market.rows, rates)


def rates_at(*hours: float, every: int = 8) -> FundingRates:
    return FundingRates([(START + hour * HOUR, 0.001) for hour in hours], timedelta(hours=every))


@settings(deadline=None)
@given(SEEDS)
def test_every_bar_lies_once_on_the_track_and_knows_its_row(seed: int) -> None:
    market = little_market(seed)
    tracks, rows = market.tracks, market.rows
    assert tracks.symbols == tuple(sorted(market.candles))
    assert tracks.begins[-1] == len(tracks.bars) == sum(map(len, market.candles.values()))
    for symbol, first, stop in zip(tracks.symbols, tracks.begins, tracks.begins[1:], strict=False):
        candles, bars = market.candles[symbol], tracks.bars[first:stop]
        assert bars["open"].tolist() == candles.open.tolist()
        assert bars["close"].tolist() == candles.close.tolist()
        assert tracks.opened_at[first:stop].tolist() == candles.opened_at.tolist()
        follows = [False, *(np.diff(candles.opened_at) == tracks.step)]
        assert bars["follows"].tolist() == follows
        known = {
            int(rows.number[place]): place
            for place in range(len(rows))
            if rows.symbols[rows.symbol[place]] == symbol
        }
        assert bars["row"].tolist() == [known.get(n, NO_ROW) for n in range(len(candles))]


def test_symbols_are_found_by_name_and_rows_of_others_are_left_out() -> None:
    market = little_market(1)
    fewer = {symbol: market.candles[symbol] for symbol in ("SOL", "BTC")}
    tracks = tracks_of(fewer, market.rows, {})
    assert tracks.symbols == ("BTC", "SOL")
    kept = set(np.flatnonzero(market.rows.symbol != 1).tolist())
    assert set(tracks.bars["row"].tolist()) - {NO_ROW} == kept


@settings(deadline=None)
@given(SEEDS, st.integers(0, 10_000))
def test_between_two_opens_is_paid_what_the_rates_say_or_it_is_not_known(
    seed: int, pair: int
) -> None:
    market = little_market(seed, holes=0.15)
    tracks, rng = market.tracks, np.random.default_rng(pair)
    for symbol, first, stop in zip(tracks.symbols, tracks.begins, tracks.begins[1:], strict=False):
        since, until = np.sort(rng.integers(first, stop, size=2)).tolist()
        asked = [
            START + timedelta(seconds=int(tracks.opened_at[n]) - SINCE) for n in (since, until)
        ]
        rates = market.funding.get(symbol)
        expected = rates.between(*asked) if rates else []
        one, other = tracks.funding[since], tracks.funding[until]
        assert (one["missed"] == other["missed"]) == (expected is not None)
        if expected is not None:
            assert other["paid"] - one["paid"] == pytest.approx(sum(expected), abs=1e-12)


def test_a_rate_that_comes_a_moment_after_the_hour_is_met_by_who_enters_then() -> None:
    """Venues write 00:00:00.001; who enters at midnight is there when it is due."""
    market = little_market(1, symbols=1, hours=12, holes=0)
    late = FundingRates([(START + 4 * HOUR + timedelta(milliseconds=1), 0.001)], 8 * HOUR)
    paid = alone(market, BTC=late).funding["paid"]
    assert paid.tolist() == [0.0] * 5 + [0.001] * 7
    assert alone(market, BTC=rates_at(4)).funding["paid"].tolist() == [0.0] * 4 + [0.001] * 8


def test_a_rate_that_is_not_there_is_counted_as_missed_from_then_on() -> None:
    market = little_market(1, symbols=1, hours=24, holes=0)
    missed = alone(market, BTC=rates_at(0, 16)).funding["missed"]
    assert missed.tolist() == [-1] * 8 + [0] * 8 + [0] * 8
    assert np.diff(missed)[7] == 1, "what was due at 8 is not known"


def test_a_symbol_without_rates_pays_nothing_and_misses_nothing() -> None:
    funding = alone(little_market(3), BTC=FundingRates([])).funding
    assert not funding["paid"].any()
    assert not funding["missed"].any()


@settings(deadline=None)
@given(SEEDS, st.integers(-5, 90), st.integers(-5, 90))
def test_a_span_begins_and_ends_where_somebody_decides_and_stays_in_its_range(
    seed: int, begun: int, ended: int
) -> None:
    market = little_market(seed)
    tracks = market.tracks
    since, until = SINCE + 3600 * begun, SINCE + 3600 * ended
    for first, stop in tracks.spans(since, until):
        assert stop - first > 2
        assert tracks.bars["row"][first] != NO_ROW != tracks.bars["row"][stop - 1]
        assert tracks.opened_at[first] + tracks.step >= since
        assert tracks.opened_at[stop - 1] <= until
        assert any(
            one <= first < stop <= other
            for one, other in zip(tracks.begins, tracks.begins[1:], strict=False)
        )


def test_no_decision_of_a_range_is_outside_its_spans() -> None:
    market = little_market(5)
    tracks = market.tracks
    since, until = SINCE + 20 * 3600, SINCE + 60 * 3600
    inside = np.zeros(len(tracks.bars), np.bool_)
    for first, stop in tracks.spans(since, until):
        inside[first:stop] = True
    closed_at = tracks.opened_at + tracks.step
    decided = (tracks.bars["row"] != NO_ROW) & (closed_at >= since) & (tracks.opened_at <= until)
    assert decided[inside].sum() == decided.sum() > 90


def test_a_range_in_which_nobody_can_play_has_no_span() -> None:
    market = little_market(5)
    assert market.tracks.spans(SINCE - 9_000, SINCE).shape == (0, 2)
    nobody = rows_known(market.candles, 1.0, np.random.default_rng(1))
    assert not len(tracks_of(market.candles, nobody, {}).spans(0, 10**10))


def test_bars_of_a_quarter_of_an_hour_follow_each_other_too() -> None:
    at = SINCE + 900 * np.arange(8)
    ones = np.ones(8)
    candles = {"SOL": Candles("SOL", timedelta(minutes=15), at, ones, ones, ones, ones, ones)}
    tracks = tracks_of(candles, rows_known(candles, 0.0, np.random.default_rng(1)), {})
    assert tracks.step == 900
    assert tracks.bars["follows"].tolist() == [False] + [True] * 7


def test_what_comes_later_changes_nothing_of_what_is_told_of_a_bar() -> None:
    market = little_market(9, symbols=1)
    cut = 40
    candles, rates = market.candles["BTC"], market.funding["BTC"]
    known = rates.known
    until = datetime.fromtimestamp(int(candles.opened_at[cut]), START.tzinfo)
    changed = replace(candles, open=candles.open.copy(), close=candles.close.copy())
    changed.open[cut + 1 :] *= 3
    changed.close[cut + 1 :] *= 5
    fewer = FundingRates([one for one in known if one[0] <= until], rates.every)
    tracks = tracks_of({"BTC": changed}, market.rows, {"BTC": fewer})
    stop = cut + 1
    assert tracks.bars[:stop].tolist() == market.tracks.bars[:stop].tolist()
    assert tracks.funding[:stop].tolist() == market.tracks.funding[:stop].tolist()
