"""What a scrape of ``/metrics`` costs with 200 policies, and what the desk pays for the picture.

A desk over 200 challengers, each with live and shadow trades, a mark and gauges, is judged and
painted; then its text is written as for a scrape. The peer is a registry of ``prometheus_client``
with as many plain gauges, in the same run. The best and the median of each are printed.

    python benchmarks/scrape.py [--policies 200] [--rounds 20]
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from halt_latency import populate
from tiltyard.facts.mark import Mark
from tiltyard.facts.observation import Observation
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import money
from tiltyard.shell.clock import steady_seconds, system_now
from tiltyard.shell.commanding import take
from tiltyard.shell.exporter.exposition import Exposition
from tiltyard.shell.exporter.paint import paint
from tiltyard.shell.exporter.painter import Painter
from tiltyard.shell.exporter.picture import Picture
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.settings import load
from tiltyard.shell.store.ledger import Ledger

TRADES = 60
GAUGES = (
    ("encoder_kl_divergence", 0.1), ("model_healthy", 1.0), ("bot_heartbeat", 1.0),
    ("inference_latency_p50_ms", 20.0), ("inference_latency_p95_ms", 60.0),
)  # fmt: skip
MINUTE = timedelta(minutes=1)


def report(ledger: Ledger, names: list[str]) -> None:
    """Trades of both books, a mark and every gauge of each policy."""
    now = system_now()
    trades = [
        Trade(
            "bench", f"{name}-{number}", name, "BTC/USDT", "long", closed - MINUTE, closed,
            money(2 if (number + index) % 3 else -2), risk=money(2),
            book="shadow" if number % 2 else "live",
        )
        for index, name in enumerate(names)
        for number in range(TRADES)
        for closed in (now - MINUTE + timedelta(milliseconds=number),)
    ]  # fmt: skip
    with ledger.staging() as staging:
        staging.add([(row, trade, False) for row, trade in enumerate(trades)])
        staging.commit(now=now, known_at=now)
    ledger.append_marks([Mark(name, now, money(1), 1) for name in names], known_at=now)
    told = [Observation(gauge, number, now, name) for name in names for gauge, number in GAUGES]
    ledger.append_observations(told, known_at=now)


def timed(work: Callable[[], object], rounds: int) -> list[float]:
    """Seconds of each round."""
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return took


def plain_gauges(picture: Picture) -> CollectorRegistry:
    """As many samples of as many families, as the library keeps them itself."""
    registry = CollectorRegistry()
    for name, samples in picture.samples.items():
        labels = [f"label{number}" for number in range(len(samples[0][0]))]
        gauge = Gauge(name.removesuffix("_total"), "A gauge.", labels, registry=registry)
        for values, number in samples:
            (gauge.labels(*values) if values else gauge).set(number)
    return registry


def row(name: str, took: list[float], size: int = 0) -> None:
    """One line of the table."""
    bytes_ = f"{size:>11,}" if size else f"{'':>11}"
    print(f"{name:<38}{1000 * min(took):>9.2f}{1000 * statistics.median(took):>9.2f}{bytes_}")


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--policies", type=int, default=200)
    options.add_argument("--rounds", type=int, default=20)
    given = options.parse_args()
    names = [f"reinforcement_20250101_000000_{number:08x}" for number in range(given.policies)]
    with (
        tempfile.TemporaryDirectory() as folder,
        Ledger.open(f"sqlite:///{Path(folder, 'desk.db')}", create=True) as ledger,
    ):
        populate(ledger, names)
        report(ledger, names)
        token = take(ledger, "bench", system_now())
        assert token is not None
        settings = load()
        desk = LiveDesk(ledger, settings, token)
        desk.start()
        painter = Painter(desk, ledger, settings.checklist, steady=steady_seconds)
        painter.begin()
        now = system_now()
        desk.step(now)
        while desk.is_behind:
            desk.step(now)
        painter.beat(now)
        counted = painter._counted
        painting = timed(
            lambda: paint(desk.judging, counted, desk.traffic.at(now), now), given.rounds
        )
        ticking = timed(lambda: desk.judging.judge_all(now), given.rounds)
        picture = painter.picture
        assert picture is not None
        exposition = Exposition(picture._replace)  # each scrape finds a new picture
        found = exposition.text("")
        assert found is not None
        scraping = timed(lambda: exposition.text(""), given.rounds)
        cached = Exposition(lambda: picture)
        cached.text("")
        again = timed(lambda: cached.text(""), given.rounds)
        registry = plain_gauges(picture)
        peer = timed(lambda: generate_latest(registry), given.rounds)
        samples = sum(map(len, picture.samples.values()))
    print(f"{given.policies} policies, {samples:,} samples, {len(picture.samples)} families")
    print(f"{'':<38}{'best ms':>9}{'median':>9}{'bytes':>11}")
    row("a picture, by the desk's thread", painting)
    row("every guard on every subject alone", ticking)
    row("a scrape of a new picture", scraping, len(found[0]))
    row("a scrape of the same picture", again)
    row("prometheus_client, plain gauges", peer, len(generate_latest(registry)))
    print(f"a scrape takes {statistics.median(scraping) / statistics.median(peer):.2f} of the peer")


if __name__ == "__main__":
    main()
