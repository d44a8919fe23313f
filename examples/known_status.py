"""Write the trades of the known status as a file that ``tiltyard ingest`` reads.

python examples/known_status.py known_status.csv
"""

import csv
import sys
from pathlib import Path

from tiltyard.kernel.clock import time_text
from tiltyard.kernel.money import Money, money_text
from tiltyard.simulation.known_status import known_trades

COLUMNS = ("trade_id", "policy", "symbol", "side", "opened_at", "closed_at", "pnl", "capital")


def main(path: Path) -> None:
    """Write the file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for trade in known_trades():
            writer.writerow(
                (
                    trade.trade_id, trade.policy, trade.symbol, trade.side,
                    time_text(trade.opened_at), time_text(trade.closed_at),
                    money_text(trade.pnl), money_text(trade.capital or Money(0)),
                )
            )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]))
