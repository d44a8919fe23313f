"""How much faster a sweep is with several workers of this machine, and on a Ray cluster.

In one run the same trials are run by so many processes of this machine, and by a cluster with so
many processors, which is started on this machine for it. Networks of several seeds, which this
machine fits one after the other, are fitted by the cluster, too. Each way has to find the same.

    python benchmarks/spreading.py --workers 1,2,4
    python benchmarks/spreading.py --workers 1,2,4,8,16 --no-ray

Without Ray nothing is needed but what learners need: the market is drawn here. The first sweep is
not counted, since it compiles, and finds the files of libraries on disk.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tiltyard.learners.candidate import CandidateSettings, MarketData, train_encoder
from tiltyard.learners.crew import Hire, processes
from tiltyard.learners.dqn import DqnSettings
from tiltyard.learners.environment import prepare
from tiltyard.learners.head import TabNetSettings
from tiltyard.learners.job import Job
from tiltyard.learners.retraining import SizingSettings, retrain
from tiltyard.learners.seeds import Fitter, one_by_one
from tiltyard.learners.study import Study, Trial, run
from tiltyard.learners.sweep import MARKET, OBJECTIVE, write_market
from tiltyard.learners.timesnet import TimesNetSettings
from tiltyard.market.bar import HOUR
from tiltyard.market.candles import candles_of
from tiltyard.market.simulated import DEFAULT, simulated_hours

START = datetime(2023, 1, 1, tzinfo=UTC)
SYMBOLS = ("BTC/USDT", "SOL/USDT")


class Took(NamedTuple):
    """What it was, and how long it took."""

    what: str
    where: str
    workers: int
    seconds: float


def settings_of(epochs: int) -> CandidateSettings:
    return CandidateSettings(
        encoder=TimesNetSettings(length=48, d_ff=16, epochs=max(1, epochs // 4)),
        head=replace(TabNetSettings(inputs=0, classes=5), epochs=epochs, patience=epochs),
        folds=3, hold_out_days=20, stride=6,
    )  # fmt: skip


def market_of(hours: int) -> MarketData:
    bars = simulated_hours(DEFAULT, START, hours, np.random.default_rng(5))
    return MarketData({name: candles_of([one[name] for one in bars], HOUR) for name in SYMBOLS})


def swept(
    settings: CandidateSettings, data: MarketData, trials: int, hire: Hire, folder: Path
) -> tuple[float, list[Trial]]:
    """Seconds that trials take which all may run at once, and what came of them."""
    write_market(data, folder / MARKET)
    config = {"settings": settings.to_json(), "device": "cpu"}
    study = Study(folder, OBJECTIVE, config, 7, generation=trials)
    began = time.perf_counter()
    found = run(study, trials, job=Job(), hire=hire)
    return time.perf_counter() - began, found


def fitted(
    settings: CandidateSettings, data: MarketData, args: argparse.Namespace, fitter: Fitter,
    folder: Path,
) -> tuple[float, str]:  # fmt: skip
    """Seconds that networks of several seeds take, and the digest of their policy."""
    sizing = SizingSettings(base=settings, dqn=DqnSettings(steps=args.steps))
    encoder = train_encoder(settings, data, seed=1, job=Job(folder=folder.parent / "encoder"))
    prepare()
    spent: list[float] = []

    def timed(*lessons: Any, **given: Any) -> list[Any]:  # noqa: ANN401 whatever a fitter is given
        began = time.perf_counter()
        fits = list(fitter(*lessons, **given))
        spent.append(time.perf_counter() - began)
        return fits

    made = retrain(
        sizing, data, seeds=range(1, args.seeds + 1), job=Job(folder=folder / "work"),
        folder=folder / "buffer", encoder=encoder, fitter=timed,
    )  # fmt: skip
    return spent[0], made.digest


@contextmanager
def on_ray(processors: int) -> Iterator[tuple[Hire, Fitter]]:
    """A cluster of one node on this machine; what it takes to start is not counted."""
    from ray.cluster_utils import Cluster  # noqa: PLC0415 not with --no-ray

    from tiltyard.shell.training.spreading import spread_over  # noqa: PLC0415 as above

    with tempfile.TemporaryDirectory(prefix="ty", dir="/tmp") as place:  # a short path
        os.environ["RAY_TMPDIR"] = place
        folder = Path(place) / "ray"
        folder.mkdir()
        head = {"num_cpus": processors, "temp_dir": str(folder), "include_dashboard": False}
        started = Cluster(initialize_head=True, head_node_args=head)
        try:
            with spread_over(started.address) as (hire, fitter):
                yield hire or processes(1), fitter
        finally:
            started.shutdown()


def measured(args: argparse.Namespace, place: Path) -> Iterator[Took]:
    settings, data = settings_of(args.epochs), market_of(args.hours)
    count = 0

    def folder() -> Path:
        nonlocal count
        count += 1
        return place / str(count)

    first = swept(settings, data, args.trials, processes(1), folder())[1]
    seconds, policy = fitted(settings, data, args, one_by_one, folder())
    yield Took("seeds", "here", 1, seconds)
    for workers in args.workers:
        seconds, found = swept(settings, data, args.trials, processes(workers), folder())
        check(found == first, f"{workers} workers of this machine found other trials")
        yield Took("sweep", "here", workers, seconds)
        if args.no_ray:
            continue
        with on_ray(workers) as (hire, fitter):
            swept(settings, data, args.trials, hire, folder())  # workers are there by then
            seconds, found = swept(settings, data, args.trials, hire, folder())
            check(found == first, f"{workers} processors of a cluster found other trials")
            yield Took("sweep", "Ray", workers, seconds)
            seconds, again = fitted(settings, data, args, fitter, folder())
            check(again == policy, f"{workers} processors of a cluster made another policy")
            yield Took("seeds", "Ray", workers, seconds)


def check(is_so: bool, otherwise: str) -> None:  # noqa: FBT001 as it is asked
    if not is_so:
        raise SystemExit(otherwise)


def table(every: list[Took], say: Callable[[str], object] = print) -> None:
    """Seconds, and how many times faster than one worker of this machine."""
    ones = {one.what: one.seconds for one in reversed(every) if one.where == "here"}
    ones |= {one.what: one.seconds for one in every if (one.where, one.workers) == ("here", 1)}
    say("| what | where | workers | seconds | times as fast as one here |")
    say("|---|---|---:|---:|---:|")
    for one in sorted(every, key=lambda one: (one.what, one.where.lower(), one.workers)):
        ratio = ones[one.what] / one.seconds
        say(f"| {one.what} | {one.where} | {one.workers} | {one.seconds:.1f} | {ratio:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", default="1,2", help="numbers, with commas between")
    parser.add_argument("--trials", type=int, default=8, help="of each sweep, all at once")
    parser.add_argument("--hours", type=int, default=24 * 150)
    parser.add_argument("--epochs", type=int, default=8, help="of a head")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=50_000, help="of each network")
    parser.add_argument("--no-ray", action="store_true")
    parser.add_argument("--json", type=Path, help="a file for the numbers")
    args = parser.parse_args()
    args.workers = [int(one) for one in args.workers.split(",")]
    with tempfile.TemporaryDirectory() as place:
        every = []
        for one in measured(args, Path(place)):
            every.append(one)
            print(f"{one.what} {one.where} {one.workers}: {one.seconds:.1f} s", flush=True)
    table(every)
    if args.json:
        args.json.write_text(json.dumps([one._asdict() for one in every], indent=1))


if __name__ == "__main__":
    main()
