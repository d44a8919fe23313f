"""``tiltyard bench decisions``, as a person types it."""

import json
from pathlib import Path

from command_line import Run

ONE = ("bench", "decisions", "--rule", "static", "--runs", "2", "--seed", "7")


def test_it_prints_a_row_for_every_circumstance(run: Run) -> None:
    first = run(*ONE, "--json")
    assert first.code == 0, first.err
    told = [f"playing: {done} of 20 lines" for done in range(0, 21, 2)]
    assert first.err.splitlines() == told
    rows = json.loads(first.out)["rows"]
    assert {row["rule"] for row in rows} == {"static"}
    assert {row["pace"] for row in rows} == {"FAST", "SLOW"}
    assert {row["risk_pct"] for row in rows} == {0.25, 0.5}
    assert all(row["real_trades_per_bad"] > 0 for row in rows if row["population"] == "mixed")


def test_an_unknown_rule_is_refused_with_the_nearest_name(run: Run) -> None:
    found = run("bench", "decisions", "--rule", "evidense")
    assert found.code == 2
    assert "RULE_UNKNOWN evidense: no such rule. did you mean 'evidence'?" in found.err


def test_a_page_that_cannot_be_written_is_said_before_anything_is_played(
    run: Run, tmp_path: Path
) -> None:
    found = run(*ONE, "--html", str(tmp_path / "nowhere" / "page.html"))
    assert found.code == 1
    assert "PAGE_UNWRITABLE" in found.err
    assert not found.out
