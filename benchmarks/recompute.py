"""Recompute PF-30, PF-150 and DD-150 at every trade of a ledger, beside pandas and duckdb.

Every peer gets the same synthetic ledger, in memory and sorted, in the form it likes
best, and is timed from there to its finished result. Each measurement is a process of
its own, which runs three times; the fastest counts. Memory is the peak above what the
process held when the clock started. Ratios are of wall time and, because neighbours on a
shared machine cost some and spare others, of processor time over all threads.

pandas: ``groupby.rolling.sum`` for the profit factors; for the drawdown
``groupby.rolling.apply(raw=True)`` with numpy inside, on a hundredth of the policies
and *scaled up*. duckdb: window functions over doubles; for the drawdown the same
two-scan idea as ours, which is the fastest SQL we found.

    python benchmarks/recompute.py [--trades 10000000] [--policies 1000]
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SHORT, LONG = 30, 150
SAMPLED = 100
RUNS = 3
PANDAS_BUDGET, DUCKDB_BUDGET = 20, 4
TASKS = ("profit factors", "drawdown")
Series = NDArray[np.float64]


class Ledger(NamedTuple):
    """Trades by policy, then in judged order; amounts in units of 1e-8."""

    policy: NDArray[np.int32]
    seq: NDArray[np.int32]
    pnl: NDArray[np.int64]
    capital: NDArray[np.int64]

    @property
    def starts(self) -> NDArray[np.int64]:
        return np.flatnonzero(self.seq == 0)

    def first(self, policies: int) -> "Ledger":
        kept = self.policy < policies
        return Ledger(self.policy[kept], self.seq[kept], self.pnl[kept], self.capital[kept])


def synthetic(trades: int, policies: int) -> Ledger:
    rng = np.random.default_rng(20250707)
    sizes = np.full(policies, trades // policies)
    sizes[: trades % policies] += 1
    pnl = np.rint(rng.normal(0.2, 8.0, trades) * 10**8).astype(np.int64)
    pnl[rng.random(trades) < 0.02] = 0
    return Ledger(
        np.repeat(np.arange(policies, dtype=np.int32), sizes),
        np.concatenate([np.arange(size, dtype=np.int32) for size in sizes]),
        pnl,
        np.full(trades, 1000 * 10**8),
    )


class Race(NamedTuple):
    """One peer at one task: what is timed, and the first rows of what it found."""

    run: Callable[[], None]
    answer: Callable[[int], list[Series]]


def race(work: Callable[[], list[Series]]) -> Race:
    """Of a peer whose result is arrays."""
    found: list[Series] = []

    def run() -> None:
        found.clear()
        found.extend(work())

    return Race(run, lambda rows: [series[:rows] for series in found])


def ours(ledger: Ledger, task: str) -> Race:
    from tiltyard.metrics.recompute import drawdowns, profit_factors  # noqa: PLC0415 measured alone

    starts = ledger.starts
    if task == "drawdown":
        return race(lambda: [drawdowns(ledger.pnl, ledger.capital, starts, LONG)])
    return race(lambda: [profit_factors(ledger.pnl, starts, window) for window in (SHORT, LONG)])


def with_pandas(ledger: Ledger, task: str) -> Race:
    import pandas as pd  # noqa: PLC0415 measured alone

    frame = pd.DataFrame(
        {"policy": ledger.policy, "pnl": ledger.pnl / 1e8, "capital": ledger.capital / 1e8}
    )

    def profit_factors() -> list[Series]:
        frame["gains"] = frame["pnl"].clip(lower=0)
        frame["losses"] = -frame["pnl"].clip(upper=0)
        arms = frame.groupby("policy", sort=False)[["gains", "losses"]]
        factors = []
        for window in (SHORT, LONG):
            sums = arms.rolling(window).sum()
            factor = sums["gains"] / sums["losses"].where(sums["losses"] > 0)
            factors.append(factor.to_numpy())
        return factors

    def fall(growth: Series) -> float:
        nav = np.concatenate(([1.0], np.cumprod(growth)))
        return float(100 * (1 - (nav / np.maximum.accumulate(nav)).min()))

    def drawdown() -> list[Series]:
        frame["growth"] = (1 + frame["pnl"] / frame["capital"]).clip(lower=0)
        arms = frame.groupby("policy", sort=False)["growth"]
        return [arms.rolling(LONG).apply(fall, raw=True).to_numpy()]

    return race(drawdown if task == "drawdown" else profit_factors)


PROFIT_FACTORS_SQL = f"""
CREATE OR REPLACE TABLE answer AS
SELECT policy, seq,
  CASE WHEN seq >= {SHORT - 1} THEN sum(greatest(pnl, 0)) OVER recent
    / nullif(-sum(least(pnl, 0)) OVER recent, 0) END AS pf_short,
  CASE WHEN seq >= {LONG - 1} THEN sum(greatest(pnl, 0)) OVER far
    / nullif(-sum(least(pnl, 0)) OVER far, 0) END AS pf_long
