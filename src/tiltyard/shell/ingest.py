"""From a file of trades to facts in the ledger: all of it, or a list of what is wrong.

The file is read in batches and staged; nothing is visible until everything in it has
been checked. With faults nothing is written, unless the person asked to skip bad rows:
then those go to a rejects file, each with its faults, and the good ones are written.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, TextIO

from tiltyard.actions.record import Event
from tiltyard.facts.arm import Roster
from tiltyard.facts.intake import Intake
from tiltyard.facts.trade import Trade
from tiltyard.kernel.errors import Fault, Faults, TiltyardError
from tiltyard.kernel.money import UNITS, Money
from tiltyard.kernel.registry import did_you_mean
from tiltyard.kernel.undefined import Value, twelve_digits
from tiltyard.metrics.catalogue import METRICS
from tiltyard.metrics.champion_span import ChampionHistory
from tiltyard.shell.registration import Registration, admit, register, with_flat
from tiltyard.shell.settings import Settings
from tiltyard.shell.sources import BadRow, open_source, read_trades
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.roster_table import ArmColumns
from tiltyard.shell.store.staging import FUTURE, Counts, Staging

BATCH = 5000
SHOWN_FAULTS = 50
WINDOW = 150
INSTANT = timedelta(microseconds=1)
"""The trade that brings an arm back belongs to what was before."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a person wants a file to be read.

    Attributes:
        source: Names the reporter; the file's own when None.
        policy: For rows that name none.
        account: For rows that name none.
        capital: For rows that name none, and for policies registered on the way.
        columns: Canonical field to the file's column.
        assume_utc: Read times without an offset as UTC.
        policy_from: Which field of a freqtrade database names the policy.
        register: Register unknown policies as challengers.
        skip_bad: Write the good rows and a rejects file.
    """

    source: str | None = None
    policy: str | None = None
    account: str | None = None
    capital: Money | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    assume_utc: bool = False
    policy_from: Literal["strategy", "enter_tag"] = "strategy"
    register: bool = False
    skip_bad: bool = False


@dataclass(frozen=True, slots=True)
class Ingested:
    """What an ingest did.

    Attributes:
        file: What was read.
        counts: New, corrected, unchanged, quarantined.
        rejected: Rows left out.
        rejects: Where they were written.
        registered: Policies registered on the way.
    """

    file: Path
    counts: Counts
    rejected: int
    rejects: Path | None
    registered: Sequence[str]


class _Rejects:
    """Collects what is wrong: to a file when rows are skipped, else for the message."""

    def __init__(self, file: Path, *, write: bool) -> None:
        self.path = file.with_name(file.name + ".rejects.jsonl")
        self.faults: list[Fault] = []
        self.total = 0
        self.rows = 0
        self._write = write
        self._stream: TextIO | None = None

    def add(self, row: int, raw: object, faults: Sequence[Fault]) -> None:
        self.rows += 1
        self.total += len(faults)
        self.faults += faults[: max(0, SHOWN_FAULTS - len(self.faults))]
        if self._write:
            if self._stream is None:
                self._stream = self.path.open("w", encoding="utf-8")
            record = {"row": row, "faults": [str(fault) for fault in faults], "raw": raw}
            self._stream.write(json.dumps(record, default=str, ensure_ascii=False) + "\n")

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()


def ingest(
    ledger: Ledger,
    file: Path,
    how: Reading,
    settings: Settings,
    now: datetime,
    *,
    actor: str = "ingest",
    progress: Callable[[int], None] = lambda _: None,
) -> Ingested:
    """Take in one file.

    Args:
        ledger: Where the facts go.
        file: csv, jsonl, parquet, a freqtrade database or a backtest-result zip.
        how: What the file does not say by itself.
        settings: Bounds for policies registered on the way.
        now: UTC; later times are quarantined.
        actor: Who does it, for the audit.
        progress: Told the number of rows read so far.

    Raises:
        Faults: ``INGEST_REFUSED`` with every fault of the file; nothing was written.
        TiltyardError: ``POLICY_UNKNOWN`` for unregistered policies, ``SOURCE_…``.
    """
    source = open_source(file, policy_from=how.policy_from)
    intake = Intake(
        source=how.source or source.name, policy=how.policy, account=how.account,
        capital=how.capital, columns=how.columns, assume_utc=how.assume_utc,
    )  # fmt: skip
    rejects = _Rejects(file, write=how.skip_bad)
    try:
        with ledger.staging() as staging:
            _stage(staging, read_trades(source, intake), rejects, progress)
            _check_whole(staging, rejects, skip=how.skip_bad)
            if rejects.total and not how.skip_bad:
                raise Faults(
                    "INGEST_REFUSED", str(file), rejects.faults, total=rejects.total,
                    remedy="Nothing was written. Mend the file, or leave bad rows out with "
                    "--skip-bad.",
                )  # fmt: skip
            names = staging.policies()
            registered = _welcome(ledger, names, how, settings, now, actor)
            counts = staging.commit(now=now, known_at=now, actor=actor, source=intake.source)
    finally:
        rejects.close()
    _admit(ledger, names, settings, now, actor)
    refresh_metrics(ledger, settings, now)
    path = rejects.path if rejects.rows else None
    return Ingested(file, counts, rejects.rows, path, registered)


def refresh_metrics(ledger: Ledger, settings: Settings, now: datetime) -> None:
    """Bring the metric columns of every arm up to date with the ledger."""
    ledger.set_metrics(metric_columns(ledger, settings, now), at=now)


def metric_columns(ledger: Ledger, settings: Settings, now: datetime) -> Mapping[str, ArmColumns]:
    """The metric columns of every arm, from its current trades."""
    roster = ledger.roster()
    if not roster.arms:
        return {}
    until = now + FUTURE  # whatever the ledger took in counts
    history = ChampionHistory()
    champion = roster.champion()
    for trade in ledger.trades(champion.name):
        if trade.book == "live":
            history.push(trade.closed_at, (trade.pnl, 0, 0))
    rows = {}
    for arm in roster.arms.values():
        began = arm.trial_started_at and arm.trial_started_at + INSTANT
        tail = ledger.tail(arm.name, count=WINDOW, since=began)
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


def _window(metric: str, tail: Sequence[Trade], capital: int) -> float | None:
    make = METRICS.get(metric).make
    if make is None:
        return None
    meter = make()
    for trade in tail:
        meter.push((trade.pnl, trade.capital or capital, trade.risk or 0))
    reading = meter.value()
    return reading.number if isinstance(reading, Value) else None


def _stage(
    staging: Staging,
    rows: Iterator[tuple[int, Trade, bool] | BadRow],
    rejects: _Rejects,
    progress: Callable[[int], None],
) -> None:
    batch: list[tuple[int, Trade, bool]] = []
    seen = 0
    for row in rows:
        if isinstance(row, BadRow):
            rejects.add(row.row, row.raw, row.faults)
            continue
        batch.append(row)
        if len(batch) >= BATCH:
            seen += len(batch)
            staging.add(batch)
            batch.clear()
            progress(seen)
    staging.add(batch)
    progress(seen + len(batch))


def _check_whole(staging: Staging, rejects: _Rejects, *, skip: bool) -> None:
    for row, faults in staging.faults().items():
        rejects.add(row, None, faults)
    if skip:
        staging.discard(list(staging.faults()))


def _welcome(
    ledger: Ledger,
    names: Sequence[str],
    how: Reading,
    settings: Settings,
    now: datetime,
    actor: str,
) -> list[str]:
    roster = ledger.roster()
    unknown = [name for name in names if name not in roster.arms]
    if not unknown:
        return []
    if not how.register:
        hints = [did_you_mean(name, roster.arms) for name in unknown]
        raise TiltyardError(
            "POLICY_UNKNOWN",
            ", ".join(repr(name) for name in unknown[:10]),
            "not registered" + "".join(f", {hint}" for hint in hints[:1] if hint),
            "Nothing was written. Add --register to register them as challengers, or --policy NAME",
        )
    events: list[Event] = []
    roster = with_flat(roster, now, events, actor)
    for name in unknown:
        wanted = Registration(name, "challenger", "", how.capital, None, now)
        roster, more = register(roster, wanted, settings.shares.rules(), now, actor)
        events += more
    ledger.save_roster(roster, events, at=now)
    return unknown


def _admit(
    ledger: Ledger, names: Sequence[str], settings: Settings, now: datetime, actor: str
) -> None:
    roster = ledger.roster()
    ready = [name for name in names if _has_capital(ledger, roster, name, settings)]
    digest = settings.checklist.digest
    changed, events = admit(roster, ready, settings.shares.rules(), now, actor, digest)
    if events:
        ledger.save_roster(changed, events, at=now)


def _has_capital(ledger: Ledger, roster: Roster, name: str, settings: Settings) -> bool:
    arm = roster.arms[name]
    if arm.state != "candidate":
        return False
    if arm.capital is not None or settings.default_capital() is not None:
        return True
    return any(trade.capital is not None for trade in ledger.tail(name, count=1))
