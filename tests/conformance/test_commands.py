"""Whatever is typed, a command is kept, carried out and answered, and keeps up no other."""

from dataclasses import replace

import pytest

from conformance.desks import (
    FIRST,
    NOW,
    UNGUARDED,
    Clock,
    challenger,
    desk_on,
    employ,
    events,
)
from tiltyard.facts.command import Command, Outcome
from tiltyard.shell.commanding import ask
from tiltyard.shell.replaying.verify import verify
from tiltyard.shell.store.command_table import append_command, every_command, pending_commands
from tiltyard.shell.store.ledger import Ledger

LATIN, NOTHING = "B\udcf6rse", "a\0b"
"""What Python makes of a terminal that speaks another encoding, and what Postgres cannot keep."""
ODD = [LATIN, NOTHING, "\ud800", "\U0001f4a3", "\u202e", "", "x" * 100_000]
RESUME = Command("key", "resume", "", "ada", "", NOW)


def asked(ledger: Ledger, command: Command) -> Outcome:
    return ask(ledger, UNGUARDED, command, Clock().times(), holder="test", targets={})


@pytest.mark.parametrize("odd", ODD)
def test_odd_words_are_kept_and_answered_and_the_next_command_is_carried_out(
    ledger: Ledger, odd: str
) -> None:
    employ(ledger, challenger(FIRST, 0.1))
    for number, command in enumerate(
        (
            replace(RESUME, verb="freeze", reason=odd),
            replace(RESUME, verb="freeze", actor=odd),
            replace(RESUME, arguments={"hold": odd}),
            replace(RESUME, policy=odd, verb="halt"),
            replace(RESUME, policy=odd, verb="register", arguments={"role": "challenger"}),
            replace(RESUME, policy="bot", verb="register", arguments={"kind": odd}),
            replace(RESUME, policy="bot", verb="register", arguments={"digest": odd}),
            replace(RESUME, policy=FIRST, verb="approve", arguments={"number": odd}),
            replace(RESUME, verb="acknowledge", arguments={"number": odd}),
        )
    ):
        asked(ledger, replace(command, key=f"{odd}{number}"))
    assert not asked(ledger, replace(RESUME, verb="stop_all", key="last")).refused
    with ledger.snapshot() as still:
        assert pending_commands(still.connection) == []
        assert len(every_command(still.connection)) == 10
    verify(ledger, UNGUARDED, NOW)


@pytest.mark.parametrize("odd", ODD)
def test_odd_words_do_not_end_a_desk(ledger: Ledger, odd: str) -> None:
    employ(ledger, challenger(FIRST, 0.1))
    with ledger.transaction() as inside:
        append_command(inside.connection, replace(RESUME, arguments={"hold": odd}, reason=odd))
        append_command(inside.connection, replace(RESUME, key="2", verb="freeze", reason=odd))
    with desk_on(ledger) as desk:
        desk.step(NOW)
    assert [event["mode"] for event in events(ledger, "freeze_challengers")] == ["enforce"]


def test_an_odd_key_asked_twice_is_one_command(ledger: Ledger) -> None:
    employ(ledger, challenger(FIRST, 0.1))
    odd = replace(RESUME, verb="freeze", key=LATIN, reason=LATIN)
    first, again = asked(ledger, odd), asked(ledger, odd)
    assert (again.code, again.at) == (first.code, first.at)
    assert again.text.startswith(f"{first.text}\n  so it was answered at ")
    with ledger.snapshot() as still:
        ((kept, _),) = every_command(still.connection)
    assert (kept.key, kept.reason) == (r"B\udcf6rse", r"B\udcf6rse")
