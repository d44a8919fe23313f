"""Arms in the database: the roster as rows, and rows as the roster.

``bandit_arms.revision`` rises with every change. A roster that is written must have been
read at the revisions that stand: what somebody else has changed since is never lost.

Whoever changes a roster reads no review or proposal that is settled; a desk changes it in
every step.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tiltyard.facts.arm import Arm, Roster
from tiltyard.kernel.clock import moment, time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import Money
from tiltyard.policies.name import parse
from tiltyard.shell.store.question_table import read_proposals, read_reviews, write_questions
from tiltyard.shell.store.tables import (
    accounts,
    bandit_arms,
    holds,
    policies,
    proposals,
    reviews,
)

_HOLDS = ("ramp_frozen_by", "challengers_frozen_by", "entries_stopped_by")
_ACCOUNT = "default"
_LOCK_ARMS = "LOCK TABLE bandit_arms IN SHARE ROW EXCLUSIVE MODE"
"""Against edits by SQL, which do not queue for our lock. On SQLite every writer does."""
_SHARES = ("traffic_allocation", "ceiling", "scaled_at", "revision")
_ARMS = (
    sa.select(policies, *(bandit_arms.c[name] for name in _SHARES))
    .join(bandit_arms, bandit_arms.c.policy_id == policies.c.id)
    .order_by(policies.c.id)
)
_HELD = sa.select(holds.c.kind, holds.c.guard)
_SINCE = sa.select(accounts.c.since)
_IDS = sa.select(policies.c.id, policies.c.name)
_SAID = (
    "kind", "role", "state", "capital", "start_share", "created_at", "trial_started_at",
    "throttled_by", "resumed_at", "digest", "held_share", "deposed_at",
)  # fmt: skip
"""What ``policies`` says of an arm, beside its name and its account."""


@dataclass(frozen=True, slots=True)
class ArmColumns:
    """The metric columns of ``bandit_arms``; None is NULL, for undefined.

    Attributes:
        pf_30: Profit factor of the last 30 live trades of the trial.
        pf_150: The same of the last 150.
        pf_prod: The champion's over the same span.
        dd_150: Largest fall within the last 150 trades, percent.
        total_trades: Live trades ever.
        wins: Live trades ever that made money.
        total_pnl: Net result of all live trades, account currency.
    """

    pf_30: float | None
    pf_150: float | None
    pf_prod: float | None
    dd_150: float | None
    total_trades: int
    wins: int
    total_pnl: float


_COLUMNS = tuple(ArmColumns.__dataclass_fields__)
_SET_COLUMNS = (
    bandit_arms.update()
    .where(
        bandit_arms.c.policy_id
        == sa.select(policies.c.id)
        .where(policies.c.name == sa.bindparam("policy"))
        .scalar_subquery()
    )
    .values(
        **{name: sa.bindparam(name) for name in _COLUMNS},
        revision=bandit_arms.c.revision + 1,
        updated_at=sa.bindparam("at"),
    )
)


def lock_arms(connection: sa.Connection) -> None:
    """Nobody else changes the arms, by SQL or otherwise, before the transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_LOCK_ARMS)


def read_roster(connection: sa.Connection, *, whole: bool = True) -> Roster:
    """The roster as the database holds it.

    Args:
        connection: In a transaction.
        whole: With every review and proposal there ever was, and not only those that matter:
            the open ones, by what traffic was last taken from each arm, and the newest.
    """
    rows = connection.execute(_ARMS).mappings().all()
    names = {row["id"]: row["name"] for row in rows}
    held = connection.execute(_HELD).all()
    return Roster(
        arms={row["name"]: _arm(row) for row in rows},
        reviews=read_reviews(connection, names, whole=whole),
        proposals=read_proposals(connection, names, whole=whole),
        account_since=connection.scalar(_SINCE),
        **{kind: frozenset(g for k, g in held if k == kind) for kind in _HOLDS},
    )


def write_roster(
    connection: sa.Connection, roster: Roster, at: datetime, *, before: Roster | None = None
) -> None:
    """Make the database hold ``roster``; arms that changed get a higher revision.

    Args:
        connection: In a transaction that writes.
        roster: As the database is to hold it.
        at: Now.
        before: As this transaction has read it; None has it read.

    Raises:
        TiltyardError: ``ROSTER_CHANGED`` when somebody has changed an arm since it was read.
    """
    before = before or read_roster(connection, whole=False)
    ids = {row.name: row.id for row in connection.execute(_IDS)}
    for arm in roster.arms.values():
        known = before.arms.get(arm.name)
        if known is not None and arm.revision not in (0, known.revision):
            raise _changed(arm)
        if known is None:
            ids[arm.name] = _insert(connection, arm, at)
        elif known != arm:
            _update(connection, ids[arm.name], arm, at)
    write_questions(connection, reviews, roster.reviews, before.reviews, ids)
    write_questions(connection, proposals, roster.proposals, before.proposals, ids)
    _write_holds(connection, roster, before)
    if roster.account_since != before.account_since:
        _write_account(connection, roster.account_since)


