"""What is said of open positions when traffic is taken: what is known, what follows, by when."""

from datetime import UTC, datetime, timedelta

import pytest

from tiltyard.actions.open_positions import MOST, how_many, what_is_left, what_is_open
from tiltyard.facts.mark import LastMark, Mark
from tiltyard.kernel.money import Money, money
from tiltyard.market.paper import Entry, Lane, Position

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


def short(symbol: str) -> Position:
    entry = Entry(Lane("arm", symbol), "episode", "short", money(500))
    return Position(entry, NOON, 1, 2.5, Money(0), None)


ONE = [short("SOL/USDT")]
SOLD = "short SOL/USDT of 500.00 at 2.5"
BOTH = f"open on the floor: {SOLD}, short X/Y of 500.00 at 2.5, unrealised -12.5 USDT at {AT}"
ON_FLOOR: list[tuple[LastMark | None, list[Position], str, str]] = [
    (
        None,
        [],
        "nothing is open on the floor, and it enters no more",
        "nothing is open on the floor",
    ),
    (
        LastMark(NONE, 0, traded_since=True),
        [],
        "nothing is open on the floor, and it enters no more",
        "nothing is open on the floor",
    ),
    (
        None,
        ONE,
        f"open on the floor: {SOLD}; {PAGE} if any is left",
        f"open on the floor: {SOLD}; it runs off",
    ),
    (
        LastMark(TWO, 2, traded_since=False),
        [*ONE, short("X/Y")],
        f"{BOTH}; {PAGE} if any is left",
        f"{BOTH}; they run off",
    ),
    (
        LastMark(TWO, 2, traded_since=False),
        [],
        f"open at {AT}: 2 positions, {DETAILS}; {PAGE} if any is left",
        f"open at {AT}: 2 positions, {DETAILS}; they run off",
    ),
]


@pytest.mark.parametrize(("last", "on_floor", "halted", "throttled"), ON_FLOOR)
def test_of_an_arm_that_the_desk_trades_it_is_said_what_the_floor_holds(
    last: LastMark | None, on_floor: list[Position], halted: str, throttled: str
) -> None:
    at = NOON + timedelta(minutes=1)
    assert what_is_open(last, at, "halt", on_floor) == halted
    assert what_is_open(last, at, "throttle", on_floor) == throttled


def test_of_many_positions_the_first_are_told_and_how_many_more_there_are() -> None:
    many = [short(f"S{n}/USDT") for n in range(MOST + 2)]
    said = what_is_open(None, NOON, "throttle", many)
    assert "short S4/USDT of 500.00 at 2.5, and 2 more; they run off" in said
    assert "S5/USDT" not in said


@pytest.mark.parametrize(
    ("last", "on_floor", "reason"),
    [
        (None, [], ""),
        (LastMark(NONE, 0, traded_since=True), [], ""),
        (None, ONE, f"1 position is open 30 min after the halt on the floor: {SOLD}"),
        (
            LastMark(TWO, 2, traded_since=False),
            [],
            f"2 positions are open 30 min after the halt, by the mark of {AT}",
        ),
    ],
)
def test_a_person_is_paged_for_what_the_floor_holds_or_a_mark_tells_of(
    last: LastMark | None, on_floor: list[Position], reason: str
) -> None:
    assert what_is_left(last, NOON + timedelta(minutes=1), on_floor) == reason


@pytest.mark.parametrize(
    ("last", "on_floor", "may_enter", "count"),
    [
        (None, None, False, None),
        (None, [], False, 0),
        (None, [], True, None),
        (None, ONE, True, 1),
        (LastMark(TWO, 2, traded_since=False), ONE, False, 2),
        (LastMark(NONE, 0, traded_since=True), ONE, False, 1),
    ],
    ids=[
        "nobody says",
        "the floor knows",
        "an order may fill",
        "held",
        "more by a mark",
        "held on",
    ],
)
def test_how_many_are_open_is_known_on_the_floor_once_it_enters_no_more(
    last: LastMark | None, on_floor: list[Position] | None, *, may_enter: bool, count: int | None
) -> None:
    assert how_many(last, on_floor, None if may_enter else NOON) == count


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
