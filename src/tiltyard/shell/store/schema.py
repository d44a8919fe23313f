"""Which schema a database has, and whether this version can work with it.

The schema grows by the migrations that are shipped with the package; each is a file whose name
begins with its revision. To carry one out takes Alembic, which is loaded only where one is due.
"""

from pathlib import Path

import sqlalchemy as sa

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.engine import write_ahead

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(engine: sa.Engine) -> None:
    """Bring the database to the newest schema; an empty one gets all of it.

    Raises:
        TiltyardError: ``DATABASE_FOREIGN`` when other software keeps its tables there;
            ``DATABASE_ENCODING`` when it cannot hold every name.
    """
    with engine.connect().execution_options(reading=True) as connection:
        current = _revision(connection)
        _refuse_encoding(connection)
    write_ahead(engine)
    if current == newest_revision():
        return
    from tiltyard.shell.store.migrating import migrate  # noqa: PLC0415 slow

    with engine.begin() as connection:
        _revision(connection)
        migrate(connection)


def check_version(engine: sa.Engine) -> None:
    """Refuse a database that this version cannot work with.

    Raises:
        TiltyardError: ``DATABASE_FOREIGN``, ``DATABASE_OUTDATED`` or ``DATABASE_NEWER``.
    """
    with engine.connect().execution_options(reading=True) as connection:
        current = _revision(connection)
    if current == newest_revision():
        return
    shown = engine.url.render_as_string(hide_password=True)
    if current is None or current in _revisions():
        raise TiltyardError(
            "DATABASE_OUTDATED", shown, f"schema {current or 'none'}", "run: tiltyard db upgrade"
        )
    raise TiltyardError(
        "DATABASE_NEWER", shown, f"schema {current} is from a newer version", "upgrade tiltyard"
    )


def newest_revision() -> str:
    """The schema that this version works with."""
    return max(_revisions())


def _revisions() -> set[str]:
    files = (MIGRATIONS / "versions").glob("[0-9]*.py")
    return {file.name.partition("_")[0] for file in files}


def _revision(connection: sa.Connection) -> str | None:
    """The schema that the database has; None for an empty one.

    Raises:
        TiltyardError: ``DATABASE_FOREIGN``.
    """
    tables = sa.inspect(connection)
    kept = "alembic_version"
    found = None
    if tables.has_table(kept):
        found = connection.scalar(sa.select(sa.column("version_num")).select_from(sa.table(kept)))
    if found is None and tables.get_table_names():
        raise TiltyardError(
            "DATABASE_FOREIGN",
            connection.engine.url.render_as_string(hide_password=True),
            "it holds the tables of other software",
            "name another database; to read its trades: tiltyard ingest",
        )
    return None if found is None else str(found)


def _refuse_encoding(connection: sa.Connection) -> None:
    """Where characters are bytes, the length of an identifier is another, and so is the order."""
    if connection.dialect.name != "postgresql":
        return
    encoding = connection.execute(sa.text("SHOW server_encoding")).scalar_one()
    if encoding != "UTF8":
        raise TiltyardError(
            "DATABASE_ENCODING",
            connection.engine.url.render_as_string(hide_password=True),
            f"it keeps text as {encoding}, and names need UTF8",
            "make another: createdb --encoding=UTF8 --template=template0 NAME",
        )
