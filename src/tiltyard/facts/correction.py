"""A correction: a trade that was told before, and what it is now.

Bots correct closed trades: a fee arrives late, a fill is booked again. The ledger keeps
every revision; whoever has measured the earlier one is told both.
"""

from typing import NamedTuple

from tiltyard.facts.trade import Trade


class Correction(NamedTuple):
    """A later revision of a trade that has been measured.

    Attributes:
        before: The trade as it was told until now.
        trade: As it is current, of the same source, identifier and policy.
    """

    before: Trade
    trade: Trade
