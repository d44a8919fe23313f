"""The metric columns of ``bandit_arms``, worked out from the ledger's trades.

A projection for people who read and write SQL. Every replay works it out again, a running
desk in each of its steps, and where no desk runs every ingest and every verb does.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from tiltyard.facts.trade import Trade
from tiltyard.kernel.clock import FUTURE
from tiltyard.kernel.money import UNITS
from tiltyard.kernel.undefined import Value, twelve_digits
from tiltyard.metrics.catalogue import METRICS
from tiltyard.metrics.champion_span import TRADES, ChampionHistory
from tiltyard.metrics.panel import Panel
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.roster_table import ArmColumns
from tiltyard.shell.store.trade_table import Totals

WINDOW = 150
INSTANT = timedelta(microseconds=1)
"""The trade that brings an arm back belongs to what was before."""


def refresh_metrics(ledger: Ledger, settings: Settings, now: datetime) -> None:
    """Bring the metric columns of every arm up to date with the ledger."""
    ledger.set_metrics(metric_columns(ledger, settings, now), at=now)


def metric_columns(ledger: Ledger, settings: Settings, now: datetime) -> Mapping[str, ArmColumns]:
    """The metric columns of every arm, from its current trades."""
    roster = ledger.roster()
    if not roster.arms:
        return {}
    until = now + FUTURE  # whatever the ledger took in counts
    tails = {}
    for arm in roster.arms.values():
        began = arm.trial_started_at and arm.trial_started_at + INSTANT
        tails[arm.name] = ledger.tail(arm.name, count=WINDOW, since=began)
    history = _champions_past(ledger, roster.champion().name, tails.values())
    rows = {}
    for arm in roster.arms.values():
        tail = tails[arm.name]
        capital = arm.capital or settings.default_capital() or 0
        since = tail[0].closed_at if tail else None
        totals = ledger.totals(arm.name)
        prod = history.profit_factor(since, until)
        rows[arm.name] = ArmColumns(
            pf_30=_window("pf_challenger_30", tail, capital),
            pf_150=_window("pf_150", tail, capital),
            pf_prod=prod.number if isinstance(prod, Value) else None,
            dd_150=_window("dd_150", tail, capital),
            total_trades=totals.trades,
            wins=totals.wins,
            total_pnl=twelve_digits(totals.pnl / UNITS),
        )
    return rows


def panel_columns(panel: Panel, policy: str, totals: Totals, at: datetime) -> ArmColumns:
    """The metric columns of one arm, from what a desk has measured."""

    def number(metric: str) -> float | None:
        reading = panel.read(metric, policy, at).reading
        return reading.number if isinstance(reading, Value) else None

    return ArmColumns(
        pf_30=number("pf_challenger_30"),
        pf_150=number("pf_150"),
        pf_prod=number("pf_prod"),
        dd_150=number("dd_150"),
        total_trades=totals.trades,
        wins=totals.wins,
        total_pnl=twelve_digits(totals.pnl / UNITS),
    )


def _champions_past(
    ledger: Ledger, champion: str, tails: Iterable[Sequence[Trade]]
) -> ChampionHistory:
    """As far back as any window reaches, or the champion's own last trades."""
    history = ChampionHistory()
    reach = [*tails, ledger.tail(champion, count=TRADES)]
    earliest = min((tail[0].closed_at for tail in reach if tail), default=None)
    for trade in ledger.trades(champion, closed_from=earliest):
        if trade.book == "live":
            history.push(trade)
    return history


def _window(metric: str, tail: Sequence[Trade], capital: int) -> float | None:
    make = METRICS.get(metric).make
    if make is None:
        return None
    meter = make()
    for trade in tail:
        meter.push((trade.pnl, trade.capital or capital, trade.risk or 0))
    reading = meter.value()
    return reading.number if isinstance(reading, Value) else None
