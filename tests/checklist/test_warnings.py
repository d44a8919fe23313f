"""Declarations without a fault that nobody means: what is said of them, and of no others."""

import tomllib
from dataclasses import replace

import pytest

from tiltyard.checklist.defaults import DEFAULT_TEXT
from tiltyard.checklist.parse import parse_checklist
from tiltyard.checklist.warnings import warnings

DEFAULTS = tomllib.loads(DEFAULT_TEXT)["guard"]
DRAWDOWN = "challenger_drawdown_high"
GPU = "gpu_utilization_high"
PROFIT = "champion_profit_factor_low"


def warned(name: str, **fields: object) -> list[str]:
    checklist = parse_checklist([{"name": name, **fields}], DEFAULTS, "tiltyard.toml")
    return [line.removeprefix(f"{name}: ") for line in warnings(checklist)]


@pytest.mark.parametrize(
    ("name", "when", "told"),
    [
        (DRAWDOWN, "> 400", "never trips: dd_challenger_pct is 0 to 100"),
        (DRAWDOWN, "> 100", "never trips: dd_challenger_pct is 0 to 100"),
        (DRAWDOWN, "< 0", "never trips: dd_challenger_pct is 0 to 100"),
        (DRAWDOWN, "== 101", "never trips: dd_challenger_pct is 0 to 100"),
        (DRAWDOWN, ">= 0", "always trips: dd_challenger_pct is 0 to 100"),
        (DRAWDOWN, "< 400", "always trips: dd_challenger_pct is 0 to 100"),
        (DRAWDOWN, "> -4", "always trips: dd_challenger_pct is 0 to 100"),
        (DRAWDOWN, "< 4", "trips while the value is as expected (0 – 3)"),
        ("system_downtime", "< 0", "never trips: up is 0 to 1"),
        ("consecutive_losses_high", ">= 0", "always trips: consecutive_losses is 0 or more"),
    ],
)
def test_a_limit_that_cannot_be_meant_is_told(name: str, when: str, told: str) -> None:
    assert warned(name, when=when) == [f'when "{when}" {told}']


@pytest.mark.parametrize(
    ("name", "when"),
    [
        (DRAWDOWN, ">= 100"),
        (DRAWDOWN, "> 0"),
        (DRAWDOWN, "== 100"),
        (DRAWDOWN, "> 2"),
        ("account_balance_low", "< -1000000"),
        ("consecutive_losses_high", "> 1000000"),
        (DRAWDOWN, "> 400 * pf_prod"),
    ],
)
def test_a_limit_that_can_be_reached_and_avoided_is_passed(name: str, when: str) -> None:
    assert warned(name, when=when) == []


def test_a_second_metric_that_can_never_hold_is_told() -> None:
    told = 'only_if "learner_progress < 0" never holds: learner_progress is 0 to 1'
    assert warned(GPU, only_if="learner_progress < 0") == [told]


def test_a_way_back_that_can_never_come_is_told() -> None:
    told = 'clear "< 0" never comes: api_error_rate is 0 to 100'
    assert warned("api_error_rate_high", clear={"when": "< 0"}) == [told]
    other = 'clear "win_rate > 100" never comes: win_rate is 0 to 100'
    assert warned(PROFIT, clear={"metric": "win_rate", "when": "> 100"}) == [other]


@pytest.mark.parametrize(
    ("when", "told"),
    [("< 20", ["trips while the value is as expected (< 10)"]), ("< 5", []), ("> 60", [])],
)
def test_a_band_with_one_end_goes_on_to_the_end_of_the_range(when: str, told: list[str]) -> None:
    mine = {
        "name": "mine", "scope": "account", "metric": "api_error_rate", "when": when,
        "effect": "page", "priority": 90,
    }  # fmt: skip
    checklist = parse_checklist([mine], (), "tiltyard.toml")
    (guard,) = checklist.guards
    half = replace(checklist, guards=(replace(guard, expected=(None, 10.0)),))
    assert warnings(half) == [f'mine: when "{when}" {line}' for line in told]
