"""The clean-up of a folder of models: what nobody uses goes, and nothing else is touched."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest

from conformance.desks import CAPITAL, UNGUARDED, dump
from ledgers import new_ledger
from maintenance.killed import LATER
from tiltyard.actions.record import registered
from tiltyard.facts.arm import FLAT, Arm, Roster
from tiltyard.facts.command import Command
from tiltyard.learners.snapshot_folder import save
from tiltyard.shell.archive.gathering import Belongings
from tiltyard.shell.archive.manifest import key_of
from tiltyard.shell.archive.place import place_of
from tiltyard.shell.archive.restoring import read_manifest, snapshots_in
from tiltyard.shell.archive.taking import take
from tiltyard.shell.commanding import Times
from tiltyard.shell.maintenance.cleaning import clean
from tiltyard.shell.maintenance.done import Done
from tiltyard.shell.maintenance.house import House
from tiltyard.shell.maintenance.tasks import LAST_CLEANED, TASKS, Run
from tiltyard.shell.models.removing import STAGES
from tiltyard.shell.sections.archive import ArchiveSettings
from tiltyard.shell.sections.jobs import JobSettings
from tiltyard.shell.sections.models import ModelSettings
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.command_table import append_command
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.training.alone import alone_at
from trained_policies import put_model, tiny_sizing

BEGAN = datetime(2025, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class Folder(NamedTuple):
    """A folder of models: one that an arm is traded by, and one that nobody uses."""

    ledger: Ledger
    path: Path
    used: Path
    unused: Path
    archive: Path

    @property
    def settings(self) -> Settings:
        return UNGUARDED.model_copy(
            update={
                "models": ModelSettings(folder=str(self.path)),
                "archive": ArchiveSettings(folder=str(self.archive)),
            }
        )

    def cleaned(
        self,
        *,
        now: datetime = LATER,
        dry_run: bool = False,
        on_stage: Callable[[str], None] = lambda _: None,
    ) -> Done:
        return clean(self.ledger, self.settings, now=now, dry_run=dry_run, on_stage=on_stage)

    def outcomes(self, done: Done) -> dict[str, str]:
        return {one["name"]: one["outcome"] for one in done.told["cleaned"]}

    def keep(self, now: datetime = BEGAN) -> None:
        place = place_of(self.settings.archive, create=True)
        take(Belongings(self.ledger, self.path, self.path / "no.toml"), place, now)


def touch(path: Path, at: datetime) -> None:
    """As if it had been written then."""
    os.utime(path, (at.timestamp(), at.timestamp()))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    models = folder / "models"
    used, unused = put_model(models), put_model(models, tiny_sizing())
    unused.with_name(f"{unused.name}.html").write_text("a page")
    used.with_name(f"{used.name}.html").write_text("a page")
    digest = sha256((used / "manifest.json").read_bytes()).hexdigest()
    roster = Roster()
    for arm in (
        Arm(FLAT, "champion", "champion", 1, 1, 1, None, BEGAN, kind=FLAT),
        Arm(used.name, "challenger", "halted", 0, 0.1, 0, CAPITAL, BEGAN, digest=digest),
    ):
        roster = roster.with_arm(arm)
    with new_ledger(folder / "tiltyard.db") as ledger:
        joined = [registered(arm, BEGAN, "test") for arm in roster.arms.values()]
        ledger.save_roster(roster, joined, at=BEGAN)
        archive = folder / "archive"
        Folder(ledger, models, used, unused, archive).keep()
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Iterator[Folder]:
    home = tmp_path / "home"
    shutil.copytree(made, home)
    models = home / "models"
    for one in (models, *models.rglob("*")):
        touch(one, BEGAN)
    used, unused = sorted(
        (one for one in models.iterdir() if one.is_dir()), key=lambda one: "dqn" in one.name
    )
    with Ledger.open(str(home / "tiltyard.db")) as ledger:
        yield Folder(ledger, models, used, unused, home / "archive")


def test_what_nobody_uses_and_a_snapshot_holds_is_removed_with_its_page(folder: Folder) -> None:
    cache = folder.path / ".embedded"
    cache.mkdir()
    for one in (folder.used, folder.unused):
        digest = sha256((one / "manifest.json").read_bytes()).hexdigest()
        (cache / f"{digest}-1").write_text("x")
    done = folder.cleaned()
    assert folder.outcomes(done) == {
        folder.used.name: "kept", folder.unused.name: "removed",
        f"{folder.unused.name}.html": "removed",
    }  # fmt: skip
    assert sorted(one.name for one in folder.path.iterdir()) == [
        ".embedded", folder.used.name, f"{folder.used.name}.html"
    ]  # fmt: skip
    assert len(list(cache.iterdir())) == 1
    assert done.failed == ()
    assert done.told["bytes_removed"] > 1000
    assert f"model {folder.used.name} stays: {folder.used.name} is halted" in done.lines


def test_a_dry_run_changes_nothing(folder: Folder) -> None:
    put_work(folder, "ab" * 8, LATER - 91 * DAY)
    before = contents(folder.path.parent)
    rows = dump(folder.ledger)
    done = folder.cleaned(dry_run=True)
    assert contents(folder.path.parent) == before
    assert dump(folder.ledger) == rows
    assert folder.outcomes(done) == {
        folder.used.name: "kept", folder.unused.name: "planned", "ab" * 8: "planned",
        f"{folder.unused.name}.html": "planned",
    }  # fmt: skip


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but SQLite's own, which come with whoever opens it."""
    return {
        str(one): one.read_bytes()
        for one in folder.rglob("*")
        if one.is_file() and not one.name.endswith(("-wal", "-shm"))
    }


