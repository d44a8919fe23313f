"""What a report says of an encoder's drift: how far it is, between which ends, and the verdict."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from live_desks import NOON
from records import BOT, ledger_of
from tiltyard.facts.observation import Observation
from tiltyard.shell.replaying.measure import measure
from tiltyard.shell.report.content import ArmReport, describe
from tiltyard.shell.report.text import report_text
from tiltyard.shell.report.wire import report_json
from tiltyard.shell.settings import load


def reported(path: Path, told: Mapping[str, float]) -> ArmReport:
    """The report of an arm of which somebody has said so much."""
    gauges = [Observation(f"encoder_kl_divergence{n}", v, NOON, BOT) for n, v in told.items()]
    with ledger_of(path / "ledger.db", [], gauges=gauges) as ledger:
        return describe(measure(ledger, load(), NOON, ledger.roster()), BOT, NOON)


@pytest.mark.parametrize(
    ("told", "line", "interval"),
    [
        ({}, "–  0 – 0.25   > 0.3             unknown  unobserved: nobody has reported it", None),
        ({"": 0.34}, "0.34 nats  0 – 0.25   > 0.3             BREACH", None),
        (
            {"": 0.34, "_lower": 0.21, "_upper": 0.47},
            (
                "0.34 nats  0 – 0.25   > 0.3             pass     95 %: 0.21 to 0.47; "
                "encoder_kl_divergence_lower is 0.21"
            ),
            [0.21, 0.47],
        ),
        (
            {"": -0.01, "_lower": -0.04, "_upper": 0.02},
            "-0.01 nats  0 – 0.25   > 0.3             pass     95 %: -0.04 to 0.02",
            [-0.04, 0.02],
        ),
        (
            {"": 0.44, "_lower": 0.31, "_upper": 0.6},
            "0.44 nats  0 – 0.25   > 0.3             BREACH   95 %: 0.31 to 0.6",
            [0.31, 0.6],
        ),
    ],
)
def test_a_drift_is_reported_with_its_interval_where_somebody_says_it(
    told: Mapping[str, float], line: str, interval: list[float] | None, tmp_path: Path
) -> None:
    report = reported(tmp_path, told)
    name = "  encoder_kl_divergence "
    (said,) = [one for one in report_text(report).splitlines() if one.startswith(name)]
    assert said.removeprefix(name).strip() == line
    metrics = report_json(report)["metrics"]
    assert metrics["encoder_kl_divergence"]["interval"] == interval
    assert {one["interval"] for name, one in metrics.items() if "encoder" not in name} == {None}
