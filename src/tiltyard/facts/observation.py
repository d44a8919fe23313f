"""An observation: a gauge that is not a trade."""

from datetime import datetime
from typing import NamedTuple


class Observation(NamedTuple):
    """One reading of a gauge such as ``encoder_kl_divergence`` or ``account_balance``.

    Attributes:
        name: The metric it is a reading of.
        number: In that metric's unit; finite.
        observed_at: UTC.
        policy: The arm it is about; empty for the account or the machine.
        samples: How many calls, windows or ticks it was made from.
        seq: Position in the ledger; 0 until stored.
    """

    name: str
    number: float
    observed_at: datetime
    policy: str = ""
    samples: int = 1
    seq: int = 0
