"""Records of replays to look into and to tamper with."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ledgers import new_ledger
from tiltyard.actions.record import registered
from tiltyard.facts.arm import FLAT, Arm, Roster
from tiltyard.facts.decision import Decision
from tiltyard.facts.mark import Mark
from tiltyard.facts.observation import Observation
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import Money, money
from tiltyard.shell.metric_columns import refresh_metrics
from tiltyard.shell.replaying.replay import Replayed, replay
from tiltyard.shell.replaying.scratch import take_ledger
from tiltyard.shell.settings import Settings, load
from tiltyard.shell.store.ledger import Ledger

NOW = datetime(2026, 1, 1, tzinfo=UTC)
START = datetime(2025, 3, 3, tzinfo=UTC)
CAPITAL = money(100_000)
CHAMPION, BOT = "prod", "bot"


def trade(policy: str, hours: float, pnl: float, **fields: object) -> Trade:
    closed = START + timedelta(hours=hours)
    return Trade(
        "test", f"{policy}-{hours:g}", policy, "BTC/USDT", "long",
        closed - timedelta(minutes=30), closed, money(pnl),
    )._replace(**fields)  # type: ignore[arg-type] # fields of a trade # fmt: skip


def decision(episode: str, at: datetime, tercile: int = 1) -> Decision:
    """An episode that the bot was given."""
    return Decision(episode, "BTC/USDT", BOT, 0.1, 1, at, tercile, at.hour)


def there_and_back() -> list[Trade]:
    """The bot is throttled by its profit factor, earns its way back, and trades on."""
    bad = [trade(BOT, 2 * n, 1.1 if n % 2 else -1) for n in range(40)]
    good = [trade(BOT, 2 * n, 4 if n % 2 else -1) for n in range(40, 160)]
    champion = [trade(CHAMPION, 2 * n + 1, 3 if n % 2 else -1) for n in range(160)]
    return sorted([*bad, *good, *champion], key=lambda one: one.closed_at)


def ledger_of(
    path: Path,
    trades: Iterable[Trade],
    marks: Iterable[Mark] = (),
    gauges: Iterable[Observation] = (),
    *,
    names: Iterable[str] = (BOT,),
    share: float = 0.1,
) -> Ledger:
    ledger = new_ledger(path)
    roster = Roster()
    for arm in (
        Arm(FLAT, "challenger", "deposed", 0, 1, 0, None, START, kind=FLAT),
        Arm(CHAMPION, "champion", "champion", 1, 1, 1, CAPITAL, START, kind="external"),
        *(Arm(name, "challenger", "candidate", 0, share, 0, CAPITAL, START, kind="external")
          for name in names),
    ):  # fmt: skip
        roster = roster.with_arm(arm)
    joined = [registered(arm, START, "test") for arm in roster.arms.values()]
    ledger.save_roster(roster, joined, at=START)
    with ledger.staging() as staging:
        staging.add([(n, one, False) for n, one in enumerate(trades)])
        staging.commit(now=NOW, known_at=NOW)
    ledger.append_marks(marks, known_at=NOW)
    ledger.append_observations(gauges, known_at=NOW)
    refresh_metrics(ledger, load(), NOW)
    return ledger


def replayed(path: Path, ledger: Ledger, settings: Settings | None = None) -> Replayed:
    """Replay a ledger into a record at ``path``."""
    with new_ledger(path) as scratch:
        take_ledger(scratch, ledger, settings or load(), NOW)
        return replay(scratch, settings or load(), NOW)


def full_record(path: Path) -> Replayed:
    """Trades there and back, marks, gauges and decisions."""
    marks = [Mark(BOT, START + timedelta(hours=6 * n, minutes=5), Money(n), 0) for n in range(9)]
    gauges = [Observation("gpu_util_pct", 50 + n, START + timedelta(days=n)) for n in range(5)]
    given = [decision(f"episode {n}", START + timedelta(days=n)) for n in range(6)]
    with ledger_of(path.with_suffix(".ledger"), there_and_back(), marks, gauges) as ledger:
        ledger.append_decisions(given, known_at=NOW)
        return replayed(path, ledger)
