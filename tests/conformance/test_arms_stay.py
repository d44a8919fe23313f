"""An arm is retired and never deleted, whoever tries; and a look at its last mark is quick."""

import sqlite3
from datetime import timedelta

import pytest
import sqlalchemy as sa

from conformance.samples import NET, NOW, PPO, register
from tiltyard.facts.mark import Mark
from tiltyard.kernel.money import Money
from tiltyard.shell.store.engine import connect, database_url
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.tables import marks


@pytest.mark.parametrize("table", ["bandit_arms", "policies"])
def test_the_database_refuses_to_delete_an_arm(ledger: Ledger, ledger_url: str, table: str) -> None:
    register(ledger, PPO, NET)
    before = ledger.roster()
    engine = connect(database_url(ledger_url))
    with (
        pytest.raises(sa.exc.DBAPIError, match="an arm is retired, and never deleted"),
        engine.begin() as connection,
    ):
        connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608 a name of ours
    engine.dispose()
    assert ledger.roster() == before


def test_the_last_mark_is_found_among_many(ledger: Ledger) -> None:
    """It took the square of their number once: 20,000 of them kept a halt for half a minute."""
    register(ledger, PPO, NET)
    many = 20_000
    first = Mark(PPO, NOW, Money(0), 0)
    ledger.append_marks([first], known_at=NOW)
    with ledger.transaction() as inside:  # as they are appended, but at once
        kept = dict(inside.connection.execute(sa.select(marks)).mappings().one())
        del kept["seq"]
        older = [
            {**kept, "marked_at": NOW - timedelta(seconds=n), "unrealised": n, "open_positions": n}
            for n in range(1, many)
        ]
        inside.connection.execute(marks.insert(), older)
    with ledger.snapshot() as still:
        raw = still.connection.connection.driver_connection
        if isinstance(raw, sqlite3.Connection):  # so many instructions of its machine, and no more
            raw.set_progress_handler(lambda: 1, 20_000)
        last = still.last_marks()
        if isinstance(raw, sqlite3.Connection):
            raw.set_progress_handler(None, 0)
    assert {name: one.mark.open_positions for name, one in last.items()} == {PPO: 0}
