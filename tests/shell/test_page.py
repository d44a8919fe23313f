"""The page holds everything it needs, says what is not known, and draws in a real browser."""

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from browsers import dom, outside_scripts
from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
from tiltyard.facts.action import Action, Kind
from tiltyard.facts.arm import Arm
from tiltyard.facts.verdict import Answer, Verdict
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.undefined import Reading, Undefined, Value
from tiltyard.shell.history import OTHERS
from tiltyard.shell.pictures.figure import NEUTRAL, colours, figure
from tiltyard.shell.pictures.file import refuse_unwritable
from tiltyard.shell.pictures.page import page, write_page
from tiltyard.shell.replaying.recording import Path as Curve
from tiltyard.shell.replaying.recording import Recording
from tiltyard.shell.report.content import ArmReport, MetricLine

START = datetime(2025, 7, 7, 15, tzinfo=UTC)
EVIL = "</script><script>alert(1)</script>"
PF_30 = DEFAULT_CHECKLIST.guard("challenger_profit_factor_low")
DRAWDOWN = DEFAULT_CHECKLIST.guard("challenger_drawdown_high")
BALANCE = DEFAULT_CHECKLIST.guard("account_balance_low")


def hour(count: int) -> datetime:
    return START + timedelta(hours=count)


def arm(name: str, share: float) -> Arm:
    champion = name == "champion"
    return Arm(
        name, "champion" if champion else "challenger", "champion" if champion else "live",
        share, 0.1, 1.0, None, START,
    )  # fmt: skip


def verdict(
    guard: str, scope: str, answer: Answer, reading: Reading, reason: str = "because"
) -> Verdict:
    return Verdict(
        guard, "account" if scope == "account" else "arm", scope, answer, reading, 1.6,
        confirmed=True, tripped=False, cleared=False, escalated=False, reason=reason,
        at=START, up_to_seq=1,
    )  # fmt: skip


def report(
    name: str, share: float = 0.1, actions: Sequence[Action] = (), reason: str = "because"
) -> ArmReport:
    low = verdict(PF_30.name, name, "breach", Value(1.2, 30), reason)
    unmarked = Undefined("no_capital", "nobody said what it may use")
    return ArmReport(
        arm(name, share), 40, hour(9),
        [
            MetricLine("pf_challenger_30", "ratio", low.reading, PF_30, low),
            MetricLine("dd_challenger_pct", "percent", unmarked, DRAWDOWN, None),
        ],
        [
            (PF_30, low),
            (BALANCE, verdict(BALANCE.name, "account", "unknown", unmarked)),
        ],
        actions, [], "none", "none",
    )  # fmt: skip


def act(kind: Kind, count: int, policy: str = "challenger") -> Action:
    return Action(
        kind, policy, "some_rule", "enforce", hour(count), 0.1, 0.0, value=1.2, limit=1.6,
        reason=f"reason {count}",
    )  # fmt: skip


def recording(*names: str, actions: Sequence[Action] = ()) -> Recording:
    made = Recording()
    for name in names:
        made.paths[name] = Curve(
            [hour(count) for count in range(6)],
            [1.01, 1.02, 1.0, 0.99, 1.01, 1.03],
            [0.0, 0.0, 1.96, 2.94, 0.98, 0.0],
            [None, None, 2.0, 1.5, None, 7.0],
            [True, True, True, False, False, True],
        )
    rest = (1 - 0.6) / max(1, len(names) - 1)
    made.traffic = [(hour(0), {n: 0.6 if n == "champion" else rest for n in names})]
    made.traffic.append((hour(4), {n: 1.0 if n == "champion" else 0.0 for n in names}))
    made.actions = list(actions)
    return made


BOTH = ("champion", "challenger")
REPORTS = [report("challenger"), report("champion", 0.9)]


def test_the_page_loads_nothing_from_anywhere() -> None:
    text = page(recording(*BOTH), REPORTS, hour(9))
    assert not re.search(r"<(script|img|iframe)\b[^>]*\bsrc\s*=", outside_scripts(text))
    assert not re.search(r"<script\b[^>]*\bsrc\s*=", text.split("plotly.js v")[0])
    assert not re.search(r"(src|href)\s*=\s*['\"]?\s*(https?:)?//", outside_scripts(text))
    assert not re.search(r"<link\b|@import|url\(", outside_scripts(text))
    assert "default-src 'none'" in text


