"""What bots report, and how several reports are written in one transaction.

Trades of all reports are staged and checked as one file would be
(:mod:`tiltyard.shell.store.staging`), here in the transaction that appends them. Marks,
observations and decisions follow one by one. And an episode that is asked about is given to the
arm that it was given to before, or to the one that the shares choose.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from tiltyard.facts.decision import Decision
from tiltyard.facts.observation import Observation
from tiltyard.facts.trade import Trade
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.api.items import Fact, ItemFault
from tiltyard.shell.store.fact_tables import append_each, every_decision
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.plain_errors import speaking_plainly
from tiltyard.shell.store.staging import Fate, Staging
from tiltyard.shell.store.tables import decisions, marks, observations, policies

FactKind = Literal["marks", "observations", "decisions"]
Written = Mapping[str, int]
"""How many items of a report were new, corrected, unchanged, quarantined."""
Answer = Written | Decision

_TABLES = {"marks": marks, "observations": observations, "decisions": decisions}
USES = 50
"""So often a stage is used."""
_NAMES = sa.select(policies.c.name)
_FATES = ("new", "corrected", "unchanged", "quarantined")


@dataclass(frozen=True, slots=True)
class Trades:
    """Closed trades.

    Attributes:
        actor: Whose token it was.
        source: Who reports.
        rows: The trades, each with whether it states its revision.
    """

    actor: str
    source: str
    rows: Sequence[tuple[Trade, bool]]

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of one other kind.

    Attributes:
        kind: Which.
        items: The facts.
    """

    kind: FactKind
    items: Sequence[Fact]

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True, slots=True)
class Episode:
    """Somebody asks who gets an episode.

    Attributes:
        chosen: By the shares of now.
    """

    chosen: Decision

    def __len__(self) -> int:
        return 1


Report = Trades | Facts | Episode


class ItemsRefused(TiltyardError):  # noqa: N818 it is an answer
    """A report of which nothing was written, and everything that is wrong with it.

    Args:
        kind: Of facts.
        faults: Each with its item.
        of: Which of the reports that were written together.
    """

    def __init__(
        self, kind: str, faults: Sequence[ItemFault], *, of: Collection[int] = (0,)
    ) -> None:
        self.items = tuple(faults)
        self.of = frozenset(of)
        count = "1 fault" if len(faults) == 1 else f"{len(faults):,} faults"
        super().__init__(
            "ITEMS_REFUSED", kind, count, "nothing of this batch was written: mend these, or send "
            "the others alone",
        )  # fmt: skip


class Stage:
    """Where trades are checked before they are written, kept from one time to the next.

    Args:
        door: To the ledger.
    """

    def __init__(self, door: Ledger) -> None:
        self._door = door
        self._open = ExitStack()
        self._staging: Staging | None = None
        self._uses = 0

    def ready(self) -> Staging:
        """An empty one; now and then a new one, since on Postgres rows that are gone take room."""
        self._uses += 1
        if self._uses > USES:
            self.close()
        if self._staging is None:
            self._staging, self._uses = (
                self._open.enter_context(self._door.staging(named_after_file=True)),
                0,
            )
        return self._staging

    def close(self) -> None:
        """Let go of it and what is in it; the next is another."""
        self._staging = None
        with suppress(Exception):  # its connection is gone already
            self._open.close()


def write_together(
    door: Ledger, stage: Stage, reports: Sequence[Report], now: datetime
) -> list[Answer]:
    """Write reports in one transaction; what became of each.

    Args:
        door: To the ledger.
        stage: Of that door; it is to be closed when this raises.
        reports: Those that are written together.
        now: UTC.

    Raises:
        ItemsRefused: Something is wrong with one of them, and nothing of any was written. Items
            of trades are counted through all the reports.
        TiltyardError: The database does not let us.
    """
    told = [report for report in reports if isinstance(report, Trades)]
    if not told:
        with door.transaction() as inside:
            return _write_all(inside.connection, reports, iter(()), now)
    with speaking_plainly(door.url):
        staging = stage.ready()
    with door.transaction(staging) as inside:
        staging.add([(row, *trade) for row, trade in enumerate(_all(told))])
        if found := staging.faults():
            every = [(row, fault) for row, faults in sorted(found.items()) for fault in faults]
            raise _wrong_trades(
                reports, [ItemFault(row, _field(one.place), one.message) for row, one in every]
            )
        counts = _append_trades(inside.connection, staging, reports, now)
        return _write_all(inside.connection, reports, counts, now)


