"""The database is locked, full or gone: halts hold in memory, and are written once."""

import fcntl
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.pool import PoolProxiedConnection

from crash.floor import BAD, CHALLENGERS, GOOD, HAND, MINUTE, NOON, PROD, SECOND, rules
from crash.house import House, housed, locked, unreadable
from tiltyard.facts.arm import FLAT
from tiltyard.facts.command import Verb
from tiltyard.facts.mark import Mark
from tiltyard.kernel.money import money
from tiltyard.shell.settings import RunSettings
from tiltyard.shell.store.ledger import Ledger

FULL_DISK = """
CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER refuse AFTER INSERT ON audit EXECUTE FUNCTION refuse()
"""
WITHOUT_BAD = {PROD: 0.8, GOOD: 0.1, HAND: 0.1}


@pytest.fixture
def house(ledger_url: str, tmp_path: Path) -> Iterator[House]:
    with housed(ledger_url, tmp_path) as found:
        found.round()
        yield found


def is_sqlite(url: str) -> bool:
    return url.startswith("sqlite")


def stands_by(house: House, code: str) -> None:
    """The halt holds, in memory and outside, though the database has it not."""
    assert house.state(BAD) == "halted"
    assert house.desk.stands_alone
    assert house.desk.trouble is not None
    assert house.desk.trouble.code == code
    assert house.traffic() == WITHOUT_BAD
    assert house.shares()["reduce_only"] == [BAD]


def has_written(house: House) -> None:
    """All that stood in memory is in the database, once."""
    house.round()
    assert house.desk.trouble is None
    assert not house.desk.stands_alone
    assert house.written("halt") == [BAD]
    assert house.other.roster() == house.desk.roster
    assert house.traffic() == WITHOUT_BAD
    house.round()
    assert house.written("halt") == [BAD]
    house.verify()


def test_a_halt_holds_while_the_database_is_locked_and_is_written_once(
    house: House, ledger_url: str
) -> None:
    house.lose(BAD)
    with locked(ledger_url):
        for _ in range(12):
            assert house.round() == []
            stands_by(house, "DATABASE_LOCKED")
        assert "another process is writing" in str(house.desk.trouble)
        assert "try again when it has finished" in str(house.desk.trouble)
        revision = house.shares()["revision"]
    assert [event["event"] for event in house.round()] == ["halt"]
    assert house.written("halt") == [BAD]
    assert house.shares()["revision"] > revision  # type: ignore[operator] # both are numbers
    house.verify()


def test_verbs_for_safety_are_obeyed_while_the_database_is_locked(
    house: House, ledger_url: str
) -> None:
    verbs: tuple[tuple[Verb, str], ...] = (
        ("resume", ""), ("halt", BAD), ("stop_all", ""), ("freeze", ""),
    )  # fmt: skip
    for verb, policy in verbs:
        house.ask(verb, policy)
    with locked(ledger_url):
        for _ in range(3):
            assert house.round() == []
            assert house.state(BAD) == "halted"
            assert house.traffic() == {PROD: 1}
            assert house.shares()["entries_stopped_by"] == ["person"]
        assert house.answers() == ["waits"] * 4
    house.round()
    assert "waits" not in house.answers()
    assert house.written("halt") == [BAD]
    assert len(house.written("freeze_challengers")) == 1
    house.verify()


def test_a_value_that_is_lost_while_the_database_is_locked_takes_traffic(
    house: House, ledger_url: str
) -> None:
    house.earn(BAD, 1)
    mark = Mark(BAD, house.now, money(-10), 2)
    house.other.append_marks([mark], known_at=house.now)
    house.round()
    with locked(ledger_url):
        for _ in range(45):
            assert house.round(60) == []
        assert house.state(BAD) == "throttled"
        assert house.traffic() == WITHOUT_BAD
    house.round()
    house.round()
    assert house.written("throttle") == [BAD]
    assert house.other.roster() == house.desk.roster


def test_a_desk_that_is_new_pushes_what_it_halts_without_the_database(
    house: House, ledger_url: str
) -> None:
    house.round()
    house.now += MINUTE
    second = House(house.ledger, house.other, house.folder, house.settings, house.now, "second")
    second.lose(BAD)
    with locked(ledger_url):
        second.round()
        stands_by(second, "DATABASE_LOCKED")
    has_written(second)


