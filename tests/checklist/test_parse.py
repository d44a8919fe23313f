"""Declarations: what is accepted, and every fault at once for what is not."""

import tomllib
from collections.abc import Mapping
from typing import Any

import pytest

from tiltyard.checklist.comparison import Comparison
from tiltyard.checklist.defaults import DEFAULT_CHECKLIST, DEFAULT_TEXT
from tiltyard.checklist.guard import Checklist, Guard, WayBack
from tiltyard.checklist.parse import parse_checklist
from tiltyard.checklist.patience import Patience
from tiltyard.facts.action import CAUSES, FREEZE
from tiltyard.kernel.errors import Fault, Faults

Table = dict[str, Any]

DEFAULTS = tomllib.loads(DEFAULT_TEXT)["guard"]
LEAST: Table = {
    "name": "losing",
    "scope": "arm",
    "metric": "net_pnl",
    "when": "< 0",
    "effect": "review",
    "priority": 90,
}


THRESHOLDS_KNOWN = (
    "thresholds are known for one of 1, 2, 5, 10, 20 % in one of 150, 500, 1000, 2000 trades"
)
ALERT = "expected a name such as WinRateLow: letters and digits, the first a capital"
CONFIRM = 'expected "immediate", "2 of 3", "for 10 min" or "sequential 5 % in 500 trades"'


def table(**fields: object) -> Table:
    return {**LEAST, **fields}


def read(*tables: Mapping[str, Any]) -> Checklist:
    return parse_checklist(tables, (), "tiltyard.toml")


def amended(*tables: Mapping[str, Any]) -> Checklist:
    return parse_checklist(tables, DEFAULTS, "tiltyard.toml")


def scope_of(effect: str) -> str:
    return "account" if effect == "freeze_ramp" else "arm"


def faults(*tables: Any, defaults: Any = ()) -> list[str]:  # noqa: ANN401 faulty on purpose
    with pytest.raises(Faults) as caught:
        parse_checklist(tables, defaults, "tiltyard.toml")
    assert caught.value.code == "CHECKLIST_INVALID"
    return [str(fault) for fault in caught.value.faults]


def test_a_misspelt_name_of_a_built_in_guard_is_one_fault_with_the_right_name() -> None:
    misspelt = {"name": "challenger_drawdown", "when": "> 6"}
    (told,) = faults(misspelt, defaults=DEFAULTS)
    assert told == (
        "no built-in guard, did you mean 'challenger_drawdown_high'? a guard of its own needs: "
        "scope, metric, effect, priority @ $.guard[0].name"
    )


def test_a_guard_with_a_near_name_that_says_everything_is_ones_own() -> None:
    mine = amended(table(name="challenger_drawdown"))
    assert mine.guard("challenger_drawdown").metric == "net_pnl"


def test_a_guard_like_no_built_in_one_is_told_each_field_that_it_lacks() -> None:
    alone = {**LEAST, "name": "zebra"}
    del alone["scope"], alone["priority"]
    assert faults(alone, defaults=DEFAULTS) == [
        "missing @ $.guard[0].scope",
        "missing @ $.guard[0].priority",
    ]


