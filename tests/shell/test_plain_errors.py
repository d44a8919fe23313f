"""What a driver says, and what a person is told."""

import errno
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.plain_errors import UNAVAILABLE, in_plain_words

SERVER = make_url("postgresql+psycopg://me:s3cret@db.example/desk")


@pytest.mark.parametrize(
    ("sqlstate", "code"),
    [
        ("08P01", "DATABASE_UNREACHABLE"),  # a proxy lost its server
        ("25006", "DATABASE_READ_ONLY"),
        ("25P03", "DATABASE_UNREACHABLE"),  # idle for too long in a transaction
        ("42501", "DATABASE_READ_ONLY"),
        ("42P01", "DATABASE_MISSING"),  # a table: the database is being restored
        ("53100", "DATABASE_FULL"),
        ("53300", "DATABASE_UNREACHABLE"),  # too many connections
        ("55P03", "DATABASE_LOCKED"),
        ("57014", "DATABASE_UNREACHABLE"),  # cancelled, as by statement_timeout
        ("57P01", "DATABASE_UNREACHABLE"),  # shut down
        ("57P03", "DATABASE_UNREACHABLE"),  # starting up
        ("58030", "DATABASE_UNREACHABLE"),  # its disk
        ("XX000", "DATABASE_UNREACHABLE"),  # it failed
        ("XX001", "DATABASE_CORRUPT"),
        ("XX002", "DATABASE_CORRUPT"),
    ],
)
def test_what_a_server_says_has_a_plain_meaning(sqlstate: str, code: str) -> None:
    told = in_plain_words(psycopg.errors.lookup(sqlstate)("said the server"), SERVER)
    assert told is not None
    assert told.code == code
    assert "said the server" in told.facts
    assert told.remedy
    assert "s3cret" not in str(told)


@pytest.mark.parametrize("sqlstate", ["23505", "42601", "42703", "22003"])
def test_a_mistake_of_ours_is_not_explained_away(sqlstate: str) -> None:
    assert in_plain_words(psycopg.errors.lookup(sqlstate)("said the server"), SERVER) is None


CONNECTING = 'connection to server at "db.example", port 5432 failed: '


@pytest.mark.parametrize(
    ("said", "code", "remedy"),
    [
        ('FATAL:  database "desk" does not exist', "DATABASE_MISSING", "createdb"),
        ('FATAL:  role "me" does not exist', "DATABASE_UNREACHABLE", "user and password"),
        ('FATAL:  password authentication failed for user "me"', "DATABASE_UNREACHABLE",
         "user and password"),
        ('FATAL:  permission denied for database "desk"', "DATABASE_UNREACHABLE",
         "user and password"),
        ('FATAL:  no pg_hba.conf entry for host "1.2.3.4", user "me"', "DATABASE_UNREACHABLE",
         "pg_hba.conf"),
        ("FATAL:  the database system is starting up", "DATABASE_UNREACHABLE", "in a moment"),
        ("FATAL:  the database system is shutting down", "DATABASE_UNREACHABLE", "in a moment"),
        ("FATAL:  the database system is in recovery mode", "DATABASE_UNREACHABLE", "in a moment"),
        ("FATAL:  the database system is not yet accepting connections", "DATABASE_UNREACHABLE",
         "in a moment"),
        ('FATAL:  database "desk" is not currently accepting connections', "DATABASE_UNREACHABLE",
         "in a moment"),
        ("FATAL:  sorry, too many clients already", "DATABASE_UNREACHABLE", "max_connections"),
        ('FATAL:  too many connections for role "me"', "DATABASE_UNREACHABLE", "max_connections"),
        ("FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
         "DATABASE_UNREACHABLE", "max_connections"),
        ("Connection refused", "DATABASE_UNREACHABLE", "host and port"),
        ("Connection timed out", "DATABASE_UNREACHABLE", "host and port"),
        ('could not translate host name "db.example" to address: Name or service not known',
         "DATABASE_UNREACHABLE", "host and port"),
        ("session is read-only", "DATABASE_READ_ONLY", "primary"),
    ],
)  # fmt: skip
def test_a_server_that_takes_no_connection_says_why(said: str, code: str, remedy: str) -> None:
    told = in_plain_words(psycopg.OperationalError(CONNECTING + said), SERVER)
    assert told is not None
    assert told.code == code
    assert remedy in told.remedy
    assert said in told.facts


def test_an_unknown_trouble_of_the_connection_is_told_as_it_is() -> None:
    told = in_plain_words(psycopg.OperationalError("Verbindung abgelehnt"), SERVER)
    assert told is not None
    assert (told.code, told.facts) == ("DATABASE_UNREACHABLE", "Verbindung abgelehnt")


def test_what_wants_a_person_is_no_passing_trouble() -> None:
    lasting = {"DATABASE_CORRUPT", "DATABASE_REPLACED", "DATABASE_OUTDATED", "DATABASE_NEWER"}
    assert not lasting & UNAVAILABLE


def test_a_file_that_was_removed_is_told_from_a_folder_that_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.db"
    with Ledger.open(str(file), create=True) as ledger:
        with monkeypatch.context() as sick:

            def stale(*_: object, **__: object) -> None:
                raise OSError(errno.ESTALE, "stale file handle")

            sick.setattr(Path, "stat", stale)
            ledger.refuse_replaced()
        file.rename(tmp_path / "b.db")
        with pytest.raises(TiltyardError, match="DATABASE_REPLACED"):
            ledger.refuse_replaced()