def test_a_desk_that_is_new_and_never_sees_anything_leaves_the_champion_alone(
    house: House, ledger_url: str
) -> None:
    house.round()
    house.now += MINUTE
    alert = rules().model_copy(update={"run": RunSettings(deadman=60)})
    second = House(house.ledger, house.other, house.folder, alert, house.now, "second")
    house.ledger._engine.dispose()
    house.other._engine.dispose()
    with unreadable(ledger_url):
        for _ in range(12):
            assert second.round() == []
        assert second.desk.is_blind
        assert second.traffic()[PROD] < 1
        second.round()
        second.round()
        assert second.traffic() == {PROD: 1}
    second.round()
    assert len(second.written("freeze_challengers")) == 1
    second.verify()


def test_the_same_shares_are_pushed_in_a_second_outage_if_others_were_in_between(
    house: House,
) -> None:
    frozen: dict[str, object] = {"champion": PROD, "shares": {PROD: 1.0}}
    house.stand(frozen)
    assert house.traffic() == {PROD: 1}
    house.ask("halt", BAD)
    house.round()
    assert house.traffic() == WITHOUT_BAD
    house.stand(frozen)
    assert house.traffic() == {PROD: 1}


def test_shares_that_could_not_be_pushed_are_pushed_in_the_next_round(house: House) -> None:
    frozen: dict[str, object] = {"champion": PROD, "shares": {PROD: 1.0}}
    folder = os.open(house.folder, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)  # the courier's own thread is writing it
    house.stand(frozen)
    os.close(folder)
    assert house.traffic() != {PROD: 1}
    house.now += 2 * SECOND
    house.stand(frozen)
    assert house.traffic() == {PROD: 1}


def test_a_night_that_comes_while_the_database_is_locked_is_run_when_it_answers(
    house: House, ledger_url: str
) -> None:
    house.round(13 * 3600 + 59 * 60)
    assert house.written("skip_scale") == []
    with locked(ledger_url):
        for _ in range(5):
            house.round(60)
    house.round()
    house.round()
    assert sorted(house.written("skip_scale")) == sorted((FLAT, *CHALLENGERS))
    assert list(house.nights()) == ["2026-03-02", "2026-03-03"]


@contextmanager
def full(house: House, url: str) -> Iterator[None]:
    """There is no room for what the desk wants to write."""
    if is_sqlite(url):
        with house.ledger.transaction() as inside:
            pages = inside.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            inside.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        yield
        with house.ledger.transaction() as inside:
            inside.connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    else:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(FULL_DISK.encode())
            yield
            connection.execute(b"DROP TRIGGER refuse ON audit")


def test_a_halt_holds_while_the_disk_is_full_and_is_written_once(
    house: House, ledger_url: str
) -> None:
    for number in range(40):
        house.lose(BAD, -12, number)
        house.now += MINUTE
    with full(house, ledger_url):
        for _ in range(3):
            assert house.round() == []
            stands_by(house, "DATABASE_FULL")
        assert "no space left" in str(house.desk.trouble)
        assert "free some" in str(house.desk.trouble)
    has_written(house)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["/bin/umount", "-l", str(folder)], check=True)


