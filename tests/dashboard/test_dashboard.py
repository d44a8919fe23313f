"""The dashboard is made from the checklist, read by Grafana's library, and laid out well."""

import json
import tomllib
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from typer.testing import CliRunner

from dashboards import COMMITTED, board_of, expressions, panel_on, panels
from tiltyard.checklist.defaults import DEFAULT_CHECKLIST, DEFAULT_TEXT
from tiltyard.checklist.guard import EFFECTS, Checklist
from tiltyard.checklist.parse import parse_checklist
from tiltyard.shell.alerts.in_words import DOES
from tiltyard.shell.cli import app
from tiltyard.shell.dashboard.looks import STATE_COLOURS
from tiltyard.shell.dashboard.queries import STATES

BOARD = board_of(DEFAULT_CHECKLIST)
FLAGS = ("model_healthy", "learner_running", "up")


def amended(text: str) -> Checklist:
    """The default checklist with a person's changes."""
    return parse_checklist(tomllib.loads(text)["guard"], tomllib.loads(DEFAULT_TEXT)["guard"], "my")


def write(*words: str) -> str:
    done = CliRunner().invoke(app, ["alerts", "dashboard", *words])
    assert done.exit_code == 0, done.output
    return done.output


def colours(steps: list[dict[str, Any]]) -> list[tuple[float | None, str]]:
    return [(step["value"], step["color"]) for step in steps]


def test_the_committed_dashboard_is_what_the_command_makes_of_the_default_checklist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert write().startswith("wrote config/grafana_dashboard.json: 13 rows,")
    made = (tmp_path / "config/grafana_dashboard.json").read_text("utf-8")
    assert made == COMMITTED.read_text("utf-8"), "make it anew: tiltyard alerts dashboard"


def test_it_is_written_where_one_says_from_the_checklist_that_one_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text('[[guard]]\nname="api_error_rate_high"\nwhen="> 7"\n', "utf-8")
    write("--config", "mine.toml", "--output", "there/mine.json")
    made = json.loads(Path("there/mine.json").read_text("utf-8"))
    assert "flag > 7 %" in panel_on(made, "Failed calls")["title"]
    assert [path.name for path in Path("there").iterdir()] == ["mine.json"]


def test_in_a_folder_it_has_its_usual_name(tmp_path: Path) -> None:
    said = write("--output", str(tmp_path))
    assert said.startswith(f"wrote {tmp_path / 'grafana_dashboard.json'}: ")
    assert [path.name for path in tmp_path.iterdir()] == ["grafana_dashboard.json"]


def test_grafanas_own_library_reads_it_and_loses_nothing() -> None:
    read = Dashboard.from_json(dict(BOARD))
    assert json.loads(json.dumps(read, cls=JSONEncoder)) == BOARD


def test_ids_are_unique_and_none_is_missing() -> None:
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert sorted(ids) == list(range(1, len(ids) + 1))


def test_no_two_panels_lie_on_one_another_and_all_are_within_the_grid() -> None:
    squares = {
        panel["id"]: {
            (column, line)
            for column in range(place["x"], place["x"] + place["w"])
            for line in range(place["y"], place["y"] + place["h"])
        }
        for panel in BOARD["panels"]
        for place in [panel["gridPos"]]
    }
    assert all(0 <= column < 24 for one in squares.values() for column, _ in one)
    assert not [(a, b) for a, b in combinations(squares, 2) if squares[a] & squares[b]]


def test_panels_side_by_side_are_of_one_height() -> None:
    heights: dict[int, set[int]] = {}
    for panel in panels(BOARD):
        heights.setdefault(panel["gridPos"]["y"], set()).add(panel["gridPos"]["h"])
    assert {line: found for line, found in heights.items() if len(found) > 1} == {}


def test_every_panel_says_what_it_shows_and_what_to_do() -> None:
    titles = [panel["title"] for panel in panels(BOARD)]
    assert len(titles) == len(set(titles))
    assert [panel["title"] for panel in panels(BOARD) if len(panel["description"]) < 40] == []


def test_every_panel_asks_the_chosen_prometheus_about_the_chosen_desk() -> None:
    for panel in panels(BOARD):
        if panel["type"] == "alertlist":
            continue
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        names = [target["refId"] for target in panel["targets"]]
        assert names
        assert len(names) == len(set(names))
        assert all('desk="$desk"' in target["expr"] for target in panel["targets"]), panel["title"]


def test_a_reader_chooses_a_prometheus_a_desk_and_any_policies() -> None:
    source, desk, policy = BOARD["templating"]["list"]
    assert (source["type"], source["query"]) == ("datasource", "prometheus")
    assert (desk["name"], desk["multi"], desk["includeAll"]) == ("desk", False, False)
    assert (policy["name"], policy["multi"], policy["includeAll"]) == ("policy", True, True)


def test_every_guard_of_the_checklist_has_a_panel_with_its_number_and_its_state() -> None:
    for guard in DEFAULT_CHECKLIST.guards:
        (panel,) = [
            one for one in panels(BOARD) if one["description"].startswith(f"Guard {guard.name}:")
        ]
        number, state = panel["targets"]
        assert f'tiltyard_guard_state{{desk="$desk",guard="{guard.name}"' in state["expr"]
        assert "guard_state" not in number["expr"]
        flag = "when no" if guard.metric in FLAGS else str(guard.when)
        assert f"flag {flag}" in panel["title"]
        assert guard.band() in panel["title"]


