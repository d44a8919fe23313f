"""What was settled costs nothing: a look takes as long as there is to do."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from alembic import command

from conformance.desks import (
    FIRST,
    NOW,
    SECOND,
    challenger,
    desk_on,
    employ,
    report,
    trades_of,
)
from tiltyard.facts.command import Command, Outcome
from tiltyard.shell.store.audit_table import append_audit
from tiltyard.shell.store.command_table import append_command, pending_commands, write_outcome
from tiltyard.shell.store.desk_tables import commands, outcomes
from tiltyard.shell.store.engine import connect, database_url
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.migrating import config_of

MANY = 2000


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
