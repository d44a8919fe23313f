"""Marks and observations whose time has not come: kept apart and shown, as such trades are.

One that is stamped a day ahead would hide every one of now. It comes in when it is told again
in its time.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from tiltyard.facts.decision import Decision
from tiltyard.facts.mark import Mark
from tiltyard.facts.observation import Observation
from tiltyard.kernel.clock import FUTURE, time_text
from tiltyard.shell.store.tables import marks, observations, policies, quarantined_facts


@dataclass(frozen=True, slots=True)
class QuarantinedFact:
    """A mark or an observation that was kept apart, and why.

    Attributes:
        kind: Which of the two.
        policy: The arm; empty for the account.
        name: Of the gauge; of a mark its account.
        at: The time that it was told to be of.
        reason: One sentence part for people.
    """

    kind: Literal["mark", "observation"]
    policy: str
    name: str
    at: datetime
    reason: str


def keep_apart(
    connection: sa.Connection, item: Mark | Decision | Observation, known_at: datetime
) -> bool:
    """Whether a fact lies in the future; then it is in quarantine now, once however often told."""
    fact = _if_of_the_future(item, known_at + FUTURE)
    if fact is None:
        return False
    said = item._asdict()
    del said["seq"]
    row = {**asdict(fact), "content": json.dumps(said, default=time_text, ensure_ascii=False)}
    same = sa.and_(*(quarantined_facts.c[name] == value for name, value in row.items()))
    if connection.execute(sa.select(quarantined_facts.c.id).where(same)).first() is None:
        connection.execute(quarantined_facts.insert().values(**row, known_at=known_at))
    return True


def quarantined_now(connection: sa.Connection) -> list[QuarantinedFact]:
    """Those that have not been told again in their time."""
    q = quarantined_facts.c
    marked = sa.exists().where(
        marks.c.policy_id == policies.c.id, policies.c.name == q.policy,
        marks.c.account == q.name, marks.c.marked_at == q.at,
    )  # fmt: skip
    observed = sa.exists().where(
        observations.c.name == q.name, observations.c.policy == q.policy,
        observations.c.observed_at == q.at,
    )  # fmt: skip
    has_come = sa.case((q.kind == "mark", marked), else_=observed)
    query = sa.select(q.kind, q.policy, q.name, q.at, q.reason).where(~has_come)
    return [QuarantinedFact(*row) for row in connection.execute(query.order_by(q.id))]


def _if_of_the_future(
    item: Mark | Decision | Observation, horizon: datetime
) -> QuarantinedFact | None:
    reason = f"more than {FUTURE.total_seconds():.0f} s in the future"
    if isinstance(item, Mark) and item.marked_at > horizon:
        return QuarantinedFact("mark", item.policy, item.account, item.marked_at, reason)
    if isinstance(item, Observation) and item.observed_at > horizon:
        return QuarantinedFact("observation", item.policy, item.name, item.observed_at, reason)
    return None
