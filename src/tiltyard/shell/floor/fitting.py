"""Whether a model can trade on the bars that there are, by their length, symbols, funding rates.

One that cannot would stay with nothing for ever, and look like one that waits. What lies in a
folder and was not read yet is told by the names of its files: a symbol that appears later may make
a model fit. Bars that were read once count from then on, since their market is told as stale.
Funding rates count for one interval more after they are gone: whoever writes the file anew
takes it away for a moment, and nobody decides meanwhile.
"""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from tiltyard.shell.feeds.files import interval_text
from tiltyard.shell.feeds.folder import BarFolder
from tiltyard.shell.sections.market import MarketSettings

if TYPE_CHECKING:
    from tiltyard.learners.served import Served

FUNDING = "funding"
"""How the names of features begin that are made of funding rates."""


class Fitting:
    """Whom the bars of a folder suit; it touches no disk that the folder has looked at.

    Args:
        bars: The folder.
    """

    def __init__(self, bars: BarFolder) -> None:
        self._bars = bars
        self._rates: dict[str, float] = {}

    def misfits(self, trained: Mapping[str, "Served"], steady: float) -> Mapping[str, str]:
        """Why models cannot trade on the folder, by arm; who can is not there.

        Args:
            trained: The policies, by arm.
            steady: The time now, by a clock in seconds that is never set.
        """
        if not trained:
            return {}
        symbols, funded = self._bars.offered, self._funded(steady)
        found = {
            name: _misfit(policy, self._bars, symbols, funded)
            for name, policy in sorted(trained.items())
        }
        return {name: why for name, why in found.items() if why}

    def _funded(self, steady: float) -> Collection[str]:
        """Symbols with funding rates, or that had some less than an interval ago."""
        self._rates |= dict.fromkeys(self._bars.funding.known, steady)
        lasts = self._bars.interval.total_seconds()
        lately = {symbol for symbol, at in self._rates.items() if steady - at < lasts}
        return lately.union(self._bars.funded)


def underpriced(policy: "Served", market: MarketSettings) -> str:
    """That a model believes trading to be cheaper than it is here, for people; else nothing.

    Args:
        policy: The model.
        market: What the desk charges; funding is nothing that a model reckons with.
    """
    charged = 2 * (market.fee_bps + market.half_spread_bps)
    if policy.round_trip_bps >= charged:
        return ""
    return (
        f"was trained for {policy.round_trip_bps:g} bps a round trip, this desk charges "
        f"{charged:g}: it may enter for less than that costs"
    )


def _misfit(
    policy: "Served", bars: BarFolder, symbols: Collection[str], funded: Collection[str]
) -> str:
    if policy.interval != bars.interval:
        return (
            f"it was trained on bars of {interval_text(policy.interval)}, and the folder has bars "
            f"of {interval_text(bars.interval)}"
        )
    known, its = ", ".join(sorted(policy.symbols)), policy.symbols.intersection(symbols)
    if not its:
        return f"it was trained on {known}, and the folder has no bars of that"
    if any(need.startswith(FUNDING) for need in policy.needs) and its.isdisjoint(funded):
        return f"it needs funding rates, and the folder has none of {', '.join(sorted(its))}"
    return ""
