"""What is asked for safety has the last word on everything that was asked before it."""

from collections.abc import Sequence
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.desks import (
    FIRST,
    MINUTE,
    NOW,
    SECOND,
    SECOND_ARM,
    Clock,
    asked,
    challenger,
    desk_on,
    employ,
    forget_everything,
    shares,
)
from tiltyard.facts.command import GIVING, LASTS, SAFETY, VERBS, Command, Outcome, Verb
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.commanding import give_back, take
from tiltyard.shell.store.command_table import append_command, outcome_of, write_outcome
from tiltyard.shell.store.ledger import Ledger

Asked = tuple[Verb, str]


def put(ledger: Ledger, *wanted: Asked, at: datetime = NOW) -> list[int]:
    """Commands that wait, in the order asked."""
    with ledger.transaction() as inside:
        return [
            append_command(inside.connection, Command(f"{at} {n}", verb, arm, "ann", "", at))
            for n, (verb, arm) in enumerate(wanted)
        ]


def answers(ledger: Ledger, positions: Sequence[int]) -> list[Outcome | None]:
    with ledger.snapshot() as still:
        return [outcome_of(still.connection, seq) for seq in positions]


def codes(ledger: Ledger, positions: Sequence[int]) -> list[str | None]:
    return [None if one is None else one.code for one in answers(ledger, positions)]


def test_a_resume_asked_before_a_freeze_does_not_end_it(ledger: Ledger) -> None:
    employ(ledger, challenger(FIRST, 0.1))
    with desk_on(ledger) as desk:
        put(ledger, ("freeze", ""))
        desk.step(NOW)
        positions = put(ledger, ("resume", ""), ("freeze", ""), at=NOW + SECOND)
        desk.step(NOW + SECOND)
    refused, frozen = answers(ledger, positions)
    assert frozen is not None
    assert frozen.text == "the challengers are frozen already"
    assert refused is not None
    assert refused.text == (
        "COMMAND_OVERTAKEN resume: command 3, freeze by ann, was asked after it. look at what "
        "that did, and ask again"
    )
    assert ledger.roster().challengers_frozen_by == {"person"}
    assert shares(ledger)[FIRST] == 0


def test_a_rearm_asked_before_a_halt_does_not_undo_it(ledger: Ledger) -> None:
    employ(ledger, challenger(FIRST, 0, "halted"))
    with desk_on(ledger) as desk:
        positions = put(ledger, ("rearm", FIRST), ("halt", FIRST))
        desk.step(NOW)
    assert codes(ledger, positions) == ["COMMAND_OVERTAKEN", ""]
    assert ledger.roster().arms[FIRST].state == "halted"


def test_what_is_asked_after_a_halt_is_carried_out_after_it(ledger: Ledger) -> None:
    employ(ledger, challenger(FIRST, 0, "halted"))
    with desk_on(ledger) as desk:
        positions = put(ledger, ("halt", FIRST), ("rearm", FIRST))
        desk.step(NOW)
    assert codes(ledger, positions) == ["", ""]
    assert shares(ledger)[FIRST] == 0.1


def test_a_command_for_safety_that_was_answered_long_ago_overtakes_all_the_same(
    ledger: Ledger,
) -> None:
    employ(ledger, challenger(FIRST, 0, "halted"))
    rearm, halt = put(ledger, ("rearm", FIRST), ("halt", FIRST))
    with ledger.transaction() as inside:
        write_outcome(inside.connection, halt, Outcome("", "halted already", NOW))
    with desk_on(ledger) as desk:
        desk.step(NOW + SECOND)
    assert codes(ledger, [rearm]) == ["COMMAND_OVERTAKEN"]
    assert ledger.roster().arms[FIRST].state == "halted"


@pytest.mark.parametrize("hours", [0, 24])
def test_a_resume_that_nobody_carried_out_does_not_end_the_next_emergency(
    ledger: Ledger, hours: int
) -> None:
    employ(ledger, challenger(FIRST, 0.1))
    clock = Clock()
    token = take(ledger, "a desk that hangs", clock.now)
    assert token is not None
    with pytest.raises(TiltyardError, match="COMMAND_WAITING"):
        asked(ledger, "resume", clock=clock)
    give_back(ledger, token)
    clock.now += hours * 60 * MINUTE
    assert asked(ledger, "stop_all", clock=clock).text.startswith("no entries for anyone")
    assert ledger.roster().entries_stopped_by == {"person"}
    assert codes(ledger, [1]) == ["COMMAND_OVERTAKEN"]


