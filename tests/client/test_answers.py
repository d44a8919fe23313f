"""What a desk's answer to a batch means."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.client.answers import LONGEST_WAIT, Answer, Later, Taken, Wrong, meaning

NAMED = {"item": 0, "place": "p", "message": "no"}


def refusal(*faults: object, code: object = "ITEMS_REFUSED") -> bytes:
    return json.dumps(
        {"error": {"code": code, "subject": "x", "facts": "no", "faults": faults}}
    ).encode()


@pytest.mark.parametrize(("status", "code"), [(413, "BATCH_TOO_LARGE"), (400, "REQUEST_MALFORMED")])
def test_a_batch_that_a_desk_cannot_read_is_wrong_as_a_whole(status: int, code: str) -> None:
    answer = meaning(Answer(status, refusal(code=code)), 3)
    assert isinstance(answer, Wrong)
    assert not answer.items
    assert answer.faults


@pytest.mark.parametrize("code", ["ITEMS_REFUSED", "REQUEST_INVALID"])
def test_an_item_is_wrong_when_it_is_named(code: str) -> None:
    answer = meaning(Answer(422, refusal(NAMED, code=code)), 3)
    assert isinstance(answer, Wrong)
    assert set(answer.items) == {0}
    nobody = refusal({"item": None, "place": "source", "message": "too long"}, code=code)
    assert isinstance(meaning(Answer(422, nobody), 3), Later)


@pytest.mark.parametrize("status", [400, 409, 413, 422])
@pytest.mark.parametrize(
    "body",
    [b"", b"no", b"[]", b'{"error": 7}', b'{"error": {"code": ["ITEMS_REFUSED"]}}', refusal(),
     refusal(7, None), refusal(NAMED, code="DATABASE_CORRUPT"), refusal(NAMED, code=None)],
)  # fmt: skip
def test_a_refusal_that_is_of_no_item_is_never_for_good(status: int, body: bytes) -> None:
    answer = meaning(Answer(status, body), 1)
    assert isinstance(answer, Later)
    assert answer.is_too_large == (status == 413)


def test_the_code_is_what_a_failure_is_told_by() -> None:
    answer = meaning(Answer(409, refusal(code="DATABASE_CORRUPT")), 1)
    assert answer == Later("DATABASE_CORRUPT", "409, DATABASE_CORRUPT no")
    assert meaning(Answer(409, b"no"), 1) == Later("409", "409")


def test_a_fault_is_of_the_item_that_it_names_if_there_is_one() -> None:
    places: list[object] = [2, 0, 2, 3, -1, None, "1", True]
    faults = [{"item": place, "place": "p", "message": str(place)} for place in places]
    answer = meaning(Answer(422, refusal(*faults)), 3)
    assert isinstance(answer, Wrong)
    assert {i: [f.message for f in own] for i, own in answer.items.items()} == {
        2: ["2", "2"], 0: ["0"],
    }  # fmt: skip
    assert [fault.message for fault in answer.faults] == ["3", "-1", "None", "1", "True"]


@pytest.mark.parametrize("status", [0, 301, 302, 401, 403, 404, 405, 408, 425, 429, 500, 502, 503])
def test_whatever_may_succeed_another_time_waits(status: int) -> None:
    assert isinstance(meaning(Answer(status, b"x"), 1), Later)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"7"])
def test_what_is_no_answer_of_a_desk_takes_nothing(body: bytes) -> None:
    assert isinstance(meaning(Answer(200, body), 1), Later)
    assert meaning(Answer(200, b'{"new": 1}'), 1) == Taken()


@pytest.mark.parametrize(
    ("said", "wait"),
    [("", 0), ("7", 7), (" 7 ", 7), ("9" * 4000, LONGEST_WAIT), ("-1", 0), ("soon", 0), ("²", 0)],
)
def test_a_desk_is_left_alone_for_as_long_as_it_asks_within_reason(said: str, wait: float) -> None:
    answer = meaning(Answer(429, b"", said), 1)
    assert isinstance(answer, Later)
    assert answer.wait == wait


@given(st.integers(0, 599), st.binary(max_size=100), st.text(max_size=10), st.integers(1, 1000))
def test_every_answer_means_something(status: int, body: bytes, wait: str, count: int) -> None:
    assert isinstance(meaning(Answer(status, body, wait), count), Taken | Later | Wrong)
