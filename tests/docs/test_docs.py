"""The documents keep up with the code, and every command they show runs as shown."""

import ast
import json
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from docs.pages import (
    DOCS,
    ROOT,
    Command,
    Ended,
    NamedFile,
    matches,
    rows,
    run_forked,
    sections,
    steps,
)
from forking import Forking
from tiltyard.actions.receipt import Worth
from tiltyard.actions.record import acted
from tiltyard.checklist import parse
from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
from tiltyard.checklist.explain import foresee
from tiltyard.checklist.guard import EFFECTS, ON_UNKNOWN
from tiltyard.facts import intake
from tiltyard.facts.action import Action
from tiltyard.facts.arm import Roster
from tiltyard.kernel.errors import TiltyardError
from tiltyard.metrics.catalogue import METRICS
from tiltyard.metrics.comparison import Difference
from tiltyard.metrics.off_policy import Estimate, OffPolicy
from tiltyard.metrics.shadow_gap import Gap
from tiltyard.scaling.benchmark import Score
from tiltyard.scaling.catalogue import FOR_A_DESK, RULES
from tiltyard.scaling.other_rules import Done, Month, OtherRules, RuleLine
from tiltyard.shell.cli import app
from tiltyard.shell.cli.versions import version_json
from tiltyard.shell.decision_benchmark import Line
from tiltyard.shell.decision_table import decisions_json
from tiltyard.shell.effects.announce import shares_body
from tiltyard.shell.exit_codes import FAILURES, MISTAKES
from tiltyard.shell.models.versions import Version
from tiltyard.shell.report.chances import prospect_json
from tiltyard.shell.report.evidence import (
    ComparisonLine,
    comparison_json,
    estimate_json,
    value_json,
)
from tiltyard.shell.report.gap import GapLine, gap_json
from tiltyard.shell.report.known_bars import KnownBars, known_row
from tiltyard.shell.report.receipts import net_json
from tiltyard.shell.report.rules import rules_json
from tiltyard.shell.settings import Settings
from tiltyard.simulation.scenario import Scenario

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
OF_RULES = OtherRules(
    "ladder", "prod", NOON, NOON, 1, "R", Estimate(0, 0, 0),
    [RuleLine("static", Estimate(0, 0, 0), Estimate(0, 0, 0), 0.5, [Done("halt", "bot", 8, NOON)],
              [Month("2025-07", {"bot": 0.1})])], [], [],
)  # fmt: skip
ROOMS = ("tutorial", "how-to", "reference", "explanation")
WALKED = sorted([*(DOCS / "tutorial").glob("*.md"), *(DOCS / "how-to").glob("*.md")])
PAGES = [
    DOCS / "index.md",
    *(page for room in ROOMS for page in sorted((DOCS / room).glob("*.md"))),
]
_CODE = re.compile(r"[A-Z]+(_[A-Z]+)+")
_NO_CODES = {
    "CUBLAS_WORKSPACE_CONFIG", "DCGM_FI_DEV_GPU_UTIL", "OMP_NUM_THREADS", "POLARS_MAX_THREADS",
    "RAY_USAGE_STATS_ENABLED", "TILTYARD_ARCHIVE_BUCKET", "TILTYARD_DB", "TILTYARD_LEARNER_RUN",
    "TILTYARD_LEARNER_STATUS",
}  # fmt: skip


def test_every_metric_has_a_heading_and_its_unit_and_no_other_has() -> None:
    told = sections("metrics.md")
    assert set(told) == set(METRICS)
    for name, spec in METRICS.items():
        assert f"Unit: {spec.unit}" in told[name], f"{name} is in {spec.unit}"
        assert f"Source: {spec.source}" in told[name], f"{name} comes from {spec.source}"
        said = re.findall(r"Range: ([^.]+)\.", told[name])
        assert said == [spec.range] * bool(spec.range), f"{name} lies in {spec.range}"


