"""A mark: what an arm's open positions are worth at a time; and what is left of them since."""

from datetime import datetime
from typing import NamedTuple

from tiltyard.kernel.money import Money


class Mark(NamedTuple):
    """Equity of an arm's open positions.

    Attributes:
        policy: The arm.
        marked_at: UTC.
        unrealised: Profit or loss if everything were closed now, account currency.
        open_positions: How many positions it covers; 0 means the arm is flat.
        capital: Equity allotted to the policy, when the bot knows.
        account: Where the money is.
        currency: Of both amounts.
        seq: Position in the ledger; 0 until stored.
    """

    policy: str
    marked_at: datetime
    unrealised: Money
    open_positions: int
    capital: Money | None = None
    account: str = "default"
    currency: str = ""
    exposure: Money | None = None
    seq: int = 0


class LastMark(NamedTuple):
    """The last mark of an arm, and what its trades have said since.

    Attributes:
        mark: As it was reported.
        left: Positions that it told of and that have not closed since.
        traded_since: A live trade has closed after it.
    """

    mark: Mark
    left: int
    traded_since: bool

    def known_after(self, taken_at: datetime | None) -> int | None:
        """How many positions are open; None when another may have been opened since the mark.

        Args:
            taken_at: When the arm lost its traffic; None while it may still enter.
        """
        if self.left:
            return self.left
        is_old = taken_at is None or self.mark.marked_at < taken_at
        return None if is_old or self.traded_since else 0
