"""A database that an earlier version made becomes what this version would make."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.migrating import config_of
from tiltyard.shell.store.schema import newest_revision

SQLITE_TEXT = """
    SELECT name, sql FROM sqlite_master
    WHERE type = 'trigger' AND tbl_name = 'bandit_arms' ORDER BY name
"""
POSTGRES_TEXT = """
    SELECT proname, pg_get_functiondef(oid) FROM pg_proc
    WHERE proname ~ '^bandit_arms_' ORDER BY proname
"""
ATTACHED = "SELECT tgname FROM pg_trigger WHERE tgname ~ '^bandit_arms_' ORDER BY tgname"


@pytest.fixture
def engine(ledger_url: str) -> Iterator[sa.Engine]:
    with Ledger.open(ledger_url, create=True) as ledger:
        yield ledger._engine


def triggers(engine: sa.Engine) -> list[tuple[object, ...]]:
    queries = [SQLITE_TEXT] if engine.dialect.name == "sqlite" else [POSTGRES_TEXT, ATTACHED]
    with engine.connect() as connection:
        return [
            tuple(row) for query in queries for row in connection.exec_driver_sql(query).fetchall()
        ]


def test_triggers_of_an_earlier_version_are_replaced(engine: sa.Engine) -> None:
    expected = triggers(engine)
    assert len(expected) == (3 if engine.dialect.name == "sqlite" else 7)
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("DROP TRIGGER bandit_arms_edited")
            connection.exec_driver_sql(
                "CREATE TRIGGER bandit_arms_edited AFTER UPDATE ON bandit_arms "
                "BEGIN SELECT RAISE(ABORT, 'an earlier version'); END"
            )
        else:
            connection.exec_driver_sql(
                "CREATE OR REPLACE FUNCTION bandit_arms_clamp() RETURNS trigger LANGUAGE plpgsql "
                "AS $$ BEGIN RAISE 'an earlier version'; END $$"
            )
    assert triggers(engine) != expected
    with engine.begin() as connection:
        config = config_of(connection)
        command.stamp(config, "0002")
        command.upgrade(config, "0003")
    assert triggers(engine) == expected


def test_the_newest_schema_is_the_one_to_which_the_migrations_lead(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        script = ScriptDirectory.from_config(config_of(connection))
    assert newest_revision() == script.get_current_head()
