"""Which arms a report tells the drift and the health of a model of, and of which there is none."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from live_desks import NOON
from records import BOT, START, ledger_of
from tiltyard.facts.observation import Observation
from tiltyard.metrics.catalogue import DRIFT, HEALTH
from tiltyard.shell.pictures.page import page
from tiltyard.shell.replaying.measure import measure
from tiltyard.shell.replaying.recording import Recording
from tiltyard.shell.report.content import ArmReport, describe
from tiltyard.shell.report.known_bars import KnownBook
from tiltyard.shell.report.text import report_text
from tiltyard.shell.settings import load

TRAINED = "tabnet_20250430_120000_410e9d4a"
RULE = "trend_20250101_000000_c4a3b105"


def reported(path: Path, name: str, told: Sequence[Observation] = ()) -> ArmReport:
    """The report of a challenger; one of them is traded by what was trained until noon."""
    with ledger_of(path / "ledger.db", [], gauges=told, names=[name]) as ledger:
        roster = ledger.roster()
        roster = roster.with_arm(replace(roster.arms[name], kind=""))  # by its name
        desk = measure(ledger, load(), NOON, roster)
    return describe(desk, name, NOON, known=KnownBook({TRAINED: NOON}))


def of_model(report: ArmReport) -> list[str]:
    return [line.name for line in report.metrics if line.name in {DRIFT, HEALTH}]


@pytest.mark.parametrize(
    ("name", "told", "shown"),
    [
        (TRAINED, [], [DRIFT, HEALTH]),
        (BOT, [], [DRIFT]),
        (RULE, [], []),
        ("flat_20250101_000000_00000001", [], []),
        (BOT, [HEALTH], [DRIFT, HEALTH]),
        (RULE, [HEALTH], [HEALTH]),
        (RULE, [DRIFT], [DRIFT]),
    ],
)
def test_what_is_reported_is_shown_and_what_is_not_of_those_who_may_have_it(
    tmp_path: Path, name: str, told: Sequence[str], shown: Sequence[str]
) -> None:
    gauges = [Observation(gauge, 1, NOON, name) for gauge in told]
    assert of_model(reported(tmp_path, name, gauges)) == shown


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ([], "–             < 1               unknown  unobserved: nobody has reported it"),
        ([1], "1             < 1               pass"),
        ([0], "0             < 1               BREACH"),
    ],
)
def test_the_health_of_what_was_trained_is_judged_and_unobserved_is_no_pass(
    tmp_path: Path, told: Sequence[float], said: str
) -> None:
    gauges = [Observation(HEALTH, number, NOON, TRAINED) for number in told]
    report = reported(tmp_path, TRAINED, gauges)
    (line,) = [one for one in report_text(report).splitlines() if one.startswith(f"  {HEALTH} ")]
    assert line.removeprefix(f"  {HEALTH} ").strip() == said


def test_a_guard_on_it_stays_unknown_where_it_is_not_shown(tmp_path: Path) -> None:
    report = reported(tmp_path, RULE)
    answers = {guard.metric: verdict.answer for guard, verdict in report.guards}
    assert answers[DRIFT] == answers[HEALTH] == "unknown"


@pytest.mark.parametrize(("name", "count"), [(TRAINED, 1), (RULE, 0)])
def test_a_page_names_no_guard_on_a_model_of_who_has_none(
    tmp_path: Path, name: str, count: int
) -> None:
    text = page(Recording(), [reported(tmp_path, name)], START)
    for guard in ("encoder_kl_divergence_high", "model_unhealthy"):
        assert text.count(f"unknown {guard}<") == count, guard
    assert "unknown challenger_profit_factor_low<" in text
