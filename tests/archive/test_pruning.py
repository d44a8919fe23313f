"""What expires goes, with all that it alone named; what is named stays, whoever is at work."""

import os
import random
import threading
from collections.abc import Callable, Generator, Sequence
from datetime import timedelta
from pathlib import Path, PosixPath
from typing import Self

import obstore
import pytest

from archive.courses import run_in_some_order
from archive.killing import kill_at
from archive.places import HASTY, beside_a_folder
from archive.small_snapshots import OURS, SUNDAY, WEEK, keep_small, keep_unnamed
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.archive import pruning
from tiltyard.shell.archive.manifest import key_of
from tiltyard.shell.archive.place import Place, folder_of, object_key, place_of
from tiltyard.shell.archive.pruning import STAGES, SWEPT, Cleared, _clear, _read, prune
from tiltyard.shell.archive.restoring import check, manifest_named, newest_first, snapshots_in
from tiltyard.shell.archive.retention import Needed
from tiltyard.shell.archive.turns import KEEPING, LASTS, SWEEPING, Turn, keeping, sweeping
from tiltyard.shell.archive.whereabouts import whereabouts
from tiltyard.shell.clock import system_now
from tiltyard.shell.sections.archive import ArchiveSettings

NOBODY = Needed(OURS, frozenset(), frozenset())


def contents(place: Place) -> set[str]:
    return set(place.listed("objects"))


def all_whole(place: Place) -> None:
    for name in snapshots_in(place):
        check(place, manifest_named(place, name))


def test_contents_that_only_expired_ones_named_go_and_all_others_stay(
    archive: ArchiveSettings,
) -> None:
    place = place_of(archive, create=True)
    old = keep_small(place, 20, {"a": b"old", "b": b"both"})
    new = keep_small(place, 0, {"a": b"new", "b": b"both"})
    left = keep_unnamed(place, b"of one who was killed")
    place.write("objects/ab/another's", b"")
    expected = (Cleared(place.name, (old.name,), 2, 3 + 21, ()),)
    before = place.listed("")
    assert prune(archive, NOBODY, SUNDAY, dry_run=True) == expected
    assert place.listed("") == before
    assert prune(archive, NOBODY, SUNDAY) == expected
    assert object_key(left) not in contents(place)
    assert contents(place) == {
        "objects/ab/another's", *(object_key(file.digest) for file in new.files.values()),
    }  # fmt: skip
    assert snapshots_in(place) == [new.name]
    all_whole(place)
    assert prune(archive, NOBODY, SUNDAY) == (Cleared(place.name, (), 0, 0, ()),)
    assert not place.listed("turns")


THEIRS = "1e" * 32


def test_of_two_desks_in_one_place_neither_loses_what_the_other_keeps(
    archive: ArchiveSettings,
) -> None:
    place = place_of(archive, create=True)
    ours = [keep_small(place, weeks, {"a": b"both", "b": b"ours"}) for weeks in (50, 30)]
    theirs = [
        keep_small(place, weeks, {"a": b"both", "b": str(weeks).encode()}, ledger=THEIRS)
        for weeks in (35, 20, 0)
    ]
    unnamed = keep_small(place, 60, {"c": b"nobody's"}, ledger="")
    (cleared,) = prune(archive, NOBODY, SUNDAY)
    assert (cleared.snapshots, cleared.objects) == ((ours[0].name,), 0)
    all_whole(place)
    (cleared,) = prune(archive, NOBODY._replace(ledger=THEIRS), SUNDAY)
    assert (cleared.snapshots, cleared.objects) == ((theirs[0].name, theirs[1].name), 2)
    assert prune(archive, NOBODY._replace(ledger=""), SUNDAY)[0].snapshots == ()
    assert snapshots_in(place) == [unnamed.name, ours[1].name, theirs[2].name]
    all_whole(place)


def test_the_newest_is_the_newest_of_ones_own_ledger(archive: ArchiveSettings) -> None:
    place = place_of(archive, create=True)
    nobodys = keep_small(place, 3, {"a": b"nobody's"}, ledger="")
    ours = keep_small(place, 2, {"a": b"ours"})
    there = whereabouts(archive)
    assert there.found("newest")[1] == there.found("newest", OURS)[1] == ours
    assert there.found("newest", THEIRS)[1] == nobodys
    theirs = keep_small(place, 0, {"a": b"theirs"}, ledger=THEIRS)
    there = whereabouts(archive)
    assert there.found("newest", OURS)[1] == ours
    assert there.found("newest", THEIRS)[1] == theirs
    with pytest.raises(TiltyardError, match="KEPT_UNKNOWN newest: snapshots of 2 ledgers are in"):
        there.found("newest")
    assert there.found(ours.name)[1] == ours


