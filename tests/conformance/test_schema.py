"""A database that an earlier version made becomes what this version would make."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from tiltyard.shell.store.engine import connect, database_url
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


TOLD = (
    "INSERT INTO policies (id, name, kind, role, state, start_share, created_at) "
    "VALUES (1, 'prod', 'ppo', 'champion', 'active', 1.0, 0)"
)
DECISION = (
    "INSERT INTO decisions (policy_id, episode_id, symbol, propensity, share_revision,"
    " decided_at, volatility_tercile, hour, known_at) "
    "VALUES (1, 'episode {0}', 'SOL', 0.5, 7, 5, {1}, 0, 6)"
)


@pytest.fixture
def empty(empty_url: str) -> Iterator[sa.Engine]:
    engine = connect(database_url(empty_url))
    yield engine
    engine.dispose()


def decisions(engine: sa.Engine) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM decisions ORDER BY seq").fetchall()
    return [tuple(row) for row in rows]


def test_decisions_of_an_earlier_version_stay_and_later_ones_may_lack_the_volatility(
    empty_url: str, empty: sa.Engine
) -> None:
    with empty.begin() as connection:
        command.upgrade(config_of(connection), "0012")
        connection.exec_driver_sql(TOLD)
        for number in (1, 2):
            connection.exec_driver_sql(DECISION.format(number, 1))
    before = decisions(empty)
    with pytest.raises(sa.exc.IntegrityError), empty.begin() as connection:
        connection.exec_driver_sql(DECISION.format(3, "NULL"))
    with empty.begin() as connection:
        command.upgrade(config_of(connection), "0013")
    assert decisions(empty) == before
    with Ledger.open(empty_url, create=True) as ledger:
        (one, _) = ledger.decisions()
        unsaid = one._replace(episode_id="later", volatility_tercile=None)
        assert ledger.append_decisions([unsaid], known_at=one.decided_at) == 1
        *_, last = ledger.decisions()
        assert (last.seq > before[-1][0], last.volatility_tercile) == (True, None)
        inspector = sa.inspect(empty)
        assert [one["name"] for one in inspector.get_indexes("decisions")
                if not one.get("duplicates_constraint")] == ["decisions_by_time"]  # fmt: skip
    with pytest.raises(sa.exc.IntegrityError), empty.begin() as connection:
        connection.exec_driver_sql(DECISION.format(2, 1))


def test_no_position_of_a_decision_is_given_twice(engine: sa.Engine) -> None:
    """A table that is made anew must not forget how SQLite counts."""
    if engine.dialect.name != "sqlite":
        return
    with engine.connect() as connection:
        query = "SELECT sql FROM sqlite_master WHERE name = 'decisions'"
        assert "PRIMARY KEY AUTOINCREMENT" in str(connection.exec_driver_sql(query).scalar())


def test_the_newest_schema_is_the_one_to_which_the_migrations_lead(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        script = ScriptDirectory.from_config(config_of(connection))
    assert newest_revision() == script.get_current_head()
