"""How the database grows: Alembic carries out the migrations that are due."""

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from tiltyard.shell.store.schema import MIGRATIONS


def migrate(connection: sa.Connection) -> None:
    """Carry out every migration that the database has not had, in this transaction."""
    command.upgrade(config_of(connection), "head")


def config_of(connection: sa.Connection) -> Config:
    """Where the migrations are, and what they work on."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
