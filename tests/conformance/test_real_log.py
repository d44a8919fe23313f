"""A real log is the same ledger in every database: columns, totals, facts and audit."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import money
from tiltyard.shell.ingest import Ingested, Reading, ingest
from tiltyard.shell.metric_columns import metric_columns
from tiltyard.shell.replaying.verify import verify
from tiltyard.shell.settings import load
from tiltyard.shell.store.audit_table import AuditRow
from tiltyard.shell.store.ledger import Ledger

LOG = "trades-rsibb-meanrev-multi-5m.parquet"
NOW = datetime(2026, 7, 1, tzinfo=UTC)
HOW = Reading(register=True, capital=money(1000))


def take(ledger: Ledger, file: Path) -> Ingested:
    return ingest(ledger, file, HOW, load(), NOW)


@pytest.fixture(scope="module")
def expected(
    real_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[Trade], list[AuditRow]]:
    """The trades and the audit of the log in SQLite."""
    path = tmp_path_factory.mktemp("expected") / "tiltyard.db"
    with Ledger.open(str(path), create=True) as ledger:
        take(ledger, real_data / LOG)
        return list(ledger.trades()), list(ledger.audit())


def test_a_real_log_is_the_same_ledger_in_every_database(
    ledger: Ledger, real_data: Path, expected: tuple[list[Trade], list[AuditRow]]
) -> None:
    done = take(ledger, real_data / LOG)
    trades, audit = expected
    assert done.counts.new == len(trades) > 1000
    assert list(ledger.trades()) == trades
    assert list(ledger.audit()) == audit
    columns = metric_columns(ledger, load(), NOW)
    assert ledger.metrics() == columns
    (policy,) = done.registered
    live = [trade.pnl for trade in trades if trade.book == "live"]
    totals = ledger.totals(policy)
    assert (totals.trades, totals.pnl) == (len(live), sum(live))
    assert (columns[policy].total_trades, columns[policy].wins) == (totals.trades, totals.wins)
    found = verify(ledger, load(), NOW)
    assert (found.trades, found.head) == (len(trades), audit[-1].hash)
    again = take(ledger, real_data / LOG)
    assert (again.counts.new, again.counts.unchanged) == (0, len(trades))