def test_twice_is_once(folder: Folder) -> None:
    folder.cleaned()
    before = contents(folder.path)
    assert folder.outcomes(folder.cleaned()) == {folder.used.name: "kept"}
    assert contents(folder.path) == before


def test_what_is_younger_than_the_retention_is_counted_and_stays(folder: Folder) -> None:
    done = folder.cleaned(now=datetime(2025, 7, 1, tzinfo=UTC))
    assert set(folder.outcomes(done).values()) == {"kept"}
    assert "2 more stay: they are younger than 90 days" in done.lines


def test_one_that_is_younger_is_spoken_of_as_one(folder: Folder) -> None:
    shutil.rmtree(folder.unused)
    done = folder.cleaned(now=datetime(2025, 7, 1, tzinfo=UTC))
    assert "1 more stays: it is younger than 90 days" in done.lines


def test_what_no_snapshot_holds_whole_stays(folder: Folder) -> None:
    for one in (folder.archive / "objects").rglob("*"):
        if one.is_file():
            one.write_bytes(one.read_bytes()[:-1])
    done = folder.cleaned()
    assert folder.outcomes(done)[folder.unused.name] == "kept"
    assert f"model {folder.unused.name} stays: no snapshot of the desk holds it whole" in done.lines
    shutil.rmtree(folder.archive)
    gone = folder.cleaned()
    assert folder.outcomes(gone)[folder.unused.name] == "failed"
    assert [error.code for error in gone.failed] == ["ARCHIVE_MISSING"]
    assert folder.unused.is_dir()


def test_what_only_another_desk_keeps_a_snapshot_of_stays(folder: Folder) -> None:
    place = place_of(folder.settings.archive)
    (name,) = snapshots_in(place)
    theirs = read_manifest(place, name)._replace(ledger="1e" * 32)
    place.remove([key_of(name)])
    place.write(key_of(theirs.name), theirs.raw())
    done = folder.cleaned()
    assert folder.outcomes(done)[folder.unused.name] == "kept"
    assert f"model {folder.unused.name} stays: no snapshot of the desk holds it whole" in done.lines


