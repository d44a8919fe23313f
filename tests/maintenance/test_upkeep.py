"""The upkeep of a database: what is damaged is found, and nobody beside waits for the rest."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from conformance.desks import FIRST, NOW, UNGUARDED, challenger, desk_on, dump, employ, run_sql
from ledgers import new_ledger
from maintenance.stale import populate, rules
from postgres import Server
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.commanding import take
from tiltyard.shell.maintenance.cleaning import clean
from tiltyard.shell.maintenance.tidying import growth, look_through, tidy
from tiltyard.shell.replaying.verify import verify
from tiltyard.shell.store.lease import LASTS
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.upkeep import (
    check,
    free_part,
    shorten_log,
    sizes,
    total_size,
    vacuum,
)
from waiting import until

WRITES = timedelta(minutes=1)


def test_a_database_that_is_whole_is_said_to_be(ledger: Ledger) -> None:
    populate(ledger)
    assert check(ledger).faults == ()


def test_upkeep_changes_no_row(ledger: Ledger) -> None:
    populate(ledger)
    before = dump(ledger)
    lines, failed = tidy(ledger, NOW, dry_run=False)
    assert failed == []
    assert "database: its statistics are new" in lines
    assert dump(ledger) == before
    verify(ledger, UNGUARDED, NOW)


def test_a_dry_run_says_nothing_is_done(ledger: Ledger) -> None:
    assert tidy(ledger, NOW, dry_run=True) == ([], [])


def test_growth_is_what_has_come_since(ledger: Ledger) -> None:
    employ(ledger, challenger(FIRST, 0.1))
    line, told = growth(ledger, None)
    assert "since" not in line
    assert told["tables"]["policies"]["rows"] == 3
    assert told["tables"]["policies"]["rows_grown"] is None
    assert told["tables"]["policies"]["bytes"] > 0
    assert told["bytes"] == total_size(ledger) > 0
    assert told["rows"] == sum(one.rows for one in sizes(ledger).values())
    run_sql(ledger, "INSERT INTO holds (kind, guard) VALUES ('ramp_frozen_by', 'a')")
    line, again = growth(ledger, told)
    assert (again["rows_grown"], again["tables"]["holds"]["rows_grown"]) == (1, 1)
    assert "+1 row since the last clean-up" in line


def test_a_desk_goes_on_between_two_tidyings(ledger: Ledger) -> None:
    populate(ledger)
    with desk_on(ledger) as desk:
        for minute in range(3):
            desk.step(NOW + minute * WRITES)
            assert tidy(ledger, NOW + minute * WRITES, dry_run=False)[1] == []
        assert desk.trouble is None


BUSY = 3.0
"""Seconds that the writer waits for a lock."""


def upkept_beside_a_writer(
    ledger: Ledger, upkeep: Callable[[], object], busy: float = BUSY, times: int = 3
) -> Mapping[str, Any]:
    """What a desk in a process of its own says of its writing, upkeep being done meanwhile."""
    program, root = Path(__file__).with_name("writing.py"), Path(__file__).parents[1]
    url = ledger.url.render_as_string(hide_password=False)
    with subprocess.Popen(
        [sys.executable, str(program), url, str(int(1000 * busy))], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(root)},
    ) as writer:  # fmt: skip
        assert writer.stdout is not None
        assert writer.stdout.readline() == "began\n"
        for _ in range(times):
            before = len(numbers(ledger))
            upkeep()
            until(lambda: len(numbers(ledger)) > before, within=60)  # noqa: B023 ends at once
        said, _ = writer.communicate("", timeout=60)
    return dict(json.loads(said))


def numbers(ledger: Ledger) -> list[float]:
    """What the writer has written."""
    return [one.number for one in ledger.observations() if one.name == "written"]


def test_a_desk_that_writes_all_the_time_loses_nothing_and_is_never_refused(
    ledger: Ledger,
) -> None:
    populate(ledger)
    done: list[str] = []

    def upkeep() -> None:
        assert check(ledger).faults == ()
        lines, failed = tidy(ledger, NOW, dry_run=False)
        assert {error.code for error in failed} <= {"DATABASE_LOCKED"}, "it gave way"
        done.extend(lines)

    said = upkept_beside_a_writer(ledger, upkeep)
    assert said["refused"] == []
    assert said["longest"] < BUSY
    assert sorted(numbers(ledger)) == list(range(said["written"]))
    assert "database: its statistics are new" in done
    assert check(ledger).faults == ()


def test_a_file_is_written_anew_beside_who_writes_and_nothing_is_lost(file: Ledger) -> None:
    """Not while a desk runs; but a bot may write meanwhile, and it must lose nothing either."""
    populate(file)
    half_empty(file)

    def upkeep() -> None:
        with suppress(TiltyardError):  # it gives way to who writes
            vacuum(file)

    said = upkept_beside_a_writer(file, upkeep)
    assert said["refused"] == []
    assert sorted(numbers(file)) == list(range(said["written"]))
    assert check(file).faults == ()


def test_a_desk_that_is_kept_out_for_longer_is_seen_to_be(ledger: Ledger) -> None:
    """So that the tests above can fail: this upkeep holds what the desk writes to."""

    def upkeep() -> None:
        with ledger.beside() as other, other.transaction() as inside:
            inside.append_observations([], known_at=NOW)
            if ledger.url.get_backend_name() == "postgresql":
                inside.connection.exec_driver_sql("LOCK TABLE observations IN SHARE MODE")
            ends = time.monotonic() + 2
            until(lambda: time.monotonic() > ends)

    said = upkept_beside_a_writer(ledger, upkeep, busy=0.3, times=1)
    assert said["refused"] or said["longest"] > 0.3


def test_who_writes_for_long_is_not_waited_for(ledger: Ledger) -> None:
    with ledger.beside() as other, other.transaction() as inside:
        inside.append_observations([], known_at=NOW)
        if ledger.url.get_backend_name() == "postgresql":
            inside.connection.exec_driver_sql("LOCK TABLE trades IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        lines, failed = tidy(ledger, NOW, dry_run=False)
        took = time.monotonic() - began
    assert took < LASTS.total_seconds(), "no longer than a lease"
    told = [*lines, *(error.code for error in failed)]
    if ledger.url.get_backend_name() == "sqlite":
        assert told == ["DATABASE_LOCKED"]
    else:
        assert told == ["database: its statistics are new"], "what is locked is passed over"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Ledger]:
    with new_ledger(tmp_path / "tiltyard.db") as opened:
        yield opened


def half_empty(ledger: Ledger) -> None:
    """A third of the file is free."""
    with ledger.by_hand(1000) as cursor:
        cursor.execute("CREATE TABLE much (x)")
        cursor.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) "
            "INSERT INTO much SELECT randomblob(1000) FROM n"
        )
        cursor.execute("DROP TABLE much")


def test_a_file_that_is_free_by_a_fifth_is_written_anew_and_smaller(file: Ledger) -> None:
    populate(file)
    assert free_part(file) < 0.2
    half_empty(file)
    assert free_part(file) > 0.2
    before, rows = total_size(file), dump(file)
    planned, _ = tidy(file, NOW, dry_run=True)
    assert "would be written anew" in planned[0]
    assert total_size(file) == before
    lines, failed = tidy(file, NOW, dry_run=False)
    assert failed == []
    assert "database: written anew" in lines[1]
    assert free_part(file) == 0
    assert total_size(file) < before
    assert Path(str(file.url.database)).stat().st_size == total_size(file)
    assert dump(file) == rows
    verify(file, UNGUARDED, NOW)


def test_beside_a_desk_it_is_not_written_anew(file: Ledger) -> None:
    populate(file)
    half_empty(file)
    assert take(file, "desk", NOW) is not None
    for dry_run in (True, False):
        lines, _ = tidy(file, NOW, dry_run=dry_run)
        assert "desk is at it, so it is not written anew" in lines[0]
    assert free_part(file) > 0.2


def test_a_log_that_somebody_reads_stays_and_is_told(file: Ledger) -> None:
    with file.beside() as other, other.snapshot() as still:
        still.roster()
        employ(file, challenger(FIRST, 0.1))
        assert not shorten_log(file)
        assert "somebody else reads it" in tidy(file, NOW, dry_run=False)[0][-1]
    assert shorten_log(file)
    log = Path(f"{file.url.database}-wal")
    assert not log.exists() or log.stat().st_size == 0


def test_a_row_without_the_one_it_belongs_to_is_found(file: Ledger) -> None:
    employ(file, challenger(FIRST, 0.1))
    with closing(sqlite3.connect(str(file.url.database))) as careless:
        careless.execute("UPDATE bandit_arms SET policy_id = 99 WHERE policy_id = 1")
        careless.commit()
    assert any(
        fault.startswith("row ") and "of bandit_arms belongs to none of policies" in fault
        for fault in look_through(file).faults
    )


def test_an_index_that_lacks_a_row_is_found(file: Ledger) -> None:
    populate(file)
    name = "sqlite_autoindex_policies_1"
    with file.by_hand(1000) as cursor:
        cursor.execute("PRAGMA writable_schema = ON")
        cursor.execute(
            "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master "
            "WHERE name = 'sqlite_autoindex_commands_1') WHERE name = ?",
            (name,),
        )
    with Ledger.open(str(file.url.database)) as again:
        assert look_through(again).faults


def test_a_server_says_what_it_does_not_look_at(postgres: Server, tmp_path: Path) -> None:
    with postgres.database() as url, Ledger.open(url, create=True) as ledger:
        assert "CREATE EXTENSION amcheck" in check(ledger).unchecked
        lines = clean(ledger, rules(tmp_path), now=NOW, dry_run=False).lines
    assert lines[0].startswith("database: no damage was found, and nobody looked at pages, since ")
    assert not any("whole" in line for line in lines)


def test_a_damaged_index_of_a_server_is_found(own: Server) -> None:
    with own.database() as url, Ledger.open(url, create=True) as ledger:
        employ(ledger, challenger(FIRST, 0.1))
        own.run("CREATE EXTENSION amcheck", url)
        assert check(ledger).faults == ()
        is_ready = "UPDATE pg_index SET indisready = {} WHERE indexrelid = '{}'::regclass"
        own.run(is_ready.format("false", "policies_name_key"), url)
        run_sql(ledger, "UPDATE policies SET name = 'another' WHERE name = 'flat'")
        own.run(is_ready.format("true", "policies_name_key"), url)
        (fault,) = check(ledger).faults
        assert fault.startswith("index policies_name_key: ")


def test_what_cannot_even_be_looked_through_is_damaged(
    file: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As SQLite says it of a file whose first page is gone, when it opens it anew."""

    def fails(_: object) -> None:
        raise TiltyardError("DATABASE_CORRUPT", "it", "the file is damaged")

    monkeypatch.setattr("tiltyard.shell.maintenance.tidying.check", fails)
    assert look_through(file).faults == ("the file is damaged",)


def test_one_that_cannot_be_reached_is_not_called_damaged(
    file: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: object) -> None:
        raise TiltyardError("DATABASE_UNREACHABLE", "it", "no answer")

    monkeypatch.setattr("tiltyard.shell.maintenance.tidying.check", fails)
    with pytest.raises(TiltyardError, match="DATABASE_UNREACHABLE"):
        look_through(file)
