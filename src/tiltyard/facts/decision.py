"""A decision: which arm an episode was given to, and with what probability."""

from datetime import datetime
from typing import NamedTuple

VOLATILITY = ("calm", "usual", "wild")
"""The terciles, in words."""


class Decision(NamedTuple):
    """One routed episode.

    Attributes:
        episode_id: From entry to exit; it never changes owner.
        symbol: As the venue writes it.
        policy: The arm that was chosen.
        propensity: Probability with which it was chosen, 0 < p <= 1.
        share_revision: Which shares the choice was made from.
        decided_at: UTC.
        volatility_tercile: 0 calm, 1 usual, 2 wild; None when nobody said, or too little was known.
        hour: Hour of day, UTC.
        seq: Position in the ledger; 0 until stored.
    """

    episode_id: str
    symbol: str
    policy: str
    propensity: float
    share_revision: int
    decided_at: datetime
    volatility_tercile: int | None
    hour: int
    seq: int = 0
