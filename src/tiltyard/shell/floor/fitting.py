"""Whether a model can trade on the bars that there are, by their length, symbols, funding rates.

One that cannot would stay with nothing for ever, and look like one that waits. What lies in a
folder is told by the names of its files: a symbol that appears later may make a model fit.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tiltyard.shell.feeds.files import SUFFIXES, funding_symbol, interval_text
from tiltyard.shell.feeds.folder import BarFolder, named_files
from tiltyard.shell.sections.market import MarketSettings

if TYPE_CHECKING:
    from tiltyard.learners.served import Served

FUNDING = "funding"
"""How the names of features begin that are made of funding rates."""


def misfits(trained: Mapping[str, "Served"], bars: BarFolder) -> Mapping[str, str]:
    """Why models cannot trade on a folder of bars, by arm; who can is not there.

    Args:
        trained: The policies, by arm.
        bars: The folder.
    """
    if not trained:
        return {}
    symbols = {one.symbol for one in named_files(bars.folder).values()}.union(bars.symbols)
    funded = _funded(bars)
    found = {
        name: _misfit(policy, bars, symbols, funded) for name, policy in sorted(trained.items())
    }
    return {name: why for name, why in found.items() if why}


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


def _misfit(policy: "Served", bars: BarFolder, symbols: set[str], funded: set[str]) -> str:
    if policy.interval != bars.interval:
        return (
            f"it was trained on bars of {interval_text(policy.interval)}, and the folder has bars "
            f"of {interval_text(bars.interval)}"
        )
    known, its = ", ".join(sorted(policy.symbols)), policy.symbols & symbols
    if not its:
        return f"it was trained on {known}, and the folder has no bars of that"
    if any(need.startswith(FUNDING) for need in policy.needs) and not its & funded:
        return f"it needs funding rates, and the folder has none of {', '.join(sorted(its))}"
    return ""


def _funded(bars: BarFolder) -> set[str]:
    """Symbols with a file of funding rates."""
    try:
        files = [one for one in bars.folder.iterdir() if one.suffix in SUFFIXES]
    except OSError:
        return set()
    return {symbol for file in files if (symbol := funding_symbol(file))}