def test_a_file_with_many_faults_says_them_all_at_once() -> None:
    text = """
    [[guard]]
    name = "good"
    scope = "arm"
    metric = "win_rate"
    when = "< 30"
    effect = "review"
    priority = 90

    [[guard]]
    name = "typo"
    scope = "arm"
    metric = "profit_facter"
    when = "< 1.2"
    effect = "throtle"
    priority = 91
    latch = true

    [[guard]]
    name = "good"
    scope = "arm"

    [[guard]]
    name = "wordy"
    scope = "arms"
    metric = "win_rate"
    when = "below 30"
    effect = "review"
    priority = -1
    severty = "critical"
    confirm = "sequential 3 % in 500 trades"

    [[guard]]
    metric = "win_rate"
    """
    with pytest.raises(Faults) as caught:
        parse_checklist(tomllib.loads(text)["guard"], (), "tiltyard.toml")
    assert str(caught.value) == (
        "CHECKLIST_INVALID tiltyard.toml: 13 faults\n"
        "  guard 'good' is declared twice @ $.guard[2].name\n"
        "  expected a snake_case name @ $.guard[4].name\n"
        "  unknown metric 'profit_facter', did you mean 'profit_factor'? @ $.guard[1].metric\n"
        "  unknown effect 'throtle', did you mean 'throttle'? @ $.guard[1].effect\n"
        "  unknown field 'severty', did you mean 'severity'? @ $.guard[3].severty\n"
        "  unknown scope 'arms', did you mean 'arm'? @ $.guard[3].scope\n"
        '  expected a comparison such as "< 1.6" or "< 0.6 * pf_prod" @ $.guard[3].when\n'
        "  expected a whole number, 0 or more @ $.guard[3].priority\n"
        f"  {THRESHOLDS_KNOWN} @ $.guard[3].confirm\n"
        "  missing @ $.guard[4].scope\n"
        "  missing @ $.guard[4].when\n"
        "  missing @ $.guard[4].effect\n"
        "  missing @ $.guard[4].priority"
    )


def test_the_least_that_a_guard_must_say() -> None:
    assert read(table()).guards == (
        Guard("losing", "arm", "net_pnl", Comparison("<", 0.0), "review", 90),
    )


