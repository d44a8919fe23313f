"""When a gauge was last observed of each policy."""

from datetime import datetime

import sqlalchemy as sa

from tiltyard.shell.store.tables import observations


def last_observed(connection: sa.Connection, name: str) -> dict[str, datetime]:
    """By policy; of the account, under the empty name.

    Args:
        connection: To read by.
        name: Of the gauge.
    """
    o = observations.c
    query = sa.select(o.policy, sa.func.max(o.observed_at)).where(o.name == name)
    return {policy: at for policy, at in connection.execute(query.group_by(o.policy))}  # noqa: C416 rows are no pairs
