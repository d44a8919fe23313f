"""What is looked at of the house, part by part, and when it is called well."""

import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.engine import URL

from tiltyard.facts.audit import broken_link
from tiltyard.kernel.clock import FUTURE, span_text, time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.text import count_text
from tiltyard.shell.maintenance.seen import Seen, State
from tiltyard.shell.models.shelf import trained_here
from tiltyard.shell.models.versions import Version, versions_in
from tiltyard.shell.models.whole import whole_manifest
from tiltyard.shell.report.desk import other_checklist, who_acts
from tiltyard.shell.report.text import hold_lines
from tiltyard.shell.settings import FILE, Settings
from tiltyard.shell.store.audit_table import began_at, identity_of
from tiltyard.shell.store.command_table import pending_commands
from tiltyard.shell.store.desk_record import last_night
from tiltyard.shell.store.lease import read_lease, renew_lease
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import LEARNER, Effect, every_effect
from tiltyard.shell.targets import targets_from

Look = Callable[[Ledger, Settings, datetime], Iterator[Seen]]

ANSWERS_WITHIN = timedelta(seconds=20)
"""Of the server of an archive."""
KEPT_WITHIN = timedelta(days=8)
"""A snapshot is taken each week, and may be a day late."""
NIGHT_LASTS = timedelta(hours=2)
"""Then it should have been run."""
COMMAND_WAITS = timedelta(minutes=1)
LATELY = timedelta(days=8)
NOBODYS = -1
"""A token that no lease has."""
LEAST_ROOM = 100_000_000
"""Bytes: with less, soon nothing is written at all."""
SOME_ROOM = 1_000_000_000
"""Bytes: with less, a person should look."""


def look_at_settings(ledger: Ledger, settings: Settings, now: datetime) -> Iterator[Seen]:
    """They can be read, or we would not be here; does anything act by them?"""
    del ledger, now
    guards = settings.checklist.guards
    enforced = sum(guard.mode == "enforce" for guard in guards)
    fact = f"{count_text(len(guards), 'guard')}, {enforced} enforced"
    if enforced:
        yield Seen("ok", fact)
    else:
        yield Seen("attention", fact, 'nothing is throttled or halted: mode = "enforce"')


def look_at_database(ledger: Ledger, settings: Settings, now: datetime) -> Iterator[Seen]:
    """It can be read and written, and has kept nothing apart."""
    del settings
    roster = ledger.roster()
    with ledger.transaction() as inside:
        renew_lease(inside.connection, NOBODYS, now)  # a write, and no row is changed by it
    where = ledger.url.render_as_string(hide_password=True)
    yield Seen("ok", f"{where} can be read and written, {count_text(len(roster.arms), 'arm')}")
    if apart := len(ledger.quarantined()) + len(ledger.quarantined_facts()):
        facts = f"facts that were kept apart and count for nothing: {apart:,}"
        yield Seen("attention", facts, "tiltyard doctor names them")
    if not any(arm.role == "champion" for arm in roster.arms.values()):
        remedy = "register one: tiltyard policy register NAME --role champion"
        yield Seen("attention", "there is no champion, who carries what challengers do not", remedy)
    for told in hold_lines(roster):
        yield Seen("attention", told)


def look_at_audit(ledger: Ledger, settings: Settings, now: datetime) -> Iterator[Seen]:
    """Every row of it follows from the one before."""
    del settings, now
    rows = 0

    def links() -> Iterator[tuple[str, str, str]]:
        nonlocal rows
        for row in ledger.audit():
            rows += 1
            yield row.previous, row.body, row.hash

    if (broken := broken_link(links())) is not None:
        raise TiltyardError(
            "AUDIT_BROKEN", "audit", f"row {broken + 1} was edited",
            "see what it says: tiltyard replay --verify",
        )  # fmt: skip
    yield Seen("ok", f"the chain of {count_text(rows, 'row')} holds")


def look_at_models(ledger: Ledger, settings: Settings, now: datetime) -> Iterator[Seen]:
    """Every byte of every snapshot, and whether each arm has what serves it."""
    del now
    folder = settings.models.path
    found = versions_in(folder)
    whole = []
    for version in found:
        if (error := _fault_of(version, folder)) is None:
            whole.append(version)
        elif (folder / version.name).exists():  # else it was cleared away meanwhile
            yield Seen.of(error)
    if whole:
        yield Seen("ok", f"{len(whole)} in {folder}, every byte as it was when they were trained")
    elif not found:
        yield Seen("ok", f"none in {folder}")
    yield from _arms_without_model(ledger, found, folder)