def test_everything_that_a_guard_can_say() -> None:
    everything = table(
        metric="pf_150", when="< 0.6 * pf_prod", effect="throttle", severity="critical",
        alert="Losing", expected=[2, 2.8], min_samples=150, stale_after="15 min",
        confirm="2 of 3", only_if="win_rate < 50", on_unknown="freeze_ramp",
        clear={"when": ">= 0.8 * pf_prod", "metric": "pf_150_shadow", "trades": 30,
               "at_most": 2, "within": "14 d"},
        cool_down="1 d", mode="observe",
    )  # fmt: skip
    assert read(everything).guards == (
        Guard(
            "losing", "arm", "pf_150", Comparison("<", 0.6, "pf_prod"), "throttle", 90,
            "critical", "Losing", (2.0, 2.8), 150, 900, Patience(2, 3),
            ("win_rate", Comparison("<", 50.0)), "freeze_ramp",
            WayBack(Comparison(">=", 0.8, "pf_prod"), "pf_150_shadow", 30, 2, 14 * 86400),
            86400, "observe",
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    "text", ["win_rate <= 0", "win_rate<=0", "win_rate >= 0", "win_rate == 0", "win_rate > 0"]
)
def test_a_second_condition_keeps_its_whole_sign(text: str) -> None:
    second = read(table(only_if=text)).guard("losing").only_if
    assert second is not None
    assert second[0] == "win_rate"
    assert str(second[1]) == text.removeprefix("win_rate").replace("=0", "= 0").strip()


@pytest.mark.parametrize("field", ["name", "scope", "metric", "when", "effect", "priority"])
def test_a_required_field_is_missed(field: str) -> None:
    short = {key: value for key, value in LEAST.items() if key != field}
    message = "expected a snake_case name" if field == "name" else "missing"
    assert faults(short) == [f"{message} @ $.guard[0].{field}"]


EXAMPLE = 'expected a comparison such as "< 1.6" or "< 0.6 * pf_prod"'
SECOND = 'expected a metric and a comparison such as "learner_progress <= 0"'
RISING = "expected two rising numbers such as [2.1, 2.8]"
SPAN = 'expected a span such as "15 min"'
BACK = 'expected a table such as { when = ">= 1.9" }'
ON_UNKNOWN = "report, page, freeze_ramp, freeze_ramp_then_throttle"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", 7, "expected a snake_case name"),
        ("name", "", "expected a snake_case name"),
        ("name", "Losing", "expected a snake_case name"),
        ("name", "lösing", "expected a snake_case name"),
        ("name", "a b", "expected a snake_case name"),
        ("scope", "desk", "unknown scope 'desk', expected arm, champion, account"),
        ("scope", ["arm"], "unknown scope ['arm'], expected arm, champion, account"),
        ("metric", 5, "expected text"),
        ("metric", "zzz", "unknown metric 'zzz'"),
        ("when", 1.6, "expected text"),
        ("when", "1.6", EXAMPLE),
        ("when", "< 1 * pf_prd", "unknown metric 'pf_prd', did you mean 'pf_prod'?"),
        ("effect", "reviw", "unknown effect 'reviw', did you mean 'review'?"),
        ("priority", "1", "expected a whole number, 0 or more"),
        ("priority", 1.0, "expected a whole number, 0 or more"),
        ("priority", True, "expected a whole number, 0 or more"),
        ("priority", -1, "expected a whole number, 0 or more"),
        ("severity", "loud", "unknown severity 'loud', expected critical, warning, info"),
        ("alert", "", "expected text"),
        ("alert", 1, "expected text"),
        ("alert", "Kl{{ $labels.x }}", ALERT),
        ("alert", "../../x", ALERT),
        ("alert", "GuardUnknown", "'GuardUnknown' is the name of a rule that is no guard's"),
        ("expected", 5, RISING),
        ("expected", "ab", RISING),
        ("expected", [1], RISING),
        ("expected", [1, 2, 3], RISING),
        ("expected", [2, 2], RISING),
        ("expected", [3, 2], RISING),
        ("expected", [False, 2], RISING),
        ("expected", [0, "2"], RISING),
        ("expected", [float("nan"), 2], RISING),
        ("min_samples", 0, "expected a whole number, 1 or more"),
        ("stale_after", "soon", SPAN),
        ("stale_after", 900, "expected text"),
        ("confirm", "0 of 3", CONFIRM),
        ("confirm", "sequential 3 % in 500 trades", THRESHOLDS_KNOWN),
        ("confirm", "for ever", SPAN),
        ("only_if", 5, "expected text"),
        ("only_if", "win_rate", SECOND),
        ("only_if", "win_rat < 5", "unknown metric 'win_rat', did you mean 'win_rate'?"),
        ("only_if", "win_rate < x", EXAMPLE),
        ("on_unknown", "shrug", f"unknown on_unknown 'shrug', expected {ON_UNKNOWN}"),
        ("clear", 5, BACK),
        ("clear", {"metric": "pf_150"}, BACK),
        ("latch", "yes", "expected true or false"),
        ("latch", 1, "expected true or false"),
        ("cool_down", "1 y", SPAN),
        ("mode", "enforced", "unknown mode 'enforced', did you mean 'enforce'?"),
        ("zzz", 1, "unknown field 'zzz'"),
    ],
)  # fmt: skip
def test_a_field_that_cannot_be_read_is_refused(field: str, value: object, message: str) -> None:
    assert faults(table(**{field: value})) == [f"{message} @ $.guard[0].{field}"]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("when", "1.9", EXAMPLE),
        ("when", 1.9, "expected text"),
        ("metric", "pf_15", "unknown metric 'pf_15', did you mean 'pf_150'?"),
        ("metric", "", "unknown metric ''"),
        ("metric", False, "expected text"),
        ("trades", -1, "expected a whole number, 0 or more"),
        ("at_most", "2", "expected a whole number, 0 or more"),
        ("within", "soon", SPAN),
        ("trade", 30, "unknown field 'trade', did you mean 'trades'?"),
    ],
)
def test_a_way_back_that_cannot_be_read_is_refused(field: str, value: object, message: str) -> None:
    clear = {"when": ">= 100", field: value}
    assert faults(table(clear=clear)) == [f"{message} @ $.guard[0].clear.{field}"]


