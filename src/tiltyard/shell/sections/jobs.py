"""The ``[jobs]`` section of the settings: what is done by the clock, and with which budgets.

The hours are those of ``schedule.timezone``; when the nightly job runs, ``schedule.nightly`` says.
"""

import re
from datetime import time, timedelta
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tiltyard.checklist.patience import seconds
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.sections.folder import Folder
from tiltyard.shell.training.order import GENERATION, refuse_no_address

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKLY = re.compile(rf"(?P<day>{'|'.join(DAYS)}) (?P<hour>\d\d):(?P<minute>\d\d)")
HOURS = (1, 2, 3, 4, 6, 8, 12, 24)
"""Of which a day is a whole number."""


LATE = timedelta(minutes=30)
"""Beyond its own time a training has as much for what is done when that is up; then it is ended."""


class JobSettings(BaseModel):
    """What is done by the clock.

    Attributes:
        hosted: ``tiltyard run`` does it; else it is left to cron.
        weekly: Day and time of the weekly maintenance.
        health: Time from one look at the house to the next, in whole hours that divide a day.
        data: Folder of bars to learn from; ``market.feed`` where it is empty.
        symbols: That are learnt from, with commas between; all there are where it is empty.
        interval: Of the bars, such as ``1h``; empty for the only one, or an hour.
        days: Bars of so many days are learnt from; 0 for all there are.
        encoder: A snapshot whose encoder a retrained policy takes; it trains its own where empty.
        steps: Of players, for each network of a retrained policy.
        seeds: Networks of it.
        retrain_minutes: After that the best there is, is kept.
        trials: Of the weekly sweep.
        sweep_minutes: After that no further trial is begun; counted anew by each try.
        workers: Processes of this machine that the trials are shared among.
        ray: Address of a cluster that retraining and sweep run on; this machine where it is empty.
        refresh_epochs: Of an encoder that is refreshed.
        folder: Where maintenance notes what it has begun, and keeps its reports.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    hosted: bool = False
    weekly: str = "sunday 03:00"
    health: str = "6 h"
    data: str = ""
    symbols: str = "SOL,BTC"
    interval: str = ""
    days: int = Field(default=0, ge=0)
    encoder: str = ""
    steps: int = Field(default=250_000, ge=1_000)
    seeds: int = Field(default=5, ge=1, le=100)
    retrain_minutes: float = Field(default=240, gt=0)
    trials: int = Field(default=10, ge=1, le=1_000)
    sweep_minutes: float = Field(default=240, gt=0)
    workers: int = Field(default=1, ge=1, le=GENERATION)
    ray: str = ""
    refresh_epochs: int = Field(default=10, ge=1, le=10_000)
    folder: Folder = "./maintenance"

    @field_validator("weekly")
    @classmethod
    def _day_and_time(cls, text: str) -> str:
        found = _WEEKLY.fullmatch(text.lower())
        if found is None or int(found["hour"]) > 23 or int(found["minute"]) > 59:  # noqa: PLR2004 of a clock
            raise ValueError("expected a day and a time, such as 'sunday 03:00'")  # noqa: TRY003 pydantic collects it
        return text.lower()

    @field_validator("health")
    @classmethod
    def _divides_a_day(cls, text: str) -> str:
        try:
            span = timedelta(seconds=seconds(text))
        except TiltyardError as error:
            raise ValueError(error.facts) from None
        if span not in {timedelta(hours=count) for count in HOURS}:
            raise ValueError(f"expected one of {', '.join(f'{count} h' for count in HOURS)}")  # noqa: TRY003 pydantic collects it
        return text

    @field_validator("ray")
    @classmethod
    def _of_a_cluster(cls, text: str) -> str:
        if text:
            try:
                refuse_no_address(text)
            except TiltyardError as error:
                raise ValueError(error.remedy) from None
        return text

    @model_validator(mode="after")
    def _trials_run_in_one_place(self) -> Self:
        if self.ray and self.workers > 1:
            raise ValueError("workers are of this machine, and ray is a cluster: give one of them")  # noqa: TRY003 pydantic collects it
        return self

    @property
    def retrain_limit(self) -> timedelta:
        """After that a training of the retraining or of a refresh is ended."""
        return timedelta(minutes=self.retrain_minutes) + LATE

    @property
    def sweep_limit(self) -> timedelta:
        """After that a sweep is ended.

        A trial that was begun when the time was up is ended, and the best two are tested then.
        """
        return 2 * timedelta(minutes=self.sweep_minutes) + LATE

    @property
    def refresh_limit(self) -> timedelta:
        """So long the refresh of one policy may train: its encoder, and how much to hold on it."""
        return 2 * self.retrain_limit

    @property
    def on_cluster(self) -> list[str]:
        """The option by which a training is told of the cluster."""
        return ["--ray", self.ray] if self.ray else []

    @property
    def on_workers(self) -> list[str]:
        """The option by which a sweep is told who runs its trials."""
        return self.on_cluster or ["--workers", str(self.workers)]

    @property
    def weekday(self) -> int:
        """Of the weekly maintenance: 0 for Monday, 6 for Sunday."""
        return DAYS.index(self.weekly.partition(" ")[0])

    @property
    def weekly_time(self) -> time:
        """Of the weekly maintenance."""
        return time.fromisoformat(self.weekly.partition(" ")[2])

    @property
    def health_hours(self) -> int:
        """From one look at the house to the next."""
        return round(seconds(self.health) / 3600)

    @property
    def path(self) -> Path:
        """The folder of notes and reports as a value."""
        return Path(self.folder)

    def bars(self, feed: str) -> Path | None:
        """The folder of bars that is learnt from; None where none is named.

        Args:
            feed: ``market.feed``.
        """
        named = self.data or feed
        return Path(named) if named else None
