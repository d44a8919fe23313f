"""How long a breach must last: immediately, m of n answers, for some time, or until proven."""

from datetime import UTC, datetime, timedelta

import pytest

from tiltyard.checklist.patience import IMMEDIATE, Patience, seconds
from tiltyard.checklist.thresholds import THRESHOLDS
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
        ("sequential", Patience(share=5, trades=500), "sequential 5 % in 500 trades"),
        (
            "sequential 1% in 150 trades",
            Patience(share=1, trades=150),
            "sequential 1 % in 150 trades",
        ),
    ],
)
def test_confirmations_are_read_and_written(text: str, patience: Patience, written: str) -> None:
    assert Patience.parse(text) == patience
    assert str(patience) == written


@pytest.mark.parametrize(
    "text", ["0 of 3", "4 of 3", "2 of", "of 3", "soon", "", "Immediate", "sequential 5 %"]
)
def test_an_impossible_confirmation_is_refused(text: str) -> None:
    with pytest.raises(TiltyardError) as caught:
        Patience.parse(text)
    assert str(caught.value) == (
        f'CONFIRMATION_INVALID {text!r}: expected "immediate", "2 of 3", "for 10 min" or '
        '"sequential 5 % in 500 trades"'
    )


@pytest.mark.parametrize(
    "text",
    [
        "sequential 3 % in 500 trades",
        "sequential 5 % in 501 trades",
        "sequential 0 % in 500 trades",
        "sequential 5 % in 0 trades",
    ],
)
def test_a_share_or_span_without_a_known_threshold_is_refused(text: str) -> None:
    with pytest.raises(TiltyardError) as caught:
        Patience.parse(text)
    assert str(caught.value) == (
        f"CONFIRMATION_INVALID {text!r}: thresholds are known for one of 1, 2, 5, 10, 20 % in one "
        "of 150, 500, 1000, 2000 trades"
    )


def test_less_wrong_or_more_trades_take_more_evidence() -> None:
    for shares in THRESHOLDS.values():
        assert list(shares.values()) == sorted(shares.values(), reverse=True)
        assert list(shares) == [1, 2, 5, 10, 20]
    for share in (1, 2, 5, 10, 20):
        wanted = [Patience(share=share, trades=trades).threshold for trades in THRESHOLDS]
        assert wanted == sorted(wanted)
    assert Patience(2, 3).threshold == 0


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