def test_unknown_fields_of_a_way_back_are_told_in_the_order_of_the_file() -> None:
    clear = {"when": ">= 100", "zzz": 1, "yyy": 2, "xxx": 3}
    assert faults(table(clear=clear)) == [
        f"unknown field '{name}' @ $.guard[0].clear.{name}" for name in ("zzz", "yyy", "xxx")
    ]


def test_what_is_not_a_table_is_refused() -> None:
    assert faults("guard", table()) == ["expected a table: [[guard]] @ $.guard[0]"]


@pytest.mark.parametrize(
    "effect", ["halt", "throttle", "stop_entries", "freeze_challengers", "freeze_ramp"]
)
def test_an_effect_that_never_ends_is_refused(effect: str) -> None:
    wanted = table(effect=effect, scope=scope_of(effect))
    assert faults(wanted) == [
        f"{effect} needs a way to end: latch = true, or clear @ $.guard[0].effect"
    ]
    assert faults({**wanted, "latch": False}) == [
        f"{effect} needs a way to end: latch = true, or clear @ $.guard[0].effect"
    ]
    assert read({**wanted, "latch": True}).guard("losing").clear is None


@pytest.mark.parametrize("effect", ["throttle", "freeze_ramp"])
def test_an_effect_that_can_end_by_itself_may_have_a_way_back(effect: str) -> None:
    wanted = table(effect=effect, scope=scope_of(effect), clear={"when": "> 1"})
    assert read(wanted).guard("losing").clear is not None


def test_one_arm_does_not_hold_every_arm() -> None:
    (found,) = faults(table(effect="freeze_ramp", clear={"when": "> 1"}))
    assert found.startswith("freeze_ramp holds every arm, and is for scope account or champion")
    assert found.endswith("@ $.guard[0].effect")


@pytest.mark.parametrize(("field", "value"), [("trades", 3), ("at_most", 2), ("within", "1 d")])
def test_how_an_arm_comes_back_is_for_throttles(field: str, value: object) -> None:
    clear = {"when": "> 1", field: value}
    throttled = read(table(effect="throttle", clear=clear)).guard("losing")
    assert throttled.clear is not None
    for effect in ("freeze_ramp", "review"):
        assert faults(table(effect=effect, scope="account", clear=clear)) == [
            f"is for effect throttle, not {effect} @ $.guard[0].clear.{field}"
        ]


@pytest.mark.parametrize("effect", ["halt", "stop_entries", "freeze_challengers"])
def test_an_effect_that_a_person_ends_has_no_way_back(effect: str) -> None:
    assert faults(table(effect=effect, clear={"when": "> 1"})) == [
        f"{effect} ends by a person only: latch = true @ $.guard[0].clear"
    ]


@pytest.mark.parametrize("scope", ["champion", "account"])
def test_only_a_challenger_can_be_throttled_on_unknown(scope: str) -> None:
    hard = table(scope=scope, on_unknown="freeze_ramp_then_throttle")
    assert faults(hard) == [
        f"freeze_ramp_then_throttle is for scope arm, not {scope} @ $.guard[0].on_unknown"
    ]


@pytest.mark.parametrize(
    ("on_unknown", "hard", "holds_ramp", "patience"),
    [
        ("report", False, False, None),
        ("page", False, False, 0),
        ("freeze_ramp", False, True, None),
        ("freeze_ramp_then_throttle", True, True, 15 * 60),
    ],
)
def test_what_an_unknown_value_may_lead_to(
    on_unknown: str, *, hard: bool, holds_ramp: bool, patience: int | None
) -> None:
    guard = read(table(on_unknown=on_unknown)).guard("losing")
    assert (guard.hard, guard.holds_ramp_when_unknown, guard.patience_when_lost) == (
        hard, holds_ramp, patience
    )  # fmt: skip


