"""Verification: is the database what its audit says, and does judging again give the same?

In this order, so that the first thing wrong is the one that is told: the chain of the
audit; each stored trade against its own hash, and all of them against the anchors that
their ingests left; marks, observations and decisions against the digest of the replay; the
tables of arms against the fold of the audit; then, where a replay was recorded, its
settings, its end, and every judgement made again; at last the metric columns. What a desk
has judged in a replay on bars is made again by playing the bars
(:func:`tiltyard.shell.replaying.bar_replay.play_again`).

Nothing is kept of the audit or of the facts, so memory does not grow with them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import zip_longest
from typing import Any

from tiltyard.actions.record import Event, acted, after, fold
from tiltyard.facts.arm import Roster
from tiltyard.facts.audit import GENESIS, canonical, chain
from tiltyard.facts.content import FactsDigest, content_of, trade_line
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.metric_columns import metric_columns
from tiltyard.shell.replaying.bar_record import (
    BarStart,
    bar_start_from,
    check_bar_record,
    is_bar_start,
)
from tiltyard.shell.replaying.judging import Judging
from tiltyard.shell.replaying.replay import finished_event
from tiltyard.shell.replaying.scratch import ACTOR
from tiltyard.shell.replaying.start import EVENT, FINISHED, Start, digests_beside_trades, start_from
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.anchors import EVENT as INGEST
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.roster_table import ArmColumns
from tiltyard.shell.store.trade_table import StoredTrade

RESTORE = "somebody edited the database: restore a snapshot"
FORGED = "somebody forged the record, or the program has a defect"


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verification found in order.

    Attributes:
        rows: Audit rows whose chain holds.
        trades: Stored trades that are what was ingested, earlier revisions included.
        arms: Arms that equal the fold of the audit.
        judgements: Actions that judging again gave again; None where no replay of trades judged.
        is_of_bars: It is the record of a replay on bars.
        head: Hash of the newest audit row.
    """

    rows: int
    trades: int
    arms: int
    judgements: int | None
    is_of_bars: bool
    head: str


@dataclass(slots=True)
class _Audit:
    """What one pass over the audit leaves behind."""

    rows: int = 0
    head: str = GENESIS
    roster: Roster = field(default_factory=Roster)
    anchors: list[tuple[int, str]] = field(default_factory=list)
    bars: BarStart | None = None
    start: Start | None = None
    start_roster: Roster = field(default_factory=Roster)
    start_seq: int = 0
    actions_end: int | None = None
    finished: Event | None = None
    went_on: bool = False


def verify(
    ledger: Ledger, settings: Settings, now: datetime, *, head: str | None = None
) -> Verified:
    """Check that the database is what its audit says, and judge everything again.

    Args:
        ledger: Any ledger, or the record of a replay.
        settings: Those that a replay was made with.
        now: UTC.
        head: A hash noted earlier, that must still be in the chain.

    Raises:
        TiltyardError: ``AUDIT_EMPTY``, ``AUDIT_BROKEN``, ``HEAD_UNKNOWN``, ``TRADE_EDITED``,
            ``FACTS_DIFFER``, ``PROJECTION_DIFFERS``, ``CHECKLIST_DIFFERS``,
            ``METRICS_VERSION_DIFFERS``, ``SETTINGS_DIFFER``, ``REPLAY_UNFINISHED``,
            ``VERDICTS_DIFFER`` or ``METRICS_DIFFER``.
    """
    with ledger.snapshot() as still:
        return _verify(still, settings, now, head)


