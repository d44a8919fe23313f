"""What lies before an arm by its own trades: gathered from a measured ledger, for people.

Nothing is decided by it. Trades on paper beside live ones, the twins, are not counted: they would
be there twice.
"""

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from tiltyard.checklist.guard import Guard
from tiltyard.facts.arm import Arm, Roster
from tiltyard.facts.decision import Decision
from tiltyard.facts.trade import Trade
from tiltyard.kernel.undefined import Value
from tiltyard.metrics.metric import Outcome
from tiltyard.shell.desk import Desk
from tiltyard.shell.settings import Settings

if TYPE_CHECKING:
    from tiltyard.checklist.explain import Prospect

LEAST_OF_CHAMPION = 30
"""With fewer trades the champion's profit factor is no yardstick."""
LIVES = 500
"""Of an arm in a report, which has many arms; ``checklist explain`` draws four times as many."""


class OwnTrades:
    """The last closed trades of every arm.

    Args:
        settings: With the default capital of an arm.
        roster: With what arms were allotted.
        most: How many of each arm are kept; all when None.
    """

    def __init__(self, settings: Settings, roster: Roster, most: int | None = None) -> None:
        self._default = settings.default_capital() or 0
        self._most = most
        self._arms = roster.arms
        self._outcomes: dict[str, deque[Outcome]] = {}

    def see(self, trade: Trade | Decision) -> None:
        """One more, in judged order; decisions are passed over."""
        if isinstance(trade, Decision) or trade.book == "twin":
            return
        if trade.policy not in self._outcomes:
            self._outcomes[trade.policy] = deque(maxlen=self._most)
        arm = self._arms.get(trade.policy)
        capital = trade.capital or (arm and arm.capital) or self._default
        self._outcomes[trade.policy].append((trade.pnl, capital, trade.risk or 0))

    def of(self, policy: str) -> list[Outcome]:
        """Those of one arm."""
        return list(self._outcomes.get(policy, ()))


def prospects(
    desk: Desk,
    arm: Arm,
    outcomes: Sequence[Outcome],
    now: datetime,
    *,
    seed: int,
    replicates: int,
) -> "list[Prospect]":
    """What each guard of an arm's scope would do to it.

    Args:
        desk: It has measured the ledger.
        arm: Whose trades they are.
        outcomes: Of its closed trades, in judged order.
        now: UTC.
        seed: The same seed gives the same answer.
        replicates: How many lives are drawn.
    """
    import numpy as np  # noqa: PLC0415 slow

    from tiltyard.checklist.explain import foresee  # noqa: PLC0415 slow

    guards = guards_on(desk, arm)
    readings = desk.panel.readings([g.when.metric for g in guards if g.when.metric], arm.name, now)
    others = {name: value.number for name, value in readings.items() if isinstance(value, Value)}
    return foresee(
        guards,
        outcomes,
        np.random.default_rng(seed),
        others=others,
        champion=_champion(desk),
        replicates=replicates,
    )


def guards_on(desk: Desk, arm: Arm) -> list[Guard]:
    """Those of its scope, most urgent first."""
    scope = "champion" if arm.role == "champion" else "arm"
    return [guard for guard in desk.checklist.guards if guard.scope == scope]


def _champion(desk: Desk) -> float | None:
    """The profit factor of all its trades; None when they are too few."""
    reading = desk.panel.arm(desk.roster.champion().name).lifetime.value()
    known = isinstance(reading, Value) and reading.samples >= LEAST_OF_CHAMPION
    return reading.number if known and isinstance(reading, Value) else None
