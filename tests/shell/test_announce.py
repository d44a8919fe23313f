"""What people are told of a step: once of each guard and subject, with how it stands now."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from records import BOT, CHAMPION, ledger_of, trade
from tiltyard.actions.record import Event
from tiltyard.facts.command import Command
from tiltyard.facts.observation import Observation
from tiltyard.facts.trade import Trade
from tiltyard.shell.commanding import take
from tiltyard.shell.effects.announce import Announcing
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.settings import RunSettings, load
from tiltyard.shell.store.command_table import append_command
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import every_effect

SETTINGS = load().model_copy(update={"run": RunSettings(deadman=1e9)})
NOON = datetime(2025, 6, 2, 12, tzinfo=UTC)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


class Diary:
    """A desk whose notices are read, step by step."""

    def __init__(self, ledger: Ledger) -> None:
        token = take(ledger, "test", NOON)
        assert token is not None
        self.ledger = ledger
        self.desk = LiveDesk(ledger, SETTINGS, token, announcing=Announcing({"diary": {"notice"}}))
        self.desk.start()
        self.read = 0
        self.step(NOON)

    def step(self, now: datetime) -> list[dict[str, Any]]:
        """What is told of a step."""
        self.desk.step(now)
        with self.ledger.snapshot() as still:
            bodies = [json.loads(effect.body) for effect in every_effect(still.connection)]
        new, self.read = bodies[self.read :], len(bodies)
        return new

    def audited(self, kind: str) -> list[Event]:
        bodies = [json.loads(row.body) for row in self.ledger.audit()]
        return [body for body in bodies if body["event"] == kind]

    def trades(self, trades: Iterable[Trade], now: datetime) -> None:
        with self.ledger.staging() as staging:
            staging.add([(n, one, False) for n, one in enumerate(trades)])
            staging.commit(now=now, known_at=now)

    def answers(self, *ups: int, now: datetime) -> None:
        """Whether the desk's machine answered, a second apart."""
        gauges = [Observation("up", up, now + n * SECOND) for n, up in enumerate(ups)]
        self.ledger.append_observations(gauges, known_at=now + len(ups) * SECOND)


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[Diary]:
    names = (BOT, CHAMPION)
    good = [trade(name, 2 * n, 3 if n % 2 else -1) for n in range(40) for name in names]
    with ledger_of(tmp_path / "tiltyard.db", good) as ledger:
        yield Diary(ledger)


def told(notice: Event) -> tuple[str, int, bool]:
    return notice["event"], notice["episodes"], notice["lasts"]


def test_outages_that_are_over_when_they_are_seen_are_one_page(diary: Diary) -> None:
    diary.answers(0, 1, 0, 1, 0, 1, now=NOON)
    (page,) = diary.step(NOON + MINUTE)
    assert told(page) == ("page", 3, False)
    assert len(diary.audited("page")) == 3, "the audit tells of every one"
    diary.answers(0, 1, 0, now=NOON + MINUTE)
    (page,) = diary.step(NOON + 2 * MINUTE)
    assert told(page) == ("page", 2, True)
    assert diary.step(NOON + 3 * MINUTE) == [], "told once, as long as it lasts"
    diary.answers(1, 0, now=NOON + 3 * MINUTE)
    (page,) = diary.step(NOON + 4 * MINUTE)
    assert told(page) == ("page", 1, True), "another episode is another page"
    assert len(diary.audited("page")) == 6


def test_an_outage_that_is_over_when_it_is_seen_is_told_as_over(diary: Diary) -> None:
    diary.answers(0, 1, now=NOON)
    assert [told(page) for page in diary.step(NOON + MINUTE)] == [("page", 1, False)]


def test_each_guard_and_subject_and_kind_is_told_for_itself(diary: Diary) -> None:
    """The champion falls below its band and recovers and falls; both lose in a row, twice."""
    runs = [-1, -1, -1, -1, -1, 40, -30, -1, -1, -1, -1]
    both = [trade(name, 200 + n, pnl) for n, pnl in enumerate(runs) for name in (BOT, CHAMPION)]
    diary.trades(both, NOON)
    notices = diary.step(NOON + MINUTE)
    pairs = [(one["event"], one["policy"], one["cause"]) for one in notices]
    assert len(pairs) == len(set(pairs))
    assert {told(one) for one in notices if one["event"] == "review"} == {("review", 2, True)}
    assert [one["policy"] for one in notices if one["event"] == "review"] == [BOT]
    assert {told(one)[1:] for one in notices if one["policy"] == CHAMPION} == {(1, True)}
    assert {one["event"] for one in notices if one["policy"] == CHAMPION} == {
        "propose_rollback", "page"
    }  # fmt: skip


def test_what_a_person_did_is_told_each_time(diary: Diary) -> None:
    with diary.ledger.transaction() as inside:
        for number, verb in enumerate(("freeze", "stop_all")):
            asked = Command(f"key {number}", verb, "", "ann", "", NOON)  # type: ignore[arg-type]
            append_command(inside.connection, asked)
    notices = diary.step(NOON + MINUTE)
    assert [one["event"] for one in notices] == ["freeze_challengers", "stop_entries"]
    assert all("episodes" not in one and "lasts" not in one for one in notices)
