"""What one closed trade costs: to record it, to read every metric, to judge and act on it.

Pure Python, in process, in microseconds, median and 99th percentile. Measured on an arm
with a thousand trades behind it and again on one with ten million: the cost must not
depend on the length of the ledger. The whole street, from the closed trade through every
metric and every verdict of the default checklist to the actions, is measured on a desk,
which a night passes once in 1,440 trades; the median is of trades without one. Then the
cost of each metric by itself.

Results drift upward, so that NAV grows without end, as that of a good account would.
Trades are made before the clock starts. The garbage collector stays on, as in the desk.

    python benchmarks/per_trade.py [--short 1000] [--long 10000000]
"""

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import numpy as np

from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
from tiltyard.facts.arm import Arm, Roster
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import Money
from tiltyard.metrics.account import AccountMeasures
from tiltyard.metrics.catalogue import METRICS, SHADOW, TRADE_METRICS
from tiltyard.metrics.off_policy import OffPolicy
from tiltyard.metrics.panel import Panel
from tiltyard.scaling.catalogue import RULES
from tiltyard.scaling.contender import Contender
from tiltyard.shell.desk import Desk
from tiltyard.shell.settings import AccountSettings, Settings

ARM, CHAMPION = "challenger", "champion"
CAPITAL = Money(1000 * 10**8)
START = datetime(2000, 1, 1, tzinfo=UTC)
BETWEEN_TRADES = timedelta(seconds=60)
EVERY_METRIC = (*METRICS, *(name + SHADOW for name in TRADE_METRICS))
MEASURED = 5_000
BUDGET_ALL, BUDGET_EACH = 100.0, 5.0
Nanoseconds = list[int]


def stream(policy: str, trades: int) -> Iterator[Trade]:
    """An endless history as a bot would report it, ``trades`` of it, one at a time."""
    rng = np.random.default_rng(20250707)
    made = 0
    while made < trades:
        count = min(100_000, trades - made)
        for pnl in np.rint(rng.normal(1.0, 0.8, count) * 10**8).astype(np.int64).tolist():
            closed_at = START + made * BETWEEN_TRADES
            made += 1
            yield Trade(
                "bot", f"{made:09d}", policy, "BTC/USDT", "long",
                closed_at, closed_at, Money(pnl), risk=Money(10**9),
            )  # fmt: skip


def fresh_panel() -> Panel:
    panel = Panel(CAPITAL, AccountMeasures(capital=CAPITAL))
    panel.crown(CHAMPION)
    for trade in stream(CHAMPION, 500):
        panel.record(trade)
    return panel


def measure_after(length: int) -> tuple[Nanoseconds, Nanoseconds, float]:
    """Nanoseconds to record a trade, and to record it and read everything; build-up seconds."""
    panel = fresh_panel()
    history = stream(ARM, length + 2 * MEASURED)
    started = time.perf_counter()
    for trade in islice(history, length):
        panel.record(trade)
    built = time.perf_counter() - started
    recorded = [cost(lambda: panel.record(trade)) for trade in list(islice(history, MEASURED))]  # noqa: B023 called at once
    everything = []
    for trade in list(history):
        now = trade.closed_at

        def record_and_read(trade: Trade = trade, now: datetime = now) -> None:
            panel.record(trade)
            panel.readings(EVERY_METRIC, ARM, now)

        everything.append(cost(record_and_read))
    return recorded, everything, built


def measure_desk(length: int) -> Nanoseconds:
    """Nanoseconds of a closed trade on a desk: measured, judged, planned for, applied."""
    champion = Arm(CHAMPION, "champion", "champion", 1, 1, 1, CAPITAL, START)
    challenger = Arm(ARM, "challenger", "probation", 0.1, 0.1, 0.6, CAPITAL, START)
    settings = Settings(checklist=DEFAULT_CHECKLIST, account=AccountSettings(capital=1000))
    desk = Desk(settings, Roster().with_arm(champion).with_arm(challenger))
    for trade in stream(CHAMPION, 500):
        desk.panel.record(trade)
    history = stream(ARM, length + MEASURED)
    for trade in islice(history, length):
        desk.panel.record(trade)
    costs = [cost(lambda: desk.feed(trade)) for trade in list(history)]  # noqa: B023 called at once
    assert desk.roster.arms[ARM].share > 0, "an arm without traffic is not judged"
    return costs