def test_every_field_of_a_guard_and_of_its_way_back_has_a_heading() -> None:
    way_back = {f"clear.{name}" for name in parse._WAY_BACK}
    assert set(sections("checklist.md")) == {*parse.FIELDS, *way_back}


def test_the_fields_a_guard_must_have_are_said_to_be_required() -> None:
    told = sections("checklist.md")
    required = {name for name in parse.FIELDS if told[name].strip().startswith("Required.")}
    assert required == set(parse.REQUIRED)


def test_every_effect_is_told() -> None:
    assert set(rows("checklist.md", "## Effects")) == set(EFFECTS)


def test_everything_an_unknown_value_may_lead_to_is_told() -> None:
    assert set(rows("checklist.md", "## When the value is unknown")) == set(ON_UNKNOWN)


def test_the_table_of_default_guards_says_what_they_say() -> None:
    told = rows("checklist.md", "## The default checklist")
    assert list(told) == [guard.name for guard in DEFAULT_CHECKLIST.guards]
    for guard in DEFAULT_CHECKLIST.guards:
        end = f"`{guard.clear.when}`" if guard.clear else ""
        words = (f"`{guard.metric}`", f"`{guard.when}`", f"`{guard.effect}`", guard.severity, end)
        missing = [word for word in words if word not in told[guard.name]]
        assert not missing, f"{guard.name} lacks {missing}"
        assert f"| {guard.priority} |" in told[guard.name], guard.name


def test_every_setting_has_a_heading_and_its_variable() -> None:
    told = sections("settings.md")
    names = dict(_settings())
    assert set(told) == {*names, "TILTYARD_DB"}
    for name, default in names.items():
        section, _, key = name.partition(".")
        assert f"`TILTYARD_{section}_{key}`".upper() in told[name].upper(), name
        assert default in told[name], f"{name} is {default} by default"


def test_every_command_has_a_heading_and_every_option_an_entry() -> None:
    told = sections("commands.md")
    commands = dict(_commands(typer.main.get_command(app), "tiltyard"))
    assert set(told) == set(commands)
    for name, options in commands.items():
        entries = set(re.findall(r"^\| `(-[\w-]+)", told[name], re.MULTILINE))
        also = set(re.findall(r"^\| `--config`, `(--checklist)\b", told[name], re.MULTILINE))
        assert entries | also == options, name


def test_every_field_of_the_decision_benchmark_has_a_row() -> None:
    score = Score(2, 1.0, 0.1, 0.0, 0.1, 0.1, 0.1, 1.0, 0.1, 0.1, 0.1, 0.1, 0.1, 0)
    (row,) = decisions_json([Line("static", Scenario(), score)], 1)["rows"]
    assert set(rows("json.md", "## A line of the decision benchmark")) == set(row)


def test_every_field_of_a_version_has_a_row() -> None:
    damaged = Version("dqn", None, TiltyardError("SNAPSHOT_MISSING", "dqn", "it is gone"))
    assert set(rows("json.md", "## A version")) == set(version_json(damaged, None))


def test_every_rule_is_told_and_whether_a_desk_is_run_by_it() -> None:
    told = rows("../explanation/decision-benchmark.md", "## The rules")
    assert list(told) == list(dict(RULES.items()))
    for name, row in told.items():
        assert (f'`rule = "{name}"`' in row) is (name in FOR_A_DESK), name
        assert ("the benchmark alone" in row) is (name not in FOR_A_DESK), name


def test_every_error_code_has_a_heading_and_no_other_has() -> None:
    assert set(sections("errors.md")) == set(_codes())


def test_every_error_code_has_one_exit_code_and_the_page_says_which() -> None:
    told = sections("errors.md")
    assert not FAILURES & MISTAKES
    assert set(told) == FAILURES | MISTAKES, "put a new code into exit_codes.py"
    assert {code for code, text in told.items() if "Exit code 1." in text} == FAILURES


def test_every_field_of_a_trade_has_a_row() -> None:
    assert set(rows("trade-columns.md", "## Fields")) == set(intake.FIELDS)


