"""What is true of a ledger on a server, and of no other."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from conformance.samples import (
    NET,
    NOW,
    PPO,
    NewDatabase,
    code_of_opening,
    ingest,
    register,
    stored,
    trade,
)
from ledgers import on, without_facts
from postgres import Server
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store import engine
from tiltyard.shell.store.audit_table import append_audit
from tiltyard.shell.store.engine import SECRETS, database_url
from tiltyard.shell.store.lease import LASTS
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.waking import Waking

SECRET = "s3cret"  # noqa: S105 that it is not shown is what is tested
FULL_DISK = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER refuse AFTER INSERT ON trades EXECUTE FUNCTION refuse()
"""


@pytest.fixture(scope="module")
def new_database(postgres: Server) -> Iterator[NewDatabase]:
    """Only these."""
    yield from without_facts(on(postgres))


def refusal(url: str) -> TiltyardError:
    with pytest.raises(TiltyardError) as caught:
        Ledger.open(url)
    assert SECRET not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_way_to_name_the_server_takes_the_driver_we_bring(scheme: str) -> None:
    url = database_url(f"{scheme}://me:{SECRET}@db.example:5433/desk?sslmode=require")
    assert url.drivername == "postgresql+psycopg"
    assert (url.host, url.port, url.database) == ("db.example", 5433, "desk")
    assert SECRET not in str(url)


def test_a_password_among_the_options_is_not_shown_either() -> None:
    url = database_url(f"postgresql://me@db.example/desk?password={SECRET}&sslmode=require")
    assert SECRET not in str(url)
    assert (url.password, dict(url.query)) == (SECRET, {"sslmode": "require"})


def test_so_it_is_where_the_url_names_its_driver() -> None:
    url = database_url(f"postgresql+psycopg://me@db.example/desk?password={SECRET}")
    assert SECRET not in str(url)
    assert (url.password, dict(url.query)) == (SECRET, {})


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
@pytest.mark.parametrize("option", [f"{name}={SECRET}" for name in sorted(SECRETS - {"password"})]
                         + [f"password=a&password={SECRET}"])  # fmt: skip
def test_any_other_secret_among_the_options_is_refused(scheme: str, option: str) -> None:
    refused = refusal(f"{scheme}://me@db.example/desk?{option}")
    assert refused.code == "DATABASE_URL_INVALID"
    assert refused.facts.startswith(option.partition("=")[0])
    assert "?service=SECTION" in refused.remedy


