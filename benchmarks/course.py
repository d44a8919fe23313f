"""How long a course takes over every hour of three markets, and how much memory.

    python benchmarks/course.py --data FOLDER

The folder holds btc_usdt-1h.parquet and the like. Four policies trade each of them, on paper
and live, and every trade and mark is judged; once under each checklist. Each runs in a process
of its own, so that its peak memory is its own.
"""

import argparse
import resource
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from tiltyard.market.bar import HOUR
from tiltyard.router.floor import Seat
from tiltyard.shell.cli.demo_market import (
    CAPITAL,
    CHAMPION,
    COSTS,
    ON_REAL_HOURS,
    SEED,
    SIZED,
    real_feeds,
)
from tiltyard.shell.replaying.course import Course, Venue, hours_of
from tiltyard.shell.settings import load

RELATIVE = Path(__file__).parents[1] / "examples" / "checklist.real.toml"


def play(data: Path, *, relative: bool) -> None:
    """One course, and one line about it."""
    began = perf_counter()
    feeds = real_feeds(data)
    seats = {name: Seat(policy, CAPITAL, SIZED) for name, policy in ON_REAL_HOURS.items()}
    settings = load(RELATIVE) if relative else load()
    first = min(bars[0].opened_at for bars in feeds)
    course = Course(settings, seats, CHAMPION, Venue(HOUR, COSTS), first, seed=SEED)
    course.play(hours_of(feeds))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    name = RELATIVE.name if relative else "built-in"
    bars = sum(len(one) for one in feeds)
    print(f"{name:<22}{bars:>9,} bars {perf_counter() - began:>7.1f} s "
          f"{course.trades:>9,} trades {peak:>6} MB peak")  # fmt: skip


def main() -> None:
    """Both checklists, one after the other."""
    options = argparse.ArgumentParser()
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--only", choices=("built-in", "relative"))
    asked = options.parse_args()
    if asked.only:
        play(asked.data, relative=asked.only == "relative")
        return
    for only in ("built-in", "relative"):
        subprocess.run(
            [sys.executable, __file__, "--data", str(asked.data), "--only", only], check=True
        )


if __name__ == "__main__":
    main()
