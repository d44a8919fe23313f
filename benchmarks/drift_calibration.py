"""What the drift estimator reads where the truth is known, and what the plain formula reads there.

    nice python benchmarks/drift_calibration.py [--quick] [--table still | --regimes]

Three processes: independent normal rows; independent rows of Student's distribution with five
degrees of freedom, mixed by a random matrix; rows that keep .9 of the one before. Without drift at
several sizes, with .1, .3 and .6 nats put in by a shift of the mean or by a wider spread along a
random direction at 3,000 rows. Where normal scores make something else of what was put in, the
truth is the divergence of the normal scores of 100,000 rows each. A line is bad, and the exit
code 1, where a defined reading cries drift more than 1 in 100 times without any, its mean without
drift is off by more than .03, or an injected .3 reads outside .25 to .35.

``--regimes`` shows another process alone, for which nothing of this is promised: rows of every 3 h
that keep .8 of the one before, in a market that is calm or 1.8 times as wild by turns, a year of
them against the 90 days after it. Its law never changes, but a turn lasts 10, 30 or 60 days.
"""

import argparse
import os
import sys
from functools import cache
from math import log, sqrt
from multiprocessing import get_context
from time import process_time
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from tiltyard.kernel.undefined import Undefined
from tiltyard.learners.drift import Drift, kl_divergence
from tiltyard.learners.normal_scores import normal_scores

Floats = NDArray[np.float64]
KINDS = ("normal", "student 5", "memory .9")
LIMIT = 0.30
HUGE = 100_000
WARM_UP = 200
A_DAY, YEAR, LATELY = 8, 2920, 720
"""Rows of every 3 h."""
TURNS = (0, 10, 30, 60)
"""Days that a market stays as it is, on average; in the first it never is another."""
WILD = 1.8


class Case(NamedTuple):
    """One line of the table."""

    kind: str
    dimensions: int
    rows: int
    how: str = "none"
    nats: float = 0.0
    days: int = 0


class Reading(NamedTuple):
    """One pair of samples: what the plain formula and the estimator read."""

    plain: float
    drift: Drift | None
    seconds: float


def rows_of(case: Case, rows: int, rng: np.random.Generator) -> Floats:
    """Rows without drift."""
    if case.kind == "normal":
        return rng.normal(size=(rows, case.dimensions))
    if case.kind == "student 5":
        mixing = np.random.default_rng(case.dimensions).normal(size=2 * (case.dimensions,))
        return rng.standard_t(5, size=(rows, case.dimensions)) @ mixing / sqrt(5 / 3)
    made = rng.normal(size=(rows + WARM_UP, case.dimensions)) * sqrt(1 - 0.9**2)
    for row in range(1, len(made)):
        made[row] += 0.9 * made[row - 1]
    return made[WARM_UP:]


def regimes(case: Case, rows: int, rng: np.random.Generator) -> Floats:
    """Rows of a market that is calm or wild by turns."""
    made = rng.normal(size=(rows + WARM_UP, case.dimensions)) * sqrt(1 - 0.8**2)
    for row in range(1, len(made)):
        made[row] += 0.8 * made[row - 1]
    turned = rng.random(rows) < (1 / (case.days * A_DAY) if case.days else 0)
    is_wild = (np.cumsum(turned) + rng.integers(2)) % 2 == 1
    return made[WARM_UP:] * np.where(is_wild & (case.days > 0), WILD, 1)[:, None]


def drifted(case: Case, rows: Floats, direction: Floats) -> Floats:
    """Rows with what is put in, along a direction of unit length among their whitened selves."""
    if case.how == "none":
        return rows
    mixing = np.eye(case.dimensions)
    if case.kind == "student 5":
        mixing = np.random.default_rng(case.dimensions).normal(size=2 * (case.dimensions,))
    if case.how == "mean":
        return rows + sqrt(2 * case.nats) * direction @ mixing
    ratio = 3.0
    for _ in range(100):
        ratio = 1 + 2 * case.nats + log(ratio)
    along = np.linalg.solve(mixing.T, rows.T).T @ direction
    return rows + (sqrt(ratio) - 1) * np.outer(along, direction @ mixing)


def plain(baseline: Floats, current: Floats) -> float:
    """KL(current ‖ baseline) of two Gaussians, as if samples were the truth."""
    s0, s1 = np.cov(baseline, rowvar=False), np.cov(current, rowvar=False)
    away = current.mean(axis=0) - baseline.mean(axis=0)
    trace = np.trace(np.linalg.solve(s0, s1)) + away @ np.linalg.solve(s0, away) - len(s0)
    return float(trace + np.linalg.slogdet(s0)[1] - np.linalg.slogdet(s1)[1]) / 2


def direction_of(case: Case, replicate: int) -> Floats:
    """A random direction; one of two for all replicates, so that its truth can be measured."""
    rng = np.random.default_rng([case.dimensions, replicate % 2])
    direction = rng.normal(size=case.dimensions)
    return direction / np.linalg.norm(direction)


