"""Prometheus judges as the checklist says: what fires, what does not, and what is unknown."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st

from alerts.judged import DESK, POLICY, case, run, test_files
from exporter.shown import SECOND, shown
from live_desks import NOON
from programs import check
from records import BOT, ledger_of
from tiltyard.checklist.defaults import DEFAULT_CHECKLIST, DEFAULT_TEXT
from tiltyard.checklist.guard import EFFECTS, ON_UNKNOWN, Checklist, Guard
from tiltyard.checklist.parse import parse_checklist
from tiltyard.facts.observation import Observation
from tiltyard.kernel.errors import Faults
from tiltyard.metrics.catalogue import METRICS, SHADOW, TRADE_METRICS
from tiltyard.shell.alerts.made import RULES, make
from tiltyard.shell.alerts.of_guard import why_by_state
from tiltyard.shell.alerts.rules import alerts, downtime
from tiltyard.shell.exporter.series import Series, series_of
from tiltyard.shell.settings import Settings

test_files.__test__ = False  # type: ignore[attr-defined]  # it is no test
DEFAULTS = tomllib.loads(DEFAULT_TEXT)["guard"]
CUSTOM = """
[[guard]]  # compared with the champion
name = "pf_below_champion"
scope = "arm"
metric = "pf_challenger_30"
when = "< 0.6 * pf_prod"
effect = "review"
priority = 21
alert = "PfBelowChampion"

[[guard]]  # in other units than the metric it is compared with
name = "drawdown_above_wins"
scope = "arm"
metric = "dd_150"
when = ">= 0.5 * consecutive_losses"
effect = "page"
priority = 22
alert = "DrawdownAboveWins"
confirm = "for 90 s"

[[guard]]
name = "counted"
scope = "arm"
metric = "consecutive_losses"
when = ">= 3"
effect = "review"
priority = 23
alert = "Counted"
confirm = "2 of 3"

[[guard]]
name = "proven"
scope = "champion"
metric = "pf_150"
when = "< 1.2"
effect = "propose_rollback"
priority = 24
severity = "critical"
alert = "Proven"
confirm = "sequential"

[[guard]]
name = "exactly"
scope = "account"
metric = "weekly_run"
when = "== 0"
effect = "page"
priority = 25
severity = "info"
alert = "Exactly"
only_if = "account_balance < 1000"

[[guard]]
name = "system_downtime"
alert = "DeskGone"
stale_after = "5 min"

[[guard]]
name = "challenger_drawdown_high"
mode = "observe"
when = ">= 2.5"
confirm = "for 3 min"

[[guard]]
name = "champion_profit_factor_low"
[guard.clear]
when = ">= 2.5"

[[guard]]
name = "of_an_arm_by_the_account"
scope = "arm"
metric = "account_balance"
when = "<= 5"
effect = "review"
priority = 26
alert = "OfAnArm"

