"""The last mark of each policy, and what its trades have said since, where no desk counts them."""

import sqlalchemy as sa

from tiltyard.facts.mark import LastMark, Mark
from tiltyard.shell.store.fact_tables import every_mark
from tiltyard.shell.store.tables import marks, policies, trades
from tiltyard.shell.store.trade_table import superseded


def last_marks(connection: sa.Connection) -> dict[str, LastMark]:
    """Of each policy that has one."""
    last = sa.select(sa.func.max(marks.c.marked_at)).where(marks.c.policy_id == policies.c.id)
    since = sa.select(sa.func.count()).where(
        trades.c.policy_id == marks.c.policy_id, trades.c.book == "live",
        trades.c.closed_at > marks.c.marked_at, ~superseded(),
    )  # fmt: skip
    closed = since.where(trades.c.opened_at <= marks.c.marked_at)
    query = every_mark().add_columns(
        closed.correlate(marks).scalar_subquery().label("closed"),
        since.correlate(marks).scalar_subquery().label("traded"),
    )
    newest = query.where(marks.c.marked_at == last.correlate(policies).scalar_subquery())
    found = {}
    for row in connection.execute(newest).mappings():
        mark = Mark(**{name: row[name] for name in Mark._fields})
        left = max(0, mark.open_positions - row["closed"])
        found[mark.policy] = LastMark(mark, left, traded_since=row["traded"] > 0)
    return found
