"""Arms and trades to tell the laws of the ledger with."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import pytest

from tiltyard.facts.arm import Arm, Roster
from tiltyard.facts.trade import Trade
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import Money
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.staging import Counts

NewDatabase = Callable[[], AbstractContextManager[str]]
"""Gives the URL of an empty database, and throws it away at the end."""

NOW = datetime(2025, 7, 8, tzinfo=UTC)
PPO = "reinforcement_20250707_154526_eee02a74"
NET = "timesnet_20250701_090000_0badcafe"
FLOOR = "flat"
MICROSECOND = timedelta(microseconds=1)

USERS_SQL = """
UPDATE bandit_arms
SET traffic_allocation = traffic_allocation * 1.5
WHERE policy_id = (SELECT id FROM policies WHERE name LIKE '%eee02a74%')
AND pf_150 >= pf_prod
AND dd_150 <= 3
AND traffic_allocation < 0.6;
"""


def arm(name: str, share: float = 0.1) -> Arm:
    return Arm(name, "challenger", "live", share, 0.1, 0.6, None, NOW, kind="reinforcement")


def trade(trade_id: str = "1", *, minute: int = 0, revision: int = 1, **fields: object) -> Trade:
    closed = NOW - timedelta(hours=2) + timedelta(minutes=minute)
    return Trade(
        "bot", trade_id, PPO, "BTC/USDT", "long", closed - timedelta(minutes=30), closed,
        Money(100 + revision), revision,
    )._replace(**fields)  # type: ignore[arg-type] # fmt: skip


def register(ledger: Ledger, *names: str) -> None:
    arms = {name: arm(name) for name in names}
    ledger.save_roster(Roster(arms), [{"event": "register", "share": 0.1}], at=NOW)


def ingest(
    ledger: Ledger, trades: Sequence[Trade], *, explicit: bool = False, now: datetime = NOW
) -> Counts:
    with ledger.staging() as staging:
        staging.add([(row, fact, explicit) for row, fact in enumerate(trades, 2)])
        return staging.commit(now=now, known_at=now)


def texts(ledger: Ledger, rows: Iterable[tuple[int, Trade, bool]]) -> list[str]:
    with ledger.staging() as staging:
        staging.add(list(rows))
        return [str(fault) for faults in staging.faults().values() for fault in faults]


def stored(ledger: Ledger) -> list[Trade]:
    return [fact._replace(seq=0) for fact in ledger.trades()]


FACTS = tuple(
    trade(name, minute=minute, revision=revision)
    for name, minute in (("a", 5), ("b", 3), ("c", 3))
    for revision in (1, 2, 3)
)


def code_of_opening(url: str, *, create: bool = False) -> str:
    with pytest.raises(TiltyardError) as caught:
        Ledger.open(url, create=create)
    return caught.value.code
