"""Every guard is driven into its breach and does what is declared; or nothing is known of it."""

from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import pytest

from tiltyard.actions.record import registered
from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
from tiltyard.checklist.guard import Guard
from tiltyard.shell.cli.drill import _exit_code
from tiltyard.shell.drill.breaching import SOURCE, course_for, roster_of
from tiltyard.shell.drill.trial import LINKS, Tried, _apart, _House, tried
from tiltyard.shell.exit_codes import FAILED
from tiltyard.shell.settings import Settings, load
from tiltyard.shell.store.ledger import Ledger

NOW = datetime(2026, 3, 1, 1, 50, tzinfo=UTC)
"""Ten minutes before a trading day ends: a course that crosses the end still counts."""
STAMP = "drill_20260301_015000_0a1b2c3d"
MOVES_SHARES = {"halt", "throttle", "stop_entries", "freeze_challengers"}


def settings_of(tmp_path: Path, guards: str) -> Settings:
    (tmp_path / "tiltyard.toml").write_text(guards, "utf-8")
    return load(tmp_path / "tiltyard.toml")


def drilled(settings: Settings, guard: Guard, tmp_path: Path) -> Tried:
    return tried(guard, settings, STAMP, NOW, perf_counter, beside=tmp_path)


@pytest.mark.parametrize("name", [guard.name for guard in DEFAULT_CHECKLIST.guards])
def test_each_guard_of_the_built_in_checklist_is_driven_and_acts_as_declared(
    name: str, tmp_path: Path
) -> None:
    guard = DEFAULT_CHECKLIST.guard(name)
    done = drilled(load(), guard, tmp_path)
    assert done.why_not == ""
    assert guard.effect in done.follows.split(" + ")
    assert done.is_as_declared
    links = LINKS if guard.effect in MOVES_SHARES else LINKS[:3]
    assert tuple(done.spans) == links
    assert all(span > 0 for span in done.spans.values())
    assert list(tmp_path.iterdir()) == []  # its house is gone


def test_the_house_of_a_drill_that_was_killed_is_cleared_away_by_the_next(tmp_path: Path) -> None:
    left = tmp_path / ".tiltyard-drill-left"
    left.mkdir()
    (left / "drill.db").write_bytes(b"x")
    drilled(load(), DEFAULT_CHECKLIST.guards[0], tmp_path)
    assert list(tmp_path.iterdir()) == []


CUSTOM = """
[[guard]]
name = "win_rate_low"
scope = "arm"
metric = "win_rate_30"
when = "< 40"
min_samples = 30
effect = "throttle"
priority = 21
on_unknown = "report"
[guard.clear]
when = ">= 50"
trades = 10

[[guard]]
name = "too_good"
scope = "arm"
metric = "profit_factor"
when = "> 2.5"
min_samples = 20
effect = "review"
priority = 82

[[guard]]
name = "patient"
scope = "arm"
metric = "consecutive_losses"
when = ">= 3"
confirm = "3 of 4"
effect = "review"
priority = 83

[[guard]]
name = "slow"
scope = "account"
metric = "api_error_rate"
when = "> 10"
confirm = "for 30 min"
stale_after = "2 min"
effect = "page"
priority = 84

[[guard]]
name = "counted"
scope = "account"
metric = "api_error_rate"
when = "> 50"
confirm = "2 of 3"
effect = "page"
priority = 87

[[guard]]
name = "all_lost"
scope = "arm"
metric = "dd_challenger_pct"
when = ">= 100"
effect = "halt"
latch = true
priority = 12
on_unknown = "report"

[[guard]]
name = "takes_first"
scope = "arm"
metric = "win_rate"
when = "< 99"
effect = "halt"
latch = true
priority = 7
on_unknown = "report"

[[guard]]
name = "watched"
scope = "arm"
metric = "dd_150"
when = "> 20"
effect = "halt"
latch = true
mode = "observe"
priority = 11
on_unknown = "report"
"""


@pytest.mark.parametrize(
    "name", ["win_rate_low", "too_good", "patient", "slow", "watched", "counted", "all_lost"]
)
def test_guards_that_people_declare_are_driven_too(name: str, tmp_path: Path) -> None:
    settings = settings_of(tmp_path, CUSTOM)
    done = drilled(settings, settings.checklist.guard(name), tmp_path)
    assert (done.why_not, done.is_as_declared) == ("", True)


@pytest.mark.parametrize("name", ["challenger_profit_factor_low", "consecutive_losses_high"])
def test_no_other_guard_takes_the_arm_away_before(name: str, tmp_path: Path) -> None:
    settings = settings_of(tmp_path, CUSTOM)
    done = drilled(settings, settings.checklist.guard(name), tmp_path)
    assert (done.why_not, done.is_as_declared) == ("", True)


UNREACHABLE = """
[[guard]]
name = "never"
scope = "arm"
metric = "expectancy_r"  # nothing that a drill tries names a risk
when = "< 0"
effect = "review"
priority = 85

[[guard]]
name = "compared"
scope = "arm"
metric = "encoder_kl_divergence"
when = "> 2 * encoder_kl_divergence_upper"
effect = "review"
priority = 86
"""


@pytest.mark.parametrize("name", ["never", "compared"])
def test_what_nothing_trips_is_not_known_and_does_not_pass(name: str, tmp_path: Path) -> None:
    settings = settings_of(tmp_path, UNREACHABLE)
    done = drilled(settings, settings.checklist.guard(name), tmp_path)
    assert (done.follows, done.is_as_declared) == ("", False)
    assert done.why_not == "nothing that a drill tries trips it"
    assert done.spans == {}


def test_shares_that_no_file_could_be_told_are_lost_though_the_arm_was_halted(
    tmp_path: Path,
) -> None:
    settings = load()
    guard = settings.checklist.guard("challenger_drawdown_high")
    (tmp_path / "shares.json").mkdir()
    own = _apart(settings, guard)
    roster = roster_of(STAMP, own, NOW)
    course = course_for(guard, own, roster, NOW)
    assert course is not None
    with Ledger.open(str(tmp_path / "drill.db"), create=True) as ledger:
        arms = [registered(arm, NOW, SOURCE) for arm in roster.arms.values()]
        ledger.save_roster(roster, arms, at=NOW)
        done = _House(ledger, own, tmp_path, perf_counter).run(course, NOW)
    assert (done.is_as_declared, done.is_well) == (True, False)
    assert "shares told" not in done.spans
    assert done.lost.startswith("nobody was told the shares: ")
    assert _exit_code([done], []) == FAILED


def test_its_arms_are_marked_and_its_course_is_of_the_guards_own_number() -> None:
    settings = load()
    settings = settings.model_copy(
        update={"account": settings.account.model_copy(update={"capital": 10_000.0})}
    )
    roster = roster_of(STAMP, settings, NOW)
    assert all(name.startswith(STAMP) and arm.kind == SOURCE for name, arm in roster.arms.items())
    guard = settings.checklist.guard("challenger_profit_factor_low")
    course = course_for(guard, settings, roster, NOW)
    assert course is not None
    assert course.action.value is not None
    assert guard.when.holds(course.action.value)
    assert len(course.before) + 1 == guard.min_samples  # not one trade later than it has to
