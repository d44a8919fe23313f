"""The page of receipts: net worth and actions in each unit, told and drawn in a real browser."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from browsers import dom, outside_scripts
from tiltyard.actions.movement import Movement
from tiltyard.facts.action import Action
from tiltyard.facts.trade import Trade
from tiltyard.facts.verdict import Mode
from tiltyard.kernel.money import Money
from tiltyard.shell.pictures.receipts_figure import COLOURS, receipts_figure
from tiltyard.shell.pictures.receipts_page import receipts_page, write_receipts_page
from tiltyard.shell.receipts import Receipts, scored
from tiltyard.shell.report.receipts import statement_lines

START = datetime(2025, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOW = START + 500 * HOUR
RISK = 1_000_000
EVIL = "<img src=x onerror=alert(1)>"


def moved(number: int, hour: int, *, mode: Mode = "enforce", cause: str = "guard") -> Movement:
    action = Action("halt", "new", cause, mode, START + hour * HOUR)
    return Movement(number, action, 0.1, 0.0, {"new": -0.1, "good": 0.1})


def told(hours: range, *, risk: Money | None) -> list[Trade]:
    """One arm loses on paper what the other makes."""
    return [
        Trade("floor", f"{name} {hour}", name, "SOL/USDT", "long", START + hour * HOUR,
              START + (hour + 1) * HOUR, Money(round(made * RISK)), book="shadow", risk=risk,
              capital=Money(50 * RISK), episode_id=str(hour))
        for hour in hours
        for name, made in (("new", -0.6), ("good", 0.6))
    ]  # fmt: skip


def in_both_units() -> Receipts:
    """Two in R, one of them observed; then one in percent, and one that waits."""
    movements = [
        moved(1, 0), moved(2, 10, mode="observe"), moved(3, 200, cause=EVIL), moved(4, 390),
    ]  # fmt: skip
    trades = told(range(200), risk=Money(RISK)) + told(range(200, 400), risk=None)
    return scored(movements, trades, NOW)


def test_each_unit_has_a_row_of_net_worth_and_a_row_of_actions() -> None:
    drawn = receipts_figure(in_both_units(), NOW)
    assert drawn is not None
    titles = [note["text"] for note in drawn["layout"]["annotations"]]
    assert titles == [
        "<b>Net worth</b>, R, and 95 %", "<b>Each action</b>, R, and 95 %",
        "<b>Net worth</b>, percent of capital, and 95 %",
        "<b>Each action</b>, percent of capital, and 95 %",
    ]  # fmt: skip
    nets = {one["yaxis"]: one for one in drawn["data"] if one["name"] == "net"}
    assert nets["y"]["y"] == [12.0, 12.0], "what was only observed is no part of it"
    assert nets["y"]["x"] == ["2025-01-01T00:00:00Z", "2025-01-21T20:00:00Z"]
    assert nets["y3"]["y"] == [24.0, 24.0]
    points = [one for one in drawn["data"] if "error_y" in one]
    assert [(one["yaxis"], one["name"], one["y"]) for one in points] == [
        ("y2", "right", [12.0, 12.0]), ("y4", "right", [24.0]),
    ]  # fmt: skip
    assert points[0]["marker"] == {
        "size": 8, "color": COLOURS["right"], "symbol": ["x", "x-open"],
    }  # fmt: skip


def test_where_nothing_is_final_the_page_says_so_and_draws_nothing() -> None:
    waiting = receipts_page(scored([moved(1, 0)], [], NOW), NOW)
    assert "No action has a worth yet." in waiting
    assert "pending (0 of 100 opportunities)" in waiting
    assert "Plotly" not in waiting
    assert "The band is" not in waiting
    assert "The band is the interval of 95 %" in receipts_page(in_both_units(), NOW)
    assert "No action has moved traffic yet, registrations aside." in receipts_page(
        scored([], [], NOW), NOW
    )


def test_the_page_tells_the_statement_and_every_receipt() -> None:
    text = outside_scripts(receipts_page(in_both_units(), NOW))
    _, _, told_by_month = text.partition("<h2>What the monitor was worth</h2>")
    statement, _, each = told_by_month.partition("<h2>Each action that moved traffic</h2>")
    assert re.search(r"\+12\.00 R, interval [^<]*<br>\+24\.00 %, interval ", statement)
    assert each.count("<tr>") == 1 + 4
    assert "would have saved 12.00 R" in each
    assert EVIL not in text


def test_a_receipt_of_a_record_that_has_ended_is_final_when_its_time_is_over() -> None:
    first = told(range(1), risk=Money(RISK))
    long = [one._replace(opened_at=one.opened_at - 240 * HOUR, trade_id="long") for one in first]
    trades = [*long[:1], *told(range(2, 132), risk=Money(RISK))]
    for now, word in ((START + 342 * HOUR, "pending"), (START + 343 * HOUR, "right")):
        found = scored([moved(1, 1)], trades, now)
        assert [one.word for one in found.each] == [word]
        assert found.statement.whole().words == {word: 1}
        assert len(found.finals) == (word == "right")


def test_a_month_in_which_one_guard_did_everything_has_one_line() -> None:
    causes = [("guard", 0), ("rule", 0), ("rule", 40), ("rule", 40)]
    movements = [moved(n, 24 * days, cause=cause) for n, (cause, days) in enumerate(causes)]
    found = scored(movements, told(range(24 * 60), risk=Money(RISK)), START + 24 * 60 * HOUR)
    text = [line.partition(":")[0] for line in statement_lines(found.statement)]
    assert text == [
        "  in all", "    guard", "    rule",
        "  2025-01", "    guard", "    rule", "  2025-02, rule",
    ]  # fmt: skip
    _, _, table = receipts_page(found, NOW).partition("<h2>What the monitor was worth</h2>")
    rows = re.findall(r"<tr><td class='n'>(\S+)</td><td>(\w+)</td>", table.partition("</table>")[0])
    assert rows == [
        ("all", "all"), ("all", "guard"), ("all", "rule"),
        ("2025-01", "all"), ("2025-01", "guard"), ("2025-01", "rule"), ("2025-02", "rule"),
    ]  # fmt: skip


def test_a_browser_draws_the_rows_and_runs_no_cause_as_a_script(tmp_path: Path) -> None:
    write_receipts_page(tmp_path / "page.html", in_both_units(), NOW)
    seen = dom(tmp_path / "page.html", tmp_path / "profile")
    for row in ("xy", "xy2", "xy3", "xy4"):
        assert re.search(rf'class="subplot {row}"', seen), row
    assert seen.count('class="legendtext"') == 1, "one verdict"
    assert "<img" not in seen
