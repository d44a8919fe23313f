"""Every metric of the catalogue has one Prometheus series, and none shares it with another."""

import re

import pytest

from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
from tiltyard.metrics.catalogue import METRICS, SHADOW, TRADE_METRICS, spec_of
from tiltyard.shell.exporter.series import SERIES, series_of

EVERY = [*METRICS, *(name + SHADOW for name in TRADE_METRICS)]


def test_every_metric_is_shown_and_nothing_else() -> None:
    assert set(SERIES) == set(METRICS)


def test_no_two_metrics_are_the_same_series() -> None:
    shown = [series_of(name).selector() for name in EVERY]
    assert len(set(shown)) == len(shown)


@pytest.mark.parametrize("name", EVERY)
def test_units_are_base_units_and_say_so(name: str) -> None:
    spec, shown = spec_of(name), series_of(name)
    assert re.fullmatch(r"tiltyard_[a-z0-9_]+", shown.family)
    assert shown.family.endswith("_ratio") == (spec.unit == "percent")
    assert shown.family.endswith("_seconds") == (spec.unit == "milliseconds")
    assert shown.number(100) == {"percent": 1, "milliseconds": 0.1}.get(spec.unit, 100)


def test_families_are_of_arms_or_of_the_account_as_the_guards_are() -> None:
    for guard in DEFAULT_CHECKLIST.guards:
        if guard.metric != "inference_latency_p95_ms":  # the account's is the slowest arm's
            assert series_of(guard.metric).of_arms == (guard.scope != "account"), guard.name
