"""What is said of open positions when traffic is taken: what is known, what follows, by when."""

from datetime import UTC, datetime, timedelta

import pytest

from tiltyard.actions.open_positions import what_is_open
from tiltyard.facts.mark import LastMark, Mark
from tiltyard.kernel.money import money

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
AT, BY = "2025-07-07T12:00:00Z", "2025-07-07T12:31:00Z"
TWO = Mark("bot", NOON, money(-12.5), 2, currency="USDT", exposure=money(900))
NONE = Mark("bot", NOON, money(0), 0)
DETAILS = "exposure 900 USDT, unrealised -12.5 USDT"


PAGE = f"reduce-only, and a page at {BY}"
UNKNOWN = "what is open is not known, no mark was reported; whatever it is"
ELSE = f"anything else is {PAGE} unless a mark says that nothing is open"
HALTED: list[tuple[LastMark | None, str]] = [
    (None, f"{UNKNOWN}, {PAGE} unless a mark says that nothing is"),
    (
        LastMark(TWO, 2, traded_since=False),
        f"open at {AT}: 2 positions, {DETAILS}; {PAGE} if any is left",
    ),
    (
        LastMark(TWO, 1, traded_since=True),
        f"open at {AT}: 2 positions, 1 of them left, {DETAILS}; {PAGE} if any is left",
    ),
    (LastMark(TWO, 0, traded_since=True), f"what was open at {AT} has closed; {ELSE}"),
    (LastMark(NONE, 0, traded_since=False), f"nothing was open at {AT}; {ELSE}"),
]
THROTTLED: list[tuple[LastMark | None, str]] = [
    (None, f"{UNKNOWN} runs off"),
    (LastMark(TWO, 2, traded_since=False), f"open at {AT}: 2 positions, {DETAILS}; they run off"),
    (
        LastMark(TWO, 1, traded_since=True),
        f"open at {AT}: 2 positions, 1 of them left, {DETAILS}; it runs off",
    ),
    (LastMark(NONE, 0, traded_since=True), f"nothing was open at {AT}"),
]


@pytest.mark.parametrize(("last", "words"), HALTED)
def test_a_halt_says_what_is_open_what_happens_to_it_and_by_when(
    last: LastMark | None, words: str
) -> None:
    assert what_is_open(last, NOON + timedelta(minutes=1), "halt") == words


@pytest.mark.parametrize(("last", "words"), THROTTLED)
def test_a_throttle_says_that_it_runs_off(last: LastMark | None, words: str) -> None:
    assert what_is_open(last, NOON, "throttle") == words


@pytest.mark.parametrize(
    ("left", "traded_since", "known"),
    [(2, False, 2), (2, True, 2), (0, False, 0), (0, True, None)],
    ids=["all", "some", "none", "none of those, and others may have opened before the last closed"],
)
def test_how_many_are_known_to_be_open(left: int, *, traded_since: bool, known: int | None) -> None:
    last = LastMark(TWO, left, traded_since=traded_since)
    assert last.known_after(TWO.marked_at) == known
    before = last.known_after(TWO.marked_at - timedelta(hours=1))
    assert before == known, "the mark is of after the halt"
    for taken_at in (TWO.marked_at + timedelta(seconds=1), None):
        assert last.known_after(taken_at) == (left or None), "it may have entered since"
