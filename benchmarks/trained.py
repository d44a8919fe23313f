"""What it costs a desk to trade by what was trained: a decision, the memory, and the loading.

Networks have the sizes of a candidate's defaults, and weights that nobody trained, which take as
long. A decision is everything from what the desk tells a policy to what the policy wants, over
hours that follow each other; it is measured in time of the one core that it has, and by the clock,
which counts whoever else uses that core. Memory is that of a running desk (``tiltyard run``, a
process of its own) over the same bars, with and without a trained arm. While a model is loaded
beside it, torch and all, another thread looks at the clock every millisecond: its longest gap is
how long a desk may be held up, once in its life.

    python benchmarks/trained.py [--decisions 2000]

Ends with 1 when the median decision takes more than 5 ms of a core.
"""

import argparse
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from random import Random

import numpy as np
import polars as pl

from tiltyard.features.technical import Indicators
from tiltyard.market.bar import HOUR, Bar
from tiltyard.market.simulated import DEFAULT, simulated_hours
from tiltyard.policies.policy import Observation
from tiltyard.shell.clock import steady_seconds, system_now

GATE_MS = 5.0
ARMS, SYMBOLS = 5, 2
"""A desk of some size: all its decisions of a bar are made in one go."""
SYMBOL = "SOL/USDT"
CHAMPION = "trend_20250301_000000_c4a3b105"
TOML = '[market]\nfeed = "bars"\n'


def untrained(folder: Path) -> Path:
    """A snapshot of the default sizes, with the weights that a training begins with."""
    import torch  # noqa: PLC0415 the part that measures loading must not have it

    from tiltyard.learners.candidate import CandidateSettings  # noqa: PLC0415 as above
    from tiltyard.learners.labels import CLASSES  # noqa: PLC0415 as above
    from tiltyard.learners.snapshot import Snapshot  # noqa: PLC0415 as above
    from tiltyard.learners.snapshot_folder import save  # noqa: PLC0415 as above
    from tiltyard.learners.tabnet import TabNet  # noqa: PLC0415 as above
    from tiltyard.learners.timesnet_network import Network  # noqa: PLC0415 as above

    torch.manual_seed(1)
    settings = CandidateSettings()
    inputs = len(settings.features) + settings.encoder.embedding
    head = replace(settings.head, inputs=inputs, classes=len(CLASSES))
    encoder = Network(settings.encoder)
    encoder.frequencies = [[1, 4, 8][: settings.encoder.top_k]] * settings.encoder.layers
    weights = {f"encoder.{name}": one for name, one in encoder.weights().items()}
    for name, one in TabNet(head, 1).state_dict().items():
        weights[f"head.{name}"] = one.numpy()
    windows = np.zeros((5_000, settings.encoder.length, settings.encoder.channels), np.float32)
    scale = {"mean": [0.0] * 4, "sd": [0.01, 0.01, 0.3, 0.5]}
    made = Snapshot(
        "tabnet", weights, {"baseline": windows},
        settings={
            "encoder": asdict(settings.encoder), "head": asdict(head),
            "features": list(settings.features), "symbols": [SYMBOL],
            "interval_seconds": 3600, "horizon": settings.acting.horizon,
            "classes": {"edges": [-1, -0.3, 0.3, 1], "means": [-1.5, -0.5, 0, 0.5, 1.5]},
            "acting": asdict(settings.acting),
        },
        scalers={
            "channels": {SYMBOL: scale},
            "features": {"mean": [0.0] * inputs, "sd": [1.0] * inputs},
        },
    )  # fmt: skip
    return save(made, folder, system_now())


def hours(count: int) -> list[Bar]:
    """Simulated ones, until the last full hour."""
    last = system_now().replace(minute=0, second=0, microsecond=0)
    found = simulated_hours(DEFAULT, last - count * HOUR, count, np.random.default_rng(1))
    return [one[SYMBOL] for one in found]


