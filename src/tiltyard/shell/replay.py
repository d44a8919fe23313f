"""Replay: what the checklist would have done with these trades, and when.

A ledger or files go through the same loop as the running desk, in time order, nights
included, against a scratch database. There every action is audited, so a replay can
itself be verified: the chain of hashes, the roster as the fold of the audit, and every
judgement made again from the facts.

Trades that opened after their arm was throttled or halted count as shadow; earlier ones
run off live. In files with a named champion, trades that opened before the champion's
first are shadow too: there was nothing to challenge.
"""

import getpass
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from tiltyard.actions.record import Event, acted, fold, registered
from tiltyard.facts.action import Action
from tiltyard.facts.arm import FLAT, Arm, Roster
from tiltyard.facts.audit import broken_link, canonical
from tiltyard.facts.mark import Mark
from tiltyard.facts.trade import Trade
from tiltyard.kernel.clock import moment
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import Money
from tiltyard.policies.name import parse, select
from tiltyard.shell.desk import Desk
from tiltyard.shell.ingest import Reading, ingest
from tiltyard.shell.measure import Fact, facts_in_order, time_of
from tiltyard.shell.metric_columns import refresh_metrics
from tiltyard.shell.recording import Recording
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger

ACTOR = "replay"
REPORT_EVERY = 1000
BATCH = 5000


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did.

    Attributes:
        desk: As it stands at the end.
        recording: The curves.
        actions: In order; the nights' skipped arms included.
        trades: How many were judged.
        began: The first close.
        ended: The last close.
    """

    desk: Desk
    recording: Recording
    actions: Sequence[Action]
    trades: int
    began: datetime | None
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verification found in order.

    Attributes:
        rows: Audit rows whose chain holds.
        arms: Arms that equal the fold of the audit.
        judgements: Actions that judging again gave again.
    """

    rows: int
    arms: int
    judgements: int


def take_files(
    scratch: Ledger,
    files: Iterable[Path],
    how: Reading,
    settings: Settings,
    now: datetime,
    *,
    champion: str | None,
) -> None:
    """Fill a scratch database from files, and put every policy in them on trial."""
    for file in files:
        ingest(scratch, file, replace(how, register=True), settings, now, actor=ACTOR)
    spans = scratch.spans()
    if not spans:
        raise TiltyardError("REPLAY_EMPTY", str(scratch.url.database), "no trade to replay")
    began = min(first for first, _, _ in spans.values())
    chosen = select(champion, list(spans)) if champion else FLAT
    roster = _on_trial(list(spans), chosen, how.capital, settings, began)
    events = [registered(arm, began, ACTOR) for arm in roster.arms.values()]
    since = spans[chosen][0] if champion else None
    started: Event = {"event": "replay", "at": began, "actor": ACTOR, "champion_since": since}
    scratch.save_roster(roster, [*events, started], at=now)


def take_ledger(scratch: Ledger, ledger: Ledger, settings: Settings, now: datetime) -> None:
    """Fill a scratch database from a ledger, every arm as on its first day."""
    roster = ledger.roster()
    spans = ledger.spans()
    if not spans:
        raise TiltyardError("REPLAY_EMPTY", str(ledger.url.database), "no trade to replay")
    fresh = Roster()
    for arm in sorted(roster.arms.values(), key=lambda arm: arm.role != "champion"):
        fresh = fresh.with_arm(_first_day(arm, settings.shares.cap))
    events = [registered(arm, now, ACTOR) for arm in fresh.arms.values()]
    began = min(first for first, _, _ in spans.values())
    started: Event = {"event": "replay", "at": began, "actor": ACTOR, "champion_since": None}
    scratch.save_roster(fresh, [*events, started], at=now)
    with scratch.staging() as staging:
        batch: list[tuple[int, Trade, bool]] = []
        for number, trade in enumerate(ledger.trades()):
            batch.append((number, trade, True))
            if len(batch) == BATCH:
                staging.add(batch)
                batch.clear()
        staging.add(batch)
        staging.commit(now=now, known_at=now)
    scratch.append_marks(ledger.marks(), known_at=now)
    scratch.append_observations(ledger.observations(), known_at=now)


def replay(
    scratch: Ledger,
    settings: Settings,
    now: datetime,
    *,
    on_action: Callable[[Action], None] = lambda _: None,
    progress: Callable[[int], None] = lambda _: None,
) -> Replayed:
    """Judge everything in the scratch database from the start, act on it, and record it."""
    desk = Desk(settings, scratch.roster())
    recording = Recording()
    actions: list[Action] = []
    began = ended = None
    count = 0
    for fact in _facts(scratch):
        done, live = _step(desk, fact)
        actions += done
        for action in done:
            on_action(action)
        ended = time_of(fact)
        began = began or ended
        if isinstance(fact, Trade):
            count += 1
            recording.note(desk, fact, done, was_live=live)
            if count % REPORT_EVERY == 0:
                progress(count)
        else:
            recording.act(desk, ended, done)
    progress(count)
    digest = settings.checklist.digest
    scratch.save_roster(desk.roster, [acted(action, digest, ACTOR) for action in actions], at=now)
    refresh_metrics(scratch, settings, now)
    return Replayed(desk, recording, actions, count, began, ended)


