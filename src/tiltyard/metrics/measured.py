"""What the panel answers when it is asked for a metric."""

from datetime import datetime
from typing import NamedTuple

from tiltyard.kernel.undefined import Reading


class Measured(NamedTuple):
    """A reading, how old it is, and how much it was made from.

    Attributes:
        reading: The value, or why there is none.
        as_of: When it was observed, or lost; None for values made of closed trades, which
            do not age with the clock.
        evidence: Rises with every fact the reading is made from, so that the same
            reading, judged twice, is known as the same, also after a restart.
    """

    reading: Reading
    as_of: datetime | None
    evidence: int
