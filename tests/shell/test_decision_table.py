"""The decision benchmark's table, its JSON and its picture."""

import json
from dataclasses import replace
from math import ceil, floor, nan
from pathlib import Path

import pytest

from tiltyard.scaling.benchmark import Score
from tiltyard.shell.decision_benchmark import CIRCUMSTANCES, Line
from tiltyard.shell.decision_table import circumstances, decisions_json, decisions_text
from tiltyard.shell.pictures.decision_page import decision_figure, write_decision_page
from tiltyard.simulation.scenario import Scenario

GOOD = Score(400, 26.04, 0.66, 3.9, 0.05, 0.01, 0.01, 8.3, 1.9, 0.4, 0.04, 0.01, 1.34, 0)
NULL = Score(400, -0.004, 0.0, -0.004, nan, nan, nan, nan, nan, nan, 0.32, 0.03, 0, 0)
LINES = [
    Line("evidence", Scenario(), GOOD),
    Line("evidence", Scenario(population="equal"), NULL),
    Line("evidence", Scenario(pace="SLOW", risk_pct=0.5), GOOD),
]

TABLE = """\
The decision benchmark: 400 runs of 180 days each, seed 1. ± is one standard error.

FAST, 150 signals a day
                               uplift %  5 % worst   better   trades per      promotions
                                                     killed      bad one    wrong  right
  evidence                  +26.0 ± 0.7       +3.9     0.05          8.3     0.04   1.34
    all equal                +0.0 ± 0.0       +0.0        –            –     0.32   0.00

SLOW, 20 signals a day
                               uplift %  5 % worst   better   trades per      promotions
                                                     killed      bad one    wrong  right
    .5 % risk               +26.0 ± 0.7       +3.9     0.05          8.3     0.04   1.34

Real trades routed against a hard limit: 0.
Uplift: what the routed trades were truly worth beyond all of them given to the first champion.
Better killed: retired, throttled or halted within 150 live trades while truly better.
Trades per bad one: real trades given to a challenger that is truly worse."""


def test_the_table_reads_as_it_should() -> None:
    text = "\n".join(decisions_text(LINES, 1))
    assert text == TABLE
    assert max(map(len, text.splitlines())) <= 100


def test_on_a_narrow_terminal_it_fits() -> None:
    text = "\n".join(decisions_text(LINES, 1, width=80))
    assert max(map(len, text.splitlines())) == 80
    assert text.split() == TABLE.split()
    every = [Line("thompson_beta", one, GOOD) for one in CIRCUMSTANCES]
    whole = "\n".join(decisions_text(every, 1, width=80))
    assert max(map(len, whole.splitlines())) == 80


def test_circumstances_that_are_not_as_usual_have_words_of_their_own() -> None:
    told = [circumstances(one) for one in CIRCUMSTANCES]
    assert told[0] == ""
    assert len(set(told)) == len(told)


def test_json_has_a_row_for_each_line_and_null_where_nothing_was_counted() -> None:
    body = json.loads(json.dumps(decisions_json(LINES, 1), allow_nan=False))
    assert (body["seed"], body["runs"]) == (1, 400)
    assert [row["pace"] for row in body["rows"]] == ["FAST", "FAST", "SLOW"]
    assert body["rows"][0]["uplift_pct"] == 26.04
    assert body["rows"][1]["better_killed_150"] is None


def test_the_picture_has_a_point_with_its_error_for_every_rule() -> None:
    data = decision_figure(LINES)["data"]
    assert [(trace["name"], trace["y"]) for trace in data] == [("evidence", [26.04])]
    assert data[0]["error_y"]["array"] == [1.32]


@pytest.mark.parametrize(
    ("trades", "se"), [(8.3, 1.9), (8.3, 6.0), (908.8, 0.0), (0.0, 0.0), (0.31, 0.2), (1000, 0)]
)
def test_a_bar_is_whole_in_its_frame_which_has_two_powers_of_ten(trades: float, se: float) -> None:
    one = replace(GOOD, real_trades_per_bad=trades, real_trades_se=se)
    drawn = decision_figure([Line("evidence", Scenario(), one)])
    (trace,), layout = drawn["data"], drawn["layout"]
    low, high = layout["xaxis"]["range"]
    bar = trace["error_x"]
    assert 10**low < trace["x"][0] - bar["arrayminus"][0]
    assert trace["x"][0] + bar["array"][0] < 10**high
    assert floor(high) - ceil(low) >= 1
    assert layout["xaxis2"]["range"][0] < layout["xaxis2"]["range"][1]


def test_the_page_holds_everything_it_needs(tmp_path: Path) -> None:
    write_decision_page(tmp_path / "page.html", LINES, 1)
    text = (tmp_path / "page.html").read_text()
    assert "what a rule is worth" in text
    assert "default-src 'none'" in text
    assert "<script src" not in text
    assert [one.name for one in tmp_path.iterdir()] == ["page.html"]
