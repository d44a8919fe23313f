"""A snapshot of the house: all of it comes back, or it says what does not."""

import json
import shutil
import stat
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import obstore
import pytest
from sqlalchemy.engine import make_url

from archive.houses import fill, house
from archive.killing import kill_at
from conformance.samples import NewDatabase
from crash.floor import DAY, SECOND, append, rules, trade
from full_disks import full_disk
from ledgers import Databases, once_filled
from postgres import PROGRAMS
from tiltyard.actions.record import registered
from tiltyard.kernel.errors import Faults, TiltyardError
from tiltyard.shell.archive.backup import dump_options, password_of
from tiltyard.shell.archive.gathering import Belongings, _models
from tiltyard.shell.archive.manifest import Manifest
from tiltyard.shell.archive.place import Place, place_of
from tiltyard.shell.archive.restoring import check, manifest_named, restore, snapshots_in
from tiltyard.shell.archive.taking import GATHERED, STAGES, WRITTEN, take
from tiltyard.shell.archive.words import taken_lines
from tiltyard.shell.replaying.verify import verify
from tiltyard.shell.sections.archive import ArchiveSettings
from tiltyard.shell.store.audit_table import audit_head
from tiltyard.shell.store.engine import SECRETS
from tiltyard.shell.store.ledger import Ledger
from waiting import until

SUNDAY = datetime(2026, 11, 29, 3, tzinfo=UTC)


@pytest.fixture(scope="session")
def filled(databases: Databases) -> Iterator[NewDatabase]:
    """Makes copies of a database that has something in it."""
    yield from once_filled(databases, fill)


@pytest.fixture
def home(filled: NewDatabase, tmp_path: Path) -> Iterator[Belongings]:
    folder = tmp_path / "home"
    folder.mkdir()
    with filled() as url, house(url, folder) as found:
        yield found


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(one.relative_to(folder)): one.read_bytes()
        for one in folder.rglob("*") if one.is_file()
    }  # fmt: skip


def distinct(manifest: Manifest) -> int:
    """Bytes of all content; the same is kept once, whoever has it."""
    return sum(file.size for file in set(manifest.files.values()))


def test_all_of_it_comes_back_in_an_empty_folder(
    home: Belongings, place: Place, tmp_path: Path
) -> None:
    taken = take(home, place, SUNDAY)
    manifest = manifest_named(place, "newest")
    assert manifest == taken.manifest
    check(place, manifest)
    back = tmp_path / "back"
    restore(place, manifest, back)
    found = contents(back)
    assert found.pop("tiltyard.toml") == home.settings.read_bytes()
    models = {name: raw for name, raw in found.items() if name.startswith("models/")}
    assert models == {f"models/{name}": raw for name, raw in contents(home.models).items()}
    assert len(found) - len(models) == 1
    assert manifest.champion == "prod"
    assert manifest.ledger == next(iter(home.ledger.audit())).hash
    assert taken.sent == distinct(manifest)


def test_a_database_that_comes_back_is_what_its_audit_says(
    home: Belongings, place: Place, databases: Databases, tmp_path: Path
) -> None:
    manifest = take(home, place, SUNDAY).manifest
    restore(place, manifest, tmp_path / "back")
    with home.ledger.snapshot() as still:
        trades = list(still.trades())
    assert trades
    with databases.empty() as empty, brought_back(manifest, tmp_path / "back", empty) as still:
        found = verify(still, rules(), DAY[2].at, head=manifest.audit_head)
        assert (found.head, found.rows) == (manifest.audit_head, manifest.audit_rows)
        assert list(still.trades()) == trades


def test_what_is_there_already_is_not_sent_again(home: Belongings, place: Place) -> None:
    first = take(home, place, SUNDAY)
    again = take(home, place, SUNDAY + timedelta(days=7))
    database = next(iter(again.manifest.files.values())).size
    assert first.sent == distinct(first.manifest)
    assert again.sent in {0, database}  # a dump tells its own time
    assert snapshots_in(place) == [first.manifest.name, again.manifest.name]


def test_a_copy_is_of_one_moment_whoever_writes_meanwhile(
    home: Belongings, place: Place, databases: Databases, tmp_path: Path
) -> None:
    url, is_enough = home.ledger.url.render_as_string(hide_password=False), threading.Event()
    written: list[int] = []

    def writes() -> None:
        with Ledger.open(url) as other:
            while not is_enough.is_set():
                fact = trade("prod", 10_000 + len(written), 1.0, 0 * SECOND)
                append(other, [fact], DAY[2].at)
                written.append(len(written))

    writer = threading.Thread(target=writes)
    writer.start()
    try:
        until(lambda: len(written) > 3)
        taken = []
        for number in range(3):
            before = len(written)
            taken.append(take(home, place, SUNDAY + timedelta(minutes=number)).manifest)
            assert len(written) > before, "it is written meanwhile"
    finally:
        is_enough.set()
        writer.join()
    for number, manifest in enumerate(taken):
        back = tmp_path / f"back{number}"
        restore(place, manifest, back)
        with databases.empty() as empty, brought_back(manifest, back, empty) as still:
            assert audit_head(still.connection) == manifest.audit_head
            assert len(list(still.audit())) == manifest.audit_rows


