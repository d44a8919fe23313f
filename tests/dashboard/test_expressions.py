"""Every expression of the dashboard is one of Prometheus, over families that the desk shows."""

import json
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from dashboards import board_of, expressions, families, replaced
from programs import check
from tiltyard.checklist.defaults import DEFAULT_CHECKLIST, DEFAULT_TEXT
from tiltyard.checklist.guard_state import GUARD_STATES
from tiltyard.checklist.parse import parse_checklist
from tiltyard.metrics.catalogue import METRICS, SHADOW, TRADE_METRICS
from tiltyard.shell.dashboard.queries import STATES, family, growth
from tiltyard.shell.exporter.families import FAMILIES

BOARD = board_of(DEFAULT_CHECKLIST)
NOT_SHOWN = {
    "tiltyard_build_info": "for whoever compares desks",
    "tiltyard_encoder_effective_samples": "how sure a drift is shows its interval",
    "tiltyard_expectancy_r_multiples": "in the report, where its doubts are, too",
    "tiltyard_net_pnl": "in the report, where its doubts are, too",
    "tiltyard_sharpe_per_year": "in the report, where its doubts are, too",
    "tiltyard_sortino_per_year": "in the report, where its doubts are, too",
    "tiltyard_snapshot_run": "as tiltyard_task_last_run_failed",
    "tiltyard_weekly_run": "as tiltyard_task_last_run_failed",
    "tiltyard_up": "as Prometheus's own up",
}
_SELECTOR = re.compile(r"(?P<family>tiltyard_\w+)\{(?P<labels>[^}]*)\}")
_ADDED = {"desk", "le"}
"""By the scrape, and by what a histogram is."""


def parsed(every: Sequence[str], folder: Path) -> int:
    """How many expressions ``promtool`` has found no fault in."""
    rules = [{"record": f"shown:{n}", "expr": text} for n, text in enumerate(every)]
    file = folder / "rules.json"
    file.write_text(json.dumps({"groups": [{"name": "shown", "rules": rules}]}), "utf-8")
    (count,) = re.findall(r"(\d+) rules found", check("promtool", "check", "rules", file))
    return int(count)


@pytest.mark.parametrize(("place", "expression"), list(expressions(BOARD)))
def test_an_expression_reads_families_and_labels_that_the_desk_shows(
    place: str, expression: str
) -> None:
    assert families(expression) <= set(FAMILIES), place
    for found in _SELECTOR.finditer(expression):
        named = set(re.findall(r"(\w+)=", found["labels"]))
        family = FAMILIES[found["family"].removesuffix("_bucket")]
        assert named - _ADDED <= set(family.labels), place


@pytest.mark.parametrize(("place", "expression"), list(expressions(BOARD)))
def test_what_is_shown_of_each_is_a_label_that_there_is(place: str, expression: str) -> None:
    known = {label for name in families(expression) for label in FAMILIES[name].labels}
    if "ALERTS" in expression:
        known |= {"alertname", "alertstate", "severity", "policy"}
    by = {label for found in re.findall(r" by \(([\w, ]+)\)", expression)
          for label in found.split(", ")}  # fmt: skip
    assert by - {"le"} <= known, place


def test_whatever_a_checklist_may_watch_is_asked_of_families_that_there_are(
    tmp_path: Path,
) -> None:
    every = [
        {"name": f"guard_{metric}_{scope}_{n}", "scope": scope, "metric": metric, "when": when,
         "effect": "page", "priority": 1000}
        for metric in [*METRICS, *(f"{metric}{SHADOW}" for metric in TRADE_METRICS)]
        for scope in ("arm", "champion", "account")
        for n, when in enumerate(("> 4", "<= 0.5", "== 1", "< 0.6 * pf_prod"))
    ]  # fmt: skip
    board = board_of(parse_checklist(every, tomllib.loads(DEFAULT_TEXT)["guard"], "every"))
    asked = [expression for _, expression in expressions(board)]
    assert len(asked) > 2 * len(every)
    assert {name for expression in asked for name in families(expression)} <= set(FAMILIES)
    assert parsed(asked, tmp_path) == len(asked)


def test_every_family_is_shown_or_there_is_a_reason() -> None:
    shown = {name for _, expression in expressions(BOARD) for name in families(expression)}
    assert shown | set(NOT_SHOWN) == set(FAMILIES)
    assert not shown & set(NOT_SHOWN)


def test_the_states_shown_are_those_that_a_guard_may_be_in() -> None:
    assert set(STATES) == set(GUARD_STATES)


def test_prometheus_parses_every_expression(tmp_path: Path) -> None:
    every = [expression for _, expression in expressions(BOARD)]
    assert parsed(every, tmp_path) == len(every)


def test_the_first_of_a_kind_counts_and_what_was_before_prometheus_came_does_not(
    tmp_path: Path,
) -> None:
    asked = replaced(growth(family("actions_total"), "guard, effect", "10m"))
    halts = 'tiltyard_actions_total{desk="tiltyard",guard="g",effect="halt"}'
    beat = 'tiltyard_heartbeat_timestamp_seconds{desk="tiltyard"}'
    table = [
        ({beat: "1x40", halts: "_x19 1x20"}, 1),
        ({beat: "1x40", halts: "_x19 1x5 3x20"}, 3),
        ({beat: "1x40", halts: "4x22 5x20"}, 1),
        ({beat: "_x19 1x20", halts: "_x19 7x20"}, 0),
        ({beat: "_x19 1x20", halts: "_x19 7x5 8x20"}, 1),
    ]  # fmt: skip
    labels = '{guard="g",effect="halt"}'
    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": name, "values": told} for name, told in shown.items()],
            "promql_expr_test": [
                {"expr": asked, "eval_time": "28m",
                 "exp_samples": [{"labels": labels, "value": grown}]}
            ],
        }
        for shown, grown in table
    ]  # fmt: skip
    (tmp_path / "none.yml").write_text("groups: []")
    document = {"rule_files": ["none.yml"], "evaluation_interval": "1m", "tests": tests}
    (tmp_path / "cases.yml").write_text(json.dumps(document), "utf-8")
    check("promtool", "test", "rules", tmp_path / "cases.yml")
