"""How long a breach must last: immediately, m of n answers, or for some time."""

from datetime import UTC, datetime, timedelta

import pytest

from tiltyard.checklist.patience import IMMEDIATE, Patience, seconds
from tiltyard.kernel.errors import TiltyardError

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
CODES = {"B": True, ".": False}


@pytest.mark.parametrize(
    ("patience", "answers", "confirmed"),
    [
        ("immediate", "", False),
        ("immediate", "B", True),
        ("immediate", ".", False),
        ("immediate", "B.", False),
        ("immediate", ".B", True),
        ("2 of 3", "B", False),
        ("2 of 3", "BB", True),
        ("2 of 3", "B.B", True),
        ("2 of 3", "BB.", False),
        ("2 of 3", "B..B", False),
        ("2 of 3", "BB..B", False),
        ("3 of 3", "BB.B", False),
        ("3 of 3", ".BBB", True),
        ("1 of 3", "..B", True),
        ("1 of 1", "B", True),
    ],
)
def test_breaches_are_counted_among_the_last_answers(
    patience: str, answers: str, *, confirmed: bool
) -> None:
    recent = tuple(CODES[code] for code in answers)
    assert Patience.parse(patience).confirmed(recent, None, None) is confirmed


@pytest.mark.parametrize(
    ("lasted", "confirmed"), [(0, False), (599, False), (600, True), (601, True)]
)
def test_a_sustained_breach_counts_from_its_last_second_on(lasted: int, *, confirmed: bool) -> None:
    now = NOON + timedelta(seconds=lasted)
    assert Patience.parse("for 10 min").confirmed((True,), NOON, now) is confirmed


@pytest.mark.parametrize(
    ("recent", "since", "now"),
    [
        ((), NOON, NOON + timedelta(hours=1)),
        ((True, False), NOON, NOON + timedelta(hours=1)),
        ((True,), None, NOON),
        ((True,), NOON, None),
        ((True,), None, None),
    ],
)
def test_a_sustained_breach_needs_its_start_the_time_and_a_newest_breach(
    recent: tuple[bool, ...], since: datetime | None, now: datetime | None
) -> None:
    assert not Patience.parse("for 10 min").confirmed(recent, since, now)


@pytest.mark.parametrize(
    ("text", "patience", "written"),
    [
        ("immediate", IMMEDIATE, "immediate"),
        ("1 of 1", IMMEDIATE, "immediate"),
        ("1 of 2", Patience(1, 2), "1 of 2"),
        ("3 of 3", Patience(3, 3), "3 of 3"),
        ("for 10 min", Patience(seconds=600), "for 600 s"),
        ("for 1 s", Patience(seconds=1), "for 1 s"),
    ],
)
def test_confirmations_are_read_and_written(text: str, patience: Patience, written: str) -> None:
    assert Patience.parse(text) == patience
    assert str(patience) == written


@pytest.mark.parametrize("text", ["0 of 3", "4 of 3", "2 of", "of 3", "soon", "", "Immediate"])
def test_an_impossible_confirmation_is_refused(text: str) -> None:
    with pytest.raises(TiltyardError) as caught:
        Patience.parse(text)
    assert str(caught.value) == (
        f'CONFIRMATION_INVALID {text!r}: expected "immediate", "2 of 3" or "for 10 min"'
    )


def test_sequential_confirmation_is_refused_by_name() -> None:
    with pytest.raises(TiltyardError) as caught:
        Patience.parse("sequential")
    assert str(caught.value) == (
        "CONFIRMATION_INVALID 'sequential': sequential confirmation is not available yet"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90 s", 90),
        ("90s", 90),
        ("15 min", 900),
        ("1 h", 3600),
        ("1 d", 86400),
        (" 14 d ", 14 * 86400),
        ("0 s", 0),
        ("999999 s", 999_999),
    ],
)
def test_spans_are_read_in_seconds(text: str, expected: int) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "15", "min", "1.5 h", "-1 s", "1 week", "15  min", "1 D"])
def test_what_is_no_span_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(TiltyardError) as caught:
        seconds(text)
    assert str(caught.value) == f'SPAN_INVALID {text!r}: expected a span such as "15 min"'


def test_a_sustained_confirmation_of_no_span_says_what_a_span_is() -> None:
    with pytest.raises(TiltyardError, match=r'SPAN_INVALID .*expected a span such as "15 min"'):
        Patience.parse("for ever")