def test_names_causes_and_reasons_are_text_and_never_markup() -> None:
    evil = act("halt", 4, EVIL)
    evil = Action(**{
        **{name: getattr(evil, name) for name in Action.__slots__},
        "cause": EVIL, "reason": EVIL,
    })  # fmt: skip
    names = ("champion", EVIL)
    text = page(recording(*names, actions=[evil]), [report(EVIL), report("champion")], hour(9))
    assert "<script>alert(1)" not in text
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in outside_scripts(text)


def test_a_recording_without_trades_says_so_and_draws_nothing() -> None:
    text = page(Recording(), REPORTS, hour(9))
    assert "There are no trades." in text
    assert "<script" not in text
    assert "Nothing was done." in text


def test_a_page_without_arms_says_so() -> None:
    assert "There are no arms." in page(Recording(), [], hour(9))


def test_the_table_names_breaches_in_red_and_the_unknown_by_its_state() -> None:
    text = page(Recording(), REPORTS, hour(9))
    assert "As of 2025-07-08 00:00 UTC" in text
    assert "<b class='breach'>1.2</b>" in text
    assert ">BREACH challenger_profit_factor_low</span>" in text
    assert "– no_capital" in text
    assert text.count("unknown account_balance_low") == 1, "the account's verdicts are said once"
    assert text.index(">champion</td>") < text.index(">challenger</td>"), "the champion is first"


def test_a_breach_says_its_number_and_its_limit_once() -> None:
    proven = f"{PF_30.metric} {PF_30.when}, confirmed by 195 trades, 5 % in 500"
    for reason, more in (
        (proven, ", confirmed by 195 trades, 5 % in 500"),
        ("evidence 1.20, wanted 3.00", ", evidence 1.20, wanted 3.00"),
        ("", ""),
    ):
        text = page(recording("challenger"), [report("challenger", reason=reason)], hour(10))
        assert f"title='pf_challenger_30 1.2 against 1.6{more}'" in text


def test_skipped_nights_are_left_out_and_long_lists_are_cut_to_the_latest() -> None:
    actions = [act("scale", count) for count in range(503)] + [act("skip_scale", 600)]
    text = page(recording(*BOTH, actions=actions), REPORTS, hour(9))
    listed = text[text.index("<h2>Actions") :]
    assert "3 earlier ones are left out." in listed
    assert listed.count(">some_rule<") == 500
    assert "reason 502<" in listed
    assert "reason 2<" not in listed
    assert "skip_scale" not in listed


def test_undefined_values_are_gaps_and_never_zeros() -> None:
    drawn = figure(recording(*BOTH), colours(BOTH), DRAWDOWN, PF_30)
    pf_30 = [trace["y"] for trace in drawn["data"] if trace["yaxis"] == "y3"]
    assert pf_30[0] == [None, None, 2.0, 1.5, None, 7.0]
    assert pf_30[1] == [None, None, 2.0, None, None, 7.0], "solid where it traded live"


def test_without_capital_there_is_no_equity_and_no_drawdown_to_draw() -> None:
    flat = recording("champion")
    flat.paths["champion"].equity = [1.0] * 6
    flat.paths["champion"].drawdown = [0.0] * 6
    drawn = figure(flat, colours(["champion"]), DRAWDOWN, PF_30)
    lines = [trace["y"] for trace in drawn["data"] if trace["yaxis"] in ("y", "y2")]
    assert lines == [[None] * 6] * 4
    titles = [note["text"] for note in drawn["layout"]["annotations"]]
    assert sum("1 of 1 arms not drawn: their capital is not known" in text for text in titles) == 2


def test_each_arm_has_one_colour_and_one_place_in_the_legend() -> None:
    colour = colours(BOTH)
    drawn = figure(recording(*BOTH, actions=[act("halt", 4)]), colour, DRAWDOWN, PF_30)
    for name in BOTH:
        mine = [trace for trace in drawn["data"] if trace["legendgroup"] == name]
        assert {trace["line"]["color"] for trace in mine} == {colour[name]}
        assert {trace["yaxis"] for trace in mine} == {"y", "y2", "y3", "y4"}
        assert [trace["showlegend"] for trace in mine].count(True) == 1


def test_traffic_adds_up_to_all_of_it_at_every_step_and_lasts_to_the_end() -> None:
    drawn = figure(recording(*BOTH), colours(BOTH), DRAWDOWN, PF_30)
    areas = [trace for trace in drawn["data"] if trace.get("stackgroup")]
    sums = [sum(shares) for shares in zip(*(area["y"] for area in areas), strict=True)]
    assert sums == pytest.approx([100.0] * len(sums))
    assert areas[0]["x"] == sorted(areas[0]["x"])
    assert areas[0]["x"][-1] == "2025-07-07T20:00:00Z"


