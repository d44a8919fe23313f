"""The ``[drift]`` section of the settings: how often encoders are looked at, and how far back."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, field_validator

from tiltyard.checklist.patience import seconds
from tiltyard.kernel.errors import TiltyardError

OFF = "off"
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=1)
"""Of the schedule; the default guard calls a drift stale after two days."""
FEWEST_DAYS, MOST_DAYS = timedelta(days=1), timedelta(days=3650)


class DriftSettings(BaseModel):
    """Drift of the encoders of policies that were trained, while a desk trades on bars."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    every: str = "6 h"
    current: str = "90 d"

    @field_validator("every")
    @classmethod
    def _a_schedule(cls, every: str) -> str:
        return every if every == OFF else _between(every, SHORTEST, LONGEST, "1 min", "1 d, or off")

    @field_validator("current")
    @classmethod
    def _some_days(cls, current: str) -> str:
        return _between(current, FEWEST_DAYS, MOST_DAYS, "1 d", "3650 d")

    @property
    def is_off(self) -> bool:
        """Whether nobody's drift is observed."""
        return self.every == OFF

    @property
    def every_span(self) -> timedelta:
        """How old an observation becomes before the next is made; only where it is on."""
        return timedelta(seconds=seconds(self.every))

    @property
    def current_span(self) -> timedelta:
        """How far back the windows of lately begin."""
        return timedelta(seconds=seconds(self.current))


def _between(text: str, least: timedelta, most: timedelta, low: str, high: str) -> str:
    try:
        span = timedelta(seconds=seconds(text))
    except TiltyardError as error:
        raise ValueError(error.facts) from None
    if not least <= span <= most:
        raise ValueError(f"expected {low} to {high}")  # noqa: TRY003 pydantic collects it
    return text
