"""The text of /metrics of a small desk, byte for byte, and by the library's own encoders."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.openmetrics import exposition as open_metrics
from prometheus_client.registry import Collector

from exporter.shown import OPEN_METRICS, Shown, append, eventful, shown
from live_desks import NOON, fall
from tiltyard import __version__
from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
from tiltyard.metrics import METRICS_VERSION
from tiltyard.shell.exporter.exposition import Exposition
from tiltyard.shell.exporter.families import FAMILIES
from tiltyard.shell.exporter.picture import LATENCY_BUCKETS, Picture

GOLDEN = Path(__file__).parents[1] / "golden" / "metrics.txt"


@pytest.fixture
def after_a_halt(tmp_path: Path) -> Iterator[Shown]:
    """The bot has lost 5 %, which the desk knew a quarter of a second before it acted."""
    with eventful(tmp_path / "desk.db") as ledger, shown(ledger) as desk:
        desk.step(NOON)
        append(ledger, fall(), NOON + timedelta(seconds=1))
        desk.step(NOON + timedelta(seconds=1.25))
        yield desk


def test_a_small_desk_is_shown_to_the_byte(after_a_halt: Shown) -> None:
    now = {"VERSION": __version__, "METRICS": str(METRICS_VERSION),
           "CHECKLIST": DEFAULT_CHECKLIST.digest}  # fmt: skip
    wanted = GOLDEN.read_text("utf-8")
    for name, value in now.items():
        wanted = wanted.replace(f"@{name}@", value)
    assert after_a_halt.text() == wanted


class Shelf(Collector):
    """A picture as the library's own families."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture

    def collect(self) -> Iterable[Metric]:
        for name, family in FAMILIES.items():
            if family.type == "histogram":
                yield self._histogram(name, family.meaning)
            elif name in self._picture.samples:
                kind = CounterMetricFamily if family.type == "counter" else GaugeMetricFamily
                one = kind(name, family.meaning, labels=family.labels)
                for labels, number in self._picture.samples[name]:
                    one.add_metric(labels, number)
                yield one

    def _histogram(self, name: str, meaning: str) -> Metric:
        found, total = self._picture.latency, 0
        one = HistogramMetricFamily(name, meaning, labels=())
        buckets = []
        for upper, count in zip((*map(str, LATENCY_BUCKETS), "+Inf"), found.counts, strict=True):
            total += count
            buckets.append((upper, total))
        one.add_metric((), buckets, found.sum)
        return one


def test_it_is_what_the_library_writes_of_the_same_families(after_a_halt: Shown) -> None:
    picture = after_a_halt.painter.picture
    assert picture is not None
    registry = CollectorRegistry()
    registry.register(Shelf(picture))
    assert after_a_halt.text() == generate_latest(registry).decode()
    assert after_a_halt.text(OPEN_METRICS) == open_metrics.generate_latest(registry).decode()  # type: ignore[no-untyped-call]


def test_labels_are_escaped_as_the_library_does() -> None:
    """No name of a policy has such letters, and a GPU is called whatever its reader says."""
    picture = Picture({"tiltyard_gpu_utilization_ratio": [(('b"o\\t\nx',), 0.5)]})
    registry = CollectorRegistry()
    registry.register(Shelf(picture))
    found = Exposition(lambda: picture).text("")
    assert found is not None
    assert found[0] == generate_latest(registry)
