"""What capital a trade was sized on: its own, else its policy's, else the configuration's.

A bot that does not say it with its trades leaves it to whoever registers the policy, or to the
settings. What was said later counts for earlier trades as well, since nobody had said another.

>>> from datetime import UTC, datetime
>>> noon = datetime(2025, 7, 7, 12, tzinfo=UTC)
>>> trade = Trade("bot", "1", "new", "SOL/USDT", "long", noon, noon, Money(5))
>>> sized(trade, Roster(), Money(100)).capital
100
>>> sized_on(trade._replace(capital=Money(20)), Money(100)).capital
20
"""

from tiltyard.facts.arm import Roster
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import Money


def sized(trade: Trade, roster: Roster, default: Money | None) -> Trade:
    """The trade with its capital; as it is where nobody has said one.

    Args:
        trade: As it was told.
        roster: With what each policy was allotted.
        default: Of the configuration, for a policy that was allotted nothing.
    """
    if trade.capital:
        return trade
    arm = roster.arms.get(trade.policy)
    return sized_on(trade, (arm and arm.capital) or default)


def sized_on(trade: Trade, capital: Money | None) -> Trade:
    """The trade, with this capital where it says none itself."""
    return trade if trade.capital or not capital else trade._replace(capital=capital)
