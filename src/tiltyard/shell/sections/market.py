"""The ``[market]`` section of the settings: where bars come from, and how arms trade."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tiltyard.kernel.clock import moment
from tiltyard.kernel.errors import TiltyardError
from tiltyard.market.costs import Costs
from tiltyard.shell.sections.from_a_variable import in_json


class Blackout(BaseModel):
    """A time in which nobody enters; positions are left as ever.

    Attributes:
        start: From then on, UTC; ``from`` in a file.
        until: Until just before then, UTC.
        reason: For people.
        symbols: In these; everywhere when there are none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: datetime = Field(alias="from")
    until: datetime
    reason: str = ""
    symbols: tuple[str, ...] = ()

    @field_validator("start", "until", mode="before")
    @classmethod
    def _in_utc(cls, value: Any) -> datetime:  # noqa: ANN401 whatever a file says
        try:
            return moment(value)
        except TiltyardError as error:
            raise ValueError(_no_time(error)) from None

    @field_validator("symbols")
    @classmethod
    def _as_bars_have_them(cls, symbols: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(symbol.upper() for symbol in symbols)

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.until <= self.start:
            raise ValueError("until is not after from")  # noqa: TRY003 pydantic collects it
        return self

    def bars(self, symbol: str, at: datetime) -> bool:
        """Whether nobody may enter a symbol at a time."""
        return self.start <= at < self.until and (not self.symbols or symbol in self.symbols)


def _no_time(error: TiltyardError) -> str:
    return f"{error.facts}: expected a time such as 2025-07-07T12:00:00Z"


class MarketSettings(BaseModel):
    """What the desk trades on by itself; nothing while there is no feed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    feed: str = ""
    fee_bps: float = Field(default=5.0, ge=0, le=1000)
    half_spread_bps: float = Field(default=1.0, ge=0, le=1000)
    sized: float = Field(default=0.1, gt=0, le=1)
    blackouts: tuple[Blackout, ...] = ()

    @field_validator("feed")
    @classmethod
    def _nameable(cls, feed: str) -> str:
        if "\0" in feed:
            raise ValueError("no folder is named so")  # noqa: TRY003 pydantic collects it
        return feed

    @field_validator("blackouts", mode="before")
    @classmethod
    def _from_a_variable(cls, said: Any) -> Any:  # noqa: ANN401 whatever a file says
        return in_json(said)

    def costs(self) -> Costs:
        """Of trading, by what is configured."""
        return Costs(self.fee_bps, self.half_spread_bps)

    def barred(self, symbols: Iterable[str], at: datetime) -> frozenset[str]:
        """Those of some symbols in which nobody may enter at a time."""
        return frozenset(s for s in symbols if any(one.bars(s, at) for one in self.blackouts))