def _fault_of(version: Version, folder: Path) -> TiltyardError | None:
    """Why nobody may trade by it; None where it is whole."""
    if isinstance(version.origin, TiltyardError):
        return version.origin
    try:
        whole_manifest(folder / version.name)
    except TiltyardError as error:
        return error
    return None


def _arms_without_model(ledger: Ledger, found: list[Version], folder: Path) -> Iterator[Seen]:
    roster = ledger.roster()
    served = {arm.name for version in found for arm in version.arms(roster)}
    for arm in trained_here(roster):
        if arm.name not in served:
            fact = f"no snapshot in {folder} is {arm.name}, so a desk here does not trade it"
            yield Seen("attention", fact, "put it back, unless a bot trades it elsewhere")


def look_at_archive(ledger: Ledger, settings: Settings, now: datetime) -> Iterator[Seen]:
    """It keeps what is written, and has a snapshot of this week."""
    from tiltyard.shell.archive.place import place_of  # noqa: PLC0415 slow
    from tiltyard.shell.archive.restoring import newest_first  # noqa: PLC0415 slow

    take_one = "take one: tiltyard snapshot take"
    archive = settings.archive
    if not archive.bucket and not archive.path.exists():
        fact = f"there is no folder {archive.path}, so no snapshot is kept"
        yield Seen("attention", fact, f"{take_one}; or put back the disk that it is on")
        return
    place = place_of(archive, patience=ANSWERS_WITHIN)
    place.prove()
    yield Seen("ok", f"{place.name} keeps what is written")
    own = _identity(ledger)
    mine = (one for one in newest_first(place) if not own or one.ledger in (own, ""))
    newest = next(mine, None)
    whose = " of this ledger" if own else ""
    if newest is None:
        yield Seen("attention", f"no snapshot{whose} is kept", take_one)
        return
    age = now - newest.taken_at
    fact = f"the newest snapshot{whose} is of {time_text(newest.taken_at)}"
    if age > KEPT_WITHIN:
        yield Seen("attention", f"{fact}, {span_text(age)} ago", take_one)
    elif age < -FUTURE:
        yield Seen("unknown", f"{fact}, which lies in the future", "set the clock of this machine")
    else:
        yield Seen("ok", fact)


def _identity(ledger: Ledger) -> str:
    """Whose snapshots are its own; empty where the database cannot say."""
    try:
        with ledger.snapshot() as still:
            return identity_of(still.connection)
    except TiltyardError:
        return ""


def look_at_room(ledger: Ledger, settings: Settings, now: datetime) -> Iterator[Seen]:
    """There is room on every disk that a desk and its maintenance fill."""
    del now
    yield from room_for(ledger.url, settings)


def room_for(ledger: URL, settings: Settings) -> Iterator[Seen]:
    """Of the disks of this machine that a desk and its maintenance fill, once each.

    The folder of the archive is one beside a bucket, too: what that refuses is kept there.
    """
    places = {
        "models": settings.models.path, "the archive": settings.archive.path,
        "jobs": settings.jobs.path, "scratch files": Path(tempfile.gettempdir()),
    }  # fmt: skip
    if ledger.get_backend_name() == "sqlite":
        places["the database"] = Path(ledger.database or ".").parent
    disks: dict[int, tuple[Path, list[str]]] = {}
    for what, path in places.items():
        there = _that_exists(path)
        disks.setdefault(there.stat().st_dev, (there, []))[1].append(what)
    for there, whose in disks.values():
        free = shutil.disk_usage(there).free
        fact = f"{free / 1e9:,.1f} GB free for {', '.join(sorted(whose))}"
        if free >= SOME_ROOM:
            yield Seen("ok", fact)
        else:
            state: State = "attention" if free >= LEAST_ROOM else "failed"
            yield Seen(state, fact, f"make room below {there}")


def _that_exists(path: Path) -> Path:
    """The folder, or the one that it would be made in."""
    return next(one for one in (path.absolute(), *path.absolute().parents) if one.is_dir())