def _write_holds(connection: sa.Connection, roster: Roster, before: Roster) -> None:
    known, wanted = (
        {(kind, guard) for kind in _HOLDS for guard in getattr(one, kind)}
        for one in (before, roster)
    )
    for kind, guard in sorted(known - wanted):
        connection.execute(holds.delete().where(holds.c.kind == kind, holds.c.guard == guard))
    for kind, guard in sorted(wanted - known):
        connection.execute(holds.insert().values(kind=kind, guard=guard))


def _write_account(connection: sa.Connection, since: datetime | None) -> None:
    connection.execute(accounts.delete())
    if since is not None:
        connection.execute(accounts.insert().values(name=_ACCOUNT, since=since))


def _changed(arm: Arm) -> TiltyardError:
    return TiltyardError(
        "ROSTER_CHANGED", arm.name, "somebody else has changed it meanwhile", "run it again"
    )


def write_metrics(connection: sa.Connection, rows: Mapping[str, ArmColumns], at: datetime) -> None:
    """Set the metric columns of some arms."""
    changed = [
        {"at": at, "policy": name, **{f: getattr(columns, f) for f in _COLUMNS}}
        for name, columns in rows.items()
    ]
    for one in changed:
        connection.execute(_SET_COLUMNS, one)


def read_metrics(connection: sa.Connection) -> dict[str, ArmColumns]:
    """The metric columns of every arm, by policy."""
    columns = [bandit_arms.c[field] for field in ArmColumns.__dataclass_fields__]
    query = sa.select(policies.c.name, *columns).join(
        bandit_arms, bandit_arms.c.policy_id == policies.c.id
    )
    query = query.order_by(policies.c.id)
    return {name: ArmColumns(*row) for name, *row in connection.execute(query)}


def _insert(connection: sa.Connection, arm: Arm, at: datetime) -> int:
    name = parse(arm.name)
    if name.sha8:
        # LIKE tells upper and lower case apart in one database and not in the other
        alike = sa.select(policies.c.name).where(policies.c.name.like(f"%{name.sha8}"))
        known = connection.scalars(alike)
        twin = next((other for other in known if other.endswith(f"_{name.sha8}")), None)
        if twin is not None:
            raise TiltyardError("POLICY_SHA_TAKEN", arm.name, f"{twin} ends in the same sha8")
    result = connection.execute(policies.insert().values(name=arm.name, **_policy_values(arm)))
    key = result.inserted_primary_key
    policy_id = int(key[0]) if key is not None else 0
    connection.execute(
        bandit_arms.insert().values(
            policy_id=policy_id,
            traffic_allocation=arm.share,
            ceiling=arm.ceiling,
            scaled_at=arm.scaled_at,
            updated_at=at,
        )
    )
    return policy_id


def _update(connection: sa.Connection, policy_id: int, arm: Arm, at: datetime) -> None:
    values = {f"new_{name}": value for name, value in _policy_values(arm).items()}
    connection.execute(_SET_POLICY, {"of": policy_id, **values})
    written = connection.execute(
        _SET_SHARE,
        {
            "of": policy_id, "read_at": arm.revision, "share": arm.share,
            "most": arm.ceiling, "multiplied_at": arm.scaled_at, "at": at,
        },
    )  # fmt: skip
    if written.rowcount != 1:
        raise _changed(arm)


_OF: sa.BindParameter[int] = sa.bindparam("of", type_=sa.BigInteger)
_READ_AT: sa.BindParameter[int] = sa.bindparam("read_at", type_=sa.BigInteger)
_SET_POLICY = (
    policies.update()
    .where(policies.c.id == _OF)
    .values({name: sa.bindparam(f"new_{name}") for name in _SAID})
)
_SET_SHARE = (
    bandit_arms.update()
    .where(bandit_arms.c.policy_id == _OF)
    .where(sa.or_(_READ_AT == 0, bandit_arms.c.revision == _READ_AT))
    .values(
        traffic_allocation=sa.bindparam("share"), ceiling=sa.bindparam("most"),
        scaled_at=sa.bindparam("multiplied_at"), revision=bandit_arms.c.revision + 1,
        updated_at=sa.bindparam("at"),
    )
)  # fmt: skip


def _policy_values(arm: Arm) -> dict[str, Any]:
    return {
        "kind": arm.kind,
        "role": arm.role,
        "state": arm.state,
        "capital": arm.capital,
        "start_share": arm.start_share,
        "created_at": arm.created_at,
        "trial_started_at": arm.trial_started_at,
        "throttled_by": arm.throttled_by,
        "resumed_at": json.dumps([time_text(time) for time in arm.resumed_at]),
        "digest": arm.digest or None,
        "held_share": arm.held_share,
        "deposed_at": arm.deposed_at,
    }


def _arm(row: sa.RowMapping) -> Arm:
    return Arm(
        name=row["name"],
        role=row["role"],
        state=row["state"],
        share=row["traffic_allocation"],
        start_share=row["start_share"],
        ceiling=row["ceiling"],
        capital=None if row["capital"] is None else Money(row["capital"]),
        created_at=row["created_at"],
        trial_started_at=row["trial_started_at"],
        throttled_by=row["throttled_by"],
        resumed_at=tuple(moment(text) for text in json.loads(row["resumed_at"])),
        kind=row["kind"],
        digest=row["digest"] or "",
        held_share=row["held_share"],
        scaled_at=row["scaled_at"],
        deposed_at=row["deposed_at"],
        revision=row["revision"],
    )