def test_an_older_one_that_is_harmed_does_not_keep_the_newest_from_being_found(
    tmp_path: Path,
) -> None:
    archive = ArchiveSettings(folder=str(tmp_path))
    place = place_of(archive, create=True)
    old, middle, new = (keep_small(place, weeks, {"a": b"%d" % weeks}) for weeks in (9, 5, 1))
    (tmp_path / key_of(old.name)).write_bytes(b"{}")
    for own in ("", OURS):
        assert whereabouts(archive).found("newest", own)[1] == new
    (tmp_path / key_of(new.name)).write_bytes(b"{}")
    for own in ("", OURS):
        with pytest.raises(TiltyardError, match="ARCHIVE_HARMED"):
            whereabouts(archive).found("newest", own)
    assert whereabouts(archive).found(middle.name)[1] == middle


def test_what_somebody_clears_away_meanwhile_is_passed_over(archive: ArchiveSettings) -> None:
    """As the other desk in the same place does, while this one looks for its newest."""
    place = place_of(archive, create=True)
    older, gone, newest = (keep_small(place, weeks, {"a": b"x"}) for weeks in (9, 5, 1))
    found = newest_first(place)
    assert next(found) == newest
    place.remove([key_of(gone.name)])
    assert list(found) == [older]


def test_where_only_others_are_none_is_the_newest_of_ones_own(archive: ArchiveSettings) -> None:
    keep_small(place_of(archive, create=True), 0, {"a": b"theirs"}, ledger=THEIRS)
    with pytest.raises(TiltyardError, match=r"of 1 ledger are in .*, and none of them is this one"):
        whereabouts(archive).found("newest", OURS)