@pytest.mark.parametrize(
    ("effect", "scope"),
    [
        ("review", "arm"),
        ("page", "arm"),
        ("refresh_encoder", "arm"),
        ("restart_learner", "arm"),
        ("propose_rollback", "champion"),
    ],
)
def test_an_effect_that_is_over_at_once_needs_no_end(effect: str, scope: str) -> None:
    assert read(table(effect=effect, scope=scope)).guard("losing").effect == effect


def test_latch_and_clear_together_are_refused() -> None:
    assert faults(table(effect="throttle", latch=True, clear={"when": "> 1"})) == [
        "give either latch or clear, not both @ $.guard[0].latch"
    ]


@pytest.mark.parametrize("metric", ["pf_challenger_30", "pf_150", "profit_factor"])
@pytest.mark.parametrize("scope", ["arm", "champion"])
def test_evidence_may_be_wanted_against_a_floor_for_a_profit_factor(
    metric: str, scope: str
) -> None:
    sequential = table(metric=metric, scope=scope, when="< 1.6", confirm="sequential")
    other = table(name="other", metric=metric, when="<= 0.9", confirm="sequential")
    checklist = read(sequential, {**other, "confirm": "sequential 1 % in 150 trades"}, LATER)
    assert checklist.guard("losing").confirm == Patience(share=5, trades=500)
    assert checklist.floors == (0.9, 1.6)


LATER = {
    "name": "later", "scope": "arm", "metric": "profit_factor", "when": "< 1", "effect": "review",
    "priority": 99,
}  # fmt: skip
"""It wants no evidence, so its limit is no floor."""


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        (
            {"metric": "win_rate", "when": "< 30"},
            "sequential is for one of pf_challenger_30, profit_factor, pf_150, not win_rate",
        ),
        (
            {"metric": "pf_150_shadow", "when": "< 1.6"},
            "sequential is for one of pf_challenger_30, profit_factor, pf_150, not pf_150_shadow",
        ),
        (
            {"metric": "pf_150", "when": "< 1.6", "scope": "account"},
            "sequential is for scope arm or champion, not account",
        ),
        (
            {"metric": "pf_150", "when": "< 0.6 * pf_prod"},
            'sequential wants a floor above 0, such as "< 1.6", not "< 0.6 * pf_prod"',
        ),
        (
            {"metric": "pf_150", "when": "> 1.6"},
            'sequential wants a floor above 0, such as "< 1.6", not "> 1.6"',
        ),
        (
            {"metric": "pf_150", "when": "< 0"},
            'sequential wants a floor above 0, such as "< 1.6", not "< 0"',
        ),
    ],
)
def test_evidence_that_cannot_be_had_is_not_to_be_wanted(
    fields: dict[str, object], fault: str
) -> None:
    assert faults(table(confirm="sequential", **fields)) == [f"{fault} @ $.guard[0].confirm"]


@pytest.mark.parametrize(
    ("when", "clear"),
    [("< 1.6", ">= 1.6"), ("< 1.6", "> 1.5"), ("> 5", "<= 5"), ("> 5", "< 6"), ("< 1", "< 2")],
)
def test_a_clear_level_that_is_not_beyond_the_trip_level_is_refused(when: str, clear: str) -> None:
    guard = table(metric="pf_150", when=when, clear={"when": clear})
    assert faults(guard) == [
        f"{clear} does not lie beyond the trip level {when} @ $.guard[0].clear.when"
    ]


def test_a_clear_level_of_another_metric_in_the_same_unit_must_lie_beyond_too() -> None:
    clear = {"when": ">= 1.5", "metric": "pf_30_with_shadow"}
    assert faults(table(metric="pf_150", when="< 1.6", clear=clear)) == [
        ">= 1.5 does not lie beyond the trip level < 1.6 @ $.guard[0].clear.when"
    ]


