"""A server restarts, hands over or is restored: a desk that once was open outlives it."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from conformance.samples import NewDatabase
from crash.floor import BAD
from crash.house import housed
from crash.test_database_away import WITHOUT_BAD
from ledgers import on, without_facts
from postgres import Server, follow, start, stop
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.ledger import Ledger

Outage = Callable[[Server, str], AbstractContextManager[None]]


@contextmanager
def closed(server: Server, name: str) -> Iterator[None]:
    """The database takes no connections, as while it is restored."""
    server.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    cut_off(server, name)
    yield
    server.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


@contextmanager
def renamed(server: Server, name: str) -> Iterator[None]:
    """There is no such database, as on a server that took over and is not complete."""
    with closed(server, name):
        server.run(f"ALTER DATABASE {name} RENAME TO {name}_aside")
        yield
        server.run(f"ALTER DATABASE {name}_aside RENAME TO {name}")


@contextmanager
def without_tables(server: Server, name: str) -> Iterator[None]:
    """Its tables are not there yet."""
    server.run("ALTER SCHEMA public RENAME TO aside", server.at(name))
    yield
    server.run("ALTER SCHEMA aside RENAME TO public", server.at(name))


def cut_off(server: Server, name: str) -> None:
    """Whoever is connected to it is no longer."""
    server.run(
        f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"  # noqa: S608 it is ours
    )


OUTAGES = [
    (closed, "DATABASE_UNREACHABLE"),
    (renamed, "DATABASE_MISSING"),
    (without_tables, "DATABASE_MISSING"),
]


@pytest.mark.parametrize(("outage", "code"), OUTAGES)
def test_a_desk_outlives_what_passes(
    postgres: Server, tmp_path: Path, outage: Outage, code: str
) -> None:
    with postgres.database() as url, housed(url, tmp_path) as house:
        house.round()
        house.lose(BAD)
        with outage(postgres, str(make_url(url).database)):
            for _ in range(3):
                assert house.round() == []
                assert house.desk.trouble is not None
                assert house.desk.trouble.code == code
                assert house.desk.is_blind
        assert [event["event"] for event in house.round()] == ["halt"]
        assert house.desk.trouble is None
        house.verify()


def test_a_halt_holds_on_a_server_that_only_follows_and_is_written_when_it_takes_over(
    own: Server, tmp_path: Path
) -> None:
    with own.database() as url, housed(url, tmp_path) as house:
        house.round()
        house.lose(BAD)
        stop(own)
        follow(own)
        start(own)
        for _ in range(2):
            assert house.round() == []
            assert house.state(BAD) == "halted"
            assert house.desk.trouble is not None
            assert house.desk.trouble.code == "DATABASE_READ_ONLY"
            assert "name the primary" in house.desk.trouble.remedy
            assert house.traffic() == WITHOUT_BAD
        own.run("SELECT pg_promote()")
        assert [event["event"] for event in house.round()] == ["halt"]
        house.verify()


# Whoever opens it for the first time is told, and does not wait


def refusal(url: str) -> TiltyardError:
    with pytest.raises(TiltyardError) as caught:
        Ledger.open(url)
    return caught.value


def test_a_database_that_does_not_exist_is_not_begun_with(postgres: Server, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "tiltyard", "run", "--db", postgres.at("nowhere")]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.split()[0]) == (2, "DATABASE_MISSING")


def test_a_server_that_is_not_ready_is_told_as_such(own: Server) -> None:
    stop(own)
    follow(own)
    start(own, "-c hot_standby=off")
    refused = refusal(own.url)
    assert refused.code == "DATABASE_UNREACHABLE"
    assert refused.facts.startswith("the server is not ready (")
    assert refused.remedy == "try again in a moment"


def test_a_stranger_to_the_server_is_told_of_the_user_and_not_of_the_database(
    postgres: Server,
) -> None:
    stranger = make_url(postgres.url).set(username="stranger")
    refused = refusal(stranger.render_as_string(hide_password=False))
    assert refused.code == "DATABASE_UNREACHABLE"
    assert refused.remedy == "check user and password"


def test_a_server_that_ends_those_who_idle_is_unreachable(ledger: Ledger, postgres: Server) -> None:
    name = str(ledger.url.database)
    postgres.run(f"ALTER DATABASE {name} SET idle_in_transaction_session_timeout = '1ms'")
    ledger.close()

    def idle() -> None:
        with ledger.snapshot() as inside:
            while connected(postgres, name):
                pass
            inside.roster()

    with pytest.raises(TiltyardError, match=r"^DATABASE_UNREACHABLE "):
        idle()


def connected(server: Server, name: str) -> bool:
    with psycopg.connect(server.url) as other:
        count = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
        return other.execute(count, [name]).fetchone() != (0,)


@pytest.fixture(scope="module")
def new_database(postgres: Server) -> Iterator[NewDatabase]:
    """Only on a server."""
    yield from without_facts(on(postgres))
