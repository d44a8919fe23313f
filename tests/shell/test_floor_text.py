"""What stands on the floor, as text: the same state is the same text, and the other way round."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import Money
from tiltyard.market.paper import Entry, Exit, Holdings, Lane, Position
from tiltyard.router.floor import FloorState
from tiltyard.shell.floor.text import Played, played_from, text_of

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
names = st.text(min_size=1, max_size=8)
lanes = st.builds(Lane, names, names)
amounts = st.integers(0, 10**19).map(Money)
prices = st.floats(min_value=1e-12, max_value=1e12)
stops = st.none() | prices
entries = st.builds(
    Entry, lanes, names, st.sampled_from(["long", "short"]), amounts, stops, st.none() | amounts
)  # fmt: skip
times = st.datetimes(NOON.replace(tzinfo=None), datetime(2030, 1, 1)).map(  # noqa: DTZ001 made UTC
    lambda at: at.replace(tzinfo=UTC)
)
positions = st.builds(
    Position, entries, times, st.integers(0, 10**20), prices, amounts, st.none() | amounts
)
exits: st.SearchStrategy[Exit] = st.sampled_from(["signal", "stop", "flatten"])
holdings = st.builds(
    Holdings,
    st.lists(entries, max_size=3).map(tuple),
    st.lists(st.tuples(lanes, exits), max_size=3).map(tuple),
    st.lists(positions, max_size=3).map(tuple),
)
floors = st.builds(
    FloorState, holdings, holdings,
    st.lists(st.tuples(lanes, names), max_size=3).map(tuple),
    st.lists(names, max_size=3).map(tuple),
)  # fmt: skip
states = st.builds(
    Played,
    times,
    st.integers(1, 10**6).map(lambda n: timedelta(seconds=n)),
    floors,
    st.booleans(),
    st.lists(names, max_size=3).map(tuple),
)


@given(states)
def test_every_state_is_read_from_its_text_to_the_last_bit(played: Played) -> None:
    text = text_of(played)
    assert played_from(text) == played
    assert text_of(played_from(text)) == text


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"version":99}', '{"version":1}'])
def test_a_text_that_is_none_of_ours_is_refused(text: str) -> None:
    with pytest.raises(TiltyardError, match="FLOOR_UNREADABLE floor_state"):
        played_from(text)


def test_a_text_says_by_which_version_it_was_written() -> None:
    assert json.loads(text_of(Played(NOON, timedelta(hours=1), FloorState())))["version"] == 2


def test_a_text_of_the_first_version_is_read_and_says_nothing_of_capital() -> None:
    entry = Entry(Lane("arm", "SOL/USDT"), "one", "long", Money(5), None, Money(7))
    floor = FloorState(live=Holdings((entry,)))
    plain = json.loads(text_of(Played(NOON, timedelta(hours=1), floor)))
    plain["version"] = 1
    del plain["live"]["entries"][0]["capital"]
    (found,) = played_from(json.dumps(plain)).floor.live.entries
    assert found == replace(entry, capital=None)


def test_a_text_that_does_not_say_who_is_seated_is_read() -> None:
    played = Played(NOON, timedelta(hours=1), FloorState(), seated=("arm",))
    plain = json.loads(text_of(played))
    del plain["seated"]
    assert played_from(json.dumps(plain)) == played._replace(seated=())
