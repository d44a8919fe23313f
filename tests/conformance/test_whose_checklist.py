"""A desk says on its lease by which checklist it goes; a verb that stands in for one does not."""

from datetime import timedelta

import pytest

from conformance.desks import NOW
from tiltyard.facts.command import Command
from tiltyard.shell.commanding import Times, ask, give_back
from tiltyard.shell.report.desk import other_checklist
from tiltyard.shell.running import hold_lease
from tiltyard.shell.settings import load
from tiltyard.shell.store.lease import LASTS, Lease, read_lease
from tiltyard.shell.store.ledger import Ledger

MINE, THEIRS = "1" * 64, "2" * 64
TIMES = Times(lambda: NOW, lambda: 0.0, lambda _: None)


def lease_of(ledger: Ledger) -> Lease:
    with ledger.snapshot() as still:
        lease = read_lease(still.connection)
    assert lease is not None
    return lease


@pytest.fixture
def token(ledger: Ledger) -> int:
    """Of the lease of a desk that goes by ``MINE``."""
    token = hold_lease(ledger, "desk", TIMES, checklist=MINE, wait=False)
    assert token is not None
    return token


def test_a_desk_leaves_its_checklist_on_the_lease(ledger: Ledger, token: int) -> None:
    assert (lease_of(ledger).token, lease_of(ledger).checklist) == (token, MINE)


def test_the_next_desk_leaves_its_own(ledger: Ledger, token: int) -> None:
    give_back(ledger, token)
    assert hold_lease(ledger, "next", TIMES, checklist=THEIRS, wait=False) == token + 1
    assert lease_of(ledger).checklist == THEIRS


def test_a_verb_that_stands_in_goes_by_none(ledger: Ledger, token: int) -> None:
    give_back(ledger, token)
    command = Command("a key", "freeze", "", "ann", "", NOW)
    ask(ledger, load(), command, TIMES, holder="ann", targets={})
    assert (lease_of(ledger).token, lease_of(ledger).checklist) == (token + 1, "")


@pytest.mark.usefixtures("token")
def test_whoever_has_another_checklist_is_told_while_the_desk_lives(ledger: Ledger) -> None:
    lease = lease_of(ledger)
    (told,) = other_checklist(lease, THEIRS, "tiltyard.toml", NOW)
    assert told == (
        "the desk goes by another checklist (111111111111) than tiltyard.toml (222222222222): "
        "start it again, until then it judges by its own"
    )
    assert other_checklist(lease, MINE, "tiltyard.toml", NOW) == []
    assert other_checklist(lease, THEIRS, "tiltyard.toml", NOW + LASTS) == []


def test_nobody_is_told_of_a_desk_where_none_is(ledger: Ledger, token: int) -> None:
    assert other_checklist(None, THEIRS, "tiltyard.toml", NOW) == []
    give_back(ledger, token)
    assert other_checklist(lease_of(ledger), THEIRS, "tiltyard.toml", NOW) == []
    standing_in = Lease("ann", token + 1, 1, NOW - timedelta(seconds=1))
    assert other_checklist(standing_in, THEIRS, "tiltyard.toml", NOW) == []