def test_the_fields_a_trade_must_have_are_said_to_be_required() -> None:
    told = rows("trade-columns.md", "## Fields")
    required = {name for name, row in told.items() if row.startswith("| required |")}
    assert required == set(intake.REQUIRED)


@pytest.fixture
def ran(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, forking: Forking
) -> Callable[[Command], Ended]:
    """Runs a command of a page in a folder with the examples."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    said = tmp_path_factory.mktemp("said") / "said"
    return lambda command: run_forked(command, tmp_path, forking, said)


def test_every_json_field_has_a_row(ran: Callable[[Command], Ended]) -> None:
    for line in (
        "python examples/known_status.py k.csv",
        "tiltyard ingest k.csv --register",
    ):
        assert ran(Command(line, "")).returncode == 0
    every = json.loads(ran(Command("tiltyard report --json", "")).stdout)
    arm = json.loads(ran(Command("tiltyard report eee02a74 --json", "")).stdout)
    asked = "tiltyard report eee02a74 --trades --json"
    trade = json.loads(ran(Command(asked, "")).stdout)["trades"][0]
    timeline = ran(Command("tiltyard replay --json", "")).stdout.splitlines()
    arms = json.loads(ran(Command("tiltyard policy list --json", "")).stdout)
    assert set(rows("json.md", "## All reports")) == set(every)
    assert set(rows("json.md", "## A report")) == set(arm)
    metric = next(iter(arm["metrics"].values()))
    assert set(rows("json.md", "## A metric")) == set(metric)
    gap = gap_json(GapLine("SOL/USDT", "wild", Gap(-0.1, -0.2, 0.0, 30), "R"))
    assert set(rows("json.md", "## A gap")) == set(gap)
    difference = Difference(0.1, -0.1, 0.3, 0.8, 40, 90, 30)
    against = comparison_json(ComparisonLine("live", "", "", difference, "R"))
    assert set(rows("json.md", "## A comparison")) == set(against)
    assert set(rows("json.md", "## A value by propensity")) == set(
        value_json(OffPolicy().value(), "R")
    )
    assert set(rows("json.md", "## An estimate")) == set(estimate_json(Estimate(0.1, 0, 0.2)))
    assert set(rows("json.md", "## A guard")) == set(arm["guards"][0])
    prospects = arm["prospects"]
    explained = json.loads(ran(Command("tiltyard checklist explain eee02a74 --json", "")).stdout)
    assert set(rows("json.md", "## A prospect")) == {"reason", *prospects[0]}
    assert set(rows("json.md", "## A prospect")) == {"reason", *explained[0]}
    sized = prospect_json(
        foresee(
            [DEFAULT_CHECKLIST.guard("challenger_drawdown_high")],
            [(100, 20_000, 100), (-100, 20_000, 100)] * 20,
            np.random.default_rng(1),
        )[0]
    )
    assert set(rows("json.md", "## Sizing")) == {"reason", *sized["sizing"]}
    assert set(rows("json.md", "## An action")) == {"knew_bars", *json.loads(timeline[0])}
    assert set(rows("json.md", "## An action")) == {"knew_bars", *arm["actions"][0]}
    assert set(rows("json.md", "## Known bars")) == set(known_row(KnownBars("bot", None, 1, 2)))
    assert set(rows("json.md", "## A trade")) == set(trade)
    assert set(rows("json.md", "## An arm")) == set(arms[0])
    assert ran(Command("tiltyard policy halt eee02a74", "")).returncode == 0
    asked = "tiltyard review list --json"
    review = json.loads(ran(Command(asked, "")).stdout)["reviews"][0]
    assert set(rows("json.md", "## A review")) == set(review)
    asked = "tiltyard report --actions --json"
    worth = json.loads(ran(Command(asked, "")).stdout)
    assert set(rows("json.md", "## All receipts")) == set(worth)
    receipt = worth["receipts"][-1]
    assert (receipt["action"], receipt["verdict"]) == ("halt", "pending")
    assert set(rows("json.md", "## A receipt")) == set(receipt)
    assert set(rows("json.md", "## What an arm made")) == set(receipt["made"][0])
    assert set(rows("json.md", "## A line of the statement")) == set(worth["statement"][0])
    assert set(rows("json.md", "## A net worth")) == set(net_json(Worth(1.0, 0.5, 1.5, "%")))
    commands = json.loads(ran(Command("tiltyard commands --json", "")).stdout)
    assert set(rows("json.md", "## A command")) == set(commands[0])
    halt = acted(
        Action("halt", "", "", "enforce", datetime(2025, 7, 7, tzinfo=UTC), number=1), "", ""
    )
    more = {"open", "command", "episodes", "lasts", "arm"}
    assert set(rows("json.md", "## A notice")) == {*halt, *more}
    shares = {*shares_body(Roster()), "revision", "decided_at", "expires_at"}
    assert set(rows("json.md", "## Shares")) == shares


def test_every_json_field_of_a_report_on_rules_has_a_row() -> None:
    whole = rules_json(OF_RULES)
    assert set(rows("json.md", "## All rules")) == {"generated_at", "known_bars", *whole}
    rule = whole["rules"][0]
    assert set(rows("json.md", "## A rule")) == set(rule)
    assert set(rows("json.md", "## A decision of a rule")) == set(rule["decided"][0])
    assert set(rows("json.md", "## Shares of a month")) == set(rule["months"][0])
    assert set(rows("json.md", "## An amount")) == set(rule["beyond_done"])


@pytest.mark.parametrize("page", WALKED, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_every_command_on_the_page_runs_as_shown(
    page: Path, tmp_path: Path, ran: Callable[[Command], Ended]
) -> None:
    count = 0
    for step in steps(page):
        if isinstance(step, NamedFile):
            (tmp_path / step.name).write_text(step.body, encoding="utf-8")
            continue
        count += 1
        done = ran(step)
        assert done.returncode == step.exits, f"$ {step.line}\n{done.stdout}"
        if step.shown:
            assert matches(step.shown, done.stdout), f"$ {step.line}\n{done.stdout}"
    assert count, "a page to follow shows commands"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_what_makes_a_file_private_ends_with_the_command(page: Path) -> None:
    """Else all that is written from the same shell later can be read by no server."""
    lines = page.read_text("utf-8").splitlines()
    lasting = [line for line in lines if re.match(r"(\$ )?\s*umask\b", line)]
    assert not lasting, "put it into parentheses"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_every_link_of_the_page_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_index_names_every_page_of_the_four_rooms() -> None:
    index = (DOCS / "index.md").read_text("utf-8")
    missing = [page.name for page in PAGES[1:] if f"({page.parent.name}/{page.name})" not in index]
    assert not missing


def _settings() -> Iterator[tuple[str, str]]:
    for section, field in Settings.model_fields.items():
        if section == "checklist":
            continue
        model: Any = field.annotation
        for name, setting in model.model_fields.items():
            default = setting.default
            yield f"{section}.{name}", "none" if default in (None, "") else f"`{default}`"


def _commands(command: Any, path: str) -> Iterator[tuple[str, set[str]]]:  # noqa: ANN401 typer has its own classes
    inner = getattr(command, "commands", None)
    if inner is None:
        options = [param for param in command.params if param.param_type_name == "option"]
        yield path, {name for option in options for name in option.opts}
        return
    for name, one in inner.items():
        yield from _commands(one, f"{path} {name}")


def _codes() -> Iterator[str]:
    for file in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if _CODE.fullmatch(node.value) and node.value not in _NO_CODES:
                    yield node.value
            elif kind := _kind_of_registry(node):
                yield from (f"{kind}_UNKNOWN", f"{kind}_TWICE")


def _kind_of_registry(node: ast.AST) -> str:
    """``METRIC`` for the call ``Registry("metric")``; empty for everything else."""
    match node:
        case ast.Call(func=ast.Name(id="Registry"), args=[ast.Constant(value=str(kind))]):
            return kind.upper()
    return ""