def _write_all(
    connection: sa.Connection, reports: Sequence[Report], counts: Iterator[Written], now: datetime
) -> list[Answer]:
    answers: list[Answer] = []
    wrong: list[ItemsRefused] = []
    for number, report in enumerate(reports):
        try:
            if isinstance(report, Trades):
                answers.append(next(counts, {}))  # none, when the trades of another are wrong
            else:
                answers.append(_write(connection, number, report, now))
        except ItemsRefused as refusal:
            wrong.append(refusal)
    if wrong:
        raise ItemsRefused(
            wrong[0].subject, wrong[0].items, of=[number for one in wrong for number in one.of]
        )
    return answers


def _wrong_trades(reports: Sequence[Report], faults: Sequence[ItemFault]) -> ItemsRefused:
    """With the reports that the faults are in; items are counted through all of trades."""
    owners = [
        number
        for number, report in enumerate(reports)
        if isinstance(report, Trades)
        for _ in report.rows
    ]
    return ItemsRefused("trades", faults, of={owners[one.item or 0] for one in faults})


def _all(reports: Iterable[Trades]) -> Iterator[tuple[Trade, bool]]:
    for report in reports:
        yield from report.rows


def _append_trades(
    connection: sa.Connection, staging: Staging, every: Sequence[Report], now: datetime
) -> Iterator[Written]:
    reports = [report for report in every if isinstance(report, Trades)]
    known = set(connection.scalars(_NAMES))
    if unknown := [
        ItemFault(row, "policy", f"POLICY_UNKNOWN {trade.policy!r}: not registered")
        for row, (trade, _) in enumerate(_all(reports))
        if trade.policy not in known
    ]:
        raise _wrong_trades(every, unknown)
    fates: dict[int, Fate] = {}
    actor = ", ".join(sorted({report.actor for report in reports}))
    source = ", ".join(sorted({report.source for report in reports}))
    staging.append(now=now, known_at=now, actor=actor, source=source, fates=fates)
    row = 0
    for report in reports:
        yield _counts(fates.get(one, "unchanged") for one in range(row, row + len(report)))
        row += len(report)


def _write(
    connection: sa.Connection, number: int, report: Facts | Episode, now: datetime
) -> Answer:
    if isinstance(report, Episode):
        return _given(connection, report.chosen, now)
    fates = append_each(connection, _TABLES[report.kind], report.items, now)
    faults = [*_of_strangers(connection, report)]
    faults += [
        ItemFault(item, "", str(fate))
        for item, fate in enumerate(fates)
        if isinstance(fate, TiltyardError)
    ]
    if faults:
        raise ItemsRefused(report.kind, faults, of={number})
    return _counts(str(fate) for fate in fates)


def _of_strangers(connection: sa.Connection, report: Facts) -> Iterator[ItemFault]:
    """Observations of arms that nobody has registered: a name that is mistyped is never seen."""
    about = [
        (item, one.policy)
        for item, one in enumerate(report.items)
        if isinstance(one, Observation) and one.policy
    ]
    known = set(connection.scalars(_NAMES)) if about else set()
    for item, policy in about:
        if policy not in known:
            yield ItemFault(item, "policy", f"POLICY_UNKNOWN {policy!r}: not registered")


def _given(connection: sa.Connection, chosen: Decision, now: datetime) -> Decision:
    """To whom an episode was given: it never changes owner."""
    before = connection.execute(every_decision().where(decisions.c.episode_id == chosen.episode_id))
    if (row := before.mappings().first()) is not None:
        return Decision(**{name: row[name] for name in Decision._fields})
    (fate,) = append_each(connection, decisions, [chosen], now)
    if isinstance(fate, TiltyardError):
        raise fate
    return chosen


def _counts(fates: Iterable[str]) -> Written:
    count = Counter(fates)
    return {fate: count[fate] for fate in _FATES}


def _field(place: str) -> str:
    return place.rpartition(", column ")[2]