FROM trades
WINDOW
  recent AS (PARTITION BY policy ORDER BY seq ROWS {SHORT - 1} PRECEDING),
  far AS (PARTITION BY policy ORDER BY seq ROWS {LONG - 1} PRECEDING)
"""

DRAWDOWN_SQL = f"""
CREATE OR REPLACE TABLE answer AS
WITH steps AS (
  SELECT policy, seq, seq // {LONG} AS block, ln(1 + pnl / capital) AS step FROM trades
), paths AS (
  SELECT policy, seq, block,
    sum(step) OVER (PARTITION BY policy, block ORDER BY seq ROWS UNBOUNDED PRECEDING) AS nav
  FROM steps
), scans AS (
  SELECT policy, seq, block,
    least(0, min(nav) OVER forth) AS low,
    nav - greatest(0, max(nav) OVER forth) AS below_peak,
    last_value(nav) OVER back - max(nav) OVER back AS end_to_peak,
    min(nav) OVER back - nav AS fall_from_here
  FROM paths
  WINDOW
    forth AS (PARTITION BY policy, block ORDER BY seq ROWS UNBOUNDED PRECEDING),
    back AS (PARTITION BY policy, block ORDER BY seq
      ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)
), falls AS (
  SELECT policy, seq, low, end_to_peak,
    min(below_peak) OVER (PARTITION BY policy, block ORDER BY seq
      ROWS UNBOUNDED PRECEDING) AS before,
    min(fall_from_here) OVER (PARTITION BY policy, block ORDER BY seq
      ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS after
  FROM scans
)
SELECT policy, seq, CASE WHEN seq >= {LONG - 1} THEN 100 * (1 - exp(least(
    before,
    coalesce(lag(after, {LONG}) OVER arm, 0),
    coalesce(lag(end_to_peak, {LONG}) OVER arm, 0) + low))) END AS dd_long
FROM falls
WINDOW arm AS (PARTITION BY policy ORDER BY seq)
"""


def with_duckdb(ledger: Ledger, task: str) -> Race:
    import duckdb  # noqa: PLC0415 measured alone

    database: Any = duckdb.connect()
    columns = {
        "policy": ledger.policy,
        "seq": ledger.seq,
        "pnl": ledger.pnl / 1e8,
        "capital": ledger.capital / 1e8,
    }
    database.register("given", columns)
    database.execute("CREATE TABLE trades AS SELECT * FROM given")
    database.unregister("given")
    sql, names = (
        (DRAWDOWN_SQL, ["dd_long"])
        if task == "drawdown"
        else (PROFIT_FACTORS_SQL, ["pf_short", "pf_long"])
    )

    def answer(rows: int) -> list[Series]:
        first = f"SELECT {', '.join(names)} FROM answer ORDER BY policy, seq LIMIT {rows}"
        found = database.execute(first).fetchnumpy()
        return [np.ma.filled(found[name].astype(float), np.nan) for name in names]

    return Race(lambda: database.execute(sql) and None, answer)


PEERS = {"tiltyard": ours, "pandas": with_pandas, "duckdb": with_duckdb}


class Measured(NamedTuple):
    """What one process measured."""

    wall: float
    processor: float
    scaled_by: float
    megabytes: float
    answers: list[Series]


def measure_here(peer: str, task: str, folder: Path) -> None:
    """In a process of its own: load, run once, write down time, memory and a sample."""
    ledger = Ledger(*(np.load(folder / f"{name}.npy") for name in Ledger._fields))
    policies, rows = len(ledger.starts), sampled_rows(ledger)
    full = len(ledger.pnl)
    if (peer, task) == ("pandas", "drawdown"):
        ledger = ledger.first(max(1, policies // SAMPLED))
    contest = PEERS[peer](ledger, task)
    scaled_by = full / len(ledger.pnl)
    forget_peak()
    before = memory("VmRSS")
    runs = []
    for _ in range(RUNS):
        started, worked = time.perf_counter(), time.process_time()
        contest.run()
        runs.append((time.perf_counter() - started, time.process_time() - worked))
    wall, processor = (scaled_by * min(each) for each in zip(*runs, strict=True))
    megabytes = memory("VmHWM") - before
    np.savez(folder / "answer.npz", *contest.answer(rows))
    print(json.dumps([wall, processor, scaled_by, megabytes]))


def measure(peer: str, task: str, folder: Path) -> Measured:
    command = [sys.executable, __file__, "--peer", peer, "--task", task, "--folder", str(folder)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    wall, processor, scaled_by, megabytes = json.loads(said.splitlines()[-1])
    with np.load(folder / "answer.npz") as sample:
        answers = [sample[name] for name in sample.files]
    return Measured(wall, processor, scaled_by, megabytes, answers)


def sampled_rows(ledger: Ledger) -> int:
    """Rows of the policies that every peer, pandas' hundredth included, has measured."""
    policies = max(1, len(ledger.starts) // SAMPLED)
    return int(np.searchsorted(ledger.policy, policies))


def forget_peak() -> None:
    """Start the kernel's high-water mark of this process anew."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def memory(what: str) -> float:
    """Megabytes: ``VmRSS`` now, ``VmHWM`` at the peak."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.findall(rf"{what}:\s+(\d+) kB", status)[0]) / 1024


def compare(trades: int, policies: int) -> bool:
    """Run everything, print the table, say whether the budget holds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ledger = synthetic(trades, policies)
        for column, values in ledger._asdict().items():
            np.save(folder / f"{column}.npy", values)
        del ledger, values
        seen = {(peer, task): measure(peer, task, folder) for task in TASKS for peer in PEERS}
    print(f"{trades:,} trades of {policies:,} policies, {machine()}\n")
    print(f"{'':10}{TASKS[0]:>28}{TASKS[1]:>28}{'all three':>12}")
    for peer in PEERS:
        factors, fall = (seen[peer, task] for task in TASKS)
        print(f"{peer:10}{cell(factors):>28}{cell(fall):>28}{factors.wall + fall.wall:>10.2f} s")
    print("\n* measured on a hundredth of the policies and scaled up\n")
    return within_budget(seen) & all_equal(seen)


def cell(measured: Measured) -> str:
    star = "*" if measured.scaled_by > 1 else " "
    return f"{measured.wall:.2f} s{star} +{measured.megabytes:,.0f} MB"


def within_budget(seen: dict[tuple[str, str], Measured]) -> bool:
    holds = True
    for peer, budget in (("pandas", PANDAS_BUDGET), ("duckdb", DUCKDB_BUDGET)):
        theirs, mine = ([seen[who, task] for task in TASKS] for who in (peer, "tiltyard"))
        walls = ratios([each.wall for each in theirs], [each.wall for each in mine])
        worked = ratios([each.processor for each in theirs], [each.processor for each in mine])
        holds &= walls[1] >= budget
        print(
            f"against {peer}: {walls[0]:.1f} x for profit factors alone, {walls[1]:.1f} x for all "
            f"three (processor time {worked[0]:.1f} x, {worked[1]:.1f} x); "
            f"budget {budget} x for all three: {'within' if walls[1] >= budget else 'OUTSIDE'}"
        )
    return holds


def ratios(theirs: list[float], mine: list[float]) -> tuple[float, float]:
    """Of the first task, and of all."""
    return theirs[0] / mine[0], sum(theirs) / sum(mine)


def all_equal(seen: dict[tuple[str, str], Measured]) -> bool:
    rows = 0
    for task in TASKS:
        truth = seen["tiltyard", task].answers
        for peer in PEERS:
            for mine, theirs in zip(truth, seen[peer, task].answers, strict=True):
                if not np.allclose(mine, theirs, rtol=1e-8, atol=1e-9, equal_nan=True):
                    print(f"{peer} and tiltyard differ in {task}")
                    return False
                rows = len(mine)
    print(f"equal results of all three on the first {rows:,} trades")
    return True


def machine() -> str:
    names = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return f"{os.cpu_count()} x {names[0] if names else platform.machine()}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--trades", type=int, default=10_000_000)
    parser.add_argument("--policies", type=int, default=1_000)
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    parser.add_argument("--task", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        measure_here(options.peer, options.task, options.folder)
        return 0
    return 0 if compare(options.trades, options.policies) else 1


if __name__ == "__main__":
    sys.exit(main())