def _verify(ledger: Ledger, settings: Settings, now: datetime, head: str | None) -> Verified:
    where = str(ledger.url.database)
    audit = _walk(ledger, where, head)
    if not audit.rows:
        raise TiltyardError(
            "AUDIT_EMPTY", where, "nothing is recorded in it: nobody has registered, or a replay "
            "was interrupted", "there is nothing to verify",
        )  # fmt: skip
    trades = _check_trades(ledger, audit.anchors, where)
    if audit.start is not None:
        _check_gauges(ledger, audit.start, where)
    if audit.bars is not None:
        check_bar_record(ledger, audit.finished, where)
    folded = fold(ledger.edits_to_audit(), audit.roster)
    _compare_rosters(folded, _kept_roster(ledger, where), where)
    judging = None
    if audit.bars is not None:
        audit.bars.conditions.refuse_others(settings, where)
    if audit.start is not None:
        audit.start.conditions.refuse_others(settings, where)
        judging = _judge_again(ledger, settings, audit, audit.start, where)
    if judging is None or audit.went_on:
        expected = metric_columns(ledger, settings, now)
    else:
        expected = judging.columns()
    _compare_columns(ledger.metrics(), expected, where)
    judgements = None if judging is None or audit.finished is None else audit.finished["actions"]
    return Verified(
        audit.rows, trades, len(audit.roster.arms), judgements, audit.bars is not None, audit.head
    )


def _walk(ledger: Ledger, where: str, noted: str | None) -> _Audit:
    audit = _Audit()
    seen = noted is None or noted == GENESIS
    for row in ledger.audit():
        if row.previous != audit.head or row.hash != chain(row.previous, row.body):
            raise TiltyardError(
                "AUDIT_BROKEN", where, f"row {row.seq} of the audit does not follow from the "
                "row before it: it, or one before it, was edited", "restore a snapshot",
            )  # fmt: skip
        audit.rows += 1
        audit.head = row.hash
        seen = seen or row.hash == noted
        _take_in(audit, row.seq, json.loads(row.body))
    if not seen:
        raise TiltyardError(
            "HEAD_UNKNOWN", where, f"no row of the audit has the hash {str(noted)[:16]}…: rows "
            "were removed from its end, or it was noted from another database", RESTORE,
        )  # fmt: skip
    return audit


def _take_in(audit: _Audit, seq: int, event: Mapping[str, Any]) -> None:
    kind = event["event"]
    audit.went_on = audit.went_on or audit.finished is not None
    if is_bar_start(event):
        audit.bars, audit.finished, audit.went_on = bar_start_from(event), None, False
    elif kind == EVENT:
        audit.start, audit.start_roster, audit.start_seq = start_from(event), audit.roster, seq
        audit.actions_end, audit.finished, audit.went_on = None, None, False
    elif audit.start is not None and kind in (INGEST, FINISHED):
        audit.actions_end = audit.actions_end or seq
    if kind == INGEST:
        audit.anchors.append((event["up_to_seq"], event["facts"]))
    elif kind == FINISHED:
        audit.finished = event
    audit.roster = after(audit.roster, event)


def _check_trades(ledger: Ledger, anchors: Sequence[tuple[int, str]], where: str) -> int:
    rows = ledger.stored_trades()
    row = next(rows, None)
    first, facts, count = 1, GENESIS, 0
    for up_to_seq, expected in anchors:
        running = FactsDigest(facts)
        while row is not None and row.trade.seq <= up_to_seq:
            running.add(_line_of(row, where))
            count += 1
            row = next(rows, None)
        if running.value() != expected:
            raise TiltyardError(
                "FACTS_DIFFER", where, f"the trades at positions {first} to {up_to_seq} are not "
                "those that came in: one was removed, added or replaced", RESTORE,
            )  # fmt: skip
        first, facts = up_to_seq + 1, expected
    if row is not None:
        raise TiltyardError(
            "FACTS_DIFFER", where, f"no ingest brought the trades from position {row.trade.seq} "
            f"on, the first being {row.trade.trade_id} of {row.trade.source}", RESTORE,
        )  # fmt: skip
    return count


def _line_of(row: StoredTrade, where: str) -> str:
    trade = row.trade
    if content_of(trade) != row.content:
        raise TiltyardError(
            "TRADE_EDITED", where, f"trade {trade.trade_id} of {trade.source}, revision "
            f"{trade.revision}, is not what came in", RESTORE,
        )  # fmt: skip
    return trade_line(trade.seq, trade.revision, row.content, row.known_at)


