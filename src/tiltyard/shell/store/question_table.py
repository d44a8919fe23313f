"""Questions to people in the database: reviews and proposals.

They are appended and settled, and never removed. Those that matter to whoever acts are
found by indexes: the open ones, by what traffic was last taken from each arm, and the
newest. So a look costs the same however many were settled.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from tiltyard.facts.arm import Proposal, Review
from tiltyard.shell.store.tables import policies, proposals, reviews

_REVIEWS = sa.select(reviews).order_by(reviews.c.number)
_PROPOSALS = sa.select(proposals).order_by(proposals.c.number)


def read_reviews(
    connection: sa.Connection, names: Mapping[int, str], *, whole: bool
) -> tuple[Review, ...]:
    """Reviews in the order of their numbers: all there ever were, or those that matter.

    Args:
        connection: In a transaction.
        names: Of the policies, by identifier.
        whole: All there ever were.
    """
    rows = connection.execute(_REVIEWS if whole else _REVIEWS_THAT_MATTER).mappings()
    return tuple(
        Review(
            row["number"], names.get(row["policy_id"], ""), row["guard"], row["opened_at"],
            row["acknowledged_at"], advisory=bool(row["advisory"]),
        )
        for row in rows
    )  # fmt: skip


def read_proposals(
    connection: sa.Connection, names: Mapping[int, str], *, whole: bool
) -> tuple[Proposal, ...]:
    """Proposals, as :func:`read_reviews`."""
    rows = connection.execute(_PROPOSALS if whole else _PROPOSALS_THAT_MATTER).mappings()
    return tuple(
        Proposal(
            row["number"], row["kind"], names.get(row["policy_id"], ""), row["opened_at"],
            row["evidence"], row["closed_at"], row["outcome"],
        )
        for row in rows
    )  # fmt: skip


def write_questions(
    connection: sa.Connection,
    table: sa.Table,
    items: Sequence[Review | Proposal],
    known: Sequence[Review | Proposal],
    ids: Mapping[str, int],
) -> None:
    """Append what is new, and settle what was open; what is older and not known is settled.

    Args:
        connection: In a transaction that writes.
        table: Whose columns are called like the fields.
        items: As they are to be, in the order of their numbers.
        known: Those of the table that matter.
        ids: Of the policies, by name.
    """
    names = [column.name for column in table.columns if column.name != "policy_id"]
    before = {item.number: item for item in known}
    newest = known[-1].number if known else 0
    new: list[dict[str, Any]] = []
    for item in items:
        values = {name: getattr(item, name) for name in names}
        if item.number > newest:
            new.append({"policy_id": ids[item.policy], **values})
        elif item != before.get(item.number, item):
            own = table.c.number == item.number
            connection.execute(table.update().where(own).values(**values))
    if new:
        connection.execute(table.insert(), new)


def _open_and_newest(table: sa.Table, settled_at: str) -> list[sa.Select[int]]:
    number = table.c.number
    return [sa.select(number).where(table.c[settled_at].is_(None)), sa.select(sa.func.max(number))]


def _taken_last() -> sa.Select[int]:
    """Of each arm, the last review by which traffic was taken."""
    of_one = reviews.c.policy_id == policies.c.id
    last = sa.select(sa.func.max(reviews.c.number)).where(of_one, ~reviews.c.advisory)
    return sa.select(last.correlate(policies).scalar_subquery()).select_from(policies)


_REVIEWS_THAT_MATTER = _REVIEWS.where(
    reviews.c.number.in_(sa.union(*_open_and_newest(reviews, "acknowledged_at"), _taken_last()))
)
_PROPOSALS_THAT_MATTER = _PROPOSALS.where(
    proposals.c.number.in_(sa.union(*_open_and_newest(proposals, "closed_at")))
)