def test_a_model_that_cannot_be_read_stays(folder: Folder) -> None:
    (folder.unused / "manifest.json").write_text("{}")
    done = folder.cleaned()
    assert folder.outcomes(done)[folder.unused.name] == "kept"
    assert any("it cannot be read: SNAPSHOT_TAMPERED" in line for line in done.lines)


def test_nothing_is_removed_while_somebody_trains(folder: Folder) -> None:
    with alone_at(folder.path / ".work" / "a1"):
        done = folder.cleaned()
    assert folder.outcomes(done)[folder.unused.name] == "kept"
    assert any("somebody trains here" in line for line in done.lines)


def test_a_link_is_neither_followed_nor_removed(folder: Folder, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / folder.unused.name
    elsewhere.parent.mkdir()
    folder.unused.rename(elsewhere)
    folder.unused.symlink_to(elsewhere)
    before = contents(elsewhere)
    done = folder.cleaned()
    assert folder.outcomes(done)[folder.unused.name] == "kept"
    assert "it is a link to somewhere else" in "".join(done.lines)
    assert folder.unused.is_symlink()
    assert contents(elsewhere) == before


def test_what_links_out_of_unfinished_work_is_not_followed(folder: Folder, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "dear.txt").write_text("dear")
    work = put_work(folder, "0123456789abcdef", BEGAN)
    (work / "link").symlink_to(outside)
    when = BEGAN.timestamp()
    os.utime(work / "link", (when, when), follow_symlinks=False)
    touch(work, BEGAN)
    assert folder.outcomes(folder.cleaned())[work.name] == "removed"
    assert not work.exists()
    assert (outside / "dear.txt").read_text() == "dear"


def test_a_model_with_a_hidden_file_of_somebodys_stays(folder: Folder) -> None:
    (folder.unused / ".notes").write_text("why it lost")
    touch(folder.unused, BEGAN)
    done = folder.cleaned()
    assert folder.outcomes(done)[folder.unused.name] == "kept"
    assert "no snapshot of the desk holds .notes, which somebody has put into it" in str(done.told)


def put_work(folder: Folder, key: str, touched_at: datetime) -> Path:
    work = folder.path / ".work" / key
    work.mkdir(parents=True)
    for path in (work / "weights", work):
        if path != work:
            path.write_text("x" * 10)
        touch(path, touched_at)
    return work


def test_unfinished_work_that_nobody_has_touched_for_long_goes(folder: Folder) -> None:
    old, new = put_work(folder, "a" * 16, LATER - 90 * DAY), put_work(folder, "b" * 16, LATER)
    within = put_work(folder, "c" * 16, LATER - 99 * DAY)
    touch(within / "weights", LATER)
    outcomes = folder.outcomes(folder.cleaned())
    assert outcomes["a" * 16] == "removed"
    assert (old.exists(), new.exists(), within.exists()) == (False, True, True)


def test_work_that_somebody_is_at_stays_however_old(folder: Folder) -> None:
    work = put_work(folder, "a" * 16, LATER - 99 * DAY)
    with alone_at(work):
        folder.cleaned()
    assert (work / "weights").exists()


def test_a_page_of_a_sweep_goes_with_the_last_model_that_it_names(folder: Folder) -> None:
    lone = folder.path / "sweep_20250401_000000.html"
    lone.write_text(f"best: {folder.unused.name}")
    shared = folder.path / "sweep_20250402_000000.html"
    shared.write_text(f"best: {folder.unused.name} and {folder.used.name}")
    silent = folder.path / "sweep_20250403_000000.html"
    silent.write_text("nothing")
    other = folder.path / "notes.html"
    other.write_text(folder.unused.name)
    folder.cleaned()
    there = [one.exists() for one in (lone, shared, silent, other)]
    assert there == [False, True, True, True]


def test_who_begins_to_use_it_meanwhile_keeps_it(folder: Folder) -> None:
    digest = sha256((folder.unused / "manifest.json").read_bytes()).hexdigest()

    def register(stage: str) -> None:
        if stage == STAGES[0]:
            arm = Arm("late", "challenger", "candidate", 0, 0.1, 0, None, BEGAN, digest=digest)
            with folder.ledger.transaction() as inside:
                inside.save_roster(
                    inside.roster().with_arm(arm), [registered(arm, BEGAN, "ada")], at=BEGAN
                )

    before = contents(folder.unused)
    done = folder.cleaned(on_stage=register)
    assert folder.outcomes(done)[folder.unused.name] == "kept"
    assert "late is candidate" in "".join(done.lines)
    assert contents(folder.unused) == before


@pytest.mark.parametrize("stage", STAGES)
def test_killed_at_any_stage_a_model_is_there_whole_or_not_at_all(
    folder: Folder, stage: str
) -> None:
    program = Path(__file__).with_name("killed.py")
    words = [str(folder.ledger.url.database), str(folder.path), str(folder.archive), stage]
    done = subprocess.run([sys.executable, str(program), *words], check=False, timeout=300)
    assert done.returncode == -signal.SIGKILL
    assert not folder.unused.exists()
    folder.cleaned()
    left = {one.name for one in folder.path.iterdir()}
    assert left == {folder.used.name, f"{folder.used.name}.html"}


def test_one_that_was_put_aside_by_who_was_killed_is_asked_about_again(folder: Folder) -> None:
    before = contents(folder.unused)
    digest = sha256((folder.unused / "manifest.json").read_bytes()).hexdigest()
    program = Path(__file__).with_name("killed.py")
    words = [str(folder.ledger.url.database), str(folder.path), str(folder.archive), STAGES[0]]
    done = subprocess.run([sys.executable, str(program), *words], check=False, timeout=300)
    assert done.returncode == -signal.SIGKILL
    arm = Arm("late", "challenger", "candidate", 0, 0.1, 0, None, BEGAN, digest=digest)
    with folder.ledger.transaction() as inside:
        inside.save_roster(inside.roster().with_arm(arm), [registered(arm, BEGAN, "ada")], at=BEGAN)
    folder.cleaned()
    assert contents(folder.unused) == before


@pytest.mark.parametrize("by", ["name", "digest"])
def test_one_that_a_command_is_about_to_register_stays(folder: Folder, by: str) -> None:
    """Somebody has asked while the desk was busy, or none ran."""
    digest = sha256((folder.unused / "manifest.json").read_bytes()).hexdigest()
    name, said = (folder.unused.name, {}) if by == "name" else ("late", {"digest": digest})
    before = contents(folder.unused)

    def ask() -> None:
        command = Command("k", "register", name, "ann", "", LATER, said)
        with folder.ledger.transaction() as inside:
            append_command(inside.connection, command)

    done = folder.cleaned(on_stage=doing(STAGES[0], ask))
    assert folder.outcomes(done)[folder.unused.name] == "kept"
    assert "command 1 registers it, and waits to be carried out" in "".join(done.lines)
    assert folder.outcomes(folder.cleaned(dry_run=True))[folder.unused.name] == "kept"
    assert contents(folder.unused) == before
    expired = folder.cleaned(now=LATER + 2 * DAY)
    assert folder.outcomes(expired)[folder.unused.name] == "removed"


def test_one_that_a_command_was_to_retire_goes(folder: Folder) -> None:
    with folder.ledger.transaction() as inside:
        append_command(
            inside.connection, Command("k", "retire", folder.unused.name, "ann", "", LATER)
        )
    assert folder.outcomes(folder.cleaned())[folder.unused.name] == "removed"


def doing(when: str, what: Callable[[], object]) -> Callable[[str], None]:
    """Does something when a stage is passed, once."""
    left = [what]

    def passed(stage: str) -> None:
        if stage == when and left:
            left.pop()()

    return passed


def test_who_begins_to_train_meanwhile_keeps_it(folder: Folder) -> None:
    before = contents(folder.unused)
    with ExitStack() as training:
        begin = alone_at(folder.path / ".work" / "a1")
        done = folder.cleaned(on_stage=doing(STAGES[0], lambda: training.enter_context(begin)))
    assert folder.outcomes(done)[folder.unused.name] == "kept"
    assert "somebody trains here" in "".join(done.lines)
    assert contents(folder.unused) == before


def test_what_was_made_of_it_meanwhile_keeps_it(folder: Folder, tmp_path: Path) -> None:
    """A training that began and ended between the two looks is seen by what it has made."""
    digest = sha256((folder.unused / "manifest.json").read_bytes()).hexdigest()

    lineage = {**tiny_sizing().lineage, "parents": [digest]}
    child = save(replace(tiny_sizing(), lineage=lineage), tmp_path / "elsewhere", LATER)
    before = contents(folder.unused)
    make = partial(shutil.copytree, child, folder.path / child.name)
    done = folder.cleaned(on_stage=doing(STAGES[0], make))
    assert folder.outcomes(done)[folder.unused.name] == "kept"
    assert f"{child.name} was made from it" in "".join(done.lines)
    assert contents(folder.unused) == before


def test_what_was_made_of_it_and_is_in_no_snapshot_keeps_it(folder: Folder) -> None:
    digest = sha256((folder.unused / "manifest.json").read_bytes()).hexdigest()
    lineage = {**tiny_sizing().lineage, "parents": [digest]}
    child = save(replace(tiny_sizing(), lineage=lineage), folder.path, BEGAN + DAY)
    for one in (child, *child.iterdir()):
        touch(one, BEGAN)
    for dry_run in (True, False):
        outcomes = folder.outcomes(folder.cleaned(dry_run=dry_run))
        assert (outcomes[child.name], outcomes[folder.unused.name]) == ("kept", "kept")
    folder.keep(BEGAN + DAY)
    outcomes = folder.outcomes(folder.cleaned())
    assert (outcomes[child.name], outcomes[folder.unused.name]) == ("removed", "removed")


def test_work_that_somebody_goes_on_with_meanwhile_stays(folder: Folder) -> None:
    work = put_work(folder, "a" * 16, LATER - 99 * DAY)
    aside = work.with_name(f".{work.name}.doubted")
    for one in (folder.unused, folder.used):
        shutil.rmtree(one)
    done = folder.cleaned(on_stage=doing(STAGES[0], lambda: touch(aside / "weights", LATER)))
    assert folder.outcomes(done)[work.name] == "kept"
    assert (work / "weights").exists()


def test_a_name_that_says_too_old_a_time_lets_nothing_go_sooner(folder: Folder) -> None:
    """As a copy has it, or what was brought back: by its files it is young."""
    touch(folder.unused / "manifest.json", LATER - 89 * DAY)
    done = folder.cleaned()
    assert folder.outcomes(done)[folder.unused.name] == "kept"
    assert "1 more stays: it is younger than 90 days" in done.lines
    touch(folder.unused / "manifest.json", LATER - 90 * DAY)
    assert folder.outcomes(folder.cleaned())[folder.unused.name] == "removed"


def test_what_a_person_has_put_into_a_model_is_not_deleted_with_it(folder: Folder) -> None:
    (folder.unused / "notes.txt").write_text("dear")
    touch(folder.unused, BEGAN)
    done = folder.cleaned()
    assert folder.outcomes(done)[folder.unused.name] == "kept"
    assert "no snapshot of the desk holds notes.txt" in "".join(done.lines)
    assert (folder.unused / "notes.txt").read_text() == "dear"


MUCH_LATER = LATER + 2000 * DAY
"""Whatever the clock says by which a folder is put aside, that was long ago by then."""


def harmed(folder: Folder, *, more: str = "") -> Path:
    """A copy of the used one, harmed, as it is put aside when it is saved again."""
    aside = folder.path / f".{folder.used.name}.harmed"
    shutil.copytree(folder.used, aside)
    (aside / "weights.safetensors").write_bytes(b"")
    if more:
        (aside / more).write_text("dear")
    for one in (aside, *aside.iterdir()):
        touch(one, BEGAN)
    return aside


def test_a_harmed_copy_of_what_is_whole_goes_when_it_is_old(folder: Folder) -> None:
    aside = harmed(folder)
    assert "1 more stays: it is younger than 90 days" in folder.cleaned().lines
    assert aside.exists()
    planned = folder.cleaned(now=MUCH_LATER, dry_run=True)
    assert folder.outcomes(planned)[aside.name] == "planned"
    assert folder.outcomes(folder.cleaned(now=MUCH_LATER))[aside.name] == "removed"
    assert not aside.exists()


def test_a_harmed_copy_of_what_is_not_whole_stays(folder: Folder) -> None:
    aside = harmed(folder)
    (folder.used / "weights.safetensors").write_bytes(b"")
    done = folder.cleaned(now=MUCH_LATER)
    assert folder.outcomes(done)[aside.name] == "kept"
    assert f"{folder.used.name} is not whole, of which it is a copy" in "".join(done.lines)


def test_a_harmed_copy_with_what_the_whole_one_does_not_have_stays(folder: Folder) -> None:
    aside = harmed(folder, more="notes.txt")
    done = folder.cleaned(now=MUCH_LATER)
    assert folder.outcomes(done)[aside.name] == "kept"
    assert f"it has what {folder.used.name} does not have: notes.txt" in "".join(done.lines)
    assert (aside / "notes.txt").exists()


def test_what_is_whole_gets_its_name_back_and_half_of_it_goes(folder: Folder) -> None:
    before = contents(folder.used)
    for end in ("7.doomed", "7.partial", "doubted"):
        aside = folder.path / f".{folder.used.name}.{end}"
        folder.used.rename(aside)
        folder.cleaned()
        assert contents(folder.used) == before, end
    for end in ("7.doomed", "7.partial"):
        aside = folder.path / f".{folder.used.name}.{end}"
        shutil.copytree(folder.used, aside)
        (aside / "weights.safetensors").unlink()
        assert folder.outcomes(folder.cleaned())[aside.name] == "removed"
        assert not aside.exists()
    assert contents(folder.used) == before


@pytest.mark.parametrize("name", [".restored.ab1_x.partial", ".mine.harmed", ".notes.doomed"])
def test_what_is_not_called_as_we_call_things_is_not_touched(folder: Folder, name: str) -> None:
    (folder.path / name).mkdir()
    (folder.path / name / "dear.txt").write_text("dear")
    assert name not in folder.outcomes(folder.cleaned(now=MUCH_LATER))
    save(tiny_sizing(), folder.path, LATER)
    assert (folder.path / name / "dear.txt").read_text() == "dear"


def test_what_cannot_be_removed_is_told_and_keeps_nothing_else_from_going(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of each sort cannot be removed, and one of each sort can."""
    page = folder.unused.with_name(f"{folder.unused.name}.html")
    lone = folder.path / "sweep_20250401_000000.html"
    lone.write_text(f"best: {folder.unused.name}")
    stuck, free = (put_work(folder, one * 16, LATER - 99 * DAY) for one in "ab")
    half = folder.path / f".{folder.used.name}.7.partial"
    half.mkdir()
    refused = {page, half, stuck}

    def refusing(does: Callable[..., object]) -> Callable[..., object]:
        def done(path: Path, *more: object, **named: object) -> object:
            if Path(path) in refused:
                raise PermissionError(1, "Operation not permitted")
            return does(path, *more, **named)

        return done

    monkeypatch.setattr(Path, "unlink", refusing(Path.unlink))
    monkeypatch.setattr(Path, "rename", refusing(Path.rename))
    monkeypatch.setattr(shutil, "rmtree", refusing(shutil.rmtree))
    done = folder.cleaned()
    outcomes = folder.outcomes(done)
    assert {one for one, what in outcomes.items() if what == "failed"} == {
        page.name, half.name, stuck.name
    }  # fmt: skip
    assert {outcomes[one.name] for one in (folder.unused, lone, free)} == {"removed"}
    assert {(error.code, Path(error.subject)) for error in done.failed} == {
        ("MODEL_UNREMOVABLE", one) for one in refused
    }


def test_what_has_gone_is_told_though_the_database_cannot_be_read_afterwards(
    folder: Folder,
) -> None:
    """Somebody has dropped a table of it meanwhile."""

    def drop() -> None:
        with folder.ledger.by_hand(100) as cursor:
            cursor.execute("DROP TABLE tokens")

    done = folder.cleaned(on_stage=doing(STAGES[-1], drop))
    assert folder.outcomes(done)[folder.unused.name] == "removed"
    assert not folder.unused.exists()
    assert done.failed


def test_what_has_gone_is_told_though_nobody_can_go_on(folder: Folder) -> None:
    """Somebody has dropped the audit, which is asked when what was left aside is gone."""
    half = folder.path / f".{folder.used.name}.7.partial"
    half.mkdir()
    with folder.ledger.by_hand(100) as cursor:
        cursor.execute("DROP TABLE audit")
    done = folder.cleaned()
    assert folder.outcomes(done) == {half.name: "removed"}
    assert done.failed
    assert folder.unused.is_dir()


def test_what_has_gone_is_told_though_it_cannot_be_noted(folder: Folder, tmp_path: Path) -> None:
    jobs = JobSettings(folder=str(tmp_path / "maintenance"))
    (jobs.path / LAST_CLEANED).mkdir(parents=True)
    settings = folder.settings.model_copy(update={"jobs": jobs})
    times = Times(lambda: LATER, lambda: 0.0, lambda _: None)
    house = House(folder.ledger, settings, None, times, "a test", {})
    done = TASKS["cleanup"].does(Run(house, LATER.date(), LATER))
    assert folder.outcomes(done)[folder.unused.name] == "removed"
    assert [error.code for error in done.failed] == ["NOTE_UNWRITABLE"]


def test_a_model_that_cannot_be_put_aside_is_whole_and_told(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(folder.unused)
    rename = Path.rename

    def refusing(path: Path, new: Path) -> Path:
        if new.name.endswith(".doomed"):
            raise PermissionError(1, "Operation not permitted")
        return rename(path, new)

    monkeypatch.setattr(Path, "rename", refusing)
    done = folder.cleaned()
    assert folder.outcomes(done)[folder.unused.name] == "failed"
    assert [error.code for error in done.failed] == ["MODEL_UNREMOVABLE"]
    assert contents(folder.unused) == before


def test_where_the_database_is_damaged_nothing_is_removed(folder: Folder) -> None:
    file = Path(str(folder.ledger.url.database))
    folder.ledger.settle()
    before = contents(folder.path)
    with Ledger.open(str(file)) as ledger, ledger.by_hand(100) as cursor:
        cursor.execute("PRAGMA writable_schema = ON")
        cursor.execute("SELECT rootpage FROM sqlite_master WHERE name = 'audit'")
        ((page,),) = cursor.fetchall()
        cursor.execute("PRAGMA page_size")
        ((size,),) = cursor.fetchall()
    raw = bytearray(file.read_bytes())
    raw[(page - 1) * size + 100 : page * size] = bytes(size - 100)
    file.write_bytes(raw)
    with Ledger.open(str(file)) as ledger:
        done = clean(ledger, folder.settings, now=LATER, dry_run=False)
    assert [error.code for error in done.failed] == ["DATABASE_CORRUPT"]
    assert done.lines == ("the database is damaged, so nothing was removed",)
    assert contents(folder.path) == before


def test_a_house_without_models_is_clean(folder: Folder) -> None:
    shutil.rmtree(folder.path)
    assert folder.cleaned().told["cleaned"] == []