@contextmanager
def brought_back(manifest: Manifest, folder: Path, empty: str) -> Iterator[Ledger]:
    """The database that was restored to a folder; that of Postgres in one that is empty."""
    url = str(folder / "tiltyard.db")
    if manifest.database == "postgres":
        url, plain = empty, make_url(empty).set(drivername="postgresql")
        subprocess.run(
            [str(PROGRAMS / "pg_restore"), "--no-owner", "--exit-on-error",
             f"--dbname={plain.render_as_string(hide_password=False)}",
             str(folder / "tiltyard.dump")],
            check=True,
        )  # fmt: skip
    with Ledger.open(url) as ledger, ledger.snapshot() as still:
        yield still


def test_a_model_that_is_not_as_it_was_is_left_out_and_named(
    home: Belongings, place: Place
) -> None:
    harmed = min(home.models.iterdir())
    (harmed / "weights.safetensors").write_bytes(b"other")
    taken = take(home, place, SUNDAY)
    manifest = manifest_named(place, "newest")
    assert {name: error.code for name, error in taken.left_out.items()} == manifest.left_out
    assert manifest.left_out == {harmed.name: "SNAPSHOT_TAMPERED"}
    assert not any(harmed.name in path for path in manifest.files)


def test_an_arm_whose_model_is_not_there_is_named_and_one_without_any_is_not(
    home: Belongings, place: Place
) -> None:
    model = min(home.models.iterdir())
    manifest = sha256((model / "manifest.json").read_bytes()).hexdigest()
    other = home.ledger.roster().challengers()[0]
    arm = replace(other, name=model.name, kind="dqn", digest=manifest, state="halted")
    joins = [registered(arm, SUNDAY, "ann")]
    home.ledger.change_roster(lambda roster: (roster.with_arm(arm), joins), at=SUNDAY)
    assert take(home, place, SUNDAY).missing == []
    model.rename(home.models.parent / "elsewhere")
    taken = take(home, place, SUNDAY + timedelta(hours=1))
    assert taken.missing == [model.name]
    assert f"  without the model of {model.name}, which is not there" in "\n".join(
        taken_lines(taken)
    )


def test_a_model_whose_manifest_does_not_say_all_is_left_out(
    home: Belongings, place: Place
) -> None:
    odd = home.models / "odd"
    odd.mkdir()
    raw = json.dumps({"format": 1, "files": {"a": {"bytes": 0}}}).encode()
    (odd / "manifest.json").write_bytes(raw)
    (odd / "a").write_bytes(b"")
    odd.rename(odd.with_name(f"dqn_20260101_000000_{sha256(raw).hexdigest()[:8]}"))
    assert set(take(home, place, SUNDAY).manifest.left_out.values()) == {"SNAPSHOT_UNREADABLE"}


def test_where_models_cannot_be_listed_there_is_no_snapshot(home: Belongings, place: Place) -> None:
    with pytest.raises(TiltyardError, match=r"SNAPSHOT_MISSING .*it cannot be listed"):
        take(home._replace(models=home.settings), place, SUNDAY)
    assert snapshots_in(place) == []


def test_without_models_and_settings_the_database_alone_is_kept(
    home: Belongings, place: Place
) -> None:
    shutil.rmtree(home.models)
    home.settings.unlink()
    assert len(take(home, place, SUNDAY).manifest.files) == 1


@pytest.mark.parametrize("stage", STAGES)
def test_whoever_is_killed_leaves_a_whole_snapshot_or_none(
    home: Belongings, archive: ArchiveSettings, stage: str
) -> None:
    kill_at(stage, "take", archive, home)
    place = place_of(archive, create=True)
    assert len(snapshots_in(place)) == (stage == WRITTEN)
    manifest = take(home, place, SUNDAY + timedelta(hours=1)).manifest
    for name in snapshots_in(place):
        check(place, manifest_named(place, name))
    assert manifest.name in snapshots_in(place)


