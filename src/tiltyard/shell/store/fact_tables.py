"""Marks, decisions and observations in the database: appended once, and never changed.

A mark or an observation from the future goes into quarantine instead.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from math import isfinite
from operator import itemgetter
from typing import Any, Literal

import sqlalchemy as sa

from tiltyard.facts.decision import Decision
from tiltyard.facts.mark import Mark
from tiltyard.facts.observation import Observation
from tiltyard.kernel.errors import TiltyardError
from tiltyard.metrics.catalogue import DRIFT
from tiltyard.shell.store.quarantine import keep_apart
from tiltyard.shell.store.tables import decisions, marks, observations, policies

_BEYOND = 2**63


Fate = Literal["new", "unchanged", "quarantined"]
"""What became of a fact: appended; there already; stamped in the future, and kept apart."""


def append_facts(
    connection: sa.Connection,
    table: sa.Table,
    items: Iterable[Mark | Decision | Observation],
    known_at: datetime,
) -> int:
    """Append what is new; how many that were.

    Raises:
        TiltyardError: As :func:`append_each` says of the first that is wrong.
    """
    fates = append_each(connection, table, items, known_at)
    for fate in fates:
        if isinstance(fate, TiltyardError):
            raise fate
    return fates.count("new")


def append_each(
    connection: sa.Connection,
    table: sa.Table,
    items: Iterable[Mark | Decision | Observation],
    known_at: datetime,
) -> list[Fate | TiltyardError]:
    """Append what is new; of each, what became of it or what is wrong with it.

    Facts of one time are judged one by one in the order in which they are appended, so a drift
    comes behind the ends of its interval in whatever order they are given: judged before its lower
    end is known, it would be taken for that.

    Where anything is wrong, the caller is expected to leave the transaction.

    Args:
        connection: In a transaction.
        table: Of that kind of fact.
        items: The facts.
        known_at: Now; a mark or an observation of more than 60 s later is kept apart.

    Returns:
        In the order of the facts: a fate; or ``POLICY_UNKNOWN``; ``OBSERVATION_INVALID``;
        ``FACT_INVALID`` for what no database can hold; ``ACCOUNT_DIFFERS`` for a mark of another
        account or currency than the policy's trades; ``FACT_DIFFERS`` for other content under a
        key that is there already.
    """
    registered = {row.name: row for row in connection.execute(sa.select(policies))}
    fates: dict[int, Fate | TiltyardError] = {}
    for number, item in sorted(enumerate(items), key=lambda one: _is_drift(one[1])):
        try:
            fates[number] = _append(connection, table, item, registered, known_at)
        except TiltyardError as error:
            fates[number] = error
    return [fate for _, fate in sorted(fates.items(), key=itemgetter(0))]


def _is_drift(item: Mark | Decision | Observation) -> bool:
    return isinstance(item, Observation) and item.name == DRIFT


def _append(
    connection: sa.Connection,
    table: sa.Table,
    item: Mark | Decision | Observation,
    registered: Mapping[str, sa.Row[Any]],
    known_at: datetime,
) -> Fate:
    row: dict[str, Any] = item._asdict()
    del row["seq"]
    if isinstance(item, Observation) and not isfinite(item.number):
        raise TiltyardError(
            "OBSERVATION_INVALID", item.name, f"expected a finite number, found {item.number}"
        )
    if "policy_id" in table.c:
        name = row.pop("policy")
        if name not in registered:
            raise TiltyardError("POLICY_UNKNOWN", name, "not registered")
        row["policy_id"] = registered[name].id
        if isinstance(item, Mark):
            _refuse_another_account(item, registered[name])
    _refuse_unstorable(table, row)
    if keep_apart(connection, item, known_at):
        return "quarantined"
    kept = connection.execute(sa.select(table).where(_same(table, row))).mappings()
    if (before := kept.first()) is None:
        connection.execute(table.insert().values(**row, known_at=known_at))
        return "new"
    if differing := [name for name in row if before[name] != row[name]]:
        raise _differs(table, before, row, differing[0])
    return "unchanged"


def every_mark() -> sa.Select[Any]:
    """Every mark, with the name of its policy."""
    return sa.select(marks, policies.c.name.label("policy")).join(
        policies, policies.c.id == marks.c.policy_id
    )


def every_decision() -> sa.Select[Any]:
    """Every decision, with the name of the policy that it chose."""
    return sa.select(decisions, policies.c.name.label("policy")).join(
        policies, policies.c.id == decisions.c.policy_id
    )


def last_observed(connection: sa.Connection, name: str, number: float) -> datetime | None:
    """When a gauge of the account last had this number."""
    o = observations.c
    newest = sa.select(sa.func.max(o.observed_at)).where(
        o.name == name, o.policy == "", o.number == number
    )
    at: datetime | None = connection.scalar(newest)
    return at


def _refuse_another_account(mark: Mark, policy: sa.Row[Any]) -> None:
    """A mark tells of everything that an arm holds, so one of another account would hide it."""
    own = (policy.account, policy.currency or mark.currency)
    told = (mark.account, mark.currency or policy.currency or "")
    if policy.account is not None and told != own:
        raise TiltyardError(
            "ACCOUNT_DIFFERS", mark.policy, f"a mark of account {mark.account!r} and currency "
            f"{mark.currency!r}, and its trades are of {own[0]!r} and {own[1]!r}",
            "give what trades in another account a policy of its own",
        )  # fmt: skip


def _refuse_unstorable(table: sa.Table, row: Mapping[str, Any]) -> None:
    """SQLite and Postgres differ in what they do with these."""
    for name, value in row.items():
        if isinstance(value, str):
            good, expected = value.isprintable(), "text without control characters"
        elif isinstance(value, int):
            good, expected = -_BEYOND <= value < _BEYOND, "a whole number of at most 64 bits"
        elif isinstance(value, float):
            good, expected = isfinite(value), "a finite number"
        else:
            continue
        if not good:
            raise TiltyardError(
                "FACT_INVALID", f"{table.name}, {name}", f"expected {expected}, found {value!r}"
            )


def _same(table: sa.Table, row: Mapping[str, Any]) -> sa.ColumnElement[bool]:
    return sa.and_(*(column == row[column.name] for column in _unique(table).columns))


def _unique(table: sa.Table) -> sa.UniqueConstraint:
    return next(c for c in table.constraints if isinstance(c, sa.UniqueConstraint))


def _differs(
    table: sa.Table, before: sa.RowMapping, row: Mapping[str, Any], column: str
) -> TiltyardError:
    key = ", ".join(f"{c.name} {row[c.name]}" for c in _unique(table).columns)
    return TiltyardError(
        "FACT_DIFFERS",
        f"{table.name}, {key}",
        f"the ledger holds {column} {before[column]!r}, and is now told {row[column]!r}",
        "What is recorded is never changed, and nothing of this call was written. Report the "
        "new value under a time of its own",
    )
