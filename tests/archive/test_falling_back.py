"""Where the bucket refuses, a snapshot is on this disk, and comes into the bucket later."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import obstore
import pytest

from archive.houses import house_in
from archive.killing import kill_at
from archive.places import HASTY, beside_a_folder
from archive.small_snapshots import OURS, SUNDAY, WEEK, keep_small
from full_disks import full_disk
from tiltyard.kernel.errors import Faults, TiltyardError
from tiltyard.shell.archive.gathering import Belongings
from tiltyard.shell.archive.manifest import Manifest, key_of
from tiltyard.shell.archive.place import folder_of, object_key, place_of
from tiltyard.shell.archive.restoring import check, manifest_named, snapshots_in
from tiltyard.shell.archive.syncing import NOTHING, Synced, sync, take_and_sync
from tiltyard.shell.archive.taking import GATHERED, KEPT, STAGES, WRITTEN, Taken, take_for
from tiltyard.shell.archive.whereabouts import whereabouts
from tiltyard.shell.sections.archive import ArchiveSettings
from wires import Wire


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Belongings]:
    with house_in(tmp_path / "home") as found:
        yield found


@pytest.fixture
def both(server: str, tmp_path: Path) -> ArchiveSettings:
    return beside_a_folder(server, tmp_path)


@pytest.fixture
def wire(server: str) -> Iterator[Wire]:
    """To the server, and can be cut."""
    found = Wire(int(server.rpartition(":")[2]))
    yield found
    found.close()


def through(wire: Wire, settings: ArchiveSettings) -> ArchiveSettings:
    return settings.model_copy(update={"endpoint": f"http://127.0.0.1:{wire.port}"})


def take_hastily(
    home: Belongings, settings: ArchiveSettings, on_stage: Callable[[str], None] = lambda _: None,
    weeks: int = 0,
) -> tuple[Taken, Synced]:  # fmt: skip
    return take_and_sync(home, settings, SUNDAY + weeks * WEEK, on_stage, patience=HASTY)


REFUSES = {
    "no answer": ("ARCHIVE_UNREACHABLE", {"endpoint": "http://127.0.0.1:9"}),
    "no such bucket": ("BUCKET_MISSING", {"bucket": "bucket-that-is-gone"}),
    "no credentials": ("ARCHIVE_CREDENTIALS", {"credentials_file": "/nowhere"}),
}


@pytest.mark.parametrize(("code", "changed"), REFUSES.values(), ids=REFUSES)
def test_whatever_the_bucket_says_the_snapshot_is_on_this_disk(
    home: Belongings, both: ArchiveSettings, code: str, changed: dict[str, str]
) -> None:
    taken, synced = take_hastily(home, both.model_copy(update=changed))
    assert taken.refused is not None
    assert taken.refused.code == code
    assert (taken.place, synced) == (both.folder, NOTHING)
    here = folder_of(both)
    assert snapshots_in(here) == [taken.manifest.name]
    check(here, manifest_named(here, "newest"))


class Refuses(BaseHTTPRequestHandler):
    """A server that lets nobody in."""

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        said = b"<Error><Code>InvalidAccessKeyId</Code></Error>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 as in http.server
        """Say nothing."""


def test_who_may_not_come_in_keeps_it_on_this_disk(home: Belongings, both: ArchiveSettings) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refuses) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        refusing = both.model_copy(update={"endpoint": f"http://127.0.0.1:{server.server_port}"})
        taken, _ = take_hastily(home, refusing)
        server.shutdown()
    assert taken.refused is not None
    assert taken.refused.code == "ARCHIVE_REFUSED"
    assert snapshots_in(folder_of(both)) == [taken.manifest.name]


def test_a_bucket_that_goes_half_way_costs_nothing_and_has_it_later(
    home: Belongings, both: ArchiveSettings, wire: Wire
) -> None:
    settings, stages = through(wire, both), list[str]()

    def passed(stage: str) -> None:
        stages.append(stage)
        if stages == [GATHERED, KEPT, KEPT]:
            wire.cut()

    taken, _ = take_hastily(home, settings, passed)
    assert taken.refused is not None
    assert taken.refused.code == "ARCHIVE_UNREACHABLE"
    assert stages.count(GATHERED) == 1
    here, bucket = folder_of(both), place_of(both)
    check(here, manifest_named(here, "newest"))
    assert snapshots_in(bucket) == []
    wire.mend()
    second, synced = take_hastily(home, settings, weeks=1)
    assert second.refused is None
    assert [one.name for one in synced.brought] == [taken.manifest.name]
    assert snapshots_in(bucket) == [taken.manifest.name, second.manifest.name]
    assert snapshots_in(here) == [taken.manifest.name]
    for name in snapshots_in(bucket):
        check(bucket, manifest_named(bucket, name))
    assert sync(settings) == NOTHING


def test_a_snapshot_is_found_wherever_it_lies(
    home: Belongings, both: ArchiveSettings, wire: Wire
) -> None:
    settings = through(wire, both)
    wire.cut()
    with pytest.raises(TiltyardError, match="ARCHIVE_UNREACHABLE"):
        whereabouts(settings, HASTY)
    here, _ = take_hastily(home, settings)
    lost = whereabouts(settings, HASTY)
    assert lost.refused is not None
    assert [one.is_here_only for one in lost.snapshots.values()] == [None]
    assert lost.found("newest")[1] == here.manifest
    wire.mend()
    there = take_for(home, settings, SUNDAY + WEEK)
    found = whereabouts(settings)
    assert (found.place, found.refused) == (place_of(both).name, None)
    assert {name: one.is_here_only for name, one in found.snapshots.items()} == {
        here.manifest.name: True, there.manifest.name: False,
    }  # fmt: skip
    for taken in (here, there):
        place, manifest = found.found(taken.manifest.name)
        assert (place.name, manifest) == (taken.place, taken.manifest)
        check(place, manifest)
    sync(settings)
    assert {one.place.name for one in whereabouts(settings).snapshots.values()} == {found.place}


def test_where_the_disk_is_full_too_both_are_told(home: Belongings, both: ArchiveSettings) -> None:
    away = both.model_copy(update={"endpoint": "http://127.0.0.1:9"})
    with ExitStack() as stack:

        def passed(stage: str) -> None:
            if stage == GATHERED:
                stack.enter_context(full_disk(4096))

        with pytest.raises(TiltyardError, match="ARCHIVE_UNWRITABLE") as failed:
            take_hastily(home, away, passed)
    assert "; and the bucket refused: ARCHIVE_UNREACHABLE" in failed.value.facts
    assert snapshots_in(folder_of(both)) == []


def kept_here(both: ArchiveSettings, *weeks: int) -> list[Manifest]:
    """Snapshots that are on this disk only."""
    here = folder_of(both, create=True)
    return [keep_small(here, n, {"a": str(n).encode(), "b": b"both"}) for n in weeks]


@pytest.mark.parametrize("stage", STAGES[1:])
def test_whoever_is_killed_on_the_way_leaves_what_is_whole_and_goes_on_again(
    both: ArchiveSettings, stage: str
) -> None:
    older, newer = kept_here(both, 2, 1)
    kill_at(stage, "sync", both)
    bucket = place_of(both)
    assert snapshots_in(bucket) == ([newer.name] if stage == WRITTEN else [])
    synced = sync(both)
    assert list(synced.brought) == ([older] if stage == WRITTEN else [newer, older])
    assert snapshots_in(bucket) == [older.name, newer.name]
    for one in (older, newer):
        check(bucket, one)


def test_what_is_harmed_on_this_disk_is_named_and_hides_no_other(both: ArchiveSettings) -> None:
    harmed, whole = kept_here(both, 2, 1)
    here = folder_of(both)
    obstore.put(here._store, object_key(harmed.files["a"].digest), b"x")
    synced = sync(both)
    assert synced.brought == (whole,)
    assert [one.code for one in synced.failed] == ["ARCHIVE_HARMED"]
    assert harmed.name in synced.failed[0].subject
    assert snapshots_in(place_of(both)) == [whole.name]


@pytest.mark.parametrize("what", ["content", "manifest"])
@pytest.mark.parametrize("name", ["newest", "its own"])
def test_what_is_harmed_in_the_bucket_and_whole_on_this_disk_comes_back(
    both: ArchiveSettings, tmp_path: Path, what: str, name: str
) -> None:
    older, newest = kept_here(both, 2, 1)
    sync(both)
    bucket = place_of(both)
    key = key_of(newest.name) if what == "manifest" else object_key(newest.files["a"].digest)
    obstore.put(bucket._store, key, b"x")
    there = whereabouts(both)
    asked = newest.name if name == "its own" else name
    found, harm = there.restored(asked, tmp_path / "out", OURS)
    assert found == newest
    assert {one.name for one in (tmp_path / "out").iterdir()} == set(newest.files)
    told, harmed = there.told()
    assert [one for one, _ in told] == [newest, older]
    assert list(harmed) == ([newest.name] if what == "manifest" else [])
    assert harm is not None
    assert harm.code == "ARCHIVE_HARMED"


def test_what_is_harmed_in_both_places_is_not_brought_back(
    both: ArchiveSettings, tmp_path: Path
) -> None:
    (kept,) = kept_here(both, 1)
    sync(both)
    for place in (place_of(both), folder_of(both)):
        obstore.put(place._store, object_key(kept.files["a"].digest), b"x")
    with pytest.raises(Faults, match="ARCHIVE_HARMED"):
        whereabouts(both).restored("newest", tmp_path / "out", OURS)
    assert not (tmp_path / "out").exists()


def test_what_is_cleared_away_while_it_is_listed_is_not_told(both: ArchiveSettings) -> None:
    goes, stays = kept_here(both, 1, 2)
    there = whereabouts(both)
    folder_of(both).remove([key_of(goes.name)])
    told, harmed = there.told()
    assert ([one.name for one, _ in told], harmed) == ([stays.name], {})


def test_what_is_cleared_away_while_it_is_brought_is_no_failure(both: ArchiveSettings) -> None:
    goes, stays = kept_here(both, 1, 2)
    here = folder_of(both)

    def passed(_: str) -> None:
        if goes.name in snapshots_in(here):
            lost = goes.files["b"].digest, goes.files["a"].digest
            here.remove([key_of(goes.name), *map(object_key, lost)])

    synced = sync(both, passed)
    assert (synced.brought, synced.failed[1:]) == ((), ())
    assert stays.name in synced.failed[0].subject, "it has lost a content, and is still there"
    assert snapshots_in(place_of(both)) == []


def test_those_who_bring_and_keep_at_once_do_not_hinder_each_other(both: ArchiveSettings) -> None:
    brought = kept_here(both, 2, 1)
    bucket, failed = place_of(both), list[BaseException]()

    def does(what: Callable[[], object]) -> None:
        try:
            what()
        except BaseException as error:  # noqa: BLE001 it is looked at
            failed.append(error)

    works: list[Callable[[], object]] = [
        lambda: sync(both), lambda: sync(both), lambda: keep_small(bucket, 0, {"b": b"both"}),
    ]  # fmt: skip
    at_once = [threading.Thread(target=does, args=(one,)) for one in works]
    for one in at_once:
        one.start()
    for one in at_once:
        one.join()
    assert failed == []
    assert len(snapshots_in(bucket)) == 3
    for name in snapshots_in(bucket):
        check(bucket, manifest_named(bucket, name))
    assert {one.name for one in brought} < set(snapshots_in(bucket))


def test_without_a_bucket_or_a_folder_there_is_nothing_to_bring(
    both: ArchiveSettings, tmp_path: Path
) -> None:
    assert sync(both) == NOTHING
    alone = ArchiveSettings(folder=str(tmp_path / "archive"))
    keep_small(folder_of(alone, create=True), 0, {"a": b"x"})
    assert sync(alone) == NOTHING


def test_what_goes_wrong_while_others_are_brought_loses_nobody_the_new_one(
    home: Belongings, both: ArchiveSettings, wire: Wire
) -> None:
    kept_here(both, 2)

    def passed(stage: str) -> None:
        if stage == WRITTEN:
            wire.cut()

    taken, synced = take_hastily(home, through(wire, both), passed)
    assert taken.refused is None
    assert [one.code for one in synced.failed] == ["ARCHIVE_UNREACHABLE"]
    assert snapshots_in(place_of(both)) == [taken.manifest.name]