def measure_each() -> dict[str, Nanoseconds]:
    """Of every trade metric: pushing one trade into its meter and reading it."""
    outcomes = [(trade.pnl, int(CAPITAL), 10**9) for trade in stream(ARM, 2 * MEASURED)]
    each = {}
    for name in TRADE_METRICS:
        make = METRICS.get(name).make
        assert make is not None
        meter = make()
        for outcome in outcomes[:MEASURED]:
            meter.push(outcome)
        each[name] = [
            cost(lambda: (meter.push(outcome), meter.value()))  # noqa: B023 called at once
            for outcome in outcomes[MEASURED:]
        ]
    return each


def measure_off_policy() -> Nanoseconds:
    """Nanoseconds of one more opportunity in the off-policy sums, a tenth of them given."""
    sums = OffPolicy()

    def push(number: int) -> None:
        weight = 0.0 if number % 10 else 10.0
        sums.push(0.37, weight, block=number // 50, model=(0.31, 0.31))

    return [cost(lambda: push(number)) for number in range(10 * MEASURED)]  # noqa: B023 called at once


def measure_rule() -> Nanoseconds:
    """Nanoseconds of one more signal in the evidence rule: a champion and five challengers."""
    entry = RULES.get("evidence")
    rows = [Contender(present=1) for _ in range(1 + entry.slots)]
    made = np.random.default_rng(3).normal(0.4, 1.3, len(rows)).tolist()

    def see(number: int) -> None:
        entry.see(rows, number % len(rows), made, made, entry.settings)

    return [cost(lambda: see(number)) for number in range(10 * MEASURED)]  # noqa: B023 called at once


def cost(work: Callable[[], object]) -> int:
    started = time.perf_counter_ns()
    work()
    return time.perf_counter_ns() - started


def row(what: str, costs: Nanoseconds) -> float:
    """Print one line; the median in microseconds."""
    median, rare = np.percentile(costs, [50, 99]) / 1000
    print(f"{what:46}{median:10.1f}{rare:10.1f}")
    return float(median)


def main() -> int:
    parser = argparse.ArgumentParser(description="Microseconds per closed trade.")
    parser.add_argument("--short", type=int, default=1_000)
    parser.add_argument("--long", type=int, default=10_000_000)
    options = parser.parse_args()
    model = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    print(f"{model[0] if model else 'unknown processor'}, Python {sys.version.split()[0]}")
    print(f"{'microseconds':46}{'median':>10}{'p99':>10}")
    medians, judged = [], []
    for length in (options.short, options.long):
        recorded, everything, built = measure_after(length)
        row(f"record, after {length:,} trades", recorded)
        many = f"record and read {len(EVERY_METRIC)} metrics, after {length:,}"
        medians.append(row(many, everything))
        if length:
            print(f"    built up in {built:.1f} s, {1e6 * built / length:.1f} a trade, making it")
        judged.append(row(f"judge and act on, after {length:,} trades", measure_desk(length)))
    slowest = max(row(f"push and read {name}", costs) for name, costs in measure_each().items())
    row("one opportunity in the off-policy sums", measure_off_policy())
    row("one signal in the evidence rule, six arms", measure_rule())
    fits = max(*medians, *judged) < BUDGET_ALL and slowest < BUDGET_EACH
    print(
        f"budget {BUDGET_ALL:.0f} in all and {BUDGET_EACH:.0f} each: "
        f"{'within' if fits else 'OUTSIDE'}; long over short ledger: "
        f"read {medians[1] / medians[0]:.2f}, judged {judged[1] / judged[0]:.2f}"
    )
    return 0 if fits else 1


if __name__ == "__main__":
    sys.exit(main())
