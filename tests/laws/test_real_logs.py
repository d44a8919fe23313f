"""On real trade logs every metric equals the slow oracle, digit for digit.

The logs are backtests of five public strategies on an account of about 1,000. None of
them says what a trade risked, so the tests take one percent of the stake for the risk:
that gives ``expectancy_r`` real numbers to be wrong about.
"""

from datetime import datetime
from functools import cache
from itertools import permutations
from pathlib import Path

import polars as pl
import pytest

import oracle
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import money
from tiltyard.kernel.undefined import Reading, Value
from tiltyard.metrics.catalogue import METRICS
from tiltyard.metrics.panel import Panel

CAPITAL = money(1000)
LOGS = (
    "donchian-multi-1h",
    "mysupertrend-eth-15m",
    "rsibb-meanrev-multi-5m",
    "supertrend-sol-15m",
    "volcompression-multi-4h",
)
PAIRS = tuple(permutations(LOGS, 2))
STEP = 37
NOT_ABOUT_ONE_ARMS_LIVE_TRADES = {
    "pf_prod",  # two arms: tested below
    "pf_30_with_shadow",  # needs a shadow book, which the logs do not have
    "account_drawdown_pct",  # of the account, not of an arm
    "account_daily_loss_pct",  # as above
    *(name for name, spec in METRICS.items() if spec.source == "gauge"),
}


def test_every_log_in_the_folder_is_tested(real_data: Path) -> None:
    found = {path.stem.removeprefix("trades-") for path in real_data.glob("trades-*.parquet")}
    assert found == set(LOGS)


def test_every_metric_has_an_oracle_or_a_reason_for_having_none() -> None:
    assert set(oracle.answers([])) | NOT_ABOUT_ONE_ARMS_LIVE_TRADES == set(METRICS)


@pytest.mark.parametrize("log", LOGS)
def test_every_metric_equals_the_oracle_all_along_a_real_log(real_data: Path, log: str) -> None:
    trades = read_log(real_data, log)
    panel = Panel(capital=CAPITAL)
    for count, trade in enumerate(trades, 1):
        assert panel.record(trade), f"trade {count} of a sorted log was taken for late"
        if count % STEP == 1 or count == len(trades):
            truth = oracle.answers(closed(trades[:count]))
            seen = {name: panel.read(name, log, trade.closed_at).reading for name in truth}
            assert numbers(seen) == rounded(truth), f"after {count} trades"


@pytest.mark.parametrize(("challenger", "champion"), PAIRS, ids=lambda name: name.split("-")[0])
def test_the_champions_profit_factor_equals_the_oracle(
    real_data: Path, challenger: str, champion: str
) -> None:
    panel = Panel(capital=CAPITAL)
    panel.crown(champion)
    facts = sorted(read_log(real_data, challenger) + read_log(real_data, champion), key=order)
    books: dict[str, list[Trade]] = {challenger: [], champion: []}
    for count, trade in enumerate(facts, 1):
        assert panel.record(trade)
        books[trade.policy].append(trade)
        if count % STEP == 1 or count == len(facts):
            now = trade.closed_at
            truth = oracle.champions_profit_factor(
                closed(books[challenger]), closed(books[champion]), now
            )
            seen = panel.read("pf_prod", challenger, now).reading
            assert numbers({"pf_prod": seen}) == rounded({"pf_prod": truth}), f"after {count}"


def test_the_real_logs_reach_every_branch_of_the_champions_profit_factor(real_data: Path) -> None:
    kinds = set()
    for challenger, champion in PAIRS:
        theirs, mine = (closed(read_log(real_data, log)) for log in (champion, challenger))
        now = max(theirs[-1].closed_at, mine[-1].closed_at)
        since = mine[-150:][0].closed_at
        met = sum(since <= trade.closed_at <= now for trade in theirs)
        kinds.add("its span" if met >= 30 else "its last 150")
    assert kinds == {"its span", "its last 150"}


def numbers(readings: dict[str, Reading]) -> dict[str, float | None]:
    return {
        name: reading.number if isinstance(reading, Value) else None
        for name, reading in readings.items()
    }


def rounded(truth: dict[str, oracle.Answer]) -> dict[str, float | None]:
    return {
        name: None if answer is None else oracle.twelve(answer) for name, answer in truth.items()
    }


def closed(trades: list[Trade]) -> list[oracle.Closed]:
    return [
        oracle.Closed(trade.closed_at, trade.pnl, int(CAPITAL), trade.risk or 0) for trade in trades
    ]


def order(trade: Trade) -> tuple[datetime, str, int, str]:
    return (trade.closed_at, trade.source, len(trade.trade_id), trade.trade_id)


def read_log(folder: Path, log: str) -> list[Trade]:
    return list(_read(folder / f"trades-{log}.parquet", log))


@cache
def _read(path: Path, log: str) -> tuple[Trade, ...]:
    rows = pl.read_parquet(path).iter_rows(named=True)
    trades = (
        Trade(
            source=log,
            trade_id=f"{number:06d}",
            policy=log,
            symbol=row["symbol"],
            side=row["side"],
            opened_at=row["open_ts"],
            closed_at=row["close_ts"],
            pnl=money(row["pnl_abs"]),
            risk=money(round(row["stake"] / 100, 8)),
        )
        for number, row in enumerate(rows)
    )
    return tuple(sorted(trades, key=order))
