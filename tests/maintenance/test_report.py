"""The report of a run: what was done, how long it took, what went wrong; as text, JSON and page."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from browsers import dom
from docs.pages import rows
from maintenance.reports import DAY, SWEPT, TRIED, step, told, week
from tiltyard.facts.command import CommandRefused, Outcome
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.maintenance.done import Done
from tiltyard.shell.maintenance.report import (
    Part,
    Report,
    report_json,
    report_text,
    write_report,
)
from tiltyard.shell.pictures.maintenance_page import maintenance_page

GOLDEN = Path(__file__).parents[1] / "golden" / "maintenance.txt"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ERROR = TiltyardError("FEED_MISSING", "bars", "there is no such folder", "name one")


def test_the_report_as_text_is_this() -> None:
    assert report_text(week()) == GOLDEN.read_text("utf-8")


def test_a_task_that_came_to_its_end_is_failed_where_part_of_it_was() -> None:
    whole = Part.of(Done("purge", ("nobody is stale",)), NOON, NOON + timedelta(seconds=61))
    assert (whole.state, whole.took, whole.faults) == ("done", "1 min 1 s", ())
    refused = CommandRefused(Outcome("ON_HOLD", "ON_HOLD dqn: frozen", NOON))
    part = Part.of(Done("retrain", ("made",), {}, (refused,)), NOON, NOON)
    assert (part.state, part.faults, part.lines) == ("failed", ("ON_HOLD dqn: frozen",), ("made",))
    kept = Part.kept_by(ERROR, "optuna", NOON, NOON)
    assert (kept.state, kept.faults) == ("failed", (str(ERROR),))


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [
        ([step("purge", "09:00:00", "09:00:01")], "done"),
        ([step("purge", "09:00:00", "09:00:01")] * 2, "all of 2 tasks done"),
        ([step("purge", "09:00:00", "09:00:01", state="failed")], "failed"),
        ([], "no task was begun"),
    ],
)
def test_all_is_done_only_where_every_task_is(parts: list[Part], verdict: str) -> None:
    assert Report(DAY, parts).verdict == verdict


def test_what_a_step_has_said_stands_for_what_it_could_not_tell() -> None:
    for printed in (None, "half of a", [1]):
        killed = step("retrain", "03:00:00", "03:01:00", state="failed",
                      said="it was ended by SIGKILL", told=printed)  # fmt: skip
        assert killed.faults == ("it was ended by SIGKILL",)
    mute = step("retrain", "03:00:00", "03:01:00", state="failed")
    assert mute.faults == ("nothing is known of why",)
    both = step("retrain", "03:00:00", "03:01:00", state="failed", said="ON_HOLD",
                told=told(["made"], None, "ON_HOLD dqn: frozen"))  # fmt: skip
    assert both.faults == ("ON_HOLD dqn: frozen",)


def test_it_is_written_three_times_and_again_for_the_same_day(tmp_path: Path) -> None:
    for report in (week(), Report(DAY, week().parts[:1])):
        page = write_report(report, tmp_path)
        assert page == tmp_path / "2026-11-22" / "report.html"
        assert page.with_suffix(".txt").read_text("utf-8") == report_text(report)
        assert json.loads(page.with_suffix(".json").read_text("utf-8")) == report_json(report)
        assert page.read_text("utf-8") == maintenance_page(report)
    names = sorted(one.name for one in page.parent.iterdir())
    assert names == ["report.html", "report.json", "report.txt"]


def test_where_it_cannot_be_written_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "2026-11-22").touch()
    with pytest.raises(TiltyardError, match="NOTE_UNWRITABLE") as raised:
        write_report(week(), tmp_path)
    assert "jobs.folder" in raised.value.remedy


def test_every_field_of_it_has_a_row() -> None:
    told = report_json(week())
    assert set(rows("json.md", "## A run of the maintenance")) == set(told)
    assert set(rows("json.md", "## A task of a run")) == set(told["tasks"][0])


def test_the_page_says_all_of_it_and_harms_nobody() -> None:
    page = maintenance_page(week())
    for said in (
        "Tiltyard: maintenance of 2026-11-22", "2026-11-22 03:00 to 09:17 UTC, 6 h 17 min",
        "Of 5 tasks 3 done, 1 failed, 1 left out.", "champion &lt;prod&gt;",
        "<td class='breach'>failed</td>", "<td class='unknown'>left out</td>",
        "somebody else writes to it. try again", TRIED, *SWEPT,
        "0.041 % a day (0.007 % … 0.075 %)", "profit factor 1.08, 388 trades",
        "passed: the lower quartile of 5 seeds is 0.032 % a day",
        "<td>challenger, probation, traffic 10.0 %</td>",
        "profit factor not known, no losing trade has closed yet, 41 trades",
    ):  # fmt: skip
        assert said in page, said
    assert "<prod>" not in page
    assert "<script" not in page


def test_a_browser_draws_its_tables(tmp_path: Path) -> None:
    drawn = dom(write_report(week(), tmp_path), tmp_path / "profile")
    assert drawn.count("<tr>") == 2 + 5 + 3
    assert drawn.count('class="warned"') == 2
