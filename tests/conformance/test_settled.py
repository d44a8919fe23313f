"""What was settled, or waits for others, costs nothing: a look takes as long as there is to do."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from alembic import command

from conformance.desks import (
    FIRST,
    NOW,
    SECOND,
    UNGUARDED,
    challenger,
    desk_on,
    employ,
    report,
    trades_of,
)
from tiltyard.facts.arm import Roster
from tiltyard.facts.command import Command, Outcome
from tiltyard.shell.commanding import take
from tiltyard.shell.notify.escalation import escalate
from tiltyard.shell.notify.people import People
from tiltyard.shell.sections.notify import NotifySettings, Recipient
from tiltyard.shell.store.audit_table import append_audit
from tiltyard.shell.store.command_table import append_command, pending_commands, write_outcome
from tiltyard.shell.store.desk_tables import commands, outcomes, pages
from tiltyard.shell.store.engine import connect, database_url
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.migrating import config_of
from tiltyard.shell.store.page_table import every_page, standing_causes

MANY = 2000
LONG_AGO = NOW - timedelta(days=7)


def asked(connection: sa.Connection, key: str) -> int:
    return append_command(connection, Command(key, "halt", FIRST, "ann", "", NOW))


def work(ledger: Ledger, act: Callable[[], object]) -> int:
    """How many instructions the database runs meanwhile; SQLite counts them."""
    if ledger.url.get_backend_name() != "sqlite":
        pytest.skip("only SQLite says how much it does")
    done = 0

    def count() -> None:
        nonlocal done
        done += 1

    def listen(connection: sa.engine.interfaces.DBAPIConnection, *_: object) -> None:
        connection.set_progress_handler(count, 1)

    sa.event.listen(ledger._engine, "checkout", listen)
    act()
    sa.event.remove(ledger._engine, "checkout", listen)
    return done


def settled_commands(connection: sa.Connection) -> None:
    asked_before = [
        {"key": f"k{n}", "verb": "scale", "policy": "", "arguments": "{}", "actor": "cron",
         "reason": "", "asked_at": NOW}
        for n in range(MANY)
    ]  # fmt: skip
    connection.execute(commands.insert(), asked_before)
    first = connection.scalars(sa.select(sa.func.min(commands.c.seq))).one()
    answered = [{"command_seq": first + n, "code": "", "text": "", "at": NOW} for n in range(MANY)]
    connection.execute(outcomes.insert(), answered)


@pytest.mark.parametrize("settle", [settled_commands])
def test_a_quiet_step_costs_the_same_however_much_was_settled(
    ledger: Ledger, settle: Callable[[sa.Connection], None]
) -> None:
    employ(ledger, challenger(FIRST, 0.1))
    with desk_on(ledger) as desk:
        desk.step(NOW)
        before = work(ledger, lambda: desk.step(NOW + SECOND))
        with ledger.transaction() as inside:
            settle(inside.connection)
        desk.step(NOW + SECOND)
        assert work(ledger, lambda: desk.step(NOW + SECOND)) <= before


def audited(connection: sa.Connection) -> None:
    append_audit(connection, ({"event": "halt", "number": n} for n in range(MANY)), NOW)


def test_what_the_audit_vouches_for_is_found_however_much_happened_since(ledger: Ledger) -> None:
    for anchored in (0, 1):
        found = [work(ledger, look) for look in (ledger.is_record, ledger.anchor)]
        with ledger.transaction() as inside:
            audited(inside.connection)
        assert [work(ledger, look) for look in (ledger.is_record, ledger.anchor)] == found
        assert (ledger.is_record(), ledger.anchor()[0]) == (False, anchored)
        employ(ledger, challenger(FIRST, 0.1))
        report(ledger, trades_of(FIRST, [1]))


def leave_open(ledger: Ledger, policy: str, event: str, cause: str) -> None:
    """Pages that nobody has acknowledged, a week old."""
    with ledger.transaction() as inside:
        first = len(every_page(inside.connection)) + 1
        rows = [
            {"number": first + n, "event": event, "policy": policy.format(n), "cause": cause,
             "title": "t", "lines": "[]", "happened_at": LONG_AGO, "made_at": LONG_AGO}
            for n in range(MANY)
        ]  # fmt: skip
        inside.connection.execute(pages.insert(), rows)


DONE = (
    {"event": "rearm", "policy": FIRST, "actor": "ann"},
    {"event": "acknowledge", "policy": FIRST, "cause": "drawdown", "number": 1, "actor": "ann"},
    {"event": "allow_entries", "cause": "deadman", "actor": "ann"},
    {"event": "crown", "policy": FIRST, "actor": "ann"},
)


def test_telling_people_costs_the_same_however_many_pages_are_open(ledger: Ledger) -> None:
    eve = Recipient(name="eve", address_file="eve.address", escalation=True)
    notify = NotifySettings(recipient=(eve,))
    people = People((eve,), UNGUARDED.checklist)
    token = take(ledger, "desk", NOW)
    assert token is not None

    def settle() -> None:
        with ledger.transaction() as inside:
            people.request(inside.connection, "key", DONE, (), Roster(), {}, {}, NOW)

    def look() -> None:
        assert escalate(ledger, token, notify, NOW) == 0

    before = [work(ledger, act) for act in (settle, look)]
    leave_open(ledger, "gone{}", "halt", "drawdown")
    leave_open(ledger, "", "stop_all", "person")
    after = [work(ledger, act) for act in (settle, look)]
    assert all(many - none < 10 for none, many in zip(before, after, strict=True)), (before, after)
    with ledger.snapshot() as still:
        assert [one for one in every_page(still.connection) if one.acknowledged_at] == []


def test_a_guard_that_tripped_often_is_looked_at_once(ledger: Ledger) -> None:
    leave_open(ledger, "", "page", "system_downtime")
    with ledger.snapshot() as still:
        assert standing_causes(still.connection, "page") == [("", "system_downtime")]


def test_it_is_found_in_what_an_earlier_version_wrote(empty_url: str) -> None:
    engine = connect(database_url(empty_url))
    with engine.begin() as connection:
        command.upgrade(config_of(connection), "0007")
        told = {"event": "ingest", "up_to_seq": 7, "facts": "digest"}
        append_audit(connection, [{"event": "replay"}, told, {"event": "halt"}], NOW)
    engine.dispose()
    with Ledger.open(empty_url, create=True) as ledger:
        assert ledger.is_record()
        assert ledger.anchor() == (7, "digest")


def test_commands_wait_until_they_are_answered_and_no_longer(ledger: Ledger) -> None:
    with ledger.transaction() as inside:
        first, second = asked(inside.connection, "a"), asked(inside.connection, "b")
        assert asked(inside.connection, "a") == first
        write_outcome(inside.connection, first, Outcome("", "done", NOW))
        assert asked(inside.connection, "a") == first
    with ledger.snapshot() as still:
        assert [one.seq for one in pending_commands(still.connection)] == [second]


@pytest.mark.parametrize("version", ["0002", "0006"])
def test_a_command_that_waits_does_so_after_an_upgrade(empty_url: str, version: str) -> None:
    engine = connect(database_url(empty_url))
    with engine.begin() as connection:
        command.upgrade(config_of(connection), version)
        settled_commands(connection)
        row = connection.execute(sa.select(commands).limit(1)).mappings().one()
        connection.execute(commands.insert().values({**row, "key": "waits", "seq": MANY + 1}))
    engine.dispose()
    with Ledger.open(empty_url, create=True) as ledger, ledger.snapshot() as still:
        assert [one.key for one in pending_commands(still.connection)] == ["waits"]