def test_a_clear_level_in_another_unit_cannot_be_compared_and_is_accepted() -> None:
    clear = {"when": ">= 1.9", "metric": "pf_30_with_shadow"}
    guard = table(metric="dd_150", when="> 4", effect="throttle", clear=clear)
    assert read(guard).guard("losing").clear == WayBack(Comparison(">=", 1.9), "pf_30_with_shadow")


@pytest.mark.parametrize("effect", ["halt", "throttle"])
@pytest.mark.parametrize("scope", ["champion", "account"])
def test_only_a_challenger_can_be_halted_or_throttled(effect: str, scope: str) -> None:
    assert faults(table(effect=effect, scope=scope, latch=True)) == [
        f"{effect} is for scope arm, not {scope} @ $.guard[0].effect"
    ]


@pytest.mark.parametrize("scope", ["arm", "account"])
def test_only_a_champion_can_be_rolled_back(scope: str) -> None:
    assert faults(table(effect="propose_rollback", scope=scope)) == [
        f"propose_rollback is for scope champion, not {scope} @ $.guard[0].effect"
    ]


@pytest.mark.parametrize("name", [*sorted(CAUSES), FREEZE])
def test_a_guard_is_not_called_like_another_cause_or_hold(name: str) -> None:
    assert faults(table(name=name)) == [
        f"{name!r} is the name of another cause or hold @ $.guard[0].name"
    ]


def test_two_guards_of_one_alert_are_refused() -> None:
    mine = table(name="twice", alert="SystemDowntime")
    (told,) = faults(mine, defaults=DEFAULTS)
    assert told.startswith("'SystemDowntime' is also that of 'system_downtime'")
    assert told.endswith("@ $.guard[0].alert")
    renamed = {"name": "system_downtime", "alert": "DeskDown"}
    assert amended(mine, renamed).guard("twice").alert == "SystemDowntime"


def test_conflicting_effects_of_one_priority_are_refused() -> None:
    one = table(name="one", effect="halt", latch=True)
    other = table(name="other", effect="throttle", latch=True)
    assert faults(one, other) == [
        "90 is also that of 'one', whose effect conflicts @ $.guard[1].priority"
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"effect": "throttle", "latch": True, "priority": 91},
        {"effect": "halt", "latch": True},
        {"effect": "review"},
        {"effect": "freeze_ramp", "latch": True, "scope": "account"},
    ],
)
def test_effects_that_do_not_conflict_may_share_a_priority(other: Table) -> None:
    one = table(name="one", effect="halt", latch=True)
    assert len(read(one, table(name="other", **other)).guards) == 2


def test_a_conflict_with_a_default_is_found_where_the_desk_declared_it() -> None:
    mine = table(effect="throttle", latch=True, priority=10)
    where = "@ $.guard[0].priority"
    assert faults(mine, defaults=DEFAULTS) == [
        f"10 is also that of {'challenger_drawdown_high'!r}, whose effect conflicts {where}"
    ]


def test_amending_a_default_by_name_keeps_its_other_fields() -> None:
    mine = {"name": "challenger_drawdown_high", "when": "> 3.5"}
    default = DEFAULT_CHECKLIST.guard("challenger_drawdown_high")
    guard = amended(mine).guard("challenger_drawdown_high")
    assert guard.when == Comparison(">", 3.5)
    assert (guard.effect, guard.stale_after, guard.on_unknown, guard.priority) == (
        default.effect, default.stale_after, default.on_unknown, default.priority
    )  # fmt: skip
    assert len(amended(mine).guards) == len(DEFAULT_CHECKLIST.guards)


def test_a_new_guard_joins_the_defaults_in_order_of_priority() -> None:
    guards = amended(table(priority=12)).guards
    assert len(guards) == len(DEFAULT_CHECKLIST.guards) + 1
    assert [guard.priority for guard in guards] == sorted(guard.priority for guard in guards)
    assert guards[2].name == "losing"


