"""What is held on the floor, in the database: one row, written with the facts that led there."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import sqlalchemy as sa

from tiltyard.shell.store.desk_tables import floor_state
from tiltyard.shell.store.tables import policies, trades

_ONLY = 1


def read_floor(connection: sa.Connection) -> str | None:
    """The text that was written last; None when nobody has ever traded."""
    return connection.scalar(sa.select(floor_state.c.body))


def write_floor(connection: sa.Connection, body: str, at: datetime) -> None:
    """Put this text in the place of the last, in the transaction of whoever holds the lease."""
    values = {"body": body, "written_at": at}
    if not connection.execute(floor_state.update().values(**values)).rowcount:
        connection.execute(floor_state.insert().values(id=_ONLY, **values))


def scopes(connection: sa.Connection) -> Mapping[str, tuple[str, str]]:
    """Account and currency of every policy whose trades have said them."""
    columns = (policies.c.name, policies.c.account, policies.c.currency)
    claimed = sa.select(*columns).where(policies.c.account.is_not(None))
    return {name: (account, currency) for name, account, currency in connection.execute(claimed)}


def claim(connection: sa.Connection, names: Iterable[str], account: str, currency: str) -> None:
    """These policies are of this account and currency, as far as no trade has said another."""
    for column, own in ((policies.c.account, account), (policies.c.currency, currency)):
        unclaimed = policies.update().where(policies.c.name.in_(list(names)), column.is_(None))
        connection.execute(unclaimed.values({column.name: own}))


def last_source(connection: sa.Connection, name: str) -> str | None:
    """Who told the last trade of a policy, by when it closed; None where it has none."""
    last = (trades.c.closed_at.desc(), trades.c.source.desc(), trades.c.trade_id.desc())
    of = sa.select(policies.c.id).where(policies.c.name == name).scalar_subquery()
    found = sa.select(trades.c.source).where(trades.c.policy_id == of)
    return connection.scalar(found.order_by(*last).limit(1))


def is_taken(connection: sa.Connection, source: str, trade_id: str) -> bool:
    """Whether the ledger has a trade of this name."""
    same = sa.and_(trades.c.source == source, trades.c.trade_id == trade_id)
    return connection.execute(sa.select(trades.c.seq).where(same).limit(1)).first() is not None
