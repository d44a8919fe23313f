"""What stands in memory holds when a desk begins again, and is written and told once."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from live_desks import DAY, MINUTE, NOON, SETTINGS, append, good_ledger, kinds, put
from records import BOT, CAPITAL, CHAMPION, trade
from tiltyard.facts.observation import Observation
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.commanding import take
from tiltyard.shell.effects.announce import Announcing
from tiltyard.shell.live import WRITTEN, LiveDesk
from tiltyard.shell.registration import welcome
from tiltyard.shell.replaying.verify import verify
from tiltyard.shell.settings import RunSettings
from tiltyard.shell.store.command_table import outcome_of
from tiltyard.shell.store.ledger import Ledger


class Disk:
    """One on which a step finds no room while it is full."""

    def __init__(self) -> None:
        self.is_full = False

    def __call__(self, stage: str) -> None:
        if self.is_full and stage == WRITTEN:
            raise TiltyardError("DATABASE_FULL", "tiltyard.db", "no space left")


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Nobody waits for a lock on it."""
    path = tmp_path / "tiltyard.db"
    with good_ledger(path), Ledger.open(str(path), busy_timeout_ms=0) as impatient:
        yield impatient


@pytest.fixture
def desk(ledger: Ledger, disk: Disk) -> LiveDesk:
    found = desk_of(ledger, disk)
    found.step(NOON)
    return found


def desk_of(ledger: Ledger, disk: Disk, *, deadman: float = 1e9) -> LiveDesk:
    token = take(ledger, "test", NOON)
    assert token is not None
    settings = SETTINGS.model_copy(update={"run": RunSettings(deadman=deadman)})
    told = Announcing({"hook": {"notice"}})
    desk = LiveDesk(ledger, settings, token, on_stage=disk, announcing=told)
    desk.start()
    return desk


@contextmanager
def locked(ledger: Ledger) -> Iterator[None]:
    path = str(ledger.url.database)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def test_a_halt_holds_when_the_step_that_begins_again_fails_as_well(
    ledger: Ledger, desk: LiveDesk, disk: Disk
) -> None:
    night = NOON + DAY  # something is given in the step that fails: the night runs
    put(ledger, "halt", BOT, night)
    put(ledger, "register", "other_bot", night, capital="100000")
    disk.is_full = True
    assert desk.step(night) == []
    disk.is_full = False
    with locked(ledger):
        for minutes in (1, 2):
            desk.step(night + minutes * MINUTE)
            assert desk.trouble is not None
            assert desk.roster.arms[BOT].state == "halted"
            assert desk.shares_alone["shares"] == {CHAMPION: 1.0}
            assert desk.shares_alone["reduce_only"] == [BOT]
    written = kinds(desk.step(night + 3 * MINUTE))
    assert written.count("halt") == 1
    assert {"register", "admit"} <= set(written), "what was given is decided anew"
    assert ledger.roster().arms[BOT].state == "halted"
    verify(ledger, SETTINGS, night + 3 * MINUTE)


def test_nothing_is_given_while_the_database_is_locked_and_so_no_halt_is_forgotten(
    ledger: Ledger, desk: LiveDesk
) -> None:
    errors = Observation("api_error_rate", 50.0, NOON + MINUTE, samples=100)
    ledger.append_observations([errors], known_at=NOON + MINUTE)
    assert kinds(desk.step(NOON + MINUTE)) == ["freeze_ramp"]
    put(ledger, "halt", BOT, NOON + 2 * MINUTE)
    better = Observation("api_error_rate", 0.0, NOON + 2 * MINUTE, samples=100)
    ledger.append_observations([better], known_at=NOON + 2 * MINUTE)
    with locked(ledger):
        for minutes in (2, 3, 12, 14):
            desk.step(NOON + minutes * MINUTE)
            assert kinds(desk.decided_alone) == ["halt"], "the hold on growth stands"
            assert desk.roster.arms[BOT].state == "halted"
    assert kinds(desk.step(NOON + 15 * MINUTE)) == ["halt"]


def test_the_dead_mans_switch_holds_when_a_desk_begins_again(ledger: Ledger, disk: Disk) -> None:
    desk = desk_of(ledger, disk, deadman=60)
    desk.step(NOON, 0.0)
    at = NOON + 5 * MINUTE
    put(ledger, "register", "other_bot", at, capital="1000")
    disk.is_full = True
    desk.step(at, 300.0)
    disk.is_full = False
    with locked(ledger):
        desk.step(at + timedelta(seconds=5), 305.0)
        assert kinds(desk.decided_alone) == ["freeze_challengers"]
        assert desk.shares_alone["shares"] == {CHAMPION: 1.0}


def test_what_guards_decided_in_a_step_that_failed_is_written_and_told_once(
    ledger: Ledger, desk: LiveDesk, disk: Disk
) -> None:
    at = NOON + MINUTE
    gauges = [Observation("account_balance", 5.0, at), Observation("up", 0.0, at)]
    ledger.append_observations(gauges, known_at=at)
    append(ledger, [trade(BOT, 700 + n, -1) for n in range(6)], at)
    put(ledger, "register", "other_bot", at)
    disk.is_full = True
    desk.step(at)
    disk.is_full = False
    written = kinds(desk.step(at + MINUTE))
    assert sorted(written) == ["freeze_challengers", "page", "register", "review"]
    with ledger.snapshot() as still:
        bodies = still.connection.exec_driver_sql("SELECT body FROM effects").scalars()
        told = [json.loads(body) for body in bodies]
    assert [one.get("episodes", 1) for one in told] == [1] * len(told)
    assert sorted(one["event"] for one in told if one["event"] != "admit") == sorted(written)


def test_a_halt_is_written_though_the_answer_to_the_commit_before_it_was_lost(
    ledger: Ledger, desk: LiveDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was admitted and throttled in the step that was written after all fits no more."""
    ledger.change_roster(
        lambda roster: welcome(roster, ["bad"], CAPITAL, desk._desk.rules, NOON, "ingest"), at=NOON
    )
    append(ledger, [trade("bad", 2 * n, 1 if n % 2 else -1) for n in range(60)], NOON)
    real = Ledger.transaction
    asked: list[int] = []

    @contextmanager
    def lost(self: Ledger, *staging: object) -> Iterator[Ledger]:
        with real(self, *staging) as inside:  # type: ignore[arg-type] # as it was called
            yield inside
        monkeypatch.setattr(Ledger, "transaction", real)
        asked.append(put(ledger, "halt", BOT, NOON + MINUTE))  # who waited for the lock is next
        raise TiltyardError("DATABASE_UNREACHABLE", "tiltyard.db", "the connection was lost")

    monkeypatch.setattr(Ledger, "transaction", lost)
    assert desk.step(NOON + MINUTE) == []
    assert ledger.roster().arms["bad"].state == "throttled"
    assert kinds(desk.step(NOON + 2 * MINUTE)) == ["halt"]
    assert ledger.roster().arms[BOT].state == "halted"
    with ledger.snapshot() as still:
        answer = outcome_of(still.connection, asked[0])
    assert answer is not None
    assert answer.text.startswith("bot: halted")
    verify(ledger, SETTINGS, NOON + 2 * MINUTE)