def decisions(path: Path, count: int) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds, each in rising order: of a decision by core and clock, of a bar's by core."""
    from tiltyard.learners.snapshot_folder import load  # noqa: PLC0415 as above
    from tiltyard.learners.trained import Trained  # noqa: PLC0415 as above
    from tiltyard.market.costs import FundingRates  # noqa: PLC0415 as above

    policy = Trained.from_snapshot(load(path))
    policy.rehearse()
    bars = hours(count + 400)
    every = timedelta(hours=8)
    rates = [(bars[0].opened_at - 9 * every + n * every, 1e-4) for n in range(len(bars) // 8 + 20)]
    indicators = Indicators(SYMBOL, policy.needs, HOUR, FundingRates(rates))
    recent: deque[Bar] = deque(maxlen=policy.looks_back)
    of_core, by_clock, of_bars, told = [], [], [], 0
    rng = Random(0)  # noqa: S311 nothing is drawn
    for bar in bars:
        recent.append(bar)
        features = indicators.see(bar)._replace(recent=tuple(recent))
        began, used = time.perf_counter(), time.thread_time()
        policy.act(Observation(features, "nothing"), rng)
        of_core.append(1e3 * (time.thread_time() - used))
        by_clock.append(1e3 * (time.perf_counter() - began))
        told += policy.probabilities(features) is not None
        if len(of_core) % 10 == 0:
            used = time.thread_time()
            for _ in range(ARMS * SYMBOLS):
                policy.act(Observation(features, "nothing"), rng)
            of_bars.append(1e3 * (time.thread_time() - used))
    if told < count:
        sys.exit(f"only {told} of {count} were decisions")
    last = -(-count // 10)
    return sorted(of_core[-count:]), sorted(by_clock[-count:]), sorted(of_bars[-last:])


def memory_of_a_desk(folder: Path, *, trains: bool) -> float:
    """MiB that a running desk has in memory when it trades."""
    said = "is traded by its model" if trains else "the floor trades on"
    with subprocess.Popen(
        [sys.executable, "-m", "tiltyard", "run"], cwd=folder, stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL, text=True, env={**os.environ, "TILTYARD_DB": "desk.db"},
    ) as desk:  # fmt: skip
        assert desk.stderr is not None
        while said not in (line := desk.stderr.readline()):
            if not line:
                sys.exit("the desk has ended")
        time.sleep(10)  # it catches up with the bars, and decides
        status = Path(f"/proc/{desk.pid}/status").read_text("utf-8")
        desk.send_signal(signal.SIGTERM)
        desk.stderr.read()
    return next(int(line.split()[1]) for line in status.splitlines() if "VmRSS" in line) / 1024


def memory(path: Path, folder: Path) -> tuple[float, float]:
    """MiB without, and with a trained arm."""
    (folder / "bars").mkdir()
    (folder / "tiltyard.toml").write_text(TOML, "utf-8")
    bars = hours(5_000)
    columns = {name: [getattr(bar, name) for bar in bars] for name in Bar._fields[2:]}
    frame = pl.DataFrame({"date": [bar.opened_at for bar in bars], **columns})
    frame.write_parquet(folder / "bars" / "SOL_USDT-1h.parquet")
    register(folder, CHAMPION, "--role", "champion")
    without = memory_of_a_desk(folder, trains=False)
    register(folder, path.name)
    return without, memory_of_a_desk(folder, trains=True)


def register(folder: Path, *words: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "tiltyard", "policy", "register", *words, "--capital", "10000"],
        cwd=folder, env={**os.environ, "TILTYARD_DB": "desk.db"}, check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip


def loading(path: Path) -> tuple[float, float]:
    """Seconds that loading takes, torch included, and the longest that another thread waited."""
    from tiltyard.shell.models.stable import Stable  # noqa: PLC0415 as above

    if "torch" in sys.modules:
        sys.exit("torch is there already")
    stable = Stable(path.parent, steady_seconds)
    stable.ask({path.name: ""})
    thread = threading.Thread(target=stable.look)
    began = last = time.perf_counter()
    longest = 0.0
    thread.start()
    while thread.is_alive():
        time.sleep(0.001)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    if stable.now[path.name].policy is None:
        sys.exit(str(stable.now[path.name].why))
    return last - began, longest


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=2_000)
    parser.add_argument("--loading", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.loading:
        print(*loading(options.loading))
        return 0
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = untrained(folder / "models")
        taken = decisions(path, options.decisions)
        for how, each in zip(("of a core", "by the clock"), taken[:2], strict=True):
            median, late = statistics.median(each), each[int(0.99 * len(each))]
            print(f"a decision: median {median:.2f} ms {how}, 99 % within {late:.2f} ms")
        of_bars = taken[2]
        median, late = statistics.median(of_bars), of_bars[int(0.99 * len(of_bars))]
        print(
            f"a bar of {ARMS} arms and {SYMBOLS} symbols, during which the desk does nothing else: "
            f"median {median:.0f} ms of a core, 99 % within {late:.0f} ms"
        )
        own = [sys.executable, __file__, "--loading", str(path)]
        told = subprocess.run(own, check=True, capture_output=True, text=True).stdout.split()
        whole, longest = map(float, told)
        print(f"loading: {whole:.1f} s, another thread waits {1e3 * longest:.0f} ms at the most")
        without, beside = memory(path, folder)
        print(f"memory of a desk: {without:.0f} MiB, with a trained arm {beside:.0f} MiB")
    return int(statistics.median(taken[0]) > GATE_MS)


if __name__ == "__main__":
    sys.exit(main())
