"""Whatever clocks do, the night of a trading day is run once, or not at all."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from crash.floor import BAD, GOOD, PROD, SECOND, rules
from crash.house import House, housed
from tiltyard.shell.settings import RunSettings, ScheduleSettings, Settings

HOUR = 3600
DAY = 24 * HOUR
TO_NIGHT = 14 * HOUR
BERLIN = "Europe/Berlin"


@pytest.fixture
def house(ledger_url: str, tmp_path: Path) -> Iterator[House]:
    with housed(ledger_url, tmp_path) as found:
        yield found


def nights_of(house: House, policy: str = GOOD) -> int:
    """In how many nights an arm was looked at."""
    return sum(one == policy for kind in ("scale", "skip_scale") for one in house.written(kind))


def again(house: House, later: float = 20) -> House:
    """The desk dies, and another goes on."""
    house.now += later * SECOND
    return House(house.ledger, house.other, house.folder, house.settings, house.now, "second")


def in_berlin() -> Settings:
    return rules().model_copy(update={"schedule": ScheduleSettings(timezone=BERLIN)})


def test_a_desk_that_starts_for_the_first_time_at_noon_does_not_scale(house: House) -> None:
    for _ in range(5):
        house.round(60)
    assert nights_of(house) == 0
    assert list(house.nights()) == ["2026-03-02"]


def test_a_night_is_run_once_however_often_the_desk_steps_and_starts(house: House) -> None:
    house.round()
    house.round(TO_NIGHT)
    for _ in range(3):
        house.round(60)
        house = again(house)
        house.round(0)
    house.ask("scale")
    house.round()
    assert house.answers() == ["done"]
    assert Counter(house.written("scale")).most_common(1) in ([], [(GOOD, 1)])
    assert house.nights().keys() == {"2026-03-02", "2026-03-03"}
    house.verify()


def test_three_nights_that_were_missed_are_one_night(house: House) -> None:
    house.round()
    house = again(house, 3 * DAY)
    house.round()
    house.round()
    assert nights_of(house) == 1
    assert list(house.nights()) == ["2026-03-02", "2026-03-05"]


def test_a_night_that_was_run_is_not_run_again_when_the_clock_is_set_back(house: House) -> None:
    house.round()
    house.round(TO_NIGHT)
    assert nights_of(house) == 1
    house.now -= timedelta(hours=2)
    house.round()
    house = again(house)
    for _ in range(3):
        house.round(HOUR)
    assert nights_of(house) == 1
    house.round(DAY)
    assert nights_of(house) == 2


def test_a_clock_that_jumps_a_year_ahead_and_back_keeps_the_desk_judging(house: House) -> None:
    house.round()
    year = timedelta(days=365)
    house.now += year
    house.round()
    assert nights_of(house) == 1
    house.now -= year
    house.lose(BAD)
    assert [event["event"] for event in house.round(5)] == ["halt"]
    assert house.traffic()[PROD] == pytest.approx(0.8)
    house.ask("halt", GOOD)
    house.round()
    assert house.answers() == ["done"]
    house.round(TO_NIGHT)
    house.round(DAY)
    assert {"2026-03-03", "2026-03-04"} < house.nights().keys()
    house.verify()


def test_a_jump_of_the_clock_counts_as_silence_and_freezes_the_challengers(
    ledger_url: str, tmp_path: Path
) -> None:
    alert = rules().model_copy(update={"run": RunSettings(deadman=60)})
    with housed(ledger_url, tmp_path, alert) as house:
        house.round()
        done = house.round(365 * DAY)
        assert done[0]["event"] == "freeze_challengers"
        assert "nothing was judged for" in done[0]["reason"]
        assert house.traffic() == {PROD: 1}


@pytest.mark.parametrize(
    ("day", "starts"),
    [
        ("2026-03-29", "01"),  # 02:00 does not exist: it is 03:00 there
        ("2026-10-25", "00"),  # 02:00 comes twice, and the first counts
        ("2026-07-01", "00"),
        ("2026-12-01", "01"),
    ],
)
def test_every_day_in_berlin_has_one_night(
    ledger_url: str, tmp_path: Path, day: str, starts: str
) -> None:
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZoneInfo(BERLIN))
    began = (noon - timedelta(days=1)).astimezone(UTC)
    with housed(ledger_url, tmp_path, in_berlin(), began) as house:
        house.round()
        while house.now < noon + timedelta(days=1):
            house.round(900)
        found = {name: at.strftime("%H") for name, at in house.nights().items()}
        assert len(found) == 3
        assert found[day] == starts
        assert nights_of(house) == 2
