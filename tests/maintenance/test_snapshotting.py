"""The task ``snapshot``: the copy counts, and whatever else goes wrong is told."""

import json
from collections.abc import Iterator
from pathlib import Path

import obstore
import pytest

from archive.houses import fill, house_in
from archive.killing import kill_at
from archive.places import beside_a_folder, s3
from archive.small_snapshots import SUNDAY, keep_small, keep_unnamed
from tiltyard.shell.archive.gathering import Belongings
from tiltyard.shell.archive.manifest import key_of
from tiltyard.shell.archive.place import folder_of, object_key, place_of
from tiltyard.shell.archive.restoring import snapshots_in
from tiltyard.shell.archive.taking import KEPT
from tiltyard.shell.maintenance.done import Done
from tiltyard.shell.maintenance.snapshotting import keep
from tiltyard.shell.sections.archive import ArchiveSettings
from tiltyard.shell.sections.models import ModelSettings
from tiltyard.shell.settings import load
from tiltyard.shell.store.audit_table import identity_of


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Belongings]:
    with house_in(tmp_path / "home") as found:
        yield found


def ledger_of(home: Belongings) -> str:
    with home.ledger.snapshot() as still:
        return identity_of(still.connection)


def kept(home: Belongings, archive: ArchiveSettings) -> Done:
    models = ModelSettings(folder=str(home.models))
    settings = load().model_copy(update={"archive": archive, "models": models})
    done = keep(home.ledger, settings, home.settings, SUNDAY)
    json.dumps(dict(done.told))
    assert done.task == "snapshot"
    return done


def test_it_keeps_brings_and_clears_away(home: Belongings, tmp_path: Path) -> None:
    with s3() as url:
        both = beside_a_folder(url, tmp_path)
        here, bucket = folder_of(both, create=True), place_of(both)
        fill(home.ledger)
        brought = keep_small(here, 2, {"a": b"here"})
        old = keep_small(bucket, 20, {"a": b"old"}, ledger=ledger_of(home))
        others = keep_small(bucket, 21, {"a": b"theirs"})
        done = kept(home, both)
        assert done.failed == ()
        name = done.told["snapshot"]["name"]
        assert snapshots_in(bucket) == [others.name, brought.name, name]
        assert done.told["sync"]["brought"] == [brought.name]
        assert [one["snapshots"] for one in done.told["prune"]["places"]] == [[], [old.name]]
        assert f"brought into the bucket: {brought.name}" in done.lines
        assert f"{bucket.name}: {old.name} has expired" in done.lines
        again = kept(home, both)
        assert again.told["snapshot"]["sent_bytes"] == 0
        assert snapshots_in(bucket) == [others.name, brought.name, name]


def test_where_the_bucket_refuses_it_is_told_and_nothing_goes(
    home: Belongings, tmp_path: Path
) -> None:
    folder = str(tmp_path / "archive")
    archive = ArchiveSettings(bucket="gone", folder=folder, credentials_file="/nowhere")
    old = keep_small(folder_of(archive, create=True), 20, {"a": b"old"}, ledger=ledger_of(home))
    done = kept(home, archive)
    assert [one.code for one in done.failed] == ["ARCHIVE_CREDENTIALS"]
    assert done.told["prune"] is None
    assert done.told["snapshot"]["on_this_disk_only"]
    assert done.lines[-1] == "on this disk only: not in the bucket yet"
    assert old.name in snapshots_in(folder_of(archive))


def test_who_was_killed_before_costs_the_next_one_nothing(home: Belongings, tmp_path: Path) -> None:
    archive = ArchiveSettings(folder=str(tmp_path / "archive"))
    kill_at(KEPT, "take", archive, home)
    left = keep_unnamed(place_of(archive), b"left")
    done = kept(home, archive)
    assert done.failed == ()
    assert done.lines[-1].startswith(f"{archive.path}: contents are left for the next time: ")
    assert object_key(left) in place_of(archive).listed("objects")


def test_what_goes_wrong_after_it_is_told_and_loses_no_copy(
    home: Belongings, tmp_path: Path
) -> None:
    archive = ArchiveSettings(folder=str(tmp_path / "archive"))
    place = folder_of(archive, create=True)
    harmed = keep_small(place, 1, {"a": b"x"})
    obstore.put(place._store, key_of(harmed.name), b"{}")
    (next(home.models.iterdir()) / "weights.safetensors").write_bytes(b"other")
    done = kept(home, archive)
    assert [one.code for one in done.failed] == ["SNAPSHOT_TAMPERED", "ARCHIVE_HARMED"]
    assert done.told["snapshot"]["name"] in snapshots_in(place)