def test_an_action_is_marked_with_its_cause_its_number_and_what_it_changed() -> None:
    drawn = figure(recording(*BOTH, actions=[act("halt", 4)]), colours(BOTH), DRAWDOWN, PF_30)
    mark = next(trace for trace in drawn["data"] if trace.get("text"))
    expected = "<b>halt</b> challenger · some_rule · 1.2 against 1.6 · 10.0 % → 0.0 %"
    assert mark["text"] == [expected]
    assert mark["y"][0] > 100


def test_the_flag_and_the_band_are_the_guards_own() -> None:
    shapes = figure(recording(*BOTH), colours(BOTH), DRAWDOWN, PF_30)["layout"]["shapes"]
    drawn = {(shape["yref"], shape["type"], shape["y0"], shape["y1"]) for shape in shapes}
    assert drawn == {
        ("y2", "rect", 0.0, 3.0), ("y2", "line", 4.0, 4.0),
        ("y3", "rect", 2.1, 2.8), ("y3", "line", 1.6, 1.6),
    }  # fmt: skip
    assert figure(recording(*BOTH), colours(BOTH), None, None)["layout"]["shapes"] == []


def test_writing_replaces_the_page_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    target.write_text("old", "utf-8")
    write_page(target, Recording(), REPORTS, hour(9))
    assert target.read_text("utf-8") == page(Recording(), REPORTS, hour(9))
    assert list(tmp_path.iterdir()) == [target]


def test_a_page_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    with pytest.raises(TiltyardError, match="PAGE_UNWRITABLE"):
        write_page(tmp_path / "missing" / "page.html", Recording(), REPORTS, hour(9))


def test_a_page_that_cannot_be_written_is_refused_before_any_work(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for target in (tmp_path / "missing" / "page.html", tmp_path, tmp_path / "pipe"):
        with pytest.raises(TiltyardError, match="PAGE_UNWRITABLE"):
            refuse_unwritable(target)
    refuse_unwritable(tmp_path / "page.html")
    assert [one.name for one in tmp_path.iterdir()] == ["pipe"], "it leaves nothing behind"


def test_what_would_happen_is_told_once_and_not_when_it_was_done() -> None:
    halt, page_somebody = act("halt", 4), act("page", 4, policy="")
    reports = [report("champion", actions=[page_somebody]),
               report("challenger", actions=[halt, page_somebody])]  # fmt: skip
    told = page(recording(*BOTH), reports, hour(9)).partition("<h2>What would happen now")[2]
    assert told.partition("<h2>Actions")[0].count(">some_rule<") == 2
    done = recording(*BOTH, actions=[halt, page_somebody])
    assert "What would happen now" not in page(done, reports, hour(9))


def test_traffic_that_was_recorded_only_later_is_not_drawn_back_in_time() -> None:
    def traffic_of(made: Recording) -> tuple[list[str], str]:
        drawn = figure(made, colours([*BOTH, OTHERS]), DRAWDOWN, PF_30)
        times = [t["x"][0] for t in drawn["data"] if t.get("stackgroup")]
        titles = [note["text"] for note in drawn["layout"]["annotations"]]
        return times, next(text for text in titles if "Traffic" in text)

    made = recording(*BOTH, actions=[act("register", 400)])
    made.traffic = [(hour(400), {"champion": 0.9, "challenger": 0.1})]
    times, title = traffic_of(made)
    assert times == []
    assert title.endswith("nothing was recorded while these trades were made")
    made.traffic = [(hour(3), {"champion": 0.9, OTHERS: 0.1})]
    times, title = traffic_of(made)
    assert times == ["2025-07-07T18:00:00Z"] * 2
    assert title.endswith("recorded from 2025-07-07")
    assert colours([*BOTH, OTHERS])[OTHERS] == NEUTRAL


def test_a_browser_draws_four_rows_and_runs_no_name_as_a_script(tmp_path: Path) -> None:
    names = ("champion", "challenger", "<img src=x onerror=alert(1)>")
    made = recording(*names, actions=[act("halt", 4), act("resume", 5)])
    write_page(tmp_path / "page.html", made, [report(name) for name in names], hour(9))
    seen = dom(tmp_path / "page.html", tmp_path / "profile")
    assert 'class="main-svg"' in seen
    for row in ("xy", "xy2", "xy3", "xy4"):
        assert re.search(rf'class="subplot {row}"', seen), row
    assert seen.count('class="legendtext"') == 3, "one entry per arm"
    assert seen.count('class="legend2text"') == 2, "one entry per kind of action"
    assert "onerror=alert(1)&gt;" in seen
    assert "<img" not in seen
