"""The built-in checklist is the product's table, and what is on beyond it."""

import pytest

from tiltyard.checklist.comparison import Comparison
from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
from tiltyard.checklist.guard import WayBack
from tiltyard.checklist.patience import IMMEDIATE, Patience

# metric, scope, expected, flag, confirm, only if, effect, severity, alert
PRODUCT = """
pf_challenger_30       | arm      | 2.1 – 2.8 | < 1.6  | immediate |                       | throttle           | critical | ChallengerProfitFactorLow
dd_challenger_pct      | arm      | 0 – 3     | > 4    | immediate |                       | halt               | critical | ChallengerDrawdownHigh
encoder_kl_divergence  | arm      | 0 – 0.25  | > 0.3  | immediate | encoder_kl_divergence_lower > 0.3 | refresh_encoder | warning  | EncoderKLDivergenceHigh
gpu_util_pct           | account  | 2 – 10    | > 60   | for 600 s | learner_progress <= 0 | restart_learner    | warning  | GPUUtilizationHigh
account_balance        | account  |           | < 10   | immediate |                       | freeze_challengers | critical | AccountBalanceLow
up                     | account  |           | < 1    | immediate |                       | page               | critical | SystemDowntime
consecutive_losses     | arm      | 0 – 4     | >= 5   | immediate |                       | review             | warning  | ConsecutiveLossesHigh
api_error_rate         | account  | 0 – 1     | > 5    | immediate |                       | freeze_ramp        | warning  | APIErrorRateHigh
account_daily_loss_pct | account  | 0 – 2     | > 3    | immediate |                       | freeze_challengers | critical | AccountDailyLossHigh
account_drawdown_pct   | account  | 0 – 5     | > 8    | immediate |                       | stop_entries       | critical | AccountDrawdownHigh
model_healthy          | arm      |           | < 1    | immediate |                       | halt               | critical | ModelUnhealthy
model_healthy          | champion |           | < 1    | immediate |                       | propose_rollback   | critical | ChampionModelUnhealthy
inference_latency_p95_ms | account | 0 – 100  | > 250  | immediate |                       | freeze_ramp        | warning  | InferenceLatencyHigh
learner_running        | account  |           | < 1    | immediate |                       | page               | critical | LearnerGivenUp
pf_challenger_30       | champion | 2.1 – 2.8 | < 1.6  | immediate |                       | propose_rollback   | critical | ChampionProfitFactorLow
"""  # noqa: E501 a table is read in lines


def written(cells: tuple[str | Comparison | Patience, ...]) -> tuple[str, ...]:
    return tuple(str(cell) for cell in cells)


def test_the_default_checklist_is_the_table_of_the_product() -> None:
    told = {tuple(cell.strip() for cell in row.split("|")) for row in PRODUCT.strip().split("\n")}
    declared = {
        written(
            (
                guard.metric, guard.scope, guard.band(), guard.when, guard.confirm,
                f"{guard.only_if[0]} {guard.only_if[1]}" if guard.only_if else "",
                guard.effect, guard.severity, guard.alert,
            )
        )
        for guard in DEFAULT_CHECKLIST.guards
    }  # fmt: skip
    assert declared == told
    assert len(DEFAULT_CHECKLIST.guards) == len(told)


def test_everything_is_enforced() -> None:
    assert {guard.mode for guard in DEFAULT_CHECKLIST.guards} == {"enforce"}


def test_what_stops_all_entries_is_planned_first_and_advice_last() -> None:
    assert [guard.name for guard in DEFAULT_CHECKLIST.guards] == [
        "account_drawdown_high",
        "challenger_drawdown_high",
        "account_daily_loss_high",
        "account_balance_low",
        "model_unhealthy",
        "challenger_profit_factor_low",
        "champion_profit_factor_low",
        "champion_model_unhealthy",
        "system_downtime",
        "api_error_rate_high",
        "inference_latency_high",
        "encoder_kl_divergence_high",
        "gpu_utilization_high",
        "learner_given_up",
        "consecutive_losses_high",
    ]


def test_the_way_back_from_a_throttle_is_by_the_shadow_book() -> None:
    guard = DEFAULT_CHECKLIST.guard("challenger_profit_factor_low")
    assert guard.clear == WayBack(
        Comparison(">=", 1.9), "pf_30_with_shadow", trades=30, at_most=2, within_seconds=14 * 86400
    )
    assert guard.cool_down == 86400


def test_a_halt_is_ended_by_a_person_only() -> None:
    assert DEFAULT_CHECKLIST.guard("challenger_drawdown_high").clear is None


@pytest.mark.parametrize(
    ("name", "samples", "stale_after"),
    [
        ("challenger_profit_factor_low", 30, 600),
        ("champion_profit_factor_low", 30, 0),
        ("api_error_rate_high", 20, 600),
        ("challenger_drawdown_high", 1, 900),
        ("system_downtime", 1, 60),
        ("account_balance_low", 1, 3600),
    ],
)
def test_how_many_samples_and_how_fresh(name: str, samples: int, stale_after: int) -> None:
    guard = DEFAULT_CHECKLIST.guard(name)
    assert (guard.min_samples, guard.stale_after) == (samples, stale_after)


def test_only_the_two_guards_that_take_traffic_are_hard_on_unknown() -> None:
    assert [guard.name for guard in DEFAULT_CHECKLIST.guards if guard.hard] == [
        "challenger_drawdown_high",
        "challenger_profit_factor_low",
    ]


def test_a_metric_is_shown_with_its_most_urgent_guard() -> None:
    watching = DEFAULT_CHECKLIST.watching("pf_challenger_30")
    assert watching is not None
    assert watching.name == "challenger_profit_factor_low"


def test_a_scope_asks_for_its_own_guard() -> None:
    watching = DEFAULT_CHECKLIST.watching("pf_challenger_30", "champion")
    assert watching is not None
    assert watching.name == "champion_profit_factor_low"
    assert DEFAULT_CHECKLIST.watching("pf_challenger_30", "account") is None
    assert DEFAULT_CHECKLIST.watching("sharpe") is None


def test_acting_at_once_is_the_default() -> None:
    assert DEFAULT_CHECKLIST.guard("system_downtime").confirm == IMMEDIATE
