"""A look at the house: what is wrong is seen, and nothing that nobody could see is called well."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from archive.houses import fill
from archive.places import in_bucket
from archives import written
from conformance.samples import NewDatabase, register
from crash.floor import NOON, append, rules, trade
from docs.pages import rows
from ledgers import Databases, once_filled
from tiltyard.facts.command import Command
from tiltyard.shell.archive.gathering import Belongings
from tiltyard.shell.archive.place import place_of
from tiltyard.shell.archive.taking import take
from tiltyard.shell.commanding import give_back
from tiltyard.shell.commanding import take as take_lease
from tiltyard.shell.maintenance import looks
from tiltyard.shell.maintenance.done import Done
from tiltyard.shell.maintenance.health import check_health
from tiltyard.shell.sections.archive import ArchiveSettings
from tiltyard.shell.sections.models import ModelSettings
from tiltyard.shell.settings import EffectSettings, Settings
from tiltyard.shell.store.command_table import append_command
from tiltyard.shell.store.desk_record import note_run
from tiltyard.shell.store.lease import go_by, read_lease
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import effect_under, move_effect, request_effect

DUE = datetime(2026, 3, 3, 2, tzinfo=UTC)
"""When the night after that of the house is run."""
NEXT_DAY = DUE + timedelta(hours=3)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


@pytest.fixture(scope="session")
def filled(databases: Databases) -> Iterator[NewDatabase]:
    """Makes databases with arms, and what they have traded in a morning."""
    yield from once_filled(databases, fill)


class Home(NamedTuple):
    ledger: Ledger
    settings: Settings

    def health(self, now: datetime = NEXT_DAY) -> Done:
        return check_health(self.ledger, self.settings, now)

    def state(self, part: str, now: datetime = NEXT_DAY) -> str:
        """The worst of a part."""
        states: list[str] = [
            one["state"] for one in checks(self.health(now)) if one["part"] == part
        ]
        return max(states, key=["ok", "attention", "unknown", "failed"].index)


def checks(done: Done) -> list[Mapping[str, Any]]:
    return list(done.told["checks"])


def facts(done: Done, part: str) -> str:
    return "\n".join(
        f"{one['fact']}. {one['remedy']}" for one in checks(done) if one["part"] == part
    )


def unguarded(connection: sa.Connection, table: str) -> None:
    """Take away what keeps rows from being changed, as somebody would who wants to."""
    if connection.dialect.name == "sqlite":
        names = connection.scalars(
            sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table"),
            {"table": table},
        ).all()
        for name in names:
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
    else:
        connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER ALL")


def change(ledger: Ledger, name: str, **fields: object) -> None:
    """Write an arm down as it should be."""
    roster = ledger.roster()
    changed = replace(roster.arms[name], **fields)  # type: ignore[arg-type] # fields of an arm
    ledger.save_roster(roster.with_arm(changed), [], at=NOON)


@pytest.fixture
def home(filled: NewDatabase, tmp_path: Path) -> Iterator[Home]:
    """One in which all is well in the night that follows: a desk runs, and a snapshot is kept."""
    settings = rules().model_copy(
        update={
            "models": ModelSettings(folder=str(tmp_path / "models")),
            "archive": ArchiveSettings(folder=str(tmp_path / "archive")),
        }
    )
    written(tmp_path / "models", "20260301_120000", "timesnet")
    with filled() as url, Ledger.open(url) as ledger:
        place = place_of(settings.archive, create=True)
        take(Belongings(ledger, settings.models.path, tmp_path / "none.toml"), place, DUE)
        token = take_lease(ledger, "a desk", NEXT_DAY)
        assert token is not None
        with ledger.transaction() as inside:
            go_by(inside.connection, token, settings.checklist.digest)
            note_run(inside.connection, "2026-03-03", "", DUE + MINUTE)
        yield Home(ledger, settings)


def test_a_house_in_which_all_is_well_is_called_so(home: Home) -> None:
    done = home.health()
    assert (done.task, done.failed) == ("health", ())
    assert done.told["state"] == "ok"
    assert {one["part"] for one in checks(done)} == set(looks.LOOKS)
    assert {one["state"] for one in checks(done)} == {"ok"}
    assert done.lines[-1] == "in all: ok"
    assert "1 in " in facts(done, "models")
    assert "the newest snapshot of this ledger is of" in facts(done, "archive")
    assert "was run at 2026-03-03T02:01:00Z" in facts(done, "jobs")


def test_a_look_changes_nothing(home: Home, tmp_path: Path) -> None:
    def files() -> Mapping[Path, bytes]:
        return {one: one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()}

    before, head = files(), home.ledger.audit_head()
    assert home.health().failed == home.health().failed == ()
    assert (files(), home.ledger.audit_head()) == (before, head)


def test_a_byte_of_a_model_that_is_another_is_seen(home: Home) -> None:
    (weights,) = home.settings.models.path.rglob("*.safetensors")
    weights.write_bytes(b"weighty"[: weights.stat().st_size])
    done = home.health()
    (error,) = done.failed
    assert (error.code, error.subject) == ("HEALTH_FAILED", "models")
    assert "SNAPSHOT_TAMPERED" in error.facts
    assert done.told["state"] == "failed"


def test_a_model_that_cannot_be_read_is_seen(home: Home) -> None:
    (weights,) = home.settings.models.path.rglob("*.safetensors")
    weights.unlink()
    weights.mkdir()
    assert home.state("models") == "failed"


def test_an_arm_whose_model_is_gone_wants_attention_until_it_retires(home: Home) -> None:
    name, digest = "tabnet_20260301_120000_deadbeef", "deadbeef" * 8
    register(home.ledger, name)
    change(home.ledger, name, digest=digest, kind="tabnet")
    assert f"no snapshot in {home.settings.models.path} is {name}" in facts(home.health(), "models")
    change(home.ledger, name, state="retired", share=0.0)
    assert home.state("models") == "ok"


@pytest.mark.parametrize("statement", [
    "UPDATE audit SET body = replace(body, 'test', 'best') WHERE seq = 2",
    "DELETE FROM audit WHERE seq = 2",
])  # fmt: skip
def test_an_audit_that_somebody_has_edited_is_seen(home: Home, statement: str) -> None:
    with home.ledger.transaction() as inside:
        unguarded(inside.connection, "audit")
        inside.connection.exec_driver_sql(statement)
    (error,) = home.health().failed
    assert (error.subject, error.facts[:12]) == ("audit", "AUDIT_BROKEN")


def test_a_database_that_lets_nobody_write_has_failed(home: Home) -> None:
    url = home.ledger.url
    if url.get_backend_name() == "sqlite":
        pytest.skip("a file that may not be written may be by root")
    with home.ledger.transaction() as inside:
        readonly = f'ALTER DATABASE "{url.database}" SET default_transaction_read_only = on'
        inside.connection.exec_driver_sql(readonly)
    with Ledger.open(url.render_as_string(hide_password=False)) as reader:
        done = check_health(reader, home.settings, NEXT_DAY)
    (error,) = done.failed
    assert (error.code, error.subject) == ("HEALTH_FAILED", "database")
    assert error.facts.startswith("DATABASE_READ_ONLY")


def test_a_model_of_which_nobody_knows_what_it_is_has_failed(home: Home) -> None:
    (path,) = home.settings.models.path.iterdir()
    path.rename(path.with_name(path.name.replace("timesnet", "tabnet")))
    assert "its folder is not called as it was" in facts(home.health(), "models")
    assert home.state("models") == "failed"


def test_a_database_that_others_hold_is_unknown_and_what_needs_it_is_still_read(
    home: Home,
) -> None:
    with Ledger.open(home.ledger.url.render_as_string(hide_password=False),
                     busy_timeout_ms=1) as hasty, home.ledger.transaction():  # fmt: skip
        if hasty.url.get_backend_name() != "sqlite":
            pytest.skip("Postgres lets a second writer wait")
        done = check_health(hasty, home.settings, NEXT_DAY)
    (error,) = done.failed
    assert (error.code, error.subject) == ("HEALTH_UNKNOWN", "database")
    assert done.told["state"] == "unknown"


def test_what_hangs_on_a_database_that_is_gone_is_unknown_and_not_well(home: Home) -> None:
    gone = home.ledger
    gone.close()
    if gone.url.get_backend_name() != "sqlite":
        pytest.skip("a server is not taken away")
    file = Path(gone.url.database or "")
    file.rename(file.with_name("elsewhere"))
    for log in file.parent.glob(f"{file.name}-*"):
        log.unlink()
    file.mkdir()
    done = home.health()
    states = {one["part"]: one["state"] for one in checks(done)}
    assert states["database"] == "failed"
    assert {states[part] for part in ("audit", "desk", "jobs")} == {"unknown"}
    assert (states["archive"], states["settings"]) == ("ok", "ok")


def test_an_archive_is_proved_and_an_old_snapshot_wants_another(home: Home) -> None:
    assert home.state("archive") == "ok"
    assert home.state("archive", DUE + timedelta(days=8)) == "ok"
    late = home.health(DUE + timedelta(days=8, seconds=1))
    assert "8 d ago. take one: tiltyard snapshot take" in facts(late, "archive")
    assert home.state("archive", DUE - timedelta(hours=1)) == "unknown"
    shutil.rmtree(home.settings.archive.path / "snapshots")
    assert "no snapshot of this ledger is kept" in facts(home.health(), "archive")
    shutil.rmtree(home.settings.archive.path)
    assert home.state("archive") == "attention"
    home.settings.archive.path.write_text("no folder")
    assert home.state("archive") == "failed"


def test_a_bucket_that_nobody_answers_for_or_that_nothing_opens_is_no_archive(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "ANSWERS_WITHIN", timedelta(seconds=1))
    closed = in_bucket("http://127.0.0.1:9", "nobody", tmp_path / "opens")
    away = Home(home.ledger, home.settings.model_copy(update={"archive": closed}))
    assert "ARCHIVE_UNREACHABLE" in facts(away.health(), "archive")
    assert away.state("archive") == "failed"
    missing = closed.model_copy(update={"credentials_file": str(tmp_path / "none")})
    without = Home(home.ledger, home.settings.model_copy(update={"archive": missing}))
    assert without.state("archive") == "failed"


@pytest.mark.parametrize(
    ("free", "state"),
    [(99_999_999, "failed"), (100_000_000, "attention"), (999_999_999, "attention"),
     (1_000_000_000, "ok")],
)  # fmt: skip
def test_how_much_room_is_enough(
    home: Home, monkeypatch: pytest.MonkeyPatch, free: int, state: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    assert home.state("room") == state


def test_every_disk_that_is_filled_is_looked_at(home: Home, tmp_path: Path) -> None:
    """Beside a bucket, too, a snapshot comes to the folder of the archive when that refuses."""
    bucket = in_bucket("http://127.0.0.1:9", "nobody", tmp_path / "opens")
    for archive in (home.settings.archive, bucket):
        settings = home.settings.model_copy(update={"archive": archive})
        told = "\n".join(seen.fact for seen in looks.look_at_room(home.ledger, settings, NOON))
        assert all(one in told for one in ("jobs", "models", "scratch files", "the archive"))


def test_a_desk_that_ended_that_was_killed_and_one_of_another_checklist_are_told_apart(
    home: Home,
) -> None:
    assert home.state("desk", NEXT_DAY + 14 * SECOND) == "ok"
    assert home.state("desk", NEXT_DAY + 15 * SECOND) == "failed"
    assert home.state("desk", NEXT_DAY - 2 * MINUTE) == "unknown"
    fewer = replace(home.settings.checklist, digest="0" * 64)
    other = Home(home.ledger, home.settings.model_copy(update={"checklist": fewer}))
    assert "the desk goes by another checklist" in facts(other.health(), "desk")
    assert other.health().told["state"] == "attention"
    with home.ledger.snapshot() as still:
        lease = read_lease(still.connection)
    assert lease is not None
    give_back(home.ledger, lease.token)
    assert facts(home.health(), "desk") == "none runs. start one: tiltyard run --serve"


def test_a_command_that_nobody_carries_out_is_told(home: Home) -> None:
    asked = Command("key", "halt", "good", "ann", "because", NEXT_DAY)
    with home.ledger.transaction() as inside:
        append_command(inside.connection, asked)
    assert home.state("desk", NEXT_DAY + 10 * SECOND) == "ok"
    assert "commands that wait: 1" in facts(home.health(NEXT_DAY + 61 * SECOND), "desk")


def test_a_night_that_was_not_run_is_told_two_hours_later(home: Home) -> None:
    day = timedelta(days=1)
    assert home.state("jobs", DUE + day - SECOND) == "ok"
    assert "is to be run now" in facts(home.health(DUE + day + MINUTE), "jobs")
    late = home.health(DUE + day + 121 * MINUTE)
    assert "the night of 2026-03-04T02:00:00Z was not run" in facts(late, "jobs")
    assert home.state("jobs", NOON) == "ok", "none was due when the house began"


def test_what_is_on_hold_and_a_house_without_champion_want_attention(home: Home) -> None:
    roster = home.ledger.roster()
    held = replace(roster, ramp_frozen_by=frozenset({"a_guard"}))
    home.ledger.save_roster(held, [], at=NOON)
    assert "no share grows" in facts(home.health(), "database")


def test_an_empty_house_is_not_called_well(databases: Databases, tmp_path: Path) -> None:
    settings = rules().model_copy(
        update={
            "models": ModelSettings(folder=str(tmp_path / "models")),
            "archive": ArchiveSettings(folder=str(tmp_path / "archive")),
        }
    )
    with databases.empty() as url, Ledger.open(url, create=True) as ledger:
        done = check_health(ledger, settings, NOON)
    assert done.told["state"] == "attention"
    assert done.failed == ()
    assert "there is no champion" in facts(done, "database")
    assert "no night has been due yet" in facts(done, "jobs")


def test_every_field_of_it_is_told(home: Home) -> None:
    done = home.health()
    assert set(rows("json.md", "## A look at the house")) == set(done.told)
    assert set(rows("json.md", "## A part of the house")) == set(checks(done)[0])
    told = rows("../how-to/set-up.md", "## How the house is")
    assert list(told) == list(looks.LOOKS)


def test_guards_that_only_watch_want_attention(home: Home) -> None:
    guards = tuple(replace(one, mode="observe") for one in home.settings.checklist.guards)
    checklist = replace(home.settings.checklist, guards=guards)
    watching = Home(home.ledger, home.settings.model_copy(update={"checklist": checklist}))
    assert ", 0 enforced" in facts(watching.health(), "settings")
    assert watching.state("settings") == "attention"


def test_facts_that_were_kept_apart_want_attention(home: Home) -> None:
    ahead = trade("good", 900, 5, timedelta(days=30))
    append(home.ledger, [ahead], NEXT_DAY)
    assert "kept apart and count for nothing: 1" in facts(home.health(), "database")


def test_what_was_given_up_is_told_of_who_is_named_for_a_week(home: Home) -> None:
    named = EffectSettings(file="shares.json")
    telling = Home(home.ledger, home.settings.model_copy(update={"effects": named}))
    assert telling.state("desk") == "ok"
    for target in ("file", "webhook"):
        with home.ledger.transaction() as inside:
            request_effect(inside.connection, target, target, "notice", {}, NEXT_DAY)
            before = effect_under(inside.connection, target)
            after = replace(before, state="failed", settled_at=NEXT_DAY, told="no")
            assert move_effect(inside.connection, before, after)
    assert "was given up: 1. tiltyard doctor" in facts(telling.health(), "desk")
    assert "was given up" not in facts(home.health(), "desk"), "nobody is named"
    later = telling.health(NEXT_DAY + timedelta(days=8))
    assert "was given up" not in facts(later, "desk")
