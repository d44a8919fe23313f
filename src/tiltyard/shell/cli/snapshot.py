"""``snapshot``: the whole house, kept in a bucket or a folder, looked through, brought back."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.cli.options import AsJson, Config, Database, open_ledger, settings_from
from tiltyard.shell.clock import system_now
from tiltyard.shell.exit_codes import FAILED
from tiltyard.shell.settings import FILE

if TYPE_CHECKING:
    from tiltyard.shell.archive.manifest import Manifest

snapshot = typer.Typer(
    no_args_is_help=True, help="Keep database, models and settings, and bring them back."
)
Name = Annotated[str, typer.Argument(metavar="[NAME]", help="A snapshot, or the end of its name.")]
KB, MB = 1_000, 1_000_000


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(snapshot, name="snapshot")


@snapshot.command("take")
def take_one(as_json: AsJson = False, database: Database = None, config: Config = None) -> None:
    """Keep database, models and settings in the archive, and read all of it back."""
    settings = settings_from(config)
    from tiltyard.shell.archive.place import place_of  # noqa: PLC0415 slow
    from tiltyard.shell.archive.taking import House, take  # noqa: PLC0415 slow

    with open_ledger(database, settings) as ledger:
        place = place_of(settings.archive, create=True)
        house = House(ledger, settings.models.path, config or Path(FILE))
        taken = take(house, place, system_now())
    if as_json:
        told = {"place": place.name, **_json(taken.manifest), "sent_bytes": taken.sent}
        typer.echo(json.dumps(told, indent=2))
    else:
        for line in _lines(taken.manifest):
            typer.echo(line)
        typer.echo(f"kept in {place.name}, {_size(taken.sent)} of it new; all of it was read back")
    for error in taken.left_out.values():
        typer.echo(f"left out: {error}", err=True)
    if taken.left_out:
        raise typer.Exit(FAILED)


@snapshot.command("list")
def list_all(as_json: AsJson = False, config: Config = None) -> None:
    """Every snapshot in the archive, newest first."""
    settings = settings_from(config)
    from tiltyard.shell.archive.place import place_of  # noqa: PLC0415 slow
    from tiltyard.shell.archive.restoring import read_manifest, snapshots_in  # noqa: PLC0415 slow

    place = place_of(settings.archive)
    found: list[Manifest] = []
    harmed: list[TiltyardError] = []
    for name in reversed(snapshots_in(place)):
        try:
            found.append(read_manifest(place, name))
        except TiltyardError as error:
            if error.code != "ARCHIVE_HARMED":
                raise
            harmed.append(error)
    if as_json:
        typer.echo(json.dumps([_json(one) for one in found], indent=2))
    elif not found:
        typer.echo(f"no snapshot is in {place.name}: tiltyard snapshot take")
    else:
        for line in (line for one in found for line in _lines(one)):
            typer.echo(line)
    for one in harmed:
        typer.echo(str(one), err=True)
    if harmed:
        raise typer.Exit(FAILED)


@snapshot.command("verify")
def verify_one(name: Name = "newest", config: Config = None) -> None:
    """Read all of a snapshot, and see that every byte is what was kept."""
    settings = settings_from(config)
    from tiltyard.shell.archive.place import place_of  # noqa: PLC0415 slow
    from tiltyard.shell.archive.restoring import check, manifest_named  # noqa: PLC0415 slow

    place = place_of(settings.archive)
    manifest = manifest_named(place, name)
    check(place, manifest)
    for line in _lines(manifest):
        typer.echo(line)
    typer.echo("every byte is what was kept")


@snapshot.command("restore")
def restore_one(
    folder: Annotated[Path, typer.Argument(help="Empty, or not there.")],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Which one.")] = "newest",
    config: Config = None,
) -> None:
    """Bring a snapshot back into an empty folder; every byte is checked on the way."""
    settings = settings_from(config)
    from tiltyard.shell.archive import backup  # noqa: PLC0415 slow
    from tiltyard.shell.archive.place import place_of  # noqa: PLC0415 slow
    from tiltyard.shell.archive.restoring import manifest_named, restore  # noqa: PLC0415 slow

    place = place_of(settings.archive)
    manifest = manifest_named(place, name)
    restore(place, manifest, folder)
    for line in _lines(manifest):
        typer.echo(line)
    typer.echo(f"restored to {folder}")
    if manifest.database == "postgres":
        dump = folder / backup.DUMP
        typer.echo(f"bring its database back: pg_restore --no-owner --dbname=URL {dump}")
        return
    own = f" --config {folder / FILE}" if FILE in manifest.files else ""
    restored = folder / backup.FILE
    typer.echo(f"see that it is what its audit says: tiltyard replay --verify --db {restored}{own}")


def _lines(manifest: "Manifest") -> list[str]:
    """A snapshot for people, and what it lacks."""
    lacks = [
        f"  without {name}, which was not whole: {code}"
        for name, code in manifest.left_out.items()
    ]  # fmt: skip
    return [_line(manifest), *lacks]


def _line(manifest: "Manifest") -> str:
    models = len(manifest.models)
    champion = f"champion {manifest.champion}" if manifest.champion else "no champion"
    return (
        f"{manifest.name}  {_size(manifest.size)}, {manifest.database}, {champion}, "
        f"{manifest.audit_rows:,} rows of audit, {models} {'model' if models == 1 else 'models'}"
    )


def _json(manifest: "Manifest") -> dict[str, object]:
    return {
        "name": manifest.name,
        "taken_at": time_text(manifest.taken_at),
        "version": manifest.version,
        "database": manifest.database,
        "audit_head": manifest.audit_head,
        "audit_rows": manifest.audit_rows,
        "champion": manifest.champion or None,
        "bytes": manifest.size,
        "left_out": dict(manifest.left_out),
        "files": {
            path: {"sha256": file.digest, "bytes": file.size}
            for path, file in manifest.files.items()
        },
    }


def _size(of: int) -> str:
    """Bytes for people.

    >>> _size(999), _size(1_234_567)
    ('999 bytes', '1.2 MB')
    """
    if of < KB:
        return f"{of} bytes"
    return f"{of / MB:,.1f} MB" if of >= MB else f"{of / KB:,.1f} kB"