def look_at_desk(ledger: Ledger, settings: Settings, now: datetime) -> Iterator[Seen]:
    """One runs, goes by these settings, and what it was asked and has to tell is done."""
    if ledger.is_record():
        yield Seen("ok", "this is the record of a replay, on which no desk runs")
        return
    named = {*targets_from(settings), LEARNER}
    with ledger.snapshot() as still:
        lease = read_lease(still.connection)
        waiting = pending_commands(still.connection)
        given_up = [one for one in every_effect(still.connection) if _is_given_up(one, named, now)]
    fact = who_acts(lease, now)
    if lease is None or not lease.holder:
        yield Seen("attention", fact, "start one: tiltyard run --serve")
    elif lease.renewed_at > now + FUTURE:
        yield Seen("unknown", fact, "set the clock of this machine")
    elif not lease.is_held(now):
        yield Seen("failed", fact, "it was killed, or its machine was: tiltyard run --serve")
    else:
        yield Seen("ok", fact)
        for told in other_checklist(lease, settings.checklist.digest, FILE, now):
            yield Seen("attention", told)
    if late := [one for one in waiting if now - one.asked_at > COMMAND_WAITS]:
        yield Seen("attention", f"commands that wait: {len(late)}", "tiltyard commands names them")
    if given_up:
        fact = f"what others were to be told and was given up: {len(given_up):,}"
        yield Seen("attention", fact, "tiltyard doctor names them")


def _is_given_up(effect: Effect, named: Collection[str], now: datetime) -> bool:
    """Whether somebody whom the settings name was not told something, lately."""
    is_lately = now - (effect.settled_at or effect.requested_at) < LATELY
    is_failed = effect.state == "failed" and not effect.is_unnamed
    return is_failed and is_lately and effect.target in named


def look_at_jobs(ledger: Ledger, settings: Settings, now: datetime) -> Iterator[Seen]:
    """The night of this trading day was run, by whomever, and no job has failed of late."""
    if ledger.is_record():
        yield Seen("ok", "this is the record of a replay, for which nothing is due")
        return
    yield _the_night(ledger, settings, now)
    yield from _failed_runs(ledger, settings)


def _failed_runs(ledger: Ledger, settings: Settings) -> Iterator[Seen]:
    """The newest run of each job, where it has failed, or nobody carries it on."""
    from tiltyard.shell.jobs.catalogue import JOBS  # noqa: PLC0415 slow
    from tiltyard.shell.jobs.place import JobsPlace  # noqa: PLC0415 slow
    from tiltyard.shell.jobs.records import ACTIVE, records_of  # noqa: PLC0415 slow

    try:
        with records_of(JobsPlace(settings.jobs.path, ledger.url)) as records:
            runs = [records.newest(job) for job in JOBS]
    except TiltyardError as error:
        if error.code != "JOBS_NONE":
            raise
        return
    for run in runs:
        if run is None:
            continue
        if run.state in ACTIVE and run.trouble:
            yield Seen("attention", f"{run.name} has not ended", run.trouble)
        if run.state == "failed":
            what = ", ".join(one.step for one in run.outcome.failed)
            remedy = f"tiltyard jobs show {run.name}, then tiltyard jobs retry {run.name}"
            yield Seen("attention", f"{run.name} failed: {what or run.trouble}", remedy)


def _the_night(ledger: Ledger, settings: Settings, now: datetime) -> Seen:
    with ledger.snapshot() as still:
        began = began_at(still.connection)
        last = last_night(still.connection)
    due = settings.schedule.day_begins(now)
    if began is None or began > due:
        return Seen("ok", "no night has been due yet")
    if last is not None and last >= due:
        return Seen("ok", f"the night of {time_text(due)} was run at {time_text(last)}")
    if now - due <= NIGHT_LASTS:
        return Seen("ok", f"the night of {time_text(due)} is to be run now")
    fact = f"the night of {time_text(due)} was not run"
    remedy = "let a desk run, or install the crontab that tiltyard setup writes"
    return Seen("attention", fact, remedy)


LOOKS: Mapping[str, Look] = {
    "settings": look_at_settings,
    "database": look_at_database,
    "audit": look_at_audit,
    "models": look_at_models,
    "archive": look_at_archive,
    "room": look_at_room,
    "desk": look_at_desk,
    "jobs": look_at_jobs,
}
"""Every part, in the order in which it is told."""
