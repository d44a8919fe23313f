"""What a report says for an arm beside its trial: in text, and for programs."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from records import BOT, CHAMPION, START, ledger_of, trade
from tiltyard.actions.record import acted
from tiltyard.facts.action import Action
from tiltyard.facts.decision import Decision
from tiltyard.kernel.money import Money
from tiltyard.metrics.comparison import Difference
from tiltyard.shell.pictures.page import page
from tiltyard.shell.replaying.measure import measure
from tiltyard.shell.replaying.recording import Recording
from tiltyard.shell.report.content import ArmReport, describe
from tiltyard.shell.report.evidence import NOTHING, EvidenceBook, traffic_of
from tiltyard.shell.report.text import report_text
from tiltyard.shell.report.wire import report_json
from tiltyard.shell.settings import load

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RISK = Money(10**8)


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[ArmReport]:
    """Every four hours an episode, one in ten for the bot, which makes .5 R more."""
    path = tmp_path_factory.mktemp("evidence") / "ledger.db"
    trades, decisions = [], []
    for n in range(400):
        owner, hours = BOT if n % 10 == 0 else CHAMPION, 4 * n + 2
        for policy in (BOT, CHAMPION):
            made = 0.5 * (policy == BOT) + n % 3 - 1
            trades += [
                trade(
                    policy, hours, made, trade_id=f"{policy} {n} {book}", book=book,
                    risk=RISK, episode_id=f"episode {n}",
                )
                for book in (("live", "twin") if policy == owner else ("shadow",))
            ]  # fmt: skip
        at = START + timedelta(hours=hours - 1)
        decisions.append(
            Decision(f"episode {n}", "BTC/USDT", owner, 0.1 if owner == BOT else 0.9, 1, at, 1, 0)
        )
    with ledger_of(path, trades) as ledger:
        admitted = Action("admit", BOT, "registration", "enforce", START, before=0.0, after=0.1)
        roster = ledger.roster()
        ledger.save_roster(roster, [acted(admitted, "", "")], at=START)
        ledger.append_decisions(decisions, known_at=NOW)
        book = EvidenceBook(traffic_of(ledger, NOW), [CHAMPION, BOT], CHAMPION)
        desk = measure(ledger, load(), NOW, ledger.roster(), book.see)
        return [
            replace(describe(desk, name, NOW), evidence=book.of(name, NOW))
            for name in (CHAMPION, BOT)
        ]


def section(report: ArmReport, title: str) -> list[str]:
    _, _, after = report_text(report).partition(title)
    return after.partition("\n\n")[0].splitlines()[1:]


def test_a_report_compares_the_challenger_with_the_champion(reports: list[ArmReport]) -> None:
    champion, bot = reports
    assert not champion.evidence.against, "it is compared with nobody"
    found = section(bot, "Against the champion")
    assert [line.split("  ")[2] for line in found] == [
        "live", "paper", "paper as live", "paper, calm", "paper, usual", "paper, wild",
        "paper, BTC/USDT",
    ]  # fmt: skip
    assert found[1] == (
        "    paper            +0.500, interval +0.500 … +0.500, better with over 99 %, "
        "400 trades against 400"
    )
    assert found[3].endswith("undefined (warming: 0 trades against 0; 30 of each are needed)")


def test_a_report_says_the_value_by_propensity(reports: list[ArmReport]) -> None:
    found = section(reports[1], "Value by propensity")
    assert [line.split("  ")[2] for line in found[:3]] == [
        "weighted", "self-normalised", "doubly robust",
    ]  # fmt: skip
    assert found[2].startswith("    doubly robust    +0.497, interval")
    assert found[3] == ("    given 40 of 400 opportunities, worth 40 equal ones; heaviest 2.5 %")


def test_a_long_record_reads_well(reports: list[ArmReport]) -> None:
    champion = reports[0]
    assert champion.evidence.value is not None
    value = champion.evidence.value._replace(heaviest=0.0004)
    long = replace(champion, total_trades=1274, evidence=replace(champion.evidence, value=value))
    told = report_text(long)
    assert " · 1,274 trades · " in told
    assert told.count("equal ones; heaviest under 0.1 %\n") == 1, "none has no weight"


def test_programs_are_told_the_same(reports: list[ArmReport]) -> None:
    champion, bot = map(report_json, reports)
    assert champion["against_champion"] == []
    assert champion["value_by_propensity"]["given"] == 360
    paper = [one for one in bot["against_champion"] if one["book"] == "paper"]
    assert [(one["symbol"], one["volatility"]) for one in paper] == [
        (None, None), (None, "calm"), (None, "usual"), (None, "wild"), ("BTC/USDT", None),
    ]  # fmt: skip
    assert (paper[0]["mean"], paper[0]["trades"], paper[0]["state"]) == (0.5, 400, "defined")
    assert (paper[1]["mean"], paper[1]["state"]) == (None, "warming")
    value = bot["value_by_propensity"]
    assert (value["opportunities"], value["heaviest"]) == (400, 0.025)
    assert value["doubly_robust"]["state"] == "defined"


def test_the_page_has_a_table_of_each_where_something_is_known(reports: list[ArmReport]) -> None:
    text = page(Recording(), reports, NOW)
    _, _, against = text.partition("<h2>Against the champion")
    against, _, value = against.partition("<h2>Value by propensity")
    assert against.count(f">{BOT}</td>") == 7
    assert CHAMPION not in against
    assert ">paper</td><td class='n'>+0.500, interval +0.500 … +0.500" in against
    assert ">R</td>" in against
    value = value.partition("</table>")[0]
    assert value.count("<tr>") == 1 + 3 + 3
    assert "given 40 of 400 opportunities" in value
    assert "Chances" not in text, "nobody has drawn lives"
    assert "<h2>Value" not in page(Recording(), [replace(reports[1], evidence=NOTHING)], NOW)


def test_all_three_say_how_many_trades_were_clipped(reports: list[ArmReport]) -> None:
    assert "clipped" not in report_text(reports[1]), "where none was, nothing is said"
    evidence = reports[1].evidence
    assert evidence.value is not None
    against = [
        line._replace(reading=line.reading._replace(clipped=3))
        if isinstance(line.reading, Difference)
        else line
        for line in evidence.against
    ]
    value = evidence.value._replace(clipped=1_200)
    cut = replace(reports[1], evidence=replace(evidence, against=against, value=value))
    assert section(cut, "Against the champion")[1].endswith("; 3 clipped to -2.5 … 6 R")
    assert section(cut, "Value by propensity")[3].endswith("; 1,200 clipped to -2.5 … 6 R")
    told = page(Recording(), [cut], NOW)
    assert told.count("; 3 clipped to -2.5 … 6 R</td>") == 5
    assert told.count("; 1,200 clipped to -2.5 … 6 R</td>") == 1
    body = report_json(cut)
    assert [one["clipped"] for one in body["against_champion"]] == 3 * [3, None, 3, None, 3]
    assert body["value_by_propensity"]["clipped"] == 1_200


def test_where_nobody_has_looked_nothing_is_said(reports: list[ArmReport]) -> None:
    silent = replace(reports[1], evidence=NOTHING)
    assert "Against the champion" not in report_text(silent)
    assert report_json(silent)["value_by_propensity"] is None