def verify(ledger: Ledger, settings: Settings) -> Verified:
    """Check that the database is what its audit says, and judge everything again.

    Raises:
        TiltyardError: ``AUDIT_BROKEN``, ``PROJECTION_DIFFERS`` or ``VERDICTS_DIFFER``.
    """
    rows = list(ledger.audit())
    broken = broken_link((row.previous, row.body, row.hash) for row in rows)
    where = str(ledger.url.database)
    if broken is not None:
        raise TiltyardError(
            "AUDIT_BROKEN", where, f"row {rows[broken].seq} of the audit does not follow from the "
            "row before it: it, or one before it, was edited", "restore a snapshot",
        )  # fmt: skip
    events = [json.loads(row.body) for row in rows]
    _compare_rosters(fold(e for e in events if e["event"] != "replay"), ledger.roster(), where)
    starts = [index for index, event in enumerate(events) if event["event"] == "replay"]
    if not starts:
        return Verified(len(rows), len(ledger.roster().arms), 0)
    recorded = events[starts[-1] + 1 :]
    again = _judge_again(ledger, settings, events[: starts[-1]])
    _compare_actions(recorded, again, settings, where)
    return Verified(len(rows), len(ledger.roster().arms), len(again))


def actor_name() -> str:
    """Who runs the command, for the audit."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _facts(scratch: Ledger) -> Iterable[Fact]:
    since = next(
        (
            event["champion_since"]
            for row in scratch.audit()
            if (event := json.loads(row.body))["event"] == "replay"
        ),
        None,
    )
    first = moment(since) if since else None
    for fact in facts_in_order(scratch):
        if first is not None and isinstance(fact, Trade) and fact.opened_at < first:
            yield fact._replace(book="shadow")
        else:
            yield fact


def _step(desk: Desk, fact: Fact) -> tuple[list[Action], bool]:
    if isinstance(fact, Trade):
        before = desk.panel.arm(fact.policy).lifetime_trades
        done = desk.feed(fact)
        return done, desk.panel.arm(fact.policy).lifetime_trades > before
    if isinstance(fact, Mark):
        return desk.mark(fact), False
    return desk.observe(fact), False


def _on_trial(
    names: Sequence[str], champion: str, capital: Money | None, settings: Settings, at: datetime
) -> Roster:
    rules = settings.shares.rules()
    challengers = [name for name in names if name != champion]
    share = min(rules.start, round((1 - rules.champion_floor) / max(1, len(challengers)), 6))
    roster = Roster()
    if champion != FLAT:
        flat = Arm(FLAT, "challenger", "deposed", 0.0, 1.0, 0.0, None, at, kind=FLAT)
        roster = roster.with_arm(flat)
    own = None if champion == FLAT else capital
    kind = FLAT if champion == FLAT else parse(champion).kind
    roster = roster.with_arm(
        Arm(champion, "champion", "champion", 1.0, 1.0, 1.0, own, at, kind=kind)
    )
    for name in challengers:
        roster = roster.with_arm(
            Arm(name, "challenger", "probation", share, share, rules.cap, capital, at,
                kind=parse(name).kind)
        )  # fmt: skip
    return roster


def _first_day(arm: Arm, cap: float) -> Arm:
    if arm.role == "champion" or arm.state in ("deposed", "retired"):
        return arm
    return replace(
        arm, state="probation", share=arm.start_share, ceiling=cap,
        throttled_by="", trial_started_at=None, resumed_at=(),
    )  # fmt: skip


def _judge_again(ledger: Ledger, settings: Settings, before: Sequence[Event]) -> list[Action]:
    desk = Desk(settings, fold(event for event in before if event["event"] != "replay"))
    return [action for fact in _facts(ledger) for action in _step(desk, fact)[0]]


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


def _compare_actions(
    recorded: Sequence[Event], again: Sequence[Action], settings: Settings, where: str
) -> None:
    digest = settings.checklist.digest
    used = {event["checklist"] for event in recorded if "checklist" in event} - {digest}
    if used:
        raise TiltyardError(
            "CHECKLIST_DIFFERS", where, f"it was made with checklist {min(used)[:12]}, "
            f"and this is {digest[:12]}", "pass the one it was made with: --checklist FILE",
        )  # fmt: skip
    expected = [json.loads(canonical(acted(action, digest, ACTOR))) for action in again]
    for index, (old, new) in enumerate(zip(recorded, expected, strict=False)):
        if old != new:
            raise TiltyardError(
                "VERDICTS_DIFFER", where,
                f"action {index + 1} was {old['event']} of {old.get('policy')} at {old['at']}; "
                f"judged again it is {new['event']} of {new.get('policy')} at {new['at']}",
            )  # fmt: skip
    if expected and not recorded:
        raise TiltyardError(
            "REPLAY_UNFINISHED", where, "its replay was interrupted before it was recorded",
            "remove the file and replay again",
        )  # fmt: skip
    if len(recorded) != len(expected):
        raise TiltyardError(
            "VERDICTS_DIFFER", where,
            f"{len(recorded)} actions are recorded, judging again gives {len(expected)}",
        )  # fmt: skip
