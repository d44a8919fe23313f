"""The last mark of each policy, and what its trades have said since, where no desk counts them."""

import sqlalchemy as sa

from tiltyard.facts.mark import LastMark, Mark
from tiltyard.shell.store.tables import marks, policies, trades
from tiltyard.shell.store.trade_table import superseded


def last_marks(connection: sa.Connection) -> dict[str, LastMark]:
    """Of each policy that has one."""
    own = marks.alias("own")
    last = (
        sa.select(own.c.seq).where(own.c.policy_id == policies.c.id)
        .order_by(own.c.marked_at.desc(), own.c.seq.desc()).limit(1)
    )  # fmt: skip
    since = sa.select(sa.func.count()).where(
        trades.c.policy_id == marks.c.policy_id, trades.c.book == "live",
        trades.c.closed_at > marks.c.marked_at, ~superseded(),
    )  # fmt: skip
    closed = since.where(trades.c.opened_at <= marks.c.marked_at)
    query = sa.select(
        marks, policies.c.name.label("policy"),
        closed.correlate(marks).scalar_subquery().label("closed"),
        since.correlate(marks).scalar_subquery().label("traded"),
    )  # fmt: skip
    own_last = marks.c.seq == last.correlate(policies).scalar_subquery()
    newest = query.select_from(policies).join(marks, own_last)
    found = {}
    for row in connection.execute(newest).mappings():
        mark = Mark(**{name: row[name] for name in Mark._fields})
        left = max(0, mark.open_positions - row["closed"])
        found[mark.policy] = LastMark(mark, left, traded_since=row["traded"] > 0)
    return found
