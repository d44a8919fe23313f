"""What a person has put on hold, and how it ends: with a running desk and without one."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import pytest

from conformance.desks import (
    FIRST,
    NOW,
    UNGUARDED,
    Clock,
    asked,
    challenger,
    desk_on,
    employ,
    events,
    shares,
)
from tiltyard.facts.command import Command, Verb
from tiltyard.shell.replaying.verify import verify
from tiltyard.shell.store.command_table import append_command, every_command
from tiltyard.shell.store.ledger import Ledger


@contextmanager
def somebody_acts(ledger: Ledger, *, living: bool) -> Iterator[Clock]:
    """A clock, and the desk that lives by it, or none."""
    clock = Clock()
    employ(ledger, challenger(FIRST, 0.1))
    with desk_on(ledger) if living else nullcontext() as desk:
        clock.desk = desk
        yield clock
    verify(ledger, UNGUARDED, NOW)


def left_waiting(ledger: Ledger, verb: Verb, **arguments: str) -> None:
    """Asked by somebody who does not wait for the answer."""
    with ledger.transaction() as inside:
        key = f"left waiting: {verb} {arguments}"
        append_command(inside.connection, Command(key, verb, "", "bob", "in haste", NOW, arguments))


@pytest.mark.parametrize("living", [False, True])
def test_who_froze_and_stopped_ends_one_and_keeps_the_other(
    ledger: Ledger, *, living: bool
) -> None:
    with somebody_acts(ledger, living=living) as clock:
        asked(ledger, "freeze", clock=clock)
        asked(ledger, "stop_all", clock=clock)
        assert asked(ledger, "resume", clock=clock).code == "HOLD_UNNAMED"
        assert len(ledger.roster().holds()) == 1
        done = asked(ledger, "resume", clock=clock, hold="freeze")
        assert done.text.startswith("no longer on hold by freeze\n  still on hold: no entries")
        assert shares(ledger)[FIRST] == 0.1
        assert ledger.roster().entries_stopped_by == {"person"}
        assert asked(ledger, "resume", clock=clock).text == "no longer on hold by stop-all"
        assert not ledger.roster().holds()
    (thawed,) = events(ledger, "unfreeze_challengers")
    (allowed,) = events(ledger, "allow_entries")
    assert (thawed["actor"], thawed["cause"], thawed["command"]) == ("ada", "person", 4)
    assert (allowed["actor"], allowed["command"]) == ("ada", 5)


@pytest.mark.parametrize("living", [False, True])
@pytest.mark.parametrize("hold", ["stop-all", ""])
def test_a_stop_that_is_asked_for_after_a_resume_that_waits_outlives_it(
    ledger: Ledger, hold: str, *, living: bool
) -> None:
    with somebody_acts(ledger, living=living) as clock:
        asked(ledger, "stop_all", clock=clock)
        left_waiting(ledger, "resume", hold=hold)
        left_waiting(ledger, "freeze")
        asked(ledger, "stop_all", clock=clock)
        roster = ledger.roster()
        assert roster.entries_stopped_by == roster.challengers_frozen_by == {"person"}
        with ledger.snapshot() as still:
            said = [outcome and outcome.text for _, outcome in every_command(still.connection)]
        assert str(said[1]).startswith("COMMAND_OVERTAKEN resume: command 4, stop-all by ada")
        assert said[3] == "entries are stopped already"
