"""Write a folder of hourly bars of a market that never was, up to the last full hour.

    python examples/hours_of_bars.py bars        # three weeks
    python examples/hours_of_bars.py bars 4000   # so many hours

Stands for whatever keeps such a folder up to date: every file is written beside its place and
then put there, so that nobody reads half of one.
"""

import csv
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from tiltyard.market.bar import HOUR
from tiltyard.market.simulated import DEFAULT, simulated_hours

HOURS = 500
SEED = 20250707


def main(folder: Path, count: int = HOURS) -> None:
    """Write a file for each symbol."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)  # noqa: TID251 a script has the clock
    hours = simulated_hours(DEFAULT, now - count * HOUR, count, np.random.default_rng(SEED))
    folder.mkdir(parents=True, exist_ok=True)
    for symbol in hours[0]:
        file = folder / f"{symbol.replace('/', '_')}-1h.csv"
        beside = file.with_suffix(".part")
        with beside.open("w", encoding="utf-8", newline="") as out:
            rows = csv.writer(out)
            rows.writerow(["timestamp", "open", "high", "low", "close", "volume"])
            for bars in hours:
                bar = bars[symbol]
                rows.writerow([bar.opened_at.isoformat(), *bar[2:]])
        beside.replace(file)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:3]))
