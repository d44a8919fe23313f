"""A small desk that is driven with facts at times that are passed, and what it shows."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from live_desks import NOON, SETTINGS, desk_on, good
from records import BOT, CHAMPION, ledger_of
from tiltyard.facts.decision import Decision
from tiltyard.facts.mark import Mark
from tiltyard.facts.observation import Observation
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import money
from tiltyard.shell.exporter.exposition import Exposition
from tiltyard.shell.exporter.painter import Painter
from tiltyard.shell.exporter.picture import Picture
from tiltyard.shell.gpu.readings import GpuReading
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger

SECOND = timedelta(seconds=1)
GPUS = GpuReading(available=True, utilization={"0": 0.97, "1": 0.25})
OPEN_METRICS = "application/openmetrics-text;version=1.0.0"


@dataclass
class Shown:
    """A desk, and whoever paints it; its steady clock goes on by ten seconds a step."""

    desk: LiveDesk
    painter: Painter
    clock: list[float]

    def step(self, now: datetime) -> Picture:
        """One step of the desk, painted."""
        self.desk.step(now)
        while self.desk.is_behind:
            self.desk.step(now)
        self.clock[0] += 10
        self.painter.beat(now)
        assert self.painter.picture is not None
        return self.painter.picture

    def text(self, accept: str = "") -> str:
        """What a scrape is given."""
        found = Exposition(lambda: self.painter.picture).text(accept)
        assert found is not None
        return found[0].decode()

    def families(self) -> dict[str, Metric]:
        """The same, as Prometheus reads it, by name."""
        return {one.name: one for one in text_string_to_metric_families(self.text())}


@contextmanager
def shown(ledger: Ledger, now: datetime = NOON, settings: Settings = SETTINGS) -> Iterator[Shown]:
    """A desk on a ledger, and its painter, before the first step."""
    clock = [100.0]
    with desk_on(ledger, now, settings) as desk:
        painter = Painter(
            desk,
            ledger,
            settings.checklist,
            steady=lambda: clock[0],
            gpus=lambda: GPUS,
            restarts=lambda: 2,
        )
        painter.begin()
        yield Shown(desk, painter, clock)


def eventful(path: Path, names: tuple[str, ...] = (BOT,)) -> Ledger:
    """A ledger in which something of everything was reported before noon."""
    trades = [*good(40, CHAMPION), *(one for name in names for one in good(40, name))]
    trades += [one._replace(book="shadow", trade_id=f"s{one.trade_id}") for one in trades]
    marks = [Mark(name, NOON - 2 * SECOND, money("12.5"), 1, exposure=money(900)) for name in names]
    told = [
        ("encoder_kl_divergence", 0.12, BOT), ("model_healthy", 1, BOT), ("bot_heartbeat", 1, BOT),
        ("inference_latency_p95_ms", 80, BOT), ("gpu_util_pct", 93, ""), ("api_calls", 400, BOT),
        ("api_errors", 2, ""), ("account_balance", 99_000.5, ""), ("weekly_run", 1, ""),
        ("snapshot_run", 0, ""), ("learner_progress", 1, ""),
    ]  # fmt: skip
    gauges = [Observation(name, number, NOON - SECOND, policy) for name, number, policy in told]
    gauges.append(Observation("snapshot_run", 1, NOON - timedelta(days=1)))
    ledger = ledger_of(path, trades, marks, gauges, names=names, share=0.1 / len(names))
    ledger.append_decisions(decisions(120), known_at=NOON)
    return ledger


def decisions(count: int) -> list[Decision]:
    """One in ten for the bot, as the shares were."""
    return [
        Decision(f"e{n}", "BTC/USDT", *((CHAMPION, 0.9), (BOT, 0.1))[n % 10 == 0], 1,
                 NOON - timedelta(minutes=n), None, 12)
        for n in range(count)
    ]  # fmt: skip


def append(ledger: Ledger, trade: Trade, known_at: datetime) -> None:
    """One more trade."""
    with ledger.staging() as staging:
        staging.add([(0, trade, False)])
        staging.commit(now=known_at, known_at=known_at)