def test_what_whoever_was_killed_had_copied_goes_with_the_next(
    home: Belongings, archive: ArchiveSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole copy of database and models, on the disk of temporary files."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    place = place_of(archive, create=True)
    kill_at(GATHERED, "take", archive, home)
    (left,) = scratch.iterdir()
    assert any(left.rglob("manifest.json"))
    take(home, place, SUNDAY)
    assert not list(scratch.iterdir())


def test_those_who_take_at_once_each_have_a_whole_one(home: Belongings, place: Place) -> None:
    url = home.ledger.url.render_as_string(hide_password=False)
    taken: list[Manifest] = []

    def takes() -> None:
        with Ledger.open(url) as ledger:
            taken.append(take(home._replace(ledger=ledger), place, SUNDAY).manifest)

    takers = [threading.Thread(target=takes) for _ in range(3)]
    for one in takers:
        one.start()
    for one in takers:
        one.join()
    assert {one.name for one in taken} == set(snapshots_in(place))
    assert len(taken) == 3
    for manifest in taken:
        check(place, manifest)


def test_everything_that_is_harmed_is_told_at_once_and_nothing_is_restored(
    home: Belongings, place: Place, tmp_path: Path
) -> None:
    manifest = take(home, place, SUNDAY).manifest
    (first, one), (second, other), *_ = manifest.files.items()
    obstore.put(place._store, f"objects/{one.digest[:2]}/{one.digest}", b"x" * one.size)
    obstore.delete(place._store, f"objects/{other.digest[:2]}/{other.digest}")
    harms: list[Callable[[], None]] = [
        lambda: check(place, manifest),
        lambda: restore(place, manifest, tmp_path / "back"),
    ]
    for does in harms:
        with pytest.raises(Faults, match="ARCHIVE_HARMED") as harmed:
            does()
        assert [fault.place for fault in harmed.value.faults] == [first, second]
    assert sorted(one.name for one in tmp_path.iterdir() if "back" in one.name) == []


def test_a_folder_with_something_in_it_is_left_alone(
    home: Belongings, place: Place, tmp_path: Path
) -> None:
    manifest = take(home, place, SUNDAY).manifest
    back = tmp_path / "back"
    back.mkdir()
    restore(place, manifest, back)
    with pytest.raises(TiltyardError, match="FOLDER_IN_USE"):
        restore(place, manifest, back)


def test_a_disk_that_is_full_leaves_no_snapshot_and_nothing_half_restored(
    home: Belongings, place: Place, tmp_path: Path
) -> None:
    with full_disk(4096), pytest.raises(TiltyardError, match="BACKUP_FAILED"):
        take(home, place, SUNDAY)
    folder = tmp_path / "scratch"
    folder.mkdir()
    with full_disk(4096), pytest.raises(TiltyardError, match=r"SCRATCH_UNWRITABLE .*too large"):
        _models(home.models, folder)
    assert snapshots_in(place) == []
    manifest = take(home, place, SUNDAY).manifest
    with full_disk(4096), pytest.raises(TiltyardError, match=r"RESTORE_UNWRITABLE .*too large"):
        restore(place, manifest, tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_names_are_given_by_their_end(home: Belongings, place: Place) -> None:
    with pytest.raises(TiltyardError, match="KEPT_UNKNOWN newest: no snapshot is in"):
        manifest_named(place, "newest")
    first, second = (take(home, place, SUNDAY + timedelta(days=n)).manifest for n in (0, 1))
    assert manifest_named(place, first.name[-8:]) == first
    assert manifest_named(place, "newest") == second
    for text in ("", "none"):
        with pytest.raises(TiltyardError, match=r"KEPT_UNKNOWN .*end"):
            manifest_named(place, text)


def test_what_is_restored_is_for_its_owner_alone(
    home: Belongings, place: Place, tmp_path: Path
) -> None:
    restore(place, take(home, place, SUNDAY).manifest, tmp_path / "a" / "back")
    every = [tmp_path / "a" / "back", *(tmp_path / "a" / "back").rglob("*")]
    assert {stat.S_IMODE(one.stat().st_mode) for one in every if one.is_file()} == {0o600}
    assert stat.S_IMODE(every[0].stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "url",
    ["postgresql+psycopg://me:hunter2@h/desk", "postgresql+psycopg://me@h/desk?password=hunter2"],
)
def test_a_password_is_not_among_the_words_that_everybody_sees(url: str) -> None:
    words = dump_options(make_url(url), "view", Path("dump"))
    assert "hunter2" not in " ".join(words)
    assert "--dbname=postgresql://me@h/desk" in words
    assert password_of(make_url(url)) == "hunter2"


def test_no_other_secret_is_among_them_either() -> None:
    url = "postgresql+psycopg://me@h/desk?" + "&".join(f"{name}=hunter2" for name in SECRETS)
    words = dump_options(make_url(url), "view", Path("dump"))
    assert "hunter2" not in " ".join(words)
