"""The ``[purge]`` section of the settings: when a policy is stale and retired."""

from pydantic import BaseModel, ConfigDict, Field

from tiltyard.actions.purge import PurgeRules


class PurgeSettings(BaseModel):
    """When a policy is stale, by the weekly maintenance.

    Attributes:
        days: So long at or below its starting share.
        profit_factor: Below it, over the live trades of its trial.
        trades: Of a full trial, and that the profit factor is made from at least.
        minimum_active: So many active policies are always left, the champion among them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    days: int = Field(default=60, ge=1, le=10_000)
    profit_factor: float = Field(default=1.2, ge=0, le=100)
    trades: int = Field(default=150, ge=1)
    minimum_active: int = Field(default=2, ge=1, le=1_000)

    def rules(self) -> PurgeRules:
        """The same as the core's value."""
        return PurgeRules(self.days, self.profit_factor, self.trades, self.minimum_active)