def test_a_flag_and_a_band_of_the_users_checklist_are_the_colours_in_the_unit_of_the_series() -> (
    None
):
    mine = amended(
        '[[guard]]\nname="challenger_drawdown_high"\nexpected=[0, 2.5]\nwhen="> 3.5"\n'
        '[[guard]]\nname="challenger_profit_factor_low"\nexpected=[2, 3]\nwhen="< 1.2"\n'
    )
    board = board_of(mine)
    drawdown = panel_on(board, "Largest fall of each policy in its trial")
    assert drawdown["title"].endswith("expected 0 – 2.5 %, flag > 3.5 %")
    defaults = drawdown["fieldConfig"]["defaults"]
    assert defaults["unit"] == "percentunit"
    steps = colours(defaults["thresholds"]["steps"])
    assert steps == [(None, "green"), (0.025, "yellow"), (0.035, "red")]
    factor = panel_on(board, "Profit factor of the last 30 trades of challengers")
    steps = colours(factor["fieldConfig"]["defaults"]["thresholds"]["steps"])
    assert steps == [(None, "red"), (1.2, "yellow"), (2.0, "green")]


@pytest.mark.parametrize(
    ("metric", "unit"),
    [
        ("win_rate_30", "percentunit"),
        ("inference_latency_p95_ms", "s"),
        ("encoder_kl_divergence", "none"),
    ],
)
def test_a_guard_of_ones_own_is_shown_in_the_unit_of_its_series(metric: str, unit: str) -> None:
    mine = amended(
        f'[[guard]]\nname="mine"\nscope="arm"\nmetric="{metric}"\nwhen="> 40"\neffect="review"\n'
        "priority=90\n"
    )
    (panel,) = [
        one for one in panels(board_of(mine)) if one["description"].startswith("Guard mine:")
    ]
    (of_value, *_) = panel["fieldConfig"]["overrides"]
    properties = {one["id"]: one["value"] for one in of_value["properties"]}
    assert properties.get("unit", "none") == unit


def test_a_limit_that_moves_with_another_metric_is_a_column_and_no_colour() -> None:
    mine = amended('[[guard]]\nname="challenger_profit_factor_low"\nwhen="< 0.6 * pf_prod"\n')
    panel = panel_on(board_of(mine), "Profit factor, last 30 trades (challengers)")
    value, limit, _ = panel["targets"]
    assert limit["expr"].startswith("0.6 * max by (policy) (tiltyard_champion_profit_factor{")
    of_value = panel["fieldConfig"]["overrides"][0]["properties"]
    assert "thresholds" not in [one["id"] for one in of_value], value


@pytest.mark.parametrize(
    ("when", "steps"),
    [
        ("> 4", [(None, "green"), (5, "red")]),
        (">= 4", [(None, "green"), (4, "red")]),
        ("< 4", [(None, "red"), (4, "green")]),
        ("<= 4", [(None, "red"), (5, "green")]),
        ("== 4", None),
    ],
)
def test_what_is_counted_is_red_where_the_guard_is_in_breach(
    when: str, steps: list[tuple[float | None, str]] | None
) -> None:
    mine = amended(f'[[guard]]\nname="consecutive_losses_high"\nwhen="{when}"\nexpected=[0, 9]\n')
    panel = panel_on(board_of(mine), "Losing trades in a row:")
    defaults = panel["fieldConfig"]["defaults"]
    found = colours(defaults["thresholds"]["steps"]) if "thresholds" in defaults else None
    assert found == steps


def test_a_guard_on_the_shadow_book_says_so() -> None:
    mine = amended('[[guard]]\nname="challenger_drawdown_high"\nmetric="dd_150_shadow"\n')
    panel = panel_on(board_of(mine), "Largest fall of NAV in the last 150 trades (challengers")
    assert "(challengers, on paper)" in panel["title"]
    assert 'book="shadow"' in panel["targets"][0]["expr"]


def test_a_guard_that_only_observes_promises_nothing() -> None:
    mine = amended('[[guard]]\nname="challenger_drawdown_high"\nmode="observe"\n')
    (panel,) = [
        one
        for one in panels(board_of(mine))
        if one["description"].startswith("Guard challenger_drawdown_high:")
    ]
    assert "Nothing follows: mode observe." in panel["description"]


def test_the_desk_is_late_when_the_settings_say_so() -> None:
    panel = panel_on(board_of(DEFAULT_CHECKLIST, 17), "How long has the desk judged nothing?")
    assert colours(panel["fieldConfig"]["defaults"]["thresholds"]["steps"])[-1] == (17, "red")
    assert "After 17 s" in panel["description"]


def test_every_effect_is_said_and_every_state_has_a_colour() -> None:
    assert set(DOES) == set(EFFECTS)
    assert set(STATES) == set(STATE_COLOURS)


def test_where_each_expression_is_can_be_said() -> None:
    places = [place for place, _ in expressions(BOARD)]
    assert len(places) == len(set(places))
