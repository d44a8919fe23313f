"""What was kept, brought and cleared away, in words for people and as JSON values."""

from collections.abc import Iterable, Sequence
from typing import Any

from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.archive.manifest import Manifest
from tiltyard.shell.archive.pruning import Cleared
from tiltyard.shell.archive.syncing import Synced
from tiltyard.shell.archive.taking import Taken

HERE_ONLY = "on this disk only: not in the bucket yet"
ANOTHERS = "another ledger's: it is neither counted nor cleared away from here"
KB, MB = 1_000, 1_000_000
Json = dict[str, Any]


def lines_of(manifest: Manifest) -> list[str]:
    """A snapshot, and what it lacks."""
    models = len(manifest.models)
    champion = f"champion {manifest.champion}" if manifest.champion else "no champion"
    line = (
        f"{manifest.name}  {size_text(manifest.size)}, {manifest.database}, {champion}, "
        f"{manifest.audit_rows:,} rows of audit, {models} {'model' if models == 1 else 'models'}, "
        f"{whose(manifest.ledger)}"
    )
    left_out = manifest.left_out.items()
    return [line, *(f"  without {name}, which was not whole: {code}" for name, code in left_out)]


def whose(ledger: str) -> str:
    """Of which ledger a snapshot is.

    >>> whose("1a2b3c4d5e6f7a8b"), whose("")
    ('ledger 1a2b3c4d', 'no ledger named')
    """
    return f"ledger {ledger[:8]}" if ledger else "no ledger named"


def json_of(manifest: Manifest) -> Json:
    """A snapshot."""
    return {
        "name": manifest.name,
        "taken_at": time_text(manifest.taken_at),
        "ledger": manifest.ledger or None,
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


def taken_lines(taken: Taken) -> list[str]:
    """One that was just taken, and where it is."""
    sent = size_text(taken.sent)
    kept = [f"kept in {taken.place}, {sent} of it new; all of it was read back"]
    if taken.refused is not None:
        kept.append(HERE_ONLY)
    missing = [
        f"  without the model of {name}, which is not there: put it back, unless a bot trades it "
        "elsewhere"
        for name in taken.missing
    ]
    return [*lines_of(taken.manifest), *missing, *kept]


def taken_faults(taken: Taken) -> list[TiltyardError]:
    """What a person has to look at, though it was taken."""
    refused = [] if taken.refused is None else [taken.refused]
    return [*refused, *taken.left_out.values()]


def taken_json(taken: Taken) -> Json:
    """One that was just taken."""
    return {
        "place": taken.place,
        **json_of(taken.manifest),
        "sent_bytes": taken.sent,
        "missing_models": list(taken.missing),
        "on_this_disk_only": taken.refused is not None,
        "refused": None if taken.refused is None else _error(taken.refused),
    }


def synced_lines(synced: Synced) -> list[str]:
    """What was brought into the bucket; nothing where nothing was."""
    if not synced.brought:
        return []
    return [
        *(f"brought into the bucket: {one.name}" for one in synced.brought),
        f"{size_text(synced.sent)} of it new; all of it was read back",
    ]


def synced_json(synced: Synced) -> Json:
    """What was brought into the bucket."""
    return {
        "brought": [one.name for one in synced.brought],
        "sent_bytes": synced.sent,
        "failed": _errors(synced.failed),
    }


def pruned_lines(cleared: Sequence[Cleared], *, dry_run: bool) -> list[str]:
    """What has gone, of each place."""
    return [line for one in cleared for line in _cleared_lines(one, dry_run=dry_run)]


def pruned_json(cleared: Sequence[Cleared], *, dry_run: bool) -> Json:
    """What has gone."""
    return {
        "dry_run": dry_run,
        "places": [
            {
                "place": one.place,
                "snapshots": list(one.snapshots),
                "objects": one.objects,
                "freed_bytes": one.freed,
                "failed": _errors(one.failed),
            }
            for one in cleared
        ],
    }


def _cleared_lines(cleared: Cleared, *, dry_run: bool) -> list[str]:
    """What has gone from one place.

    >>> _cleared_lines(Cleared("archive", (), 0, 0, ()), dry_run=False)
    ['archive: nothing to clear away']
    >>> _cleared_lines(Cleared("archive", ("2026-08-02/030000_0a",), 3, 1200, ()), dry_run=True)
    ['archive: 2026-08-02/030000_0a has expired',
     'archive: 3 contents that no snapshot names would go, 1.2 kB']
    """
    if not cleared.snapshots and not cleared.objects:
        return [] if cleared.failed else [f"{cleared.place}: nothing to clear away"]
    what, are = ("content", "is") if cleared.objects == 1 else ("contents", "are")
    contents = (
        f"{cleared.place}: {cleared.objects:,} {what} that no snapshot names "
        f"{'would go' if dry_run else f'{are} gone'}, {size_text(cleared.freed)}"
    )
    return [*(f"{cleared.place}: {name} has expired" for name in cleared.snapshots), contents]


def _errors(errors: Iterable[TiltyardError]) -> list[Json]:
    return [_error(one) for one in errors]


def _error(error: TiltyardError) -> Json:
    return {"code": error.code, "message": str(error)}


def size_text(of: int) -> str:
    """Bytes for people.

    >>> size_text(999), size_text(1_234_567)
    ('999 bytes', '1.2 MB')
    """
    if of < KB:
        return f"{of} bytes"
    return f"{of / MB:,.1f} MB" if of >= MB else f"{of / KB:,.1f} kB"
