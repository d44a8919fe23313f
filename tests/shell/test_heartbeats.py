"""A policy is judged as long as its bot says that it lives, if it ever says so."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from live_desks import MINUTE, NOON, desk_on, good_ledger, kinds
from records import BOT
from tiltyard.facts.observation import Observation
from tiltyard.metrics.catalogue import HEARTBEAT

STALE = timedelta(minutes=10)


def test_when_its_bot_falls_silent_nobody_knows_how_it_does(tmp_path: Path) -> None:
    with good_ledger(tmp_path / "desk.db") as ledger, desk_on(ledger, NOON) as desk:
        ledger.append_observations([Observation(HEARTBEAT, 1.0, NOON, BOT)], known_at=NOON)
        desk.step(NOON + STALE)
        assert kinds(desk.step(NOON + STALE + 14 * MINUTE)) == []
        assert kinds(desk.step(NOON + STALE + 15 * MINUTE)) == ["throttle"]
        assert desk.roster.arms[BOT].state == "throttled"


def test_a_bot_that_is_heard_again_in_time_loses_nothing(tmp_path: Path) -> None:
    with good_ledger(tmp_path / "desk.db") as ledger, desk_on(ledger, NOON) as desk:
        ledger.append_observations([Observation(HEARTBEAT, 1.0, NOON, BOT)], known_at=NOON)
        desk.step(NOON)
        heard = NOON + STALE + 14 * MINUTE
        assert kinds(desk.step(heard - MINUTE)) == []
        ledger.append_observations([Observation(HEARTBEAT, 1.0, heard, BOT)], known_at=heard)
        assert kinds(desk.step(heard)) == []
        assert kinds(desk.step(heard + STALE + 14 * MINUTE)) == []
        assert desk.roster.arms[BOT].share == 0.1


def test_nobody_grows_whose_bot_is_silent(tmp_path: Path) -> None:
    before = datetime(2025, 6, 3, 1, 59, tzinfo=UTC)
    with good_ledger(tmp_path / "desk.db") as ledger, desk_on(ledger, NOON) as desk:
        desk.step(NOON)
        ledger.append_observations(
            [Observation(HEARTBEAT, 1.0, before - STALE, BOT)], known_at=before - STALE
        )
        desk.step(before)
        assert "skip_scale" in kinds(desk.step(before + MINUTE))
        assert desk.roster.arms[BOT].share == 0.1


def test_one_that_never_says_so_is_judged_by_its_trades_alone(tmp_path: Path) -> None:
    with good_ledger(tmp_path / "desk.db") as ledger, desk_on(ledger, NOON) as desk:
        desk.step(NOON)
        assert kinds(desk.step(NOON + timedelta(hours=5))) == []
