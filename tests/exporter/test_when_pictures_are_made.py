"""How old a picture may be, and that nothing about it is worth a desk."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from exporter.shown import append, eventful
from live_desks import NOON, SETTINGS, desk_on, fall
from records import BOT
from tiltyard.facts.observation import Observation
from tiltyard.shell.commanding import Times
from tiltyard.shell.exporter.painter import Painter
from tiltyard.shell.gpu.readings import GpuReading
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.running import Rounds, go_round
from tiltyard.shell.store.ledger import Ledger

SOON = 2.0
"""Seconds after which whoever scrapes sees what has come in."""


class Going:
    """A desk that goes round on a clock which goes on only while it waits."""

    def __init__(self, ledger: Ledger, desk: LiveDesk, gpus: Callable[[], GpuReading]) -> None:
        self.at = 100.0
        self.desk = desk
        self.painter = Painter(desk, ledger, SETTINGS.checklist, steady=lambda: self.at, gpus=gpus)
        self.painter.begin()
        self.until = 0.0
        self.due: list[tuple[float, Callable[[datetime], object]]] = []

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.at - 100)

    def wait(self, seconds: float) -> bool:
        self.at += seconds
        is_told = False
        while self.due and self.due[0][0] <= self.at:
            self.due.pop(0)[1](self.now())
            is_told = True
        return is_told

    def go(self, seconds: float) -> None:
        """Go round for so long."""
        self.until = self.at + seconds
        rounds = Rounds(
            deliver=_nothing, stand=_nothing, beat=lambda: self.painter.beat(self.now()),
            between=self.painter.go_on, on_event=_nothing, on_alone=_nothing, on_trouble=_nothing,
            stopping=lambda: self.at >= self.until,
        )  # fmt: skip
        go_round(self.desk, Times(self.now, lambda: self.at, self.wait), rounds)

    def sample(self, family: str, *labels: str) -> float | None:
        """A number of the last picture."""
        assert self.painter.picture is not None
        return dict(self.painter.picture.samples.get(f"tiltyard_{family}", ())).get(labels)


def _nothing(*_: object) -> None:
    """Nobody is told."""


def _unread() -> GpuReading:
    return GpuReading(available=False, utilization={})


@contextmanager
def going(folder: Path, gpus: Callable[[], GpuReading] = _unread) -> Iterator[tuple[Ledger, Going]]:
    with eventful(folder / "desk.db") as ledger, desk_on(ledger, NOON) as desk:
        yield ledger, Going(ledger, desk, gpus)


def test_what_comes_in_just_after_a_picture_is_seen_by_a_scrape_two_seconds_later(
    tmp_path: Path,
) -> None:
    with going(tmp_path) as (ledger, one):
        one.go(SOON)

        def report(now: datetime) -> None:
            ledger.append_observations([Observation("gpu_util_pct", 7, now)], known_at=now)
            append(ledger, fall(), now)

        one.due = [(one.at + 0.2, report)]
        one.go(0.2 + SOON)
        assert one.sample("gpu_utilization_busiest_ratio") == 0.07
        assert one.sample("traffic_allocation_ratio", BOT, "challenger") == 0
        assert one.sample("guard_state", "challenger_drawdown_high", BOT, "tripped") == 1


def test_while_something_comes_in_all_the_time_a_picture_is_hardly_older(tmp_path: Path) -> None:
    with going(tmp_path) as (ledger, one):
        one.go(SOON)

        def report(now: datetime) -> None:
            number = round(one.at, 1)
            told = Observation("gpu_util_pct", number % 100, now)
            ledger.append_observations([told], known_at=now)

        ages = []
        for _ in range(50):
            one.due = [(one.at + 0.1, report)]
            one.go(0.2)
            shown = one.sample("gpu_utilization_busiest_ratio")
            assert shown is not None
            ages.append(one.at - 100 - shown * 100)
        assert max(ages) <= SOON


def test_a_picture_that_cannot_be_made_is_logged_once_and_the_desk_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    is_broken: list[bool] = []

    def gpus() -> GpuReading:
        if is_broken:
            raise ZeroDivisionError("a defect of one family")  # noqa: TRY003 as a defect says it
        return _unread()

    with going(tmp_path, gpus) as (ledger, one), caplog.at_level(logging.ERROR):
        one.go(SOON)
        last = one.painter.picture
        is_broken.append(True)
        one.due = [(one.at + 0.2, lambda now: append(ledger, fall(), now))]
        one.go(60)
        assert one.desk.roster.arms[BOT].state == "halted", "it goes on"
        assert one.painter.picture is last, "whose heartbeat grows old"
        (said,) = caplog.records
        assert "a defect of one family" in said.getMessage()
        is_broken.clear()
        one.go(10)
        assert one.sample("traffic_allocation_ratio", BOT, "challenger") == 0
