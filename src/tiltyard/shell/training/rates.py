"""Whether what is to be learnt from has funding rates, for whoever learns from them, too.

A bar at which they are not known is not learnt from, and is counted. Where they begin later than
the bars there would be nothing to learn from before the first test, so that is refused.
"""

from datetime import UTC, datetime, timedelta

import numpy as np

from tiltyard.features.learned import FUNDING
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import Fault, Faults
from tiltyard.learners.snapshot_folder import load
from tiltyard.market.candles import Candles
from tiltyard.market.costs import FundingRates
from tiltyard.shell.training.bars import Bars
from tiltyard.shell.training.order import Order

LONGEST = int(FUNDING[-1].rpartition("_")[2])
"""So many rates have to be known."""
BEGINS = timedelta(days=8)
"""Rates may be known so much later than the first bar: other features take a week, too. They may
end as much before the last one."""


def rate_lines(order: Order, bars: Bars) -> list[str]:
    """How many bars of each symbol are left out because their funding is not known.

    Args:
        order: When it learns.
        bars: Of what.

    Raises:
        Faults: ``FUNDING_MISSING``, with every symbol that has no rates, or whose rates begin too
            late or end too early.
    """
    faults, lines = [], []
    for symbol, one in bars.candles.items():
        closed = _learnt(order, one)
        rates = bars.funding.get(symbol)
        is_known = _known(rates, closed)
        if rates is None or not any(is_known):
            faults.append(Fault(symbol, "no funding rates are known of it there"))
            continue
        first = closed[is_known.index(True)]
        if first - closed[0] > BEGINS:
            faults.append(
                Fault(
                    symbol, f"its rates are known from {time_text(first)} on; begin there: --from"
                )
            )
        last = closed[len(is_known) - 1 - is_known[::-1].index(True)]
        if closed[-1] - last > BEGINS:
            faults.append(
                Fault(symbol, f"its rates are known until {time_text(last)}; end there: --until")
            )
        if missing := is_known.count(False):
            lines.append(f"{symbol}: left out {missing:,} bars whose funding is not known")
    if faults:
        raise Faults(
            "FUNDING_MISSING", str(order.folder), faults,
            remedy="put the rates there, as SOL_USDT-funding.parquet, or "
            + ("train one anew without them" if order.refresh else "do without --funding"),
        )  # fmt: skip
    return lines


def refreshes_by_funding(order: Order) -> bool:
    """Whether what goes on learning has learnt from funding rates.

    Raises:
        TiltyardError: As :func:`~tiltyard.learners.snapshot_folder.load`.
        Faults: ``SNAPSHOT_TAMPERED``.
    """
    if order.what != "tabnet" or order.refresh is None:
        return False
    return not set(FUNDING).isdisjoint(load(order.refresh).settings.get("features", ()))


def _learnt(order: Order, candles: Candles) -> list[datetime]:
    """When the bars closed that are learnt from."""
    closed = candles.closed_at
    inside = np.ones(len(closed), bool)
    if order.since is not None:
        inside &= closed >= order.since.timestamp()
    if order.until is not None:
        inside &= closed <= order.until.timestamp()
    return [datetime.fromtimestamp(at, UTC) for at in closed[inside].tolist()]


def _known(rates: FundingRates | None, closed: list[datetime]) -> list[bool]:
    return [rates is not None and rates.last(at, LONGEST) is not None for at in closed]
