"""The night runs once in a trading day, when everything that is there has been measured."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from live_desks import MINUTE, NOON, SETTINGS, append, desk_on, good, good_ledger, kinds, put
from records import BOT, CAPITAL, ledger_of
from tiltyard.facts.mark import Mark
from tiltyard.facts.observation import Observation
from tiltyard.kernel.money import money
from tiltyard.shell.commanding import carry_out, take
from tiltyard.shell.effects.announce import Announcing
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.news import MOST

NIGHT = datetime(2025, 6, 3, 2, 0, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with good_ledger(tmp_path / "tiltyard.db") as opened:
        yield opened


@pytest.mark.parametrize("waiting", [MOST - 1, MOST, 2 * MOST + 1])
def test_a_night_is_run_however_much_waits_to_be_judged_when_it_begins(
    ledger: Ledger, waiting: int
) -> None:
    with desk_on(ledger, NIGHT - 5 * MINUTE) as desk:
        desk.step(NIGHT - 5 * MINUTE)
        gauges = (Observation("gpu_util_pct", 5.0, NIGHT - n * SECOND / 10) for n in range(waiting))
        ledger.append_observations(gauges, known_at=NIGHT)
        done = kinds(desk.step(NIGHT))
        while desk.is_behind:
            assert done == []
            done = kinds(desk.step(NIGHT))
        assert done.count("scale") == 1
        assert desk.roster.arms[BOT].share == 0.15


def test_a_night_that_waited_is_run_by_the_next_desk(ledger: Ledger) -> None:
    with desk_on(ledger, NIGHT - 5 * MINUTE) as desk:
        desk.step(NIGHT - 5 * MINUTE)
        gauges = (Observation("gpu_util_pct", 5.0, NIGHT - n * SECOND / 10) for n in range(MOST))
        ledger.append_observations(gauges, known_at=NIGHT)
        assert kinds(desk.step(NIGHT)) == []
        assert desk.is_behind
    with desk_on(ledger, NIGHT + MINUTE) as desk:
        assert "scale" in kinds(desk.step(NIGHT + MINUTE))


HOUR = timedelta(hours=1)


def test_a_night_that_is_left_to_others_is_run_when_nobody_has_asked_for_it(
    ledger: Ledger,
) -> None:
    with desk_on(ledger, NIGHT - 5 * MINUTE, night_after=HOUR) as desk:
        desk.step(NIGHT - 5 * MINUTE)
        assert "scale" not in kinds(desk.step(NIGHT))
        assert "scale" not in kinds(desk.step(NIGHT + 59 * MINUTE))
        assert kinds(desk.step(NIGHT + HOUR)).count("scale") == 1
        assert "scale" not in kinds(desk.step(NIGHT + HOUR + MINUTE))


def test_a_night_that_others_have_asked_for_is_not_run_again(ledger: Ledger) -> None:
    with desk_on(ledger, NIGHT - 5 * MINUTE, night_after=HOUR) as desk:
        desk.step(NIGHT - 5 * MINUTE)
        put(ledger, "scale", "", NIGHT)
        assert "scale" in kinds(desk.step(NIGHT + MINUTE))
        assert "scale" not in kinds(desk.step(NIGHT + HOUR))


def test_a_day_that_began_before_any_desk_has_no_night_of_its_own(tmp_path: Path) -> None:
    with (
        ledger_of(tmp_path / "new.db", good(200)) as new,
        desk_on(new, NIGHT + 30 * MINUTE, night_after=HOUR) as desk,
    ):
        for minutes in (30, 59, 60, 61):
            done = kinds(desk.step(NIGHT + minutes * MINUTE))
            assert not {"scale", "skip_scale"} & set(done)


def worsened(ledger: Ledger) -> None:
    """A win of long ago was a loss: its arm has to be measured anew."""
    marks = (Mark(BOT, NOON + n * MINUTE / 3, money(0), 0, CAPITAL) for n in range(MOST))
    ledger.append_marks(marks, known_at=NIGHT)


def test_nobody_grows_by_what_is_known_to_be_measured_wrongly(ledger: Ledger) -> None:
    with desk_on(ledger, NIGHT - 5 * MINUTE) as desk:
        worsened(ledger)
        for _ in range(3):
            desk.step(NIGHT - 5 * MINUTE)
        append(ledger, [good(200)[150]._replace(pnl=money(-3000), revision=2)], NIGHT)
        assert kinds(desk.step(NIGHT)) == []
        assert desk.is_behind
        (skipped,) = (event for event in desk.step(NIGHT) if event["policy"] == BOT)
        assert (skipped["event"], skipped["reason"]) == (
            "skip_scale", "pf_150 0.0732 < pf_prod 3",
        )  # fmt: skip


def test_whoever_asks_for_the_night_where_no_desk_runs_has_everything_measured(
    ledger: Ledger,
) -> None:
    gauges = (Observation("gpu_util_pct", 5.0, NIGHT - n * SECOND / 10) for n in range(2 * MOST))
    ledger.append_observations(gauges, known_at=NIGHT)
    put(ledger, "scale", BOT, NIGHT)
    token = take(ledger, "ann", NIGHT)
    assert token is not None
    carry_out(ledger, SETTINGS, token, NIGHT, Announcing())
    assert ledger.roster().arms[BOT].share == 0.15
