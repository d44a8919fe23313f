"""What ``demo`` plays: the main job from trades to verdicts, simulated or on real data.

Every trade goes through the same code as in production: ingest into a database, judged
one by one, acted on, audited, verified. The simulated floor has a champion, a good, a
bad and a decaying challenger. With ``--data`` the shared trade logs are used: once with
the literal checklist, and once with one that compares with the champion. After that come
the markets, on which policies trade by themselves (:mod:`tiltyard.shell.cli.demo_market`).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer
from numpy.random import default_rng

from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import Money, money, money_text
from tiltyard.kernel.undefined import Value
from tiltyard.market.costs import Costs
from tiltyard.market.simulated import DEFAULT, simulated_hours
from tiltyard.shell.cli.demo_market import (
    ON_REAL_HOURS,
    REAL_BARS,
    Market,
    on_a_simulated_market,
    play_market,
    real_feeds,
)
from tiltyard.shell.cli.progress import counting
from tiltyard.shell.cli.replay import Output, closing_lines, verified_line
from tiltyard.shell.clock import system_now
from tiltyard.shell.ingest import Reading
from tiltyard.shell.pictures.page import write_page
from tiltyard.shell.replaying.replay import Replayed, replay
from tiltyard.shell.replaying.scratch import take_files
from tiltyard.shell.replaying.verify import verify
from tiltyard.shell.report.content import describe
from tiltyard.shell.report.text import report_text
from tiltyard.shell.settings import Settings, load
from tiltyard.shell.store.ledger import Ledger
from tiltyard.simulation.streams import SimulatedPolicy, closed_trades

FLOOR_SEED = 10
"""Chosen so that a throttle, a graduation, steps up the ladder and a way back are all seen."""
MARKET_SEED = 20250707
DAYS = 90
START = datetime(2025, 4, 1, tzinfo=UTC)
CAPITAL = money(10_000)
REAL_CAPITAL = money(1_000)
CHAMPION = "trend_20250301_000000_c4a3b105"
FLOOR = (
    SimulatedPolicy(CHAMPION, 2.3, 2.3),
    SimulatedPolicy("reinforcement_20250325_090000_600dcafe", 3.2, 3.2, wins=0.65),
    SimulatedPolicy("timesnet_20250326_090000_badc0de5", 1.1, 1.1),
    SimulatedPolicy("tabnet_20250327_090000_decaf000", 3.4, 0.6, wins=0.65),
)
REAL_CHAMPION = "VolCompressionBreakout_4h_v1"
REAL_LOGS = "trades-*.parquet"
MARKET_DAYS, DRIFTS_AFTER = 90, 40
TRENDING = replace(
    DEFAULT,
    symbols=[
        replace(symbol, name=f"{symbol.name.partition('/')[0]}{number}/USDT")
        for number in range(1, 5)
        for symbol in DEFAULT.symbols
    ],
    trend=8.0,
    trend_hours=120.0,
)
"""Twelve symbols, since what an arm is judged by is trades."""
START_SHARE = 0.2
SLIPPING = Costs(fee_bps=5, half_spread_bps=4)
"""Real fills that are worse than those on paper, so that there is something to be measured."""
_REAL_CHECKLIST = Path(__file__).parents[4] / "examples" / "checklist.real.toml"


@dataclass(frozen=True, slots=True)
class _Run:
    title: str
    files: Sequence[Path]
    champion: str
    capital: Money
    checklist: Path | None
    name: str


def play(data: Path | None, out: Path) -> None:
    """Judge a simulated floor and market, or the logs and hours of a folder; write the pages.

    Args:
        data: The folder; None to simulate.
        out: Where databases and pages go.
    """
    out.mkdir(parents=True, exist_ok=True)
    for run in _real(data) if data else _simulated(out):
        _play(run, out)
    for market in _real_markets(data, out) if data else _simulated_market(out):
        play_market(market)


def _simulated(out: Path) -> list[_Run]:
    file = out / "simulated.jsonl"
    trades = closed_trades(
        FLOOR,
        start=START,
        days=DAYS,
        capital=CAPITAL,
        risk=0.0025,
        rng=default_rng(FLOOR_SEED),
    )
    with file.open("w", encoding="utf-8") as stream:
        for trade in trades:
            row = {
                "trade_id": trade.trade_id, "policy": trade.policy, "symbol": trade.symbol,
                "side": trade.side, "opened_at": time_text(trade.opened_at),
                "closed_at": time_text(trade.closed_at), "pnl": money_text(trade.pnl),
                "capital": money_text(CAPITAL), "risk": money_text(trade.risk or Money(0)),
            }  # fmt: skip
            stream.write(json.dumps(row) + "\n")
    title = "A simulated floor: champion PF 2.3, challengers 3.2, 1.1, and 3.4 decaying to 0.6"
    return [_Run(title, [file], CHAMPION, CAPITAL, None, "simulated")]


def _real(data: Path) -> list[_Run]:
    files = sorted(data.glob(REAL_LOGS))
    if not files and not any(data.glob(REAL_BARS)):
        missing = f"no {REAL_LOGS} and no *_USDT-1h.parquet in this folder"
        raise TiltyardError("DATA_MISSING", str(data), missing)
    real = _REAL_CHECKLIST
    return [] if not files else [
        _Run("The literal checklist on real logs", files, REAL_CHAMPION, REAL_CAPITAL, None,
             "real-literal"),
        _Run("Compared with the champion (examples/checklist.real.toml)", files, REAL_CHAMPION,
             REAL_CAPITAL, real, "real-relative"),
    ]  # fmt: skip


def _simulated_market(out: Path) -> list[Market]:
    hours = simulated_hours(TRENDING, START, 24 * MARKET_DAYS, default_rng(MARKET_SEED))
    feeds = [[bars[symbol.name] for bars in hours] for symbol in TRENDING.symbols]
    policies = on_a_simulated_market(START + timedelta(days=DRIFTS_AFTER))
    title = (
        "A simulated market whose trends last: a champion, a good, a bad and a drifting "
        "challenger trade it"
    )
    settings = load()
    shares = settings.shares.model_copy(update={"start": START_SHARE})
    settings = settings.model_copy(update={"shares": shares})
    return [Market(title, feeds, policies, settings, out / "market.html", SLIPPING)]


def _real_markets(data: Path, out: Path) -> list[Market]:
    if not (feeds := real_feeds(data)):
        return []
    relative = load(_REAL_CHECKLIST)
    return [
        Market("The literal checklist on real hours", feeds, ON_REAL_HOURS, load(),
               out / "market-literal.html"),
        Market("Compared with the champion, on real hours", feeds, ON_REAL_HOURS, relative,
               out / "market-relative.html"),
    ]  # fmt: skip


def _play(run: _Run, out: Path) -> None:
    settings = load(run.checklist) if run.checklist else load()
    typer.echo(f"\n=== {run.title}\n")
    path = out / f"{run.name}.db"
    for old in out.glob(f"{run.name}.db*"):
        old.unlink()
    now = system_now()
    with Ledger.open(str(path), create=True) as scratch:
        how = Reading(capital=run.capital)
        take_files(scratch, run.files, how, settings, now, champion=run.champion)
        with counting(run.name, "trades") as progress:
            done = replay(scratch, settings, now, progress=progress, on_action=Output().show)
        _tell(done, settings, out / f"{run.name}.html")
        found = verify(scratch, settings, now)
    typer.echo(f"{verified_line(found)}. Database: {path}")


def _tell(done: Replayed, settings: Settings, page: Path) -> None:
    if done.ended is None:
        return
    typer.echo("\n".join(closing_lines(done, settings)))
    names = [name for name in done.desk.roster.arms if name in done.recording.paths]
    reports = [describe(done.desk, name, done.ended, done.actions) for name in names]
    for one in reports:
        typer.echo("\n" + report_text(one, done=True))
    best = max((_whole_life(done, name), name) for name in names)
    limit = settings.checklist.guard("challenger_profit_factor_low").when
    typer.echo(
        f"\nBest profit factor over a whole life, live and shadow: {best[0]:.2f} ({best[1]})"
    )
    if not limit.metric and best[0] < limit.number:
        typer.echo(f"On these logs nobody reaches {limit.number:g}.")
    write_page(page, done.recording, reports, done.ended)
    typer.echo(f"Page: {page}")


def _whole_life(done: Replayed, name: str) -> float:
    reading = done.desk.panel.arm(name).lifetime.value()
    return reading.number if isinstance(reading, Value) else 0.0
