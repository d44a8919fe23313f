"""The upkeep of a database: is it whole, how large is it, and what keeps it quick and small.

Everything here may be done beside a running desk, which waits for it no longer than a moment, but
one thing: SQLite's ``VACUUM`` writes the whole file anew, and nobody else writes meanwhile, for
15 s where the file has 600 MB. A lease does not last longer. So it is done only where a fifth of
the file is free, and where no desk runs. A server of Postgres is vacuumed beside everybody; that
gives nothing back to the disk, which only a lock on every table would.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.lease import holder_of
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.tables import metadata

PATIENCE_MS = 500
"""For a lock; whoever waits for us meanwhile waits as long, and a bot's report may take seconds."""
WORTH_IT = 0.2
"""The part of a SQLite file that has to be free."""
ROWS_LOOKED_AT = 1000
"""Of each index of SQLite, for its statistics: enough to tell a good index from a bad one, and
done in a moment, however large it is."""


class Checked(NamedTuple):
    """Whether a database is whole.

    Attributes:
        faults: What is damaged.
        unchecked: What nobody looked at, for people; empty when all was.
    """

    faults: tuple[str, ...]
    unchecked: str = ""


class Size(NamedTuple):
    """How large a table is.

    Attributes:
        rows: In it.
        size: Bytes, with its indexes; None where the database does not say.
    """

    rows: int
    size: int | None


def check(ledger: Ledger) -> Checked:
    """Look through all of a database.

    Args:
        ledger: Whose.

    Raises:
        TiltyardError: ``DATABASE_CORRUPT`` where it is damaged so that it cannot be looked
            through, and whatever keeps it from being read.
    """
    if _is_sqlite(ledger):
        with ledger.snapshot() as still:
            run = still.connection.exec_driver_sql
            faults = [str(row[0]) for row in run("PRAGMA integrity_check") if row[0] != "ok"]
            orphans = run("PRAGMA foreign_key_check").all()
        faults += [f"row {row} of {name} belongs to none of {of}" for name, row, of, _ in orphans]
        return Checked(tuple(faults))
    return _check_server(ledger)


def _check_server(ledger: Ledger) -> Checked:
    """By the server's own checksums, and of indexes by its extension ``amcheck``."""
    with ledger.snapshot() as still:
        run = still.connection.exec_driver_sql
        failures = run(
            "SELECT checksum_failures FROM pg_stat_database WHERE datname = current_database()"
        ).scalar()
        has_extension = run("SELECT 1 FROM pg_extension WHERE extname = 'amcheck'").scalar()
        indexes = run(
            "SELECT i.indexrelid, c.relname FROM pg_index i "
            "JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam "
            "WHERE a.amname = 'btree' AND i.indisvalid "
            "AND c.relnamespace = current_schema()::regnamespace ORDER BY c.relname"
        ).all()
    faults, unchecked = [], []
    if failures is None:
        unchecked.append("pages, since the server keeps no checksums of them")
    elif failures:
        faults.append(f"{failures:,} pages were not as their checksums say")
    if not has_extension:
        unchecked.append("indexes, since it has no extension amcheck: CREATE EXTENSION amcheck")
        return Checked(tuple(faults), "; ".join(unchecked))
    for number, name in indexes:
        try:
            with ledger.by_hand(PATIENCE_MS) as cursor:
                cursor.execute(f"SELECT bt_index_check({int(number)}, true)")
        except TiltyardError as error:
            if error.code == "DATABASE_CORRUPT":
                faults.append(f"index {name}: {error.facts}")
            else:
                unchecked.append(f"index {name}: {error.facts}")
    return Checked(tuple(faults), "; ".join(unchecked))


def sizes(ledger: Ledger) -> Mapping[str, Size]:
    """How large each table is."""
    with ledger.snapshot() as still:
        bytes_of = _bytes(still.connection)
        return {
            table.name: Size(
                still.connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0,
                bytes_of.get(table.name),
            )
            for table in metadata.sorted_tables
        }


def _bytes(connection: sa.Connection) -> Mapping[str, int]:
    if connection.dialect.name == "sqlite":
        query = (
            "SELECT m.tbl_name, SUM(d.pgsize) FROM sqlite_master m "
            "JOIN dbstat d ON d.name = m.name AND d.aggregate = TRUE GROUP BY m.tbl_name"
        )
        try:
            return {name: int(size) for name, size in connection.exec_driver_sql(query)}
        except sa.exc.OperationalError:  # SQLite may be built without it
            return {}
    query = (
        "SELECT relname, pg_total_relation_size(oid) FROM pg_class "
        "WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
    )
    return {name: int(size) for name, size in connection.exec_driver_sql(query)}


def total_size(ledger: Ledger) -> int:
    """Bytes of all of it on the disk, a write-ahead log left out."""
    query = "SELECT pg_database_size(current_database())"
    with ledger.snapshot() as still:
        if _is_sqlite(ledger):
            run = still.connection.exec_driver_sql
            pages = int(run("PRAGMA page_count").scalar_one())
            return pages * int(run("PRAGMA page_size").scalar_one())
        return int(still.connection.exec_driver_sql(query).scalar_one())


def refresh_statistics(ledger: Ledger) -> None:
    """Let the database look anew by which index it finds what it is asked for.

    Raises:
        TiltyardError: ``DATABASE_LOCKED`` where somebody writes for long.
    """
    with ledger.by_hand(PATIENCE_MS) as cursor:
        if _is_sqlite(ledger):
            cursor.execute(f"PRAGMA analysis_limit = {ROWS_LOOKED_AT}")
            cursor.execute("ANALYZE")
        else:
            names = ", ".join(table.name for table in metadata.sorted_tables)
            cursor.execute(f"VACUUM (ANALYZE, SKIP_LOCKED) {names}")


def shorten_log(ledger: Ledger) -> bool:
    """Bring SQLite's write-ahead log into its file, and empty it; whether nobody was in the way.

    What can be brought there while others write is brought first, so that they wait for what is
    left alone.
    """
    if not _is_sqlite(ledger):
        return True
    with ledger.by_hand(PATIENCE_MS) as cursor:
        cursor.execute("PRAGMA wal_checkpoint(PASSIVE)")
        cursor.fetchall()
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        ((is_busy, _, _),) = cursor.fetchall()
    return not is_busy


def free_part(ledger: Ledger) -> float:
    """The part of a SQLite file that holds nothing, 0..1; 0 on a server."""
    if not _is_sqlite(ledger):
        return 0.0
    with ledger.snapshot() as still:
        run = still.connection.exec_driver_sql
        pages = int(run("PRAGMA page_count").scalar_one())
        return int(run("PRAGMA freelist_count").scalar_one()) / max(1, pages)


def desk_at(ledger: Ledger, now: datetime) -> str:
    """Who runs a desk on it, or acts in its stead at this moment; empty for nobody."""
    with ledger.snapshot() as still:
        lease = holder_of(still.connection, now)
    return "" if lease is None else lease.holder


def vacuum(ledger: Ledger) -> None:
    """Write a SQLite file anew, without what is free in it; nobody else writes meanwhile.

    Raises:
        TiltyardError: ``DATABASE_LOCKED`` where somebody else writes, ``DATABASE_FULL``.
    """
    with ledger.by_hand(PATIENCE_MS) as cursor:
        cursor.execute("VACUUM")


def _is_sqlite(ledger: Ledger) -> bool:
    return ledger.url.get_backend_name() == "sqlite"