@cache
def truth(case: Case, replicate: int) -> float:
    """What is to be read: known for normal rows, else measured on a huge sample."""
    if case.how == "none" or case.kind != "student 5":
        return case.nats
    rng = np.random.default_rng([9, case.dimensions, replicate])
    baseline = rows_of(case, HUGE, rng)
    current = drifted(case, rows_of(case, HUGE, rng), direction_of(case, replicate))
    scores = normal_scores(baseline, baseline), normal_scores(baseline, current)
    return plain(*scores)


def sides(case: Case, replicate: int) -> tuple[Floats, Floats]:
    """Baseline and current rows."""
    if case.kind not in KINDS:
        rng = np.random.default_rng([len(KINDS), case.days, replicate])
        rows = regimes(case, YEAR + LATELY, rng)
        return rows[:YEAR], rows[YEAR:]
    rng = np.random.default_rng([KINDS.index(case.kind), case.dimensions, case.rows, replicate])
    baseline = rows_of(case, case.rows, rng)
    return baseline, drifted(case, rows_of(case, case.rows, rng), direction_of(case, replicate))


def read(asked: tuple[Case, int]) -> Reading:
    """One replicate."""
    case, replicate = asked
    baseline, current = sides(case, replicate)
    at, began = np.arange(len(baseline)), process_time()
    found = kl_divergence(
        baseline, current, baseline_at=at, current_at=at[: len(current)], seed=replicate
    )
    taken = process_time() - began
    return Reading(plain(baseline, current), None if isinstance(found, Undefined) else found, taken)


def told(case: Case, readings: list[Reading]) -> bool:
    """One line of the table; whether it holds what is promised."""
    head = f"| {case.kind:<9} | {case.dimensions} | {case.rows:>5,} "
    if case.how != "none":
        head += f"| {case.how:<6} | {case.nats:.1f} "
    found = [(index, one.drift) for index, one in enumerate(readings) if one.drift]
    undefined = 1 - len(found) / len(readings)
    naive = np.array([one.plain for one in readings])
    head += f"| {naive.mean():>5.2f} | {(naive > LIMIT).mean():>4.0%} | {undefined:>4.0%} "
    if not found:
        print(head + "|  |  |  |  |  |", flush=True)
        return True
    right = np.array([truth(case, index % 2) for index, _ in found])
    values, lows, highs = np.array([drift[:3] for _, drift in found]).T
    alarms, covered = (lows > LIMIT).mean(), ((lows <= right) & (right <= highs)).mean()
    samples = np.mean([drift.effective_samples for _, drift in found])
    mean, truly = values.mean(), right.mean()
    print(
        head + f"| {samples:>5,.0f} | {mean:.3f}{'' if case.how == 'none' else f' of {truly:.3f}'} "
        f"| {values.std():.3f} | {alarms:.1%} | {covered:.1%} |",
        flush=True,
    )
    if case.how == "none":
        return bool(alarms <= 0.01 and abs(mean) <= 0.03)
    return case.nats != LIMIT or bool(abs(mean - truly) <= 0.05)


def main() -> None:
    """Both tables."""
    options = argparse.ArgumentParser()
    options.add_argument("--quick", action="store_true")
    options.add_argument("--replicates", type=int, default=200)
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--table", choices=("still", "moved"), help="this one alone")
    options.add_argument("--regimes", action="store_true", help="that process alone")
    asked = options.parse_args()
    replicates = 20 if asked.quick else asked.replicates
    sizes = (1000, 3000) if asked.quick else (1000, 2000, 3000, 5000)
    still = [Case(kind, d, rows) for kind in KINDS for d in (16, 32) for rows in sizes]
    moved = [
        Case(kind, d, 3000 if d == 16 else 5000, how, nats)
        for d in ((16,) if asked.quick else (16, 32))
        for kind in KINDS
        for how in ("mean", "spread")
        for nats in ((0.1, 0.3, 0.6) if d == 16 else (0.3,))
    ]
    turns = [Case(f"turns {days} d" if days else "no turns", 8, YEAR, days=days) for days in TURNS]
    tables = [("regimes", turns, "")] if asked.regimes else [
        ("still", still, ""), ("moved", moved, "how | nats | ")
    ]  # fmt: skip
    kept, slowest = True, 0.0
    common = "plain | plain > .30 | undefined | samples | mean | sd | low > .30 | covered |"
    with get_context("spawn").Pool(asked.processes) as pool:
        for name, cases, head in tables:
            if asked.table not in {None, name}:
                continue
            print(f"\n| process | d | rows | {head}{common}")
            print("|---" * (common.count("|") + head.count("|") + 3) + "|", flush=True)
            for case in cases:
                jobs = [(case, replicate) for replicate in range(replicates)]
                readings = pool.map(read, jobs, chunksize=5)
                slowest = max(slowest, *(one.seconds for one in readings))
                kept &= told(case, readings) or asked.regimes
    print(f"\nslowest call {slowest:.2f} s of one core; {'all kept' if kept else 'NOT KEPT'}")
    sys.exit(not kept)


if __name__ == "__main__":
    main()