def _check_gauges(ledger: Ledger, start: Start, where: str) -> None:
    then, now = start.up_to._asdict(), ledger.positions()._asdict()
    for kind, digest in digests_beside_trades(ledger, start.up_to).items():
        if kind not in start.facts:
            continue  # it was not replayed by these
        if start.facts[kind] != digest or now[kind] != then[kind]:
            raise TiltyardError(
                "FACTS_DIFFER", where, f"the {kind} are not those that were replayed: one was "
                "edited, removed or added", RESTORE,
            )  # fmt: skip


def _kept_roster(ledger: Ledger, where: str) -> Roster:
    try:
        return ledger.roster()
    except (TiltyardError, ValueError, TypeError) as error:
        raise TiltyardError(
            "PROJECTION_DIFFERS", where, f"the tables of arms cannot be read: {error}",
            "somebody edited them; the audit is the record",
        ) from error  # fmt: skip


def _compare_rosters(folded: Roster, kept: Roster, where: str) -> None:
    differing = [
        name
        for name in {**folded.arms, **kept.arms}
        if folded.arms.get(name) != kept.arms.get(name)
    ]
    if differing or folded != replace(kept, arms=folded.arms):
        raise TiltyardError(
            "PROJECTION_DIFFERS", where,
            f"the tables are not what the audit adds up to: {', '.join(differing) or 'holds'}",
            "somebody edited them; the audit is the record",
        )  # fmt: skip


def _judge_again(
    ledger: Ledger, settings: Settings, audit: _Audit, start: Start, where: str
) -> Judging:
    if audit.finished is None:
        raise TiltyardError(
            "REPLAY_UNFINISHED", where, "its replay has no end: it was interrupted, or the last "
            "rows of the audit were removed", "remove the file and replay again",
        )  # fmt: skip
    judging = Judging(ledger, settings, audit.start_roster, start)
    again = (
        canonical(acted(action, start.conditions.checklist, ACTOR))
        for judged in judging
        for action in judged.actions
    )
    count = 0
    for old, new in zip_longest(_recorded(ledger, audit), again):
        count += 1
        if old != new:
            raise TiltyardError(
                "VERDICTS_DIFFER", where, f"action {count} was {_told(old)}; judged again it is "
                f"{_told(new)}{_details(old, new)}", FORGED,
            )  # fmt: skip
    end = json.loads(canonical(finished_event(judging, start, count)))
    differing = [name for name, value in end.items() if audit.finished.get(name) != value]
    if differing:
        raise TiltyardError(
            "VERDICTS_DIFFER", where, f"the end of the replay says otherwise of "
            f"{', '.join(differing)}", FORGED,
        )  # fmt: skip
    return judging


def _recorded(ledger: Ledger, audit: _Audit) -> Iterator[str]:
    for row in ledger.audit(after=audit.start_seq):
        if audit.actions_end is None or row.seq >= audit.actions_end:
            return
        yield row.body


def _told(body: str | None) -> str:
    if body is None:
        return "none"
    event = json.loads(body)
    return f"{event['event']} of {event.get('policy') or 'the account'} at {event['at']}"


def _details(old: str | None, new: str | None) -> str:
    if old is None or new is None or _told(old) != _told(new):
        return ""
    before, now = json.loads(old), json.loads(new)
    names = [name for name in now if before.get(name) != now[name]]
    return "".join(f", {name} {now[name]!r} and not {before.get(name)!r}" for name in names)


def _compare_columns(
    kept: Mapping[str, ArmColumns], expected: Mapping[str, ArmColumns], where: str
) -> None:
    for name, columns in expected.items():
        for column in ArmColumns.__dataclass_fields__:
            old, new = getattr(kept[name], column), getattr(columns, column)
            if old != new:
                raise TiltyardError(
                    "METRICS_DIFFER", where, f"{column} of {name} is {_shown(old)}, and its "
                    f"trades give {_shown(new)}", "somebody edited bandit_arms, or changed "
                    "policies.capital; the next tiltyard ingest writes these columns anew",
                )  # fmt: skip


def _shown(number: float | None) -> str:
    return "NULL" if number is None else f"{number:.12g}"
