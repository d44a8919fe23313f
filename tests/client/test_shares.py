"""What a bot goes by: the shares that were told, for as long as they last."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.desks import NOON, shares
from tiltyard.client.shares import LONGEST, Held, Route, Told, entering, read_shares
from tiltyard.kernel.clock import time_text
from tiltyard.router.split import Split


def told(**other: object) -> Told:
    return read_shares(json.dumps(shares(**other)).encode())


def held(**other: object) -> Held:
    return Held("first").taking(told(**other), now=NOON, steady=0.0)


def after(seconds: float) -> dict[str, Any]:
    return {"now": NOON + timedelta(seconds=seconds), "steady": seconds}


def test_a_choice_is_the_one_that_anybody_who_knows_the_shares_makes() -> None:
    split = Split(shares()["shares"], revision=7, salt="a")
    for number in range(100):
        assert held().route(f"e{number}", **after(1))[:3] == split.choose(f"e{number}")


def test_before_anything_was_told_the_configured_champion_trades_alone() -> None:
    assert Held("first").route("e", **after(0)) == Route("first", 1.0, 0, "never told")
    assert Held("first").share_of("first", **after(0)) == 1
    assert Held("first").share_of("bot", **after(0)) == 0


def test_when_shares_have_expired_the_champion_that_was_told_trades_alone() -> None:
    assert held().route("e", **after(60)) == Route("prod", 1.0, 0, "expired")
    assert [held().share_of(name, **after(60)) for name in ("prod", "bot", "first")] == [1, 0, 0]
    assert held().share_of("bot", **after(59)) == 0.3


@pytest.mark.parametrize("seconds", [1, 61, 1e6])
def test_nobody_enters_while_entries_are_stopped_however_long_ago_that_was_told(
    seconds: float,
) -> None:
    stopped = held(entries_stopped_by=["stop_all"])
    assert stopped.route("e", **after(seconds)) == Route(None, 0.0, 7, "entries stopped")
    assert stopped.share_of("prod", **after(seconds)) == 0


@pytest.mark.parametrize("seconds", [1, 61, 1e6])
def test_who_only_leaves_does_not_enter_however_long_ago_that_was_told(seconds: float) -> None:
    leaving = held(reduce_only=["prod"], shares={"prod": 1})
    assert leaving.route("e", **after(seconds))[:2] == (None, 0.0)
    assert leaving.route("e", **after(seconds)).why == "entries stopped"
    assert leaving.only_leaves("prod")
    assert not leaving.only_leaves("bot")


def test_without_a_champion_nobody_enters() -> None:
    empty = held(champion=None, shares={})
    assert empty.route("e", **after(1)) == Route(None, 0.0, 7, "shares")
    assert empty.route("e", **after(61)) == Route(None, 0.0, 0, "expired")
    assert empty.share_of("first", **after(61)) == 0


def test_flat_has_its_episodes_and_enters_nothing() -> None:
    flat = held(champion="flat", shares={"flat": 1}).route("e", **after(1))
    assert flat == Route("flat", 1.0, 7, "shares")
    assert entering(flat) == Route(None, 1.0, 7, "shares")


NONSENSE = {
    "no JSON": b"<html>",
    "nothing": b"",
    "no text": b"\xff\xfe",
    "a list": b"[]",
    "too deep": b"[" * 100_000,
    "a number that is none": json.dumps(shares(shares={"prod": float("nan")})).encode(),
}
WRONG: list[dict[str, object]] = [
    {"champion": 7},
    {"champion": ""},
    {"shares": None},
    {"shares": ["prod"]},
    {"shares": {"prod": "1"}},
    {"shares": {"prod": True}},
    {"shares": {"prod": 0.5, "bot": 0.4}},
    {"shares": {"prod": 1.5, "bot": -0.5}},
    {"shares": {}},
    {"shares": {"": 1}},
    {"shares": {"pr\nod": 1}},
    {"entries_stopped_by": "stop_all"},
    {"entries_stopped_by": [None]},
    {"reduce_only": None},
    {"reduce_only": {"prod": 1}},
    {"revision": "7"},
    {"revision": 7.0},
    {"revision": True},
    {"revision": -1},
    {"revision": 2**63},
    {"salt": None},
    {"salt": 1},
    {"decided_at": None},
    {"expires_at": None},
    {"expires_at": "soon"},
    {"expires_at": "2026-03-02T12:01:00"},
    {"expires_at": 1772452860000},
]


@pytest.mark.parametrize("raw", NONSENSE.values(), ids=NONSENSE.keys())
def test_what_is_no_answer_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"expected|add up"):
        read_shares(raw)


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_shares_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"expected|add up|offset"):
        told(**wrong)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(list(shares())), json_values), json_values)
def test_whatever_a_desk_answers_is_understood_or_refused(
    wrong: dict[str, object], instead: object
) -> None:
    for answer in (shares(**wrong), instead):
        try:
            understood = read_shares(json.dumps(answer).encode())
        except ValueError:
            continue
        lasting = Held("first").taking(understood, **after(0))
        arms = {"first", "prod", "bot", *map(str, understood.shares)}
        assert sum(lasting.share_of(arm, **after(1)) for arm in arms) <= 1 + 1e-9
        assert lasting.route("e", **after(1)).propensity <= 1


@pytest.mark.parametrize("name", list(shares()))
def test_an_answer_lacks_nothing(name: str) -> None:
    incomplete = {key: value for key, value in shares().items() if key != name}
    with pytest.raises(ValueError, match="expected"):
        read_shares(json.dumps(incomplete).encode())


def test_older_shares_are_refused_and_newer_and_the_same_are_taken() -> None:
    with pytest.raises(ValueError, match="revision 7 or later, found 6"):
        held().taking(told(revision=6), **after(1))
    newer = held().taking(told(revision=8, shares={"prod": 1}), **after(1))
    assert newer.share_of("bot", **after(1)) == 0
    later = held().taking(told(expires_at="2026-03-02T12:01:40Z"), **after(1))
    assert later.share_of("bot", **after(99)) == 0.3


@given(
    ends=st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1)),  # noqa: DTZ001 UTC is put on
    clock_is_wrong_by=st.floats(-1e9, 1e9),
    passed=st.floats(LONGEST, 1e9),
    set_by=st.floats(-1e8, 1e8),
)
def test_no_clock_lets_shares_last_longer_than_two_minutes_after_they_were_asked_for(
    ends: datetime, clock_is_wrong_by: float, passed: float, set_by: float
) -> None:
    answer = told(expires_at=time_text(ends.replace(tzinfo=NOON.tzinfo)))
    asked = NOON + timedelta(seconds=clock_is_wrong_by)
    lasting = Held("first").taking(answer, now=asked, steady=5.0)
    now = NOON + timedelta(seconds=set_by)
    assert lasting.share_of("bot", now=now, steady=5.0 + passed) == 0
    assert lasting.route("e", now=now, steady=5.0 + passed).policy == "prod"


def test_the_same_end_told_again_and_again_is_not_put_off_by_a_clock_that_is_slow() -> None:
    slow = NOON - timedelta(hours=1)
    lasting = Held("first")
    for second in range(0, 300, 5):
        lasting = lasting.taking(told(), now=slow, steady=float(second))
    assert lasting.share_of("bot", now=slow, steady=119.0) == 0.3
    assert lasting.share_of("bot", now=slow, steady=120.0) == 0


def test_ends_that_take_turns_are_not_put_off() -> None:
    slow = NOON - timedelta(hours=1)
    answers = (told(), told(expires_at="2026-03-02T12:00:30Z"))
    lasting = Held("first")
    for second in range(0, 300, 5):
        lasting = lasting.taking(answers[second % 2], now=slow, steady=float(second))
    assert lasting.share_of("bot", now=slow, steady=121.0) == 0


def test_a_later_end_gives_shares_back_to_a_bot_whose_clock_was_fast() -> None:
    fast = NOON + timedelta(hours=1)
    lasting = Held("first").taking(told(), now=fast, steady=0.0)
    assert lasting.share_of("bot", now=fast, steady=1.0) == 0
    renewed = lasting.taking(
        told(expires_at="2026-03-02T12:01:40Z"), now=NOON + timedelta(seconds=40), steady=40.0
    )
    assert renewed.share_of("bot", **after(41)) == 0.3


def test_shares_end_when_they_say_by_the_time_of_day_even_if_that_was_set() -> None:
    assert held().share_of("bot", now=NOON + timedelta(seconds=59), steady=1.0) == 0.3
    assert held().share_of("bot", now=NOON + timedelta(seconds=60), steady=1.0) == 0
