"""The state of a guard: a table of what it answers, what it remembers, and the word for it."""

from datetime import UTC, datetime, timedelta

import pytest

from tiltyard.checklist.guard_state import GUARD_STATES, GuardState, state_of
from tiltyard.checklist.judge import FRESH, Memory
from tiltyard.facts.verdict import Answer

NOON = datetime(2025, 6, 2, 12, tzinfo=UTC)
TRIPPED = Memory((True,), 7, NOON, None, NOON)
BLINDLY = Memory((False,), 7, None, NOON, NOON, tripped_blindly=True)
LOST = Memory((False,), 7, None, NOON)


STATES: list[tuple[Answer, Memory, Memory, bool, GuardState]] = [
    ("pass", FRESH, FRESH, False, "pass"),
    ("breach", FRESH, FRESH, False, "breach"),
    ("breach", FRESH, TRIPPED, False, "breach"),  # seen by a look, which nobody acts on
    ("breach", TRIPPED, TRIPPED, False, "tripped"),
    ("pass", TRIPPED, TRIPPED, False, "pass"),
    ("pass", TRIPPED, TRIPPED, True, "tripped"),  # halted until a person re-arms it
    ("pass", FRESH, FRESH, True, "tripped"),
    ("unknown", FRESH, FRESH, False, "warming"),
    ("unknown", TRIPPED, LOST, True, "tripped"),  # a halted arm is not marked any more
    ("unknown", FRESH, LOST, False, "unknown"),
    ("unknown", TRIPPED, LOST, False, "unknown"),
    ("unknown", BLINDLY, LOST, True, "unknown"),  # throttled because nobody can see it
    ("pass", BLINDLY, FRESH, True, "tripped"),  # it is seen again, and waits for its way back
    ("error", FRESH, LOST, False, "error"),
    ("error", TRIPPED, LOST, True, "tripped"),
]


@pytest.mark.parametrize(("answer", "remembered", "seen", "is_in_force", "state"), STATES)
def test_every_state_follows_from_answer_memory_and_what_is_in_force(
    *, answer: Answer, remembered: Memory, seen: Memory, is_in_force: bool, state: GuardState
) -> None:
    assert state_of(answer, remembered, seen, is_in_force=is_in_force) == state


@pytest.mark.parametrize(("minutes", "state"), [(-1, "tripped"), (0, "breach"), (1, "breach")])
def test_what_tripped_before_a_person_rearmed_the_arm_is_a_breach_and_no_more(
    minutes: int, state: GuardState
) -> None:
    rearmed = NOON + timedelta(minutes=minutes)
    assert state_of("breach", TRIPPED, TRIPPED, is_in_force=False, began_at=rearmed) == state
    again = state_of("breach", TRIPPED, TRIPPED, is_in_force=True, began_at=rearmed)
    assert again == "tripped", "the effect is in force"


def test_every_state_has_its_row() -> None:
    assert {row[-1] for row in STATES} == set(GUARD_STATES)