def test_a_halt_holds_on_a_disk_that_is_really_full(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:  # noqa: SIM117 the second needs the first
        with housed(f"sqlite:///{disk / 'desk.db'}", tmp_path) as house:
            house.round()
            house.lose(BAD)
            with (disk / "filling").open("wb", buffering=0) as file, ExitStack() as stack:
                stack.callback(Path.unlink, disk / "filling")
                try:
                    while file.write(b"x" * 512):
                        pass
                except OSError:
                    pass
                for _ in range(3):
                    house.round()
                assert house.state(BAD) == "halted"
                assert house.desk.trouble is not None
                assert house.desk.trouble.code in {"DATABASE_FULL", "DATABASE_UNREACHABLE"}
                assert house.traffic() == WITHOUT_BAD
            has_written(house)


def cut(url: str) -> None:
    """Every connection to the database but this one ends."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.mark.parametrize("stage", ["judged", "written"])
def test_a_halt_holds_when_the_connection_is_lost_in_a_step(
    house: House, ledger_url: str, stage: str
) -> None:
    if is_sqlite(ledger_url):
        pytest.skip("there is no connection that could be lost")
    house.lose(BAD)
    house.ask("throttle", GOOD)

    def on_stage(passed: str) -> None:
        if passed == stage:
            cut(ledger_url)

    house.on_stage = on_stage
    assert house.step(5) == []
    assert house.desk.trouble is not None
    assert house.desk.trouble.code == "DATABASE_UNREACHABLE"
    assert "terminating connection" in str(house.desk.trouble)
    assert house.state(BAD) == "halted"
    assert house.state(GOOD) == "throttled"
    assert house.desk.stands_alone
    house.on_stage = print
    house.round()
    house.round()
    assert house.written("halt") == [BAD]
    assert house.written("throttle") == [GOOD]
    assert house.answers() == ["done"]
    house.verify()


def test_a_connection_that_was_lost_between_steps_is_made_anew(
    house: House, ledger_url: str
) -> None:
    if is_sqlite(ledger_url):
        pytest.skip("there is no connection that could be lost")
    house.lose(BAD)
    cut(ledger_url)
    assert [event["event"] for event in house.round()] == ["halt"]
    has_written(house)


def lose_the_answer(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, then: Callable[[], object]
) -> None:
    """The next commit goes through, and its answer does not arrive."""
    dialect = ledger._engine.dialect
    sqlite = dialect.name == "sqlite"
    error: Exception = (
        sqlite3.OperationalError("disk I/O error") if sqlite
        else psycopg.OperationalError("server closed the connection unexpectedly")
    )  # fmt: skip
    commit = dialect.do_commit

    def lost(connection: PoolProxiedConnection) -> None:
        commit(connection)
        monkeypatch.setattr(dialect, "do_commit", commit)
        then()
        raise error

    monkeypatch.setattr(dialect, "do_commit", lost)


@pytest.mark.parametrize("first", [True, False], ids=["first step", "later step"])
def test_a_commit_whose_answer_was_lost_is_not_made_again_and_no_halt_is_lost(
    ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, first: bool
) -> None:
    with housed(ledger_url, tmp_path) as house:
        if not first:
            house.round()
        house.lose(BAD)
        house.ask("throttle", HAND)
        lose_the_answer(house.ledger, monkeypatch, then=lambda: house.lose(GOOD))
        assert house.step(5) == []
        assert house.desk.trouble is not None
        assert house.desk.trouble.code == "DATABASE_UNREACHABLE"
        assert house.state(GOOD) == "halted", "it was judged while the database was away"
        house.round(5)
        house.round(5)
        assert house.desk.trouble is None
        assert house.written("halt") == [BAD, GOOD]
        assert house.written("throttle") == [HAND]
        assert house.answers() == ["done"]
        assert house.traffic() == {PROD: 1}
        house.verify()


def test_a_halt_after_a_lost_answer_is_told_though_the_outbox_was_read_meanwhile(
    house: House, ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.lose(BAD)
    lose_the_answer(house.ledger, monkeypatch, then=house.follow)
    house.step(5)
    assert house.desk.trouble is not None
    assert house.traffic() == WITHOUT_BAD
    house.lose(GOOD)
    with locked(ledger_url):
        house.round()
        assert house.state(GOOD) == "halted"
        assert house.traffic() == {PROD: 0.9, HAND: 0.1}
    house.round()
    assert house.desk.trouble is None
    assert house.traffic() == {PROD: 0.9, HAND: 0.1}
    assert house.said == []


def test_a_quiet_commit_whose_answer_was_lost_announces_nothing_twice(
    ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with housed(ledger_url, tmp_path) as house:
        lose_the_answer(house.ledger, monkeypatch, then=lambda: None)
        house.round(5)
        for _ in range(3):
            house.round(5)
        assert house.desk.trouble is None
        assert house.traffic().keys() == {PROD, *CHALLENGERS}


def test_a_night_whose_answer_was_lost_is_run_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.round(13 * 3600 + 59 * 60)
    lose_the_answer(house.ledger, monkeypatch, then=lambda: None)
    for _ in range(4):
        house.round(60)
    assert sorted(house.written("skip_scale")) == sorted((FLAT, *CHALLENGERS))


def test_a_late_trade_counts_though_it_could_not_be_measured_when_it_came(house: House) -> None:
    house.earn(GOOD, 50, 1)
    house.round(60)
    now, house.now = house.now, NOON - MINUTE
    house.earn(GOOD, -30, 2)  # it closed before the other
    house.now = now
    _refuse_once(house.ledger, "policies.name = ")
    house.step(5)
    assert house.desk.trouble is not None
    house.round(5)
    assert house.desk.trouble is None
    house.verify()


def _refuse_once(ledger: Ledger, what: str) -> None:
    """The database does not answer the next statement of this kind."""

    def before(*given: object) -> None:
        if what in str(given[2]):
            sa.event.remove(ledger._engine, "before_cursor_execute", before)
            driver = sqlite3 if ledger.url.get_backend_name() == "sqlite" else psycopg
            raise sa.exc.OperationalError(what, None, driver.OperationalError("disk I/O error"))

    sa.event.listen(ledger._engine, "before_cursor_execute", before)
