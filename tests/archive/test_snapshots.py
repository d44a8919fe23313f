"""A snapshot of the house: all of it comes back, or it says what does not."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import obstore
import pytest
from sqlalchemy.engine import make_url

from archive.houses import fill, house
from archive.places import soon
from conformance.samples import NewDatabase
from crash.floor import DAY, append, rules
from ledgers import Databases
from postgres import PROGRAMS, Server
from tiltyard.kernel.errors import Faults, TiltyardError
from tiltyard.shell.archive.manifest import Manifest
from tiltyard.shell.archive.place import Place
from tiltyard.shell.archive.restoring import check, manifest_named, restore, snapshots_in
from tiltyard.shell.archive.taking import STAGES, WRITTEN, House, take
from tiltyard.shell.replaying.verify import verify
from tiltyard.shell.sections.archive import ArchiveSettings
from tiltyard.shell.store.audit_table import audit_head
from tiltyard.shell.store.ledger import Ledger

SUNDAY = datetime(2026, 11, 29, 3, tzinfo=UTC)
SHOWN = list[str]


@pytest.fixture(scope="session")
def filled(databases: Databases) -> Iterator[NewDatabase]:
    """Makes copies of a database that has something in it."""
    with databases.empty() as first:
        with Ledger.open(first, create=True) as ledger:
            fill(ledger)
        yield databases.copies_of(first)


@pytest.fixture
def home(filled: NewDatabase, tmp_path: Path) -> Iterator[House]:
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


def test_all_of_it_comes_back_in_an_empty_folder(home: House, place: Place, tmp_path: Path) -> None:
    taken = take(home, place, SUNDAY)
    manifest = manifest_named(place, "newest")
    assert manifest == taken.manifest
    shown: SHOWN = []
    check(place, manifest, shown.append)
    back = tmp_path / "back"
    restore(place, manifest, back, shown.append)
    assert shown == list(manifest.files) * 2
    found = contents(back)
    assert found.pop("tiltyard.toml") == home.settings.read_bytes()
    models = {name: raw for name, raw in found.items() if name.startswith("models/")}
    assert models == {f"models/{name}": raw for name, raw in contents(home.models).items()}
    assert len(found) - len(models) == 1
    assert manifest.champion == "prod"
    assert taken.sent == distinct(manifest)


def test_a_sqlite_database_that_comes_back_is_what_its_audit_says(
    place: Place, tmp_path: Path
) -> None:
    url = str(tmp_path / "tiltyard.db")
    with Ledger.open(url, create=True) as ledger:
        fill(ledger)
    (tmp_path / "home").mkdir()
    with house(url, tmp_path / "home") as home:
        manifest = take(home, place, SUNDAY).manifest
        restore(place, manifest, tmp_path / "back", lambda _: None)
        with home.ledger.snapshot() as still:
            trades = list(still.trades())
    with Ledger.open(str(tmp_path / "back" / "tiltyard.db")) as ledger, ledger.snapshot() as still:
        found = verify(still, rules(), DAY[2].at, head=manifest.audit_head)
        assert (found.head, found.rows) == (manifest.audit_head, manifest.audit_rows)
        assert list(still.trades()) == trades
        assert trades


def test_a_postgres_database_that_comes_back_is_what_its_audit_says(
    postgres: Server, place: Place, tmp_path: Path
) -> None:
    with postgres.database() as url, postgres.database() as empty:
        with Ledger.open(url, create=True) as ledger:
            fill(ledger)
        with house(url, tmp_path) as home:
            manifest = take(home, place, SUNDAY).manifest
        restore(place, manifest, tmp_path / "back", lambda _: None)
        command = [str(PROGRAMS / "pg_restore"), "--no-owner", "--exit-on-error"]
        plain = make_url(empty).set(drivername="postgresql")
        command += [f"--dbname={plain.render_as_string(hide_password=False)}"]
        subprocess.run([*command, str(tmp_path / "back" / "tiltyard.dump")], check=True)
        with Ledger.open(empty) as ledger, ledger.snapshot() as still:
            found = verify(still, rules(), DAY[2].at, head=manifest.audit_head)
            assert (found.rows, manifest.database) == (manifest.audit_rows, "postgres")
            assert list(still.trades())


def test_what_is_there_already_is_not_sent_again(home: House, place: Place) -> None:
    first = take(home, place, SUNDAY)
    again = take(home, place, SUNDAY + timedelta(days=7))
    database = next(iter(again.manifest.files.values())).size
    assert first.sent == distinct(first.manifest)
    assert again.sent in {0, database}  # a dump tells its own time
    assert snapshots_in(place) == [first.manifest.name, again.manifest.name]


def test_a_copy_is_of_one_moment_whoever_writes_meanwhile(
    home: House, place: Place, tmp_path: Path
) -> None:
    is_enough = threading.Event()

    def writes() -> None:
        with Ledger.open(home.ledger.url.render_as_string(hide_password=False)) as other:
            for moment in DAY[3:] * 1000:
                if is_enough.is_set():
                    return
                if moment.trades:
                    append(other, moment.trades, moment.at)

    writer = threading.Thread(target=writes)
    writer.start()
    try:
        taken = [take(home, place, SUNDAY + timedelta(minutes=n)) for n in range(3)]
    finally:
        is_enough.set()
        writer.join()
    for number, one in enumerate(taken):
        check(place, one.manifest, lambda _: None)
        if one.manifest.database == "sqlite":
            back = tmp_path / f"back{number}"
            restore(place, one.manifest, back, lambda _: None)
            with Ledger.open(str(back / "tiltyard.db")) as ledger, ledger.snapshot() as still:
                assert audit_head(still.connection) == one.manifest.audit_head
                assert len(list(still.audit())) == one.manifest.audit_rows


def test_a_model_that_is_not_as_it_was_is_left_out_and_named(home: House, place: Place) -> None:
    harmed = min(home.models.iterdir())
    (harmed / "weights.safetensors").write_bytes(b"other")
    taken = take(home, place, SUNDAY)
    assert {name: error.code for name, error in taken.left_out.items()} == {
        harmed.name: "SNAPSHOT_TAMPERED"
    }
    assert not any(harmed.name in path for path in taken.manifest.files)


def test_without_models_and_settings_the_database_alone_is_kept(home: House, place: Place) -> None:
    shutil.rmtree(home.models)
    home.settings.unlink()
    assert len(take(home, place, SUNDAY).manifest.files) == 1


@pytest.mark.parametrize("stage", STAGES)
def test_whoever_is_killed_leaves_a_whole_snapshot_or_none(
    home: House, archive: ArchiveSettings, stage: str
) -> None:
    here = Path(__file__).parent
    path = os.pathsep.join([str(here.parent), *filter(None, sys.path)])
    killed = subprocess.run(
        [
            sys.executable, str(here / "killed.py"),
            home.ledger.url.render_as_string(hide_password=False), str(home.models),
            str(home.settings), archive.model_dump_json(), stage,
        ],
        env={**os.environ, "PYTHONPATH": path}, check=False, timeout=600,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    place = soon(archive)
    assert len(snapshots_in(place)) == (stage == WRITTEN)
    manifest = take(home, place, SUNDAY + timedelta(hours=1)).manifest
    for name in snapshots_in(place):
        check(place, manifest_named(place, name), lambda _: None)
    assert manifest.name in snapshots_in(place)


def test_whoever_takes_the_very_same_at_once_takes_one(place: Place, home: House) -> None:
    if home.ledger.url.get_backend_name() != "sqlite":
        return  # two dumps are never the same
    assert take(home, place, SUNDAY).manifest == take(home, place, SUNDAY).manifest
    assert len(snapshots_in(place)) == 1


def test_everything_that_is_harmed_is_told_at_once_and_nothing_is_restored(
    home: House, place: Place, tmp_path: Path
) -> None:
    manifest = take(home, place, SUNDAY).manifest
    (first, one), (second, other), *_ = manifest.files.items()
    obstore.put(place._store, f"objects/{one.digest[:2]}/{one.digest}", b"x" * one.size)
    obstore.delete(place._store, f"objects/{other.digest[:2]}/{other.digest}")
    harms: list[Callable[[], None]] = [
        lambda: check(place, manifest, lambda _: None),
        lambda: restore(place, manifest, tmp_path / "back", lambda _: None),
    ]
    for does in harms:
        with pytest.raises(Faults, match="ARCHIVE_HARMED") as harmed:
            does()
        assert [fault.place for fault in harmed.value.faults] == [first, second]
    assert sorted(one.name for one in tmp_path.iterdir() if "back" in one.name) == []


def test_a_folder_with_something_in_it_is_left_alone(
    home: House, place: Place, tmp_path: Path
) -> None:
    manifest = take(home, place, SUNDAY).manifest
    back = tmp_path / "back"
    back.mkdir()
    restore(place, manifest, back, lambda _: None)
    with pytest.raises(TiltyardError, match="FOLDER_IN_USE"):
        restore(place, manifest, back, lambda _: None)


@contextmanager
def full_disk(limit: int) -> Iterator[None]:
    """No file may grow beyond this."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_is_full_leaves_no_snapshot_and_nothing_half_restored(
    home: House, place: Place, tmp_path: Path
) -> None:
    with full_disk(4096), pytest.raises(TiltyardError, match=r"FAILED|UNWRITABLE|FULL"):
        take(home, place, SUNDAY)
    assert snapshots_in(place) == []
    manifest = take(home, place, SUNDAY).manifest
    with full_disk(4096), pytest.raises(TiltyardError, match=r"RESTORE_UNWRITABLE .*too large"):
        restore(place, manifest, tmp_path / "back", lambda _: None)
    assert not (tmp_path / "back").exists()


def test_names_are_given_by_their_end(home: House, place: Place) -> None:
    with pytest.raises(TiltyardError, match="KEPT_UNKNOWN newest: none of 0"):
        manifest_named(place, "newest")
    first, second = (take(home, place, SUNDAY + timedelta(days=n)).manifest for n in (0, 1))
    assert manifest_named(place, first.name[-8:]) == first
    assert manifest_named(place, "newest") == second
    for text in ("", "none"):
        with pytest.raises(TiltyardError, match=f"KEPT_UNKNOWN {text}"):
            manifest_named(place, text)
