"""``snapshot``: the whole house, kept in a bucket or a folder, looked through, brought back."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.cli.options import AsJson, Config, Database, open_ledger, settings_from
from tiltyard.shell.clock import system_now
from tiltyard.shell.exit_codes import FAILED
from tiltyard.shell.settings import FILE, Settings

if TYPE_CHECKING:
    from tiltyard.shell.archive.manifest import Manifest
    from tiltyard.shell.archive.retention import Needed
    from tiltyard.shell.archive.whereabouts import Lying

snapshot = typer.Typer(
    no_args_is_help=True, help="Keep database, models and settings, and bring them back."
)
Name = Annotated[str, typer.Argument(metavar="[NAME]", help="A snapshot, or the end of its name.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(snapshot, name="snapshot")


@snapshot.command("take")
def take_one(as_json: AsJson = False, database: Database = None, config: Config = None) -> None:
    """Keep database, models and settings in the archive, and read all of it back."""
    settings = settings_from(config)
    from tiltyard.shell.archive import words  # noqa: PLC0415 slow
    from tiltyard.shell.archive.gathering import Belongings  # noqa: PLC0415 slow
    from tiltyard.shell.archive.syncing import take_and_sync  # noqa: PLC0415 slow

    with open_ledger(database, settings) as ledger:
        house = Belongings(ledger, settings.models.path, config or Path(FILE))
        taken, synced = take_and_sync(house, settings.archive, system_now())
    told = {**words.taken_json(taken), "sync": words.synced_json(synced)}
    _say(_json(told) if as_json else [*words.taken_lines(taken), *words.synced_lines(synced)])
    left_out = (f"left out: {error}" for error in taken.left_out.values())
    if taken.refused is not None:
        typer.echo(f"the bucket refused it: {taken.refused}", err=True)
        typer.echo(
            "to bring it there: tiltyard snapshot sync; the next take does it, too", err=True
        )
    _end([*left_out, *synced.failed], is_failed=taken.refused is not None)


@snapshot.command("sync")
def sync_all(as_json: AsJson = False, config: Config = None) -> None:
    """Bring snapshots that are on this disk only into the bucket."""
    settings = settings_from(config)
    from tiltyard.shell.archive import words  # noqa: PLC0415 slow
    from tiltyard.shell.archive.syncing import sync  # noqa: PLC0415 slow

    synced = sync(settings.archive)
    nothing = (
        "every snapshot is in the bucket" if settings.archive.bucket
        else f"no bucket is named: snapshots are kept in {settings.archive.path}"
    )  # fmt: skip
    lines = words.synced_lines(synced) or ([] if synced.failed else [nothing])
    _say(_json(words.synced_json(synced)) if as_json else lines)
    _end(synced.failed)


@snapshot.command("prune")
def prune_all(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: AsJson = False,
    database: Database = None,
    config: Config = None,
) -> None:
    """Clear away snapshots that have expired, and what no other one names."""
    settings = settings_from(config)
    from tiltyard.shell.archive import words  # noqa: PLC0415 slow
    from tiltyard.shell.archive.pruning import prune  # noqa: PLC0415 slow

    needed = _needed(database, settings)
    unread = [needed] if isinstance(needed, TiltyardError) else []
    cleared = prune(
        settings.archive,
        None if isinstance(needed, TiltyardError) else needed,
        system_now(),
        dry_run=dry_run,
    )
    told = words.pruned_json(cleared, dry_run=dry_run)
    _say(_json(told) if as_json else words.pruned_lines(cleared, dry_run=dry_run))
    if unread:
        typer.echo("no snapshot expires while the ledger cannot be read:", err=True)
    _end([*unread, *(error for one in cleared for error in one.failed)])


def _needed(database: str | None, settings: Settings) -> "Needed | TiltyardError":
    """The models that arms need; or why nobody can say."""
    from tiltyard.shell.archive.retention import needed_in  # noqa: PLC0415 slow

    try:
        with open_ledger(database, settings) as ledger:
            return needed_in(ledger)
    except TiltyardError as error:
        return error


@snapshot.command("list")
def list_all(as_json: AsJson = False, database: Database = None, config: Config = None) -> None:
    """Every snapshot in the archive, newest first."""
    settings = settings_from(config)
    from tiltyard.shell.archive import words  # noqa: PLC0415 slow
    from tiltyard.shell.archive.whereabouts import whereabouts  # noqa: PLC0415 slow

    there = whereabouts(settings.archive)
    found, harmed = there.told()
    own = _own_ledger(database, settings)
    if as_json:
        _say(_json([_listed(one, lying, own) for one, lying in found]))
    elif not found:
        typer.echo(f"no snapshot is in {there.place}: tiltyard snapshot take")
    else:
        for one, lying in found:
            here = [f"  {words.HERE_ONLY}"] if lying.is_here_only else []
            other = [f"  {words.ANOTHERS}"] if _is_own(one, own) is False else []
            _say([*words.lines_of(one), *here, *other])
    _refused(there.refused)
    _end(list(harmed.values()), is_failed=there.refused is not None)


@snapshot.command("verify")
def verify_one(name: Name = "newest", database: Database = None, config: Config = None) -> None:
    """Read all of a snapshot, and see that every byte is what was kept."""
    settings = settings_from(config)
    from tiltyard.shell.archive.restoring import check, read_manifest  # noqa: PLC0415 slow
    from tiltyard.shell.archive.whereabouts import whereabouts  # noqa: PLC0415 slow
    from tiltyard.shell.archive.words import lines_of  # noqa: PLC0415 slow

    there = whereabouts(settings.archive)
    _refused(there.refused)
    _, manifest = there.found(name, _own_ledger(database, settings))
    place = there.snapshots[manifest.name].place
    check(place, read_manifest(place, manifest.name))
    _say([*lines_of(manifest), "every byte is what was kept"])
    _end([], is_failed=there.refused is not None)


@snapshot.command("restore")
def restore_one(
    folder: Annotated[Path, typer.Argument(help="Empty, or not there.")],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Which one.")] = "newest",
    database: Database = None,
    config: Config = None,
) -> None:
    """Bring a snapshot back into an empty folder; every byte is checked on the way."""
    settings = settings_from(config)
    from tiltyard.shell.archive import backup  # noqa: PLC0415 slow
    from tiltyard.shell.archive.whereabouts import whereabouts  # noqa: PLC0415 slow
    from tiltyard.shell.archive.words import lines_of  # noqa: PLC0415 slow

    there = whereabouts(settings.archive)
    _refused(there.refused)
    manifest, harm = there.restored(name, folder, _own_ledger(database, settings))
    own = f" --config {folder / FILE}" if FILE in manifest.files else ""
    next_step = (
        f"bring its database back: pg_restore --no-owner --dbname=URL {folder / backup.DUMP}"
        if manifest.database == "postgres"
        else "see that it is what its audit says: "
        f"tiltyard replay --verify --db {folder / backup.FILE}{own}"
    )
    _say([*lines_of(manifest), f"restored to {folder}", next_step])
    if harm is not None:
        typer.echo("restored from this disk, since in the bucket it is harmed:", err=True)
    _end([] if harm is None else [harm], is_failed=there.refused is not None)


def _own_ledger(database: str | None, settings: Settings) -> str:
    """The hash of the oldest row of this ledger's audit; empty where nobody can say."""
    needed = _needed(database, settings)
    return "" if isinstance(needed, TiltyardError) else needed.ledger


def _is_own(manifest: "Manifest", own: str) -> bool | None:
    """Whether a snapshot is of this ledger; None where nobody can say."""
    return manifest.ledger == own if manifest.ledger and own else None


def _listed(manifest: "Manifest", lying: "Lying", own: str) -> dict[str, object]:
    from tiltyard.shell.archive.words import json_of  # noqa: PLC0415 slow

    return {
        **json_of(manifest),
        "of_this_ledger": _is_own(manifest, own),
        "on_this_disk_only": lying.is_here_only,
    }


def _refused(error: TiltyardError | None) -> None:
    if error is not None:
        typer.echo(str(error), err=True)
        typer.echo(
            "only what is on this disk was looked at; the bucket may have newer ones", err=True
        )


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        typer.echo(line)


def _json(told: object) -> list[str]:
    return [json.dumps(told, indent=2)]


def _end(errors: Iterable[object], *, is_failed: bool = False) -> None:
    """Name what is wrong, and exit with that."""
    wrong = [str(error) for error in errors]
    for line in wrong:
        typer.echo(line, err=True)
    if wrong or is_failed:
        raise typer.Exit(FAILED)