def test_where_no_desk_runs_a_night_asked_before_a_halt_is_not_run(ledger: Ledger) -> None:
    employ(ledger, challenger(FIRST, 0.1), challenger(SECOND_ARM, 0.1))
    (night,) = put(ledger, ("scale", ""))
    assert asked(ledger, "halt", FIRST).text.startswith(f"{FIRST}: halted")
    assert codes(ledger, [night]) == ["COMMAND_OVERTAKEN"]


def test_every_verb_that_gives_is_overtaken_and_no_other(ledger: Ledger) -> None:
    verbs = [verb for verb in VERBS if verb not in SAFETY]
    positions = put(ledger, *((verb, "nobody") for verb in verbs), ("freeze", ""))
    employ(ledger, challenger(FIRST, 0.1))
    with desk_on(ledger) as desk:
        desk.step(NOW)
    found = dict(zip(verbs, codes(ledger, positions), strict=False))
    assert {verb for verb, code in found.items() if code == "COMMAND_OVERTAKEN"} == GIVING
    assert set(verbs) - GIVING == {"retire", "page", "drill"}


@pytest.mark.parametrize("verb", sorted({*GIVING} - {"register"}))
def test_a_command_that_gives_is_not_carried_out_ten_minutes_later(
    ledger: Ledger, verb: Verb
) -> None:
    employ(ledger, challenger(FIRST, 0.1))
    policy = "" if verb == "resume" else FIRST
    with desk_on(ledger) as desk:
        in_time = put(ledger, (verb, policy))
        desk.step(NOW + LASTS)
        too_late = put(ledger, (verb, policy), at=NOW + SECOND)
        desk.step(NOW + LASTS + 2 * SECOND)
    assert codes(ledger, in_time) != ["COMMAND_EXPIRED"]
    (answer,) = answers(ledger, too_late)
    assert answer is not None
    typed = "review ack" if verb == "acknowledge" else verb
    assert answer.text.startswith(f"COMMAND_EXPIRED {typed} {policy}".rstrip())
    assert answer.text.endswith("after 10 min it is carried out no more. ask again, if it is "
                                "still wanted")  # fmt: skip


def test_a_registration_expires_too_and_nobody_joins_by_it(ledger: Ledger) -> None:
    employ(ledger)
    positions = put(ledger, ("register", "new_one"))
    with desk_on(ledger) as desk:
        desk.step(NOW + LASTS + SECOND)
    assert codes(ledger, positions) == ["COMMAND_EXPIRED"]
    assert "new_one" not in ledger.roster().arms


def test_what_is_asked_for_safety_never_expires(ledger: Ledger) -> None:
    employ(ledger, challenger(FIRST, 0.1))
    positions = put(ledger, ("halt", FIRST), ("freeze", ""))
    with desk_on(ledger, NOW + 100 * LASTS) as desk:
        desk.step(NOW + 100 * LASTS)
    assert codes(ledger, positions) == ["", ""]


def test_who_waits_is_told_until_when_the_command_stands(ledger: Ledger) -> None:
    employ(ledger, challenger(FIRST, 0.1))
    assert take(ledger, "a desk that hangs", NOW) is not None
    with pytest.raises(TiltyardError, match=r"whoever acts next will, until .*Z; see"):
        asked(ledger, "rearm", FIRST)


verbs = st.sampled_from(
    [("halt", FIRST), ("throttle", FIRST), ("freeze", ""), ("stop_all", ""), ("resume", ""),
     ("rearm", FIRST), ("rearm", SECOND_ARM), ("scale", ""), ("approve", FIRST)]
)  # fmt: skip


@settings(max_examples=25, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(
    before=st.lists(verbs, max_size=5),
    last=st.sampled_from([("halt", FIRST), ("freeze", ""), ("stop_all", "")]),
    steps=st.integers(0, 5),
)
def test_whatever_waits_the_last_word_for_safety_holds(
    ledger: Ledger, before: list[Asked], last: Asked, steps: int
) -> None:
    forget_everything(ledger)
    employ(ledger, challenger(FIRST, 0.1), challenger(SECOND_ARM, 0, "halted"))
    with desk_on(ledger) as desk:
        put(ledger, *before[:steps])
        desk.step(NOW)
        put(ledger, *before[steps:], last, at=NOW + SECOND)
        desk.step(NOW + SECOND)
        desk.step(NOW + MINUTE)
    roster = ledger.roster()
    if last[0] == "halt":
        assert roster.arms[FIRST].state == "halted"
    elif last[0] == "freeze":
        assert all(arm.share == 0 for arm in roster.challengers())
    else:
        assert roster.entries_stopped_by