def test_many_go_some_at_a_time(archive: ArchiveSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    place, stages = place_of(archive, create=True), list[str]()
    for number in range(5):
        keep_unnamed(place, str(number).encode())
    monkeypatch.setattr(pruning, "MOST_AT_ONCE", 2)
    (cleared,) = prune(archive, NOBODY, SUNDAY, on_stage=stages.append)
    assert (cleared.objects, cleared.freed) == (5, 5)
    assert stages == [SWEPT] * 3
    assert contents(place) == set()


class Fleeting(Place):
    """A place from which somebody else clears away what was just listed."""

    def keys(self, prefix: str) -> Sequence[str]:
        found = super().keys(prefix)
        self.remove(found[:1])
        return found


def test_a_manifest_that_somebody_else_has_just_cleared_away_is_no_harm(
    folder: ArchiveSettings,
) -> None:
    place = place_of(folder, create=True)
    _, new = (keep_small(place, weeks, {"a": b"x"}) for weeks in (20, 0))
    found = _read(Fleeting(place._store, place.name, place._folder), {})
    assert (list(found.manifests), found.harmed) == ([new.name], [])


def test_those_who_clear_away_at_once_do_not_hinder_each_other(archive: ArchiveSettings) -> None:
    place, cleared = place_of(archive, create=True), list[Cleared]()
    for weeks in (20, 21, 22, 0):
        keep_small(place, weeks, {"a": str(weeks).encode(), "b": b"both"})
    at_once = [
        threading.Thread(target=lambda: cleared.extend(prune(archive, NOBODY, SUNDAY)))
        for _ in range(3)
    ]
    for one in at_once:
        one.start()
    for one in at_once:
        one.join()
    assert [one.failed for one in cleared] == [()] * 3
    assert len(snapshots_in(place)) == 1
    assert len(contents(place)) == 2
    all_whole(place)


def test_what_was_left_half_written_goes_while_nobody_keeps_anything(
    folder: ArchiveSettings,
) -> None:
    new = keep_small(place_of(folder, create=True), 0, {"a": b"new"})
    half = folder.path / f"{object_key(new.files['a'].digest)}#1"
    half.write_bytes(b"ne")
    prune(folder, NOBODY, SUNDAY, dry_run=True)
    with keeping(place_of(folder)):
        prune(folder, NOBODY, SUNDAY)
    assert half.is_file()
    prune(folder, NOBODY, SUNDAY)
    assert not half.exists()
    all_whole(place_of(folder))


class Vanishing(PosixPath):
    """A folder in which others clear away meanwhile."""

    def glob(self, pattern: str) -> Generator[Self, None, None]:
        yield from super().glob(pattern)
        raise FileNotFoundError(pattern)


def test_who_clears_what_is_half_written_is_not_hindered_by_another(
    folder: ArchiveSettings,
) -> None:
    new = keep_small(place_of(folder, create=True), 0, {"a": b"new"})
    half = folder.path / f"{object_key(new.files['a'].digest)}#1"
    half.write_bytes(b"ne")
    place = place_of(folder)
    Place(place._store, place.name, Vanishing(folder.path)).clear_unfinished()
    assert not half.exists()


def test_what_arms_need_stays_however_old(archive: ArchiveSettings) -> None:
    place = place_of(archive, create=True)
    keep_small(place, 20, {"models/bot/manifest.json": b"it"})
    keep_small(place, 0, {"a": b"new"})
    needed = Needed(OURS, frozenset(), frozenset({"bot"}))
    for says in (needed, None):
        assert prune(archive, says, SUNDAY) == (Cleared(place.name, (), 0, 0, ()),)
    all_whole(place)


def test_while_a_manifest_is_harmed_no_content_goes(archive: ArchiveSettings) -> None:
    place = place_of(archive, create=True)
    keep_small(place, 20, {"a": b"old"})
    harmed = keep_small(place, 1, {"b": b"of the harmed one"})
    keep_small(place, 0, {"c": b"new"})
    obstore.put(place._store, key_of(harmed.name), b"{}")
    before = contents(place)
    for dry_run in (True, False):
        (cleared,) = prune(archive, NOBODY, SUNDAY, dry_run=dry_run)
        assert (cleared.objects, [one.code for one in cleared.failed]) == (0, ["ARCHIVE_HARMED"])
    assert contents(place) == before
    assert len(snapshots_in(place)) == 2


def test_while_somebody_keeps_a_snapshot_no_content_goes(archive: ArchiveSettings) -> None:
    place = place_of(archive, create=True)
    left = keep_unnamed(place, b"left")
    with keeping(place):
        (would,) = prune(archive, NOBODY, system_now(), dry_run=True)
        (cleared,) = prune(archive, NOBODY, SUNDAY)
        for one in (would, cleared):
            assert ([error.code for error in one.failed], one.objects) == (["ARCHIVE_BUSY"], 0)
        assert object_key(left) in contents(place)
    assert prune(archive, NOBODY, SUNDAY)[0].objects == 1


def test_whoever_keeps_waits_until_what_goes_is_gone(place: Place) -> None:
    turn = Turn(place, SWEEPING)
    turn.renew()
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            turn.end()

    keep_small(place, 0, {"a": b"new"}, wait)
    assert waited == [5.0] * 3
    turn.renew()
    with pytest.raises(TiltyardError, match=r"ARCHIVE_BUSY .*does not end"):
        keep_small(place, 1, {"a": b"new"}, lambda _: None)
    assert len(snapshots_in(place)) == 1
    assert set(place.listed("turns")) == {turn._key}


@pytest.fixture
def folder(tmp_path: Path) -> ArchiveSettings:
    return ArchiveSettings(folder=str(tmp_path / "archive"))


def made_older(settings: ArchiveSettings, by: timedelta) -> None:
    """All notes of turns were written longer ago."""
    for one in (settings.path / "turns").rglob("*"):
        at = one.stat().st_mtime - by.total_seconds()
        os.utime(one, (at, at))


@pytest.mark.parametrize("kind", [KEEPING, SWEEPING])
@pytest.mark.parametrize("is_over", [True, False], ids=["is over", "goes on"])
def test_the_turn_of_one_who_was_killed_is_over_after_a_time(
    folder: ArchiveSettings, kind: str, *, is_over: bool
) -> None:
    place = place_of(folder, create=True)
    Turn(place, kind).renew()
    made_older(folder, LASTS[kind] + timedelta(seconds=30 if is_over else -30))
    if kind == KEEPING:
        codes = [one.code for one in prune(folder, NOBODY, SUNDAY)[0].failed]
        assert codes == ([] if is_over else ["ARCHIVE_BUSY"])
        assert bool(place.listed("turns")) != is_over, "a note that speaks for nobody is cleared"
    else:
        waited: list[float] = []

        def wait(seconds: float) -> None:
            waited.append(seconds)
            made_older(folder, WEEK)

        with keeping(place, wait):
            assert bool(waited) != is_over


@pytest.mark.parametrize("turn_of", [keeping, sweeping])
def test_who_was_held_up_for_half_of_a_turn_gives_it_up(
    folder: ArchiveSettings, turn_of: Callable[[Place], object]
) -> None:
    place = place_of(folder, create=True)
    kind = KEEPING if turn_of is keeping else SWEEPING
    with turn_of(place) as turn:  # type: ignore[attr-defined] # both are
        turn._at -= LASTS[kind] / 2 - timedelta(seconds=30)
        turn.renew()
        turn._at -= LASTS[kind] / 2 + timedelta(seconds=30)
        with pytest.raises(TiltyardError, match=r"ARCHIVE_BUSY .*was held up for"):
            turn.renew()


def test_in_whatever_order_they_go_on_no_snapshot_loses_what_it_names(
    folder: ArchiveSettings,
) -> None:
    place, outcomes, weeks = place_of(folder, create=True), set[str](), list[int]()

    def takes(own: Place, halt: Callable[[], None]) -> None:
        keep_small(own, weeks.pop(), {"a": b"left", "b": b"new"}, lambda _: halt())

    def clears(own: Place, _: Callable[[], None]) -> None:
        cleared = _clear(own, (), _read(own, {}), lambda _: None)
        outcomes.update([one.code for one in cleared.failed] or [f"cleared {cleared.objects}"])

    for seed in range(250):
        rng = random.Random(seed)  # noqa: S311 no secret
        keep_unnamed(place, b"left")
        weeks[:] = [0, 1]
        run_in_some_order([takes, clears, takes, clears][: 2 + 2 * (seed % 2)], place, rng)
        assert len(snapshots_in(place)) == 1 + seed % 2
        all_whole(place)
        place.remove(list(place.listed("")))
    assert outcomes == {"ARCHIVE_BUSY", "cleared 0", "cleared 1"}


@pytest.mark.parametrize("stage", STAGES)
def test_whoever_is_killed_leaves_no_hole_and_the_next_one_ends_it(
    archive: ArchiveSettings, stage: str
) -> None:
    place = place_of(archive, create=True)
    for weeks in (20, 21, 0):
        keep_small(place, weeks, {"a": str(weeks).encode(), "b": b"both"})
    kill_at(stage, "prune", archive)
    assert len(snapshots_in(place)) == (1 if stage == SWEPT else 2)
    all_whole(place)
    (cleared,) = prune(archive, NOBODY, SUNDAY)
    assert cleared.failed == ()
    assert len(contents(place)) == 2
    all_whole(place)


@pytest.fixture
def both(server: str, tmp_path: Path) -> ArchiveSettings:
    """A bucket, and a folder beside it."""
    return beside_a_folder(server, tmp_path)


def test_beside_a_bucket_that_goes_which_goes_from_the_bucket(both: ArchiveSettings) -> None:
    here, bucket = folder_of(both, create=True), place_of(both)
    old, only_here = {"a": b"old"}, {"a": b"here"}
    gone = keep_small(here, 20, old)
    keep_small(bucket, 20, old)
    stays = keep_small(here, 21, only_here)
    newest = keep_small(bucket, 0, {"a": b"new"})
    assert prune(both, NOBODY, SUNDAY) == (
        Cleared(here.name, (gone.name,), 1, 3, ()),
        Cleared(bucket.name, (gone.name,), 1, 3, ()),
    )
    assert snapshots_in(here) == [stays.name]
    assert snapshots_in(bucket) == [newest.name]
    all_whole(here)
    all_whole(bucket)


def test_where_the_bucket_is_away_nothing_goes(both: ArchiveSettings) -> None:
    here = folder_of(both, create=True)
    keep_small(here, 20, {"a": b"old"})
    keep_small(here, 0, {"a": b"new"})
    before = here.listed("")
    away = both.model_copy(update={"endpoint": "http://127.0.0.1:9"})
    with pytest.raises(TiltyardError, match="ARCHIVE_UNREACHABLE"):
        prune(away, NOBODY, SUNDAY, patience=HASTY)
    assert here.listed("") == before