def test_a_service_file_names_what_the_url_does_not(
    ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = make_url(ledger_url)
    told = {**url.query, "host": url.host or url.query.get("host"), "port": url.port,
            "user": url.username, "password": url.password, "dbname": url.database}  # fmt: skip
    lines = [f"{name}={value}" for name, value in told.items() if value is not None]
    file = tmp_path / "services"
    file.write_text("\n".join(["[desk]", *lines, ""]))
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    with Ledger.open("postgresql://?service=desk") as ledger:
        assert ledger.url.database is None


def test_a_port_that_is_no_number_is_refused_without_a_piece_of_the_password() -> None:
    refused = refusal(f"postgresql://me@host:{SECRET}/desk")
    assert refused.code == "DATABASE_URL_INVALID"
    assert "%3A" in refused.remedy


@pytest.mark.parametrize(
    ("scheme", "facts"),
    [
        ("mysql", "neither SQLite nor Postgres"),
        ("http", "neither SQLite nor Postgres"),
        ("postgresql+nothing", "no such driver"),
        ("", "no URL"),
    ],
)
def test_what_is_no_database_of_ours_is_refused_with_what_is_expected(
    scheme: str, facts: str
) -> None:
    refused = refusal(f"{scheme}://me:{SECRET}@host/desk")
    assert (refused.code, facts in refused.facts) == ("DATABASE_URL_INVALID", True)
    assert "a SQLite file" in refused.remedy
    assert "--db postgresql://user@host/database" in refused.remedy


def test_a_server_that_does_not_answer_is_unreachable() -> None:
    refused = refusal(f"postgresql://me:{SECRET}@127.0.0.1:1/desk")
    assert (refused.code, "start it" in refused.remedy) == ("DATABASE_UNREACHABLE", True)


def test_a_database_the_server_does_not_have_is_missing_and_is_not_made(postgres: Server) -> None:
    refused = refusal(postgres.at("nowhere"))
    assert (refused.code, "createdb" in refused.remedy) == ("DATABASE_MISSING", True)
    assert code_of_opening(postgres.at("nowhere"), create=True) == "DATABASE_MISSING"


def test_who_may_not_log_in_is_told_to_check_user_and_password(
    postgres: Server, ledger_url: str
) -> None:
    name = str(make_url(ledger_url).database)
    postgres.run(f"CREATE ROLE {name} NOLOGIN")
    try:
        stranger = make_url(ledger_url).set(username=name, password=SECRET)
        refused = refusal(stranger.render_as_string(hide_password=False))
    finally:
        postgres.run(f"DROP ROLE {name}")
    assert refused.code == "DATABASE_UNREACHABLE"
    assert refused.remedy == "check user and password"


def test_a_server_that_only_reads_is_read_only(ledger: Ledger, postgres: Server) -> None:
    register(ledger, PPO)
    postgres.run(f"ALTER DATABASE {ledger.url.database} SET default_transaction_read_only = on")
    ledger.close()
    with pytest.raises(TiltyardError, match="DATABASE_READ_ONLY"):
        ingest(ledger, [trade()])
    assert stored(ledger) == []


def test_who_may_not_make_tables_is_told_so(postgres: Server, ledger_url: str) -> None:
    name = str(make_url(ledger_url).database)
    postgres.run(f"CREATE ROLE {name} LOGIN PASSWORD '{SECRET}'")
    try:
        stranger = make_url(ledger_url).set(username=name, password=SECRET)
        url = stranger.render_as_string(hide_password=False)
        assert code_of_opening(url, create=True) == "DATABASE_READ_ONLY"
    finally:
        postgres.run(f"DROP ROLE {name}")


def test_a_full_disk_leaves_the_ledger_as_it_was(
    ledger: Ledger, ledger_url: str, postgres: Server
) -> None:
    register(ledger, PPO)
    postgres.run(FULL_DISK, ledger_url)
    with pytest.raises(TiltyardError, match="DATABASE_FULL"):
        ingest(ledger, [trade()])
    assert stored(ledger) == []


def test_a_database_that_cannot_count_characters_is_refused(postgres: Server) -> None:
    ascii_only = "ENCODING 'SQL_ASCII' LOCALE 'C' LOCALE_PROVIDER libc"
    with postgres.database(ascii_only) as url:
        assert code_of_opening(url, create=True) == "DATABASE_ENCODING"


def test_the_view_of_one_transaction_does_not_write(ledger: Ledger) -> None:
    with pytest.raises(TiltyardError, match="DATABASE_READ_ONLY"), ledger.snapshot() as inside:
        register(inside, PPO)


def test_a_lost_connection_is_told_to_who_waits(ledger: Ledger, postgres: Server) -> None:
    with Waking(ledger.url) as waking:
        lose(postgres, ledger)
        with pytest.raises(TiltyardError, match="DATABASE_UNREACHABLE"):
            waking.wait(60)


def test_a_connection_lost_between_two_transactions_is_made_anew(
    ledger: Ledger, postgres: Server
) -> None:
    register(ledger, PPO)
    lose(postgres, ledger)
    assert PPO in ledger.roster().arms


def test_a_connection_lost_in_the_middle_leaves_nothing_behind(
    ledger: Ledger, postgres: Server
) -> None:
    register(ledger, PPO)

    def stage() -> None:
        with ledger.staging() as staging:
            staging.add([(2, trade(), False)])
            lose(postgres, ledger)
            staging.commit(now=NOW, known_at=NOW)

    with pytest.raises(TiltyardError, match="DATABASE_UNREACHABLE"):
        stage()
    assert stored(ledger) == []


def lose(postgres: Server, ledger: Ledger) -> None:
    """The server drops every connection to the database."""
    name = str(ledger.url.database)
    postgres.run(
        f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"  # noqa: S608 it is ours
    )


def test_who_stalls_in_the_middle_of_writing_loses_the_lock_and_writes_nothing(
    ledger: Ledger, ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "STALLED_MS", 1000)

    def stall() -> None:
        with Ledger.open(ledger_url) as other, other.transaction() as inside:
            register(inside, PPO)
            register(ledger, NET)  # it waits for the lock, and gets it
            register(inside, NET)

    with pytest.raises(TiltyardError, match=r"^DATABASE_UNREACHABLE "):
        stall()
    assert list(ledger.roster().arms) == [NET]


def test_a_writer_may_be_silent_for_as_long_as_a_lease_lasts(ledger: Ledger) -> None:
    asked = "SHOW idle_in_transaction_session_timeout"
    with ledger.transaction() as inside:
        patience = inside.connection.exec_driver_sql(asked).scalar_one()
    with ledger.snapshot() as still:
        assert still.connection.exec_driver_sql(asked).scalar_one() == "0"
    assert patience == f"{LASTS.total_seconds():.0f}s"


def test_people_can_connect_with_other_tools_meanwhile(ledger: Ledger, ledger_url: str) -> None:
    register(ledger, PPO)
    with ledger.transaction() as inside, psycopg.connect(ledger_url) as other:
        register(inside, NET)
        assert other.execute("SELECT name FROM policies").fetchall() == [(PPO,)]


def test_all_text_is_compared_by_its_bytes(ledger: Ledger) -> None:
    """Also that of later migrations: ``tables.TEXT`` is the type for it."""
    other = sa.text(
        "SELECT table_name, column_name FROM information_schema.columns WHERE data_type = 'text' "
        "AND table_schema = 'public' AND table_name <> 'current_trades' "
        "AND collation_name IS DISTINCT FROM 'C'"
    )
    with ledger._engine.connect() as connection:
        assert connection.execute(other).all() == []


def test_the_last_ingest_and_a_record_are_found_without_reading_the_audit(ledger: Ledger) -> None:
    read = sa.text(
        "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'audit'"
    )
    register(ledger, PPO)
    ingest(ledger, [trade()])
    with ledger.transaction() as inside:
        since = ({"event": "halt", "number": number} for number in range(2000))
        append_audit(inside.connection, since, NOW)
    with ledger.snapshot() as still:
        assert not still.is_record()
        assert still.anchor()[0] == 1
        assert still.connection.execute(read).scalar_one() < 10
