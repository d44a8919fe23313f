"""Alembic's entry: it migrates over the connection that it is given."""

from alembic import context

from tiltyard.shell.store.desk_tables import leases

if __name__ == "env_py":  # Alembic's name for it; imported by anyone else it does nothing
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=leases.metadata,
        render_as_batch=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()
