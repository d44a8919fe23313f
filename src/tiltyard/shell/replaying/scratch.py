"""Filling the scratch database of a replay: from files, or from a ledger.

Every policy goes on trial, in order of registration, as far as the champion's floor
leaves room; the others wait as candidates. Files name no shares, so the policies in them
share the room evenly. Every file is a source of its own, also where bots give theirs one name.
For a replay on bars there are only the arms, and all of them wait: the desk admits them.
"""

import os.path
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from tiltyard.actions.record import registered
from tiltyard.facts.arm import FLAT, GONE, Arm, Roster
from tiltyard.facts.trade import Trade
from tiltyard.kernel.errors import Faults, TiltyardError
from tiltyard.kernel.money import Money
from tiltyard.policies.name import parse, select
from tiltyard.scaling.ladder import ShareRules, fits
from tiltyard.shell.ingest import Reading, ingest
from tiltyard.shell.replaying.start import start_event
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.without_desk import knows_capital

ACTOR = "replay"
BATCH = 5000
MILLION = 1_000_000  # shares are written with six decimals


def take_files(
    scratch: Ledger,
    files: Sequence[Path],
    how: Reading,
    settings: Settings,
    now: datetime,
    *,
    champion: str | None,
) -> None:
    """Fill a scratch database from files, and put every policy in them on trial.

    Raises:
        Faults: ``INGEST_REFUSED``.
        TiltyardError: ``REPLAY_EMPTY``; ``SOURCE_RENAMED`` for a file and its copy;
            ``POLICY_UNKNOWN`` for a champion not in the files.
    """
    names = _own_names(files)
    for file in files:
        own = replace(how, register=True, called=names[file])
        _take_file(scratch, file, own, settings, now)
    spans = scratch.spans()
    if not spans:
        raise TiltyardError("REPLAY_EMPTY", str(scratch.url.database), "no trade to replay")
    began = min(first for first, _, _ in spans.values())
    chosen = _champion_of(champion, list(spans)) if champion else FLAT
    roster = _on_trial(list(spans), chosen, how.capital, settings, began)
    before = scratch.roster().arms
    arms = sorted(roster.arms.values(), key=lambda arm: arm.share - before[arm.name].share)
    joined = sorted(arms, key=lambda arm: arm.role != "champion")  # who loses traffic goes first
    started = start_event(scratch, settings, began, ACTOR, spans[chosen][0] if champion else None)
    events = [*(registered(arm, began, ACTOR) for arm in joined), started]
    scratch.save_roster(roster, events, at=now)


def take_arms(scratch: Ledger, ledger: Ledger, at: datetime) -> None:
    """Put the arms of a ledger into a scratch database, all of them waiting to go on trial.

    Args:
        scratch: Empty.
        ledger: Where they are registered.
        at: When they join, UTC.
    """
    fresh = Roster()
    for arm in _champion_first(ledger.roster()):
        fresh = fresh.with_arm(_waiting(arm))
    scratch.save_roster(fresh, [registered(arm, at, ACTOR) for arm in fresh.arms.values()], at=at)


def take_ledger(scratch: Ledger, ledger: Ledger, settings: Settings, now: datetime) -> None:
    """Fill a scratch database from a ledger, every arm as on its first day."""
    spans = ledger.spans()
    if not spans:
        raise TiltyardError("REPLAY_EMPTY", str(ledger.url.database), "no trade to replay")
    fresh = Roster()
    rules = settings.shares.rules()
    for arm in _champion_first(ledger.roster()):
        sized = knows_capital(ledger, arm, settings)
        fresh = fresh.with_arm(_first_day(fresh, arm, rules, sized=sized))
    joined = [registered(arm, now, ACTOR) for arm in fresh.arms.values()]
    scratch.save_roster(fresh, joined, at=now)
    with scratch.staging() as staging:
        batch: list[tuple[int, Trade, bool]] = []
        for number, trade in enumerate(ledger.trades()):
            batch.append((number, trade, True))
            if len(batch) == BATCH:
                staging.add(batch)
                batch.clear()
        staging.add(batch)
        staging.commit(now=now, known_at=now, actor=ACTOR, source="ledger")
    scratch.append_marks(ledger.marks(), known_at=now)
    scratch.append_observations(ledger.observations(), known_at=now)
    scratch.append_decisions(ledger.decisions(), known_at=now)
    began = min(first for first, _, _ in spans.values())
    scratch.save_roster(fresh, [start_event(scratch, settings, began, ACTOR, None)], at=now)


