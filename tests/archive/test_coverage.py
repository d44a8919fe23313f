"""Which models the archive holds: what it lists it has to have, now, byte by byte."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import obstore
import pytest

from archive.houses import house_in
from archive.places import in_bucket, new_bucket
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.archive.coverage import covering, held_whole, proof
from tiltyard.shell.archive.gathering import Belongings
from tiltyard.shell.archive.manifest import File, Manifest, key_of
from tiltyard.shell.archive.place import Place, place_of
from tiltyard.shell.archive.taking import take
from tiltyard.shell.models.manifest import manifest_of
from tiltyard.shell.sections.archive import ArchiveSettings
from tiltyard.shell.store.audit_table import identity_of

SUNDAY = datetime(2026, 11, 29, 3, tzinfo=UTC)
THEIRS = "1e" * 32


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Belongings]:
    with house_in(tmp_path / "home") as found:
        yield found


def model_of(home: Belongings) -> tuple[str, str]:
    """Name and digest of one of the models."""
    path = min(home.models.iterdir())
    return path.name, manifest_of(path).digest


def whose(home: Belongings) -> str:
    """What tells its ledger from others."""
    with home.ledger.snapshot() as still:
        return identity_of(still.connection)


def key(digest: str) -> str:
    return f"objects/{digest[:2]}/{digest}"


def test_a_model_is_held_by_the_newest_snapshot_that_lists_it(
    home: Belongings, archive: ArchiveSettings
) -> None:
    place = place_of(archive, create=True)
    name, digest = model_of(home)
    assert held_whole(archive, name, digest, whose(home)) is None
    take(home, place, SUNDAY)
    second = take(home, place, SUNDAY + timedelta(days=7)).manifest
    shutil.rmtree(home.models / name)
    third = take(home, place, SUNDAY + timedelta(days=14)).manifest
    assert held_whole(archive, name, digest, whose(home)) == second.name
    other = next(one for one in home.models.iterdir())
    assert covering(place) == {digest: second.name, manifest_of(other).digest: third.name}


def test_another_of_the_same_name_is_not_held(home: Belongings, place: Place) -> None:
    name, digest = model_of(home)
    take(home, place, SUNDAY)
    assert proof(place, name, sha256(b"another").hexdigest(), whose(home)) is None
    assert proof(place, f"{name}0", digest, whose(home)) is None


@pytest.mark.parametrize("file", ["manifest.json", "weights.safetensors"])
@pytest.mark.parametrize("is_gone", [True, False], ids=["gone", "another"])
def test_a_model_of_which_one_byte_is_lost_is_not_held(
    home: Belongings, place: Place, file: str, *, is_gone: bool
) -> None:
    name, digest = model_of(home)
    kept = take(home, place, SUNDAY).manifest.files[f"models/{name}/{file}"]
    if is_gone:
        obstore.delete(place._store, key(kept.digest))
    else:
        obstore.put(place._store, key(kept.digest), b"x" * kept.size)
    assert proof(place, name, digest, whose(home)) is None


def test_a_snapshot_that_does_not_list_all_of_a_model_does_not_hold_it(
    home: Belongings, place: Place
) -> None:
    name, digest = model_of(home)
    whole = take(home, place, SUNDAY).manifest
    weights = f"models/{name}/weights.safetensors"
    lacking = {path: file for path, file in whole.files.items() if path != weights}
    with_another = {**whole.files, weights: File("ab" * 32, 1)}
    for days, files in ((1, lacking), (2, with_another)):
        newer = whole._replace(taken_at=SUNDAY + timedelta(days=days), files=files)
        place.write(key_of(newer.name), newer.raw())
    assert proof(place, name, digest, whose(home)) == whole.name


def test_a_model_whose_own_manifest_says_nothing_is_not_held(place: Place, tmp_path: Path) -> None:
    for number, raw in enumerate((b"{}", b"[]", b'{"files": 1}', b"\xff", b'{"files":{"a":{}}}')):
        file, digest = tmp_path / "file", sha256(raw).hexdigest()
        file.write_bytes(raw)
        place.keep(file, digest)
        files = {"models/odd/manifest.json": File(digest, len(raw))}
        at = SUNDAY + timedelta(days=number)
        manifest = Manifest(at, "1.0", "sqlite", "ab" * 32, 1, "", files)
        place.write(key_of(manifest.name), manifest.raw())
        assert proof(place, "odd", digest, "") is None


def test_a_harmed_snapshot_holds_nothing_and_an_older_one_is_found(
    home: Belongings, place: Place
) -> None:
    name, digest = model_of(home)
    older = take(home, place, SUNDAY).manifest
    newer = take(home, place, SUNDAY + timedelta(days=7)).manifest
    obstore.put(place._store, key_of(newer.name), b"{}")
    assert proof(place, name, digest, whose(home)) == older.name


@pytest.mark.parametrize("ledger", [THEIRS, ""], ids=["another desk's", "nobody's"])
def test_what_another_desk_keeps_is_no_snapshot_of_this_one(
    home: Belongings, place: Place, ledger: str
) -> None:
    """That one clears it away when it pleases; what names nobody is never cleared away."""
    name, digest = model_of(home)
    ours = take(home, place, SUNDAY).manifest
    theirs = ours._replace(taken_at=SUNDAY + timedelta(days=1), ledger=ledger)
    place.remove([key_of(ours.name)])
    place.write(key_of(theirs.name), theirs.raw())
    assert proof(place, name, digest, whose(home)) == (theirs.name if not ledger else None)
    assert proof(place, name, digest, THEIRS) == theirs.name


def test_of_a_bucket_alone_counts_what_lies_in_it(
    home: Belongings, server: str, tmp_path: Path
) -> None:
    folder = str(tmp_path / "archive")
    take(home, place_of(ArchiveSettings(folder=folder), create=True), SUNDAY)
    bucket = in_bucket(server, new_bucket(server), tmp_path)
    name, digest = model_of(home)
    assert held_whole(ArchiveSettings(folder=folder), name, digest, whose(home)) is not None
    assert (
        held_whole(bucket.model_copy(update={"folder": folder}), name, digest, whose(home)) is None
    )


def test_where_nobody_can_say_it_is_not_said_that_none_holds_it(tmp_path: Path) -> None:
    with pytest.raises(TiltyardError, match="ARCHIVE_MISSING"):
        held_whole(ArchiveSettings(folder=str(tmp_path / "none")), "model", "ab" * 32, "")