def test_latching_a_default_takes_its_way_back_away() -> None:
    mine = {"name": "challenger_profit_factor_low", "latch": True}
    assert amended(mine).guard("challenger_profit_factor_low").clear is None


def test_giving_a_latched_default_a_way_back_unlatches_it() -> None:
    mine = {
        "name": "challenger_drawdown_high", "effect": "throttle", "clear": {"when": "<= 2"}
    }  # fmt: skip
    way_back = amended(mine).guard("challenger_drawdown_high").clear
    assert way_back == WayBack(Comparison("<=", 2.0))


def test_an_amended_way_back_keeps_the_fields_it_does_not_give() -> None:
    mine = {"name": "challenger_profit_factor_low", "clear": {"when": ">= 2", "at_most": 1}}
    way_back = amended(mine).guard("challenger_profit_factor_low").clear
    assert way_back == WayBack(Comparison(">=", 2.0), "pf_30_with_shadow", 30, 1, 14 * 86_400)
    mine = {"name": "challenger_profit_factor_low", "clear": {"trades": 0}}
    way_back = amended(mine).guard("challenger_profit_factor_low").clear
    assert way_back == WayBack(Comparison(">=", 1.9), "pf_30_with_shadow", 0, 2, 14 * 86_400)


def test_a_guard_of_another_metric_compares_its_own_on_the_way_back() -> None:
    mine = {"name": "challenger_profit_factor_low", "metric": "win_rate_30", "when": "< 35"}
    way_back = amended({**mine, "clear": {"when": ">= 45"}})
    assert way_back.guard("challenger_profit_factor_low").clear == WayBack(
        Comparison(">=", 45.0), "", 30, 2, 14 * 86_400
    )
    same = {**mine, "metric": "pf_challenger_30", "when": "< 1.5", "clear": {"trades": 5}}
    kept = amended(same).guard("challenger_profit_factor_low").clear
    assert kept is not None
    assert kept.metric == "pf_30_with_shadow"


def test_a_latch_said_to_be_false_leaves_a_default_its_way_back() -> None:
    mine = {"name": "challenger_profit_factor_low", "latch": False}
    assert amended(mine).guard("challenger_profit_factor_low").clear is not None


def test_a_fault_in_an_amended_default_names_the_desks_file() -> None:
    assert faults({"name": "system_downtime", "when": "no"}, defaults=DEFAULTS) == [
        f"{EXAMPLE} @ $.guard[0].when"
    ]


def test_a_fault_in_a_default_names_the_defaults() -> None:
    assert faults(defaults=[table(when="no")]) == [f"{EXAMPLE} @ built-in.when"]


def test_the_digest_changes_with_the_declaration_and_only_with_it() -> None:
    assert read(table()).digest == read(dict(reversed(table().items()))).digest
    assert read(table()).digest != read(table(when="< 1")).digest
    assert len(read(table()).digest) == 64


def test_an_empty_checklist_is_a_checklist() -> None:
    assert read().guards == ()


@pytest.mark.parametrize(
    ("expected", "band"),
    [
        ((None, None), ""),
        ((None, 3.0), "< 3"),
        ((2.0, None), "> 2"),
        ((0.0, None), "> 0"),
        ((None, 0.0), "< 0"),
        ((0.0, 0.25), "0 – 0.25"),
    ],
)
def test_a_band_is_shown_as_people_read_it(
    expected: tuple[float | None, float | None], band: str
) -> None:
    guard = Guard("x", "arm", "pf_150", Comparison("<", 1.0), "review", 1, expected=expected)
    assert guard.band() == band


def test_a_guards_code_is_its_name_in_upper_case() -> None:
    assert read(table()).guard("losing").code == "LOSING"


def test_faults_know_where_they_are() -> None:
    with pytest.raises(Faults) as caught:
        read(table(when="no"))
    assert caught.value.faults == (Fault("$.guard[0].when", EXAMPLE),)