def _own_names(files: Sequence[Path]) -> Mapping[Path, str | None]:
    """What sets apart the sources of files with one name: the way from the folder they share.

    Of a file whose name no other has, None.
    """
    places = {file: file.parent.resolve() / file.name for file in files}
    alike: defaultdict[str, set[Path]] = defaultdict(set)
    for place in places.values():
        alike[place.stem].add(place)
    return {
        file: _way_to(place, alike[place.stem]) if len(alike[place.stem]) > 1 else None
        for file, place in places.items()
    }


def _way_to(place: Path, alike: Iterable[Path]) -> str:
    shared = os.path.commonpath([other.parent for other in alike])
    return place.relative_to(shared).as_posix()


def _take_file(
    scratch: Ledger, file: Path, how: Reading, settings: Settings, now: datetime
) -> None:
    try:
        ingest(scratch, file, how, settings, now, actor=ACTOR)
    except TiltyardError as error:
        if error.code == "SOURCE_RENAMED":
            raise TiltyardError(
                error.code, error.subject, error.facts,
                "Leave one of the two out. If these are other trades, take each file into a ledger "
                "with a source of its own (tiltyard ingest --source), and replay that.",
            ) from None  # fmt: skip
        if not isinstance(error, Faults) or error.code != "INGEST_REFUSED":
            raise
        raise Faults(
            error.code, error.subject, error.faults, total=error.total,
            remedy="Mend the file; or take its good rows into a ledger (tiltyard ingest "
            "--skip-bad), and replay that.",
        ) from None  # fmt: skip


def _champion_of(wanted: str, names: Sequence[str]) -> str:
    try:
        return select(wanted, names)
    except TiltyardError as error:
        if error.code != "POLICY_UNKNOWN":
            raise
        shown = ", ".join(sorted(names)[:10]) + (", …" if len(names) > 10 else "")  # noqa: PLR2004 enough
        raise TiltyardError(
            error.code, error.subject, "no policy in the files has this name or ends so",
            f"they hold: {shown}",
        ) from None  # fmt: skip


def _on_trial(
    names: Sequence[str], champion: str, capital: Money | None, settings: Settings, at: datetime
) -> Roster:
    rules = settings.shares.rules()
    challengers = [name for name in names if name != champion]
    even = int(MILLION * (1 - rules.champion_floor) / max(1, len(challengers))) / MILLION
    share = min(rules.start, rules.cap, even)
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
        arm = Arm(name, "challenger", "candidate", 0.0, share, 0.0, capital, at,
                  kind=parse(name).kind)  # fmt: skip
        roster = roster.with_arm(_where_there_is_room(roster, arm, rules))
    return roster


def _champion_first(roster: Roster) -> Sequence[Arm]:
    return sorted(roster.arms.values(), key=lambda arm: arm.role != "champion")


def _first_day(roster: Roster, arm: Arm, rules: ShareRules, *, sized: bool) -> Arm:
    waiting = _waiting(arm)
    if waiting.state != "candidate" or not sized:
        return waiting
    return _where_there_is_room(roster, waiting, rules)


def _waiting(arm: Arm) -> Arm:
    """A challenger as a candidate; who is champion, deposed or retired is so from the first day."""
    if arm.role == "champion" or arm.state in GONE:
        return replace(arm, trial_started_at=None, revision=0)
    return replace(
        arm, state="candidate", share=0.0, ceiling=0.0, throttled_by="", trial_started_at=None,
        resumed_at=(), held_share=0.0, scaled_at=None, revision=0,
    )  # fmt: skip


def _where_there_is_room(roster: Roster, arm: Arm, rules: ShareRules) -> Arm:
    share = rules.begins_with(arm)
    if not fits(share, rules.room(roster)):
        return replace(arm, state="candidate", share=0.0, ceiling=0.0)
    return replace(arm, state="probation", share=share, ceiling=rules.ceiling(share))
