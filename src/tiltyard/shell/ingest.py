"""From a file of trades to facts in the ledger: all of it, or a list of what is wrong.

The file is read in batches and staged; nothing is visible until everything in it has
been checked. With faults nothing is written, unless the person asked to skip bad rows:
then those go to a rejects file, each with its faults, and the good ones are written.
One transaction registers the file's policies and appends its trades; where no desk runs
that would do it, it also puts candidates on trial and brings the metric columns up to
date. So a killed ingest has done all of it or nothing. Where somebody holds the lease,
:mod:`tiltyard.shell.in_its_stead` sees whether that is a desk that lives.
"""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tiltyard.actions.record import Event
from tiltyard.facts.arm import FLAT, Roster
from tiltyard.facts.intake import Intake
from tiltyard.facts.trade import Trade
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import Money
from tiltyard.kernel.text import storable
from tiltyard.scaling.ladder import ShareRules
from tiltyard.shell.registration import reserved, unregistered, welcome
from tiltyard.shell.rejects import Rejects
from tiltyard.shell.replaying.closed_record import refuse_record
from tiltyard.shell.settings import Settings
from tiltyard.shell.sources import BadRow, PolicyFrom, open_source, read_trades
from tiltyard.shell.store.lease import Lease, holder_of
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.staging import Counts, Staging
from tiltyard.shell.without_desk import act_in_its_stead

BATCH = 5000


@dataclass(frozen=True, slots=True)
class Reading:
    """How a person wants a file to be read.

    Attributes:
        source: Names the reporter; the file's own when None.
        called: What the file's own source is called instead of the file's name.
        policy: For rows that name none.
        account: For rows that name none.
        capital: For rows that name none, and for policies registered on the way.
        columns: Canonical field to the file's column.
        assume_utc: Read times without an offset as UTC.
        policy_from: Which field of a freqtrade file names the policy.
        register: Register unknown policies as challengers.
        skip_bad: Write the good rows and a rejects file.
    """

    source: str | None = None
    called: str | None = None
    policy: str | None = None
    account: str | None = None
    capital: Money | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    assume_utc: bool = False
    policy_from: PolicyFrom = "strategy"
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
        left_to: Whoever held the lease, and was left to act on it; None when we acted.
    """

    file: Path
    counts: Counts
    rejected: int
    rejects: Path | None
    registered: Sequence[str]
    left_to: Lease | None = None


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
        Faults: ``INGEST_REFUSED`` with the faults of the file; nothing was written.
        TiltyardError: ``RECORD_CLOSED``, ``POLICY_UNKNOWN`` for unregistered policies,
            ``SOURCE_…``.
    """
    if how.policy == FLAT:
        raise reserved()
    _refuse_two_namers(how)
    refuse_record(ledger, "more trades would undo", "ingest into a ledger of its own: --db FILE")
    source = open_source(file, policy_from=how.policy_from)
    own = f"{source.name.partition(':')[0]}:{how.called}" if how.called else source.name
    intake = Intake(
        source=storable(how.source or own), policy=how.policy, account=how.account,
        capital=how.capital, columns=how.columns, assume_utc=how.assume_utc,
    )  # fmt: skip
    with (
        Rejects(file, skip=how.skip_bad, cures=_cures(file, intake.source, how)) as rejects,
        ledger.staging(named_after_file=how.source is None) as staging,
    ):
        _stage(staging, read_trades(source, intake), rejects, progress)
        _check_whole(staging, rejects)
        rejects.refuse()
        if how.policy is not None and how.policy not in staging.policies():
            raise _idle_policy(how.policy)
        joining = staging.policies(by=now if how.register else None)
        with ledger.transaction(staging) as inside:
            if how.source is None:
                _refuse_renamed(staging, file, own)
            registered = _register(inside, joining, how, settings.shares.rules(), now, actor)
            counts = staging.append(now=now, known_at=now, actor=actor, source=intake.source)
            left_to = holder_of(inside.connection, now)
            if left_to is None:
                act_in_its_stead(inside, settings, now, actor)
            rejects.put_in_place()
    path = rejects.path if rejects.rows else None
    return Ingested(file, counts, rejects.rows, path, registered, left_to)


def _stage(
    staging: Staging,
    rows: Iterator[tuple[int, Trade, bool] | BadRow],
    rejects: Rejects,
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


def _check_whole(staging: Staging, rejects: Rejects) -> None:
    found = staging.faults(limit=rejects.most + 1)
    shown = staging.shown(list(found)) if rejects.skip else {}
    for row, faults in found.items():
        rejects.add(row, shown.get(row), faults)
    if rejects.skip:
        staging.discard(list(found))


def _cures(file: Path, source: str, how: Reading) -> Mapping[str, str]:
    """What mends a file whose trades clash with those that the ledger has from its source."""
    folder = file.resolve().parent.name
    own = shlex.quote(folder) if folder and folder != how.source else "NAME"
    named = ", named after the file," if how.source is None else ""
    another = (
        f"The ledger has other trades of source {source!r}{named} already. If this is another "
        f"bot's file, or one begun anew, it needs a source of its own: --source {own}"
    )
    corrected = f"If these trades were corrected: --source {shlex.quote(source)}"
    return {"policy": f"{another}.", "trade": f"{another}. {corrected}."}


def _refuse_renamed(staging: Staging, file: Path, own: str) -> None:
    count, other = staging.told_already()
    if count:
        trades = "1 trade of it is" if count == 1 else f"{count:,} trades of it are"
        raise TiltyardError(
            "SOURCE_RENAMED",
            str(file),
            f"{trades} in the ledger already, from source {other!r}",
            f"Nothing was written. If it is the same report under another name: --source {other}. "
            f"If these are other trades: --source {own}",
        )


def _refuse_two_namers(how: Reading) -> None:
    """Where no row is to name its policy, the option does, and nothing else."""
    if how.policy_from != "nothing":
        return
    if how.policy is None:
        raise TiltyardError(
            "COLUMNS_MISSING", "--policy-from nothing", "then no row names its policy",
            "name it: --policy NAME",
        )  # fmt: skip
    if "policy" in how.columns:
        raise TiltyardError(
            "OPTION_IDLE", "--policy-from nothing", "--map says which column names the policy",
            "leave one of the two out",
        )  # fmt: skip


def _idle_policy(policy: str) -> TiltyardError:
    return TiltyardError(
        "OPTION_IDLE",
        "--policy",
        f"every row of the file names its policy, and none of them is {policy!r}",
        "leave the option out; or name the column that holds the policy: --map policy=COLUMN; "
        "or, if it is the policy of every row: --policy-from nothing",
    )


def _register(
    inside: Ledger,
    joining: Sequence[str],
    how: Reading,
    rules: ShareRules,
    now: datetime,
    actor: str,
) -> list[str]:
    """Those of ``joining`` that were not registered yet, and now are."""
    names: list[str] = []

    def change(roster: Roster) -> tuple[Roster, list[Event]]:
        names.extend(name for name in joining if name not in roster.arms)
        if names and not how.register:
            raise unregistered(names, roster)
        return welcome(roster, names, how.capital, rules, now, actor) if names else (roster, [])

    inside.change_roster(change, at=now)
    return names
