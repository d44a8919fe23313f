"""How the database grows: Alembic migrations, shipped with the package."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.engine import write_ahead

_MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(engine: sa.Engine) -> None:
    """Bring the database to the newest schema; an empty one gets all of it.

    Raises:
        TiltyardError: ``DATABASE_FOREIGN`` when other software keeps its tables there;
            ``DATABASE_ENCODING`` when it cannot hold every name.
    """
    config = _config()
    with engine.connect().execution_options(reading=True) as connection:
        _refuse_foreign(connection)
        _refuse_encoding(connection)
    write_ahead(engine)
    with engine.begin() as connection:
        _refuse_foreign(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def check_version(engine: sa.Engine) -> None:
    """Refuse a database that this version cannot work with.

    Raises:
        TiltyardError: ``DATABASE_FOREIGN``, ``DATABASE_OUTDATED`` or ``DATABASE_NEWER``.
    """
    script = ScriptDirectory.from_config(_config())
    with engine.connect().execution_options(reading=True) as connection:
        _refuse_foreign(connection)
        current = MigrationContext.configure(connection).get_current_revision()
    if current == script.get_current_head():
        return
    shown = engine.url.render_as_string(hide_password=True)
    known = {revision.revision for revision in script.walk_revisions()}
    if current is None or current in known:
        raise TiltyardError(
            "DATABASE_OUTDATED", shown, f"schema {current or 'none'}", "run: tiltyard db upgrade"
        )
    raise TiltyardError(
        "DATABASE_NEWER", shown, f"schema {current} is from a newer version", "upgrade tiltyard"
    )


def _refuse_foreign(connection: sa.Connection) -> None:
    version = MigrationContext.configure(connection).get_current_revision()
    if version is None and sa.inspect(connection).get_table_names():
        raise TiltyardError(
            "DATABASE_FOREIGN",
            connection.engine.url.render_as_string(hide_password=True),
            "it holds the tables of other software",
            "name another database; to read its trades: tiltyard ingest",
        )


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


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config