[[guard]]
name = "nameless"
scope = "arm"
metric = "win_rate_30_shadow"
when = "< -5"
effect = "page"
priority = 27
"""


def with_checklist(checklist: Checklist) -> Settings:
    return Settings(checklist=checklist)


def custom() -> Checklist:
    return parse_checklist(tomllib.loads(CUSTOM)["guard"], DEFAULTS, "custom")


@pytest.mark.parametrize("checklist", [DEFAULT_CHECKLIST, custom()], ids=["default", "custom"])
def test_every_alert_fires_beyond_its_limit_and_not_below_and_unknown_is_no_pass(
    checklist: Checklist, tmp_path: Path
) -> None:
    test_files(with_checklist(checklist), tmp_path)


_METRIC = st.sampled_from([*METRICS, *(name + SHADOW for name in TRADE_METRICS)])
_SIGN = st.sampled_from(["<", "<=", ">", ">=", "=="])
_COMPARISON = st.one_of(
    st.builds("{} {:.3f}".format, _SIGN, st.floats(0.001, 1000)),
    st.builds("{} {:.2f} * {}".format, _SIGN, st.floats(0.01, 10), _METRIC),
)
_WORD = st.from_regex(r"[A-Z][A-Za-z0-9]{0,12}", fullmatch=True)


@st.composite
def guard_tables(draw: st.DrawFn) -> dict[str, Any]:
    effect = draw(st.sampled_from(EFFECTS))
    table = {
        "scope": draw(st.sampled_from(["arm", "champion", "account"])),
        "metric": draw(_METRIC), "when": draw(_COMPARISON), "effect": effect,
        "severity": draw(st.sampled_from(["critical", "warning", "info"])),
        "mode": draw(st.sampled_from(["enforce", "observe"])),
        "min_samples": draw(st.sampled_from([1, 1, 30, 200])),
        "confirm": draw(st.sampled_from(["immediate", "2 of 3", "for 10 min", "sequential"])),
        "on_unknown": draw(st.sampled_from(ON_UNKNOWN)),
    }  # fmt: skip
    if draw(st.booleans()):
        table["alert"] = draw(_WORD)
    if draw(st.booleans()):
        table["stale_after"] = draw(st.sampled_from(["30 s", "15 min", "2 d"]))
    if draw(st.booleans()):
        table["only_if"] = f"{draw(_METRIC)} {draw(_COMPARISON)}"
    if draw(st.booleans()):
        table["clear"] = {"when": draw(_COMPARISON)}
    else:
        table["latch"] = True
    return table


@st.composite
def checklists(draw: st.DrawFn) -> Checklist:
    """Some guards that are valid, each by itself, among the built-in ones."""
    kept = []
    for number, table in enumerate(draw(st.lists(guard_tables(), min_size=6, max_size=12))):
        whole = {**table, "name": f"g{number}", "priority": 100 + number}
        try:
            parse_checklist([whole], (), "one")
        except Faults:
            continue
        kept.append({**whole, "alert": f"{whole['alert']}{number}"} if "alert" in whole else whole)
    if not kept:
        reject()
    return parse_checklist(kept, DEFAULTS if draw(st.booleans()) else (), "drawn")


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(checklist=checklists())
def test_any_valid_checklist_gives_rules_that_prometheus_accepts(
    checklist: Checklist, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("rules") / RULES
    file.write_text(make(with_checklist(checklist), "test").texts[RULES], "utf-8")
    said = check("promtool", "check", "rules", "--lint-fatal", file)
    every = alerts(checklist, 60, DESK)
    assert f"SUCCESS: {len(every)} rules found" in said
    assert {alert.unknown_guard or alert.guard for alert in every} >= {
        guard.name for guard in checklist.guards
    }


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(checklist=checklists())
def test_any_guard_whose_numbers_are_shown_fires_beyond_its_limit_alone(
    checklist: Checklist, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assume(all(map(_names_each_metric_once, checklist.guards)))  # else one number is two at once
    test_files(with_checklist(checklist), tmp_path_factory.mktemp("rules"))


def _names_each_metric_once(guard: Guard) -> bool:
    named = [guard.metric, guard.when.metric]
    if guard.only_if is not None:
        named += [guard.only_if[0], guard.only_if[1].metric]
    known = [name for name in named if name]
    return len(known) == len(set(known))


def test_the_number_in_a_message_is_that_of_the_policy_with_its_unit(tmp_path: Path) -> None:
    (tmp_path / RULES).write_text(make(with_checklist(custom()), "t").texts[RULES], "utf-8")
    of_arm = {"desk": DESK, "policy": POLICY, "role": "challenger"}
    beside = {"instance": "a", "job": "tiltyard"}
    shown = {
        series_of("consecutive_losses").selector(**of_arm): "4x9",
        Series("tiltyard_guard_state", "").selector(
            desk=DESK, policy=POLICY, guard="counted", state="tripped"
        ): "1x9",
        series_of("pf_challenger_30").selector(**of_arm, **beside): "1.1x9",
        series_of("pf_prod").selector(**of_arm): "2x9",
    }
    cases = case(shown)
    cases["alert_rule_test"] = [
        {
            "eval_time": "1m", "alertname": "Counted", "exp_alerts": [{
                "exp_labels": {
                    "severity": "warning", "guard": "counted", "effect": "review",
                    "scope": "arm", "desk": DESK, "policy": POLICY,
                },
                "exp_annotations": {
                    "summary": "p1: losing trades in a row: 4 (flag: >= 3)",
                    "description": "counted: consecutive_losses >= 3, 2 of 3. The desk opens a "
                    "review; the arm keeps its traffic. Look: tiltyard report p1 --trades",
                    "runbook_url": "docs/how-to/runbooks/Counted.md",
                },
            }],
        },
        {
            "eval_time": "1m", "alertname": "PfBelowChampion", "exp_alerts": [{
                "exp_labels": {
                    "severity": "warning", "guard": "pf_below_champion", "effect": "review",
                    "scope": "arm", "desk": DESK, "policy": POLICY,
                },
                "exp_annotations": {
                    "summary": "p1: profit factor, last 30 trades: 1.1 (flag: < 0.6 * pf_prod)",
                    "description": "pf_below_champion: pf_challenger_30 < 0.6 * pf_prod. The desk "
                    "opens a review; the arm keeps its traffic. Look: tiltyard report p1 --trades",
                    "runbook_url": "docs/how-to/runbooks/PfBelowChampion.md",
                },
            }],
        },
    ]  # fmt: skip
    run(tmp_path, [cases])


def test_an_alert_with_a_level_of_return_goes_on_until_that_is_reached(tmp_path: Path) -> None:
    (tmp_path / RULES).write_text(make(with_checklist(DEFAULT_CHECKLIST), "t").texts[RULES])
    pf = series_of("pf_challenger_30").selector(desk=DESK, policy=POLICY, role="champion")
    alert = 'alertname="ChampionProfitFactorLow"'
    run(tmp_path, [
        case({pf: "1.7x3 1.5x3 1.7x3 1.9x3 1.7x3"},
             (2, alert, 0), (6, alert, 1), (10, alert, 1), (14, alert, 0), (18, alert, 0)),
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("told", "fires"),
    [
        ({"": 0.5}, 1),
        ({"": 0.5, "_lower": 0.4}, 1),
        ({"": 0.5, "_lower": 0.2}, 0),
        ({"": 0.2, "_lower": 0.1}, 0),
    ],
)
def test_a_drift_is_told_of_when_its_lower_end_is_beyond_or_nobody_says_one(
    told: dict[str, float], fires: int, tmp_path: Path
) -> None:
    (tmp_path / RULES).write_text(make(with_checklist(DEFAULT_CHECKLIST), "t").texts[RULES])
    gauges = [
        Observation(f"encoder_kl_divergence{name}", number, NOON - SECOND, BOT)
        for name, number in told.items()
    ]
    with ledger_of(tmp_path / "desk.db", [], gauges=gauges) as ledger, shown(ledger) as desk:
        desk.step(NOON)
        lines = [line for line in desk.text().splitlines() if "encoder_kl_divergence" in line]
    scraped = {
        name.replace("{", f'{{desk="{DESK}",'): f"{number}x9"
        for name, _, number in (one.rpartition(" ") for one in lines if one[0] != "#")
    }
    assert len(scraped) > 1 + len(told), "both ends, and what the desk says of the guard"
    run(tmp_path, [case(scraped, (2, 'alertname="EncoderKLDivergenceHigh"', fires))])


def test_what_is_only_observed_is_for_the_record() -> None:
    (observed,) = [a for a in alerts(custom(), 60, DESK) if a.name == "ChallengerDrawdownHigh"]
    assert (observed.told_as, observed.severity) == ("info", "critical")
    text = json.dumps(make(with_checklist(custom()), "t").texts[RULES])
    assert "Nothing follows: mode observe." in text
    assert "TrafficOnHaltedArm" in text
    only = parse_checklist(
        [{"name": name, "mode": "observe"} for name in
         ("challenger_drawdown_high", "model_unhealthy")], DEFAULTS, "t",
    )  # fmt: skip
    (on_halted,) = [one for one in alerts(only, 60, DESK) if one.name == "TrafficOnHaltedArm"]
    assert "tripped" not in on_halted.expression, "who is halted otherwise has no share either"


def test_which_guards_go_by_the_word_of_the_desk() -> None:
    told = {guard.name for guard in DEFAULT_CHECKLIST.guards if why_by_state(guard)}
    assert told == {"api_error_rate_high", "inference_latency_high"}
    assert {guard.name for guard in custom().guards if why_by_state(guard)} == {
        *told, "counted", "proven", "of_an_arm_by_the_account",
    }  # fmt: skip
    assert downtime(custom()) == ["DeskGone"]


def test_every_name_that_people_know_is_there() -> None:
    names = {alert.name for alert in alerts(DEFAULT_CHECKLIST, 60, DESK)}
    assert names >= {
        "ChallengerProfitFactorLow", "ChallengerDrawdownHigh", "EncoderKLDivergenceHigh",
        "GPUUtilizationHigh", "AccountBalanceLow", "SystemDowntime", "ConsecutiveLossesHigh",
        "APIErrorRateHigh",
    }  # fmt: skip
