"""Whatever clocks do, the night of a trading day is run once, or not at all."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from crash.floor import BAD, GOOD, PROD, SECOND, rules
from crash.house import House, housed
from tiltyard.shell.commanding import Times
from tiltyard.shell.running import Rounds, go_round
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


@pytest.fixture
def alert_house(ledger_url: str, tmp_path: Path) -> Iterator[House]:
    """After 60 s without a judgement the challengers lose their traffic."""
    alert = rules().model_copy(update={"run": RunSettings(deadman=60)})
    with housed(ledger_url, tmp_path, alert) as found:
        found.round()
        yield found


@pytest.mark.parametrize("ahead", [timedelta(seconds=61), timedelta(hours=1), timedelta(days=365)])
def test_a_desk_that_goes_on_judging_is_not_silent_because_the_clock_was_set(
    alert_house: House, ahead: timedelta
) -> None:
    before = alert_house.traffic()
    for change in (ahead, -2 * ahead, ahead):
        alert_house.now += change
        for _ in range(3):
            assert "freeze_challengers" not in {one["event"] for one in alert_house.round(5)}
    assert alert_house.traffic() == before


@pytest.mark.parametrize("set_by", [timedelta(), timedelta(hours=-2), timedelta(hours=2)])
def test_a_machine_that_slept_for_an_hour_was_silent_whatever_its_clock_says(
    alert_house: House, set_by: timedelta
) -> None:
    alert_house.now += set_by
    done = alert_house.round(HOUR)
    assert done[0]["event"] == "freeze_challengers"
    assert done[0]["reason"] == "nothing was judged for 3600 s"
    assert alert_house.traffic() == {PROD: 1}


def test_a_desk_that_goes_round_measures_silence_by_the_steady_clock(alert_house: House) -> None:
    told: list[str] = []
    nothing: Callable[..., object] = lambda *_: None  # noqa: E731
    passing = iter([5.0, 3600.0])

    def beat() -> None:
        """The steady clock goes on, and the other one is set an hour ahead."""
        alert_house.steady += next(passing, 0.0)
        alert_house.now += timedelta(hours=1)

    rounds = Rounds(
        deliver=nothing, stand=nothing, beat=beat, on_trouble=nothing, on_alone=nothing,
        interval=0.0,
        on_event=lambda event: told.append(f"{event['event']}, {event['reason']}"),
        stopping=lambda: bool(told),
    )  # fmt: skip
    times = Times(lambda: alert_house.now, lambda: alert_house.steady, nothing)
    go_round(alert_house.desk, times, rounds)
    assert told == ["freeze_challengers, nothing was judged for 3600 s"]


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
