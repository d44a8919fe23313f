"""What a report says of live less paper: in text, for programs, and on the page."""

from datetime import UTC, datetime, timedelta

import pytest

from records import BOT, CHAMPION, ledger_of, trade
from tiltyard.facts.decision import Decision
from tiltyard.facts.trade import Book
from tiltyard.kernel.money import Money
from tiltyard.metrics.shadow_gap import UNKNOWN, Gap, ShadowGap
from tiltyard.metrics.unit import SCALE
from tiltyard.shell.pictures.page import page
from tiltyard.shell.replaying.measure import measure
from tiltyard.shell.replaying.recording import Recording
from tiltyard.shell.report.content import ArmReport, describe
from tiltyard.shell.report.gap import gap_json, gap_lines, gap_section
from tiltyard.shell.report.text import report_text
from tiltyard.shell.report.wire import report_json
from tiltyard.shell.settings import load

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RISK = Money(10**9)
BOOKS: tuple[Book, ...] = ("live", "twin")


def gap_of(*pushed: tuple[str, int | None, int]) -> ShadowGap:
    """So many pairs in a symbol and tercile, half of them -0.1 R and half -0.3 R."""
    gap = ShadowGap()
    for symbol, tercile, pairs in pushed:
        for number in range(pairs):
            day = NOW.date() + number // 2 % 10 * timedelta(days=1)
            gap.push(symbol, (-3 if number % 2 else -1) * SCALE // 10, day, tercile)
    return gap


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[ArmReport]:
    """The bot has 40 pairs in a wild market, and 5 of which nobody told the decision."""
    path = tmp_path_factory.mktemp("gap") / "ledger.db"
    pairs = [
        trade(
            BOT, 24 * n, -1 if book == "live" else 0, trade_id=f"{n} {book}", book=book, risk=RISK,
            episode_id=f"episode {n}",
        )
        for n in range(45)
        for book in BOOKS
    ]  # fmt: skip
    with ledger_of(path, [*pairs, trade(CHAMPION, 1, 1)]) as ledger:
        decisions = [
            Decision(f"episode {n}", "BTC/USDT", BOT, 0.1, 1, pairs[2 * n].opened_at, 2, 0)
            for n in range(40)
        ]
        ledger.append_decisions(decisions, known_at=NOW)
        desk = measure(ledger, load(), NOW, ledger.roster())
        return [describe(desk, name, NOW) for name in (CHAMPION, BOT)]


def test_a_report_says_live_less_paper_by_volatility(reports: list[ArmReport]) -> None:
    champion, bot = map(report_text, reports)
    assert "Live less paper" not in champion, "it has no pairs"
    _, _, section = bot.partition("Live less paper, in R, by volatility and symbol:\n")
    assert section.splitlines()[:7] == [
        "    all         -0.100, interval -0.100 … -0.100, 45 pairs",
        "    calm        undefined (warming: 0 of 30 pairs)",
        "    usual       undefined (warming: 0 of 30 pairs)",
        "    wild        -0.100, interval -0.100 … -0.100, 40 pairs",
        "    unknown     undefined (warming: 5 of 30 pairs)",
        "    BTC/USDT    -0.100, interval -0.100 … -0.100, 45 pairs",
        "",
    ]


def test_programs_are_told_each_symbol_and_volatility_that_has_pairs(
    reports: list[ArmReport],
) -> None:
    champion, bot = map(report_json, reports)
    assert champion["shadow_gap"] == []
    told = {(one["symbol"], one["volatility"]): one["pairs"] for one in bot["shadow_gap"]}
    assert told == {
        (None, None): 45, (None, "calm"): 0, (None, "usual"): 0, (None, "wild"): 40,
        (None, "unknown"): 5, ("BTC/USDT", None): 45, ("BTC/USDT", "wild"): 40,
        ("BTC/USDT", "unknown"): 5,
    }  # fmt: skip
    assert bot["shadow_gap"][0] == {
        "symbol": None, "volatility": None, "unit": "R", "mean": -0.1, "low": -0.1, "high": -0.1,
        "pairs": 45, "state": "defined", "reason": None,
    }  # fmt: skip
    assert bot["shadow_gap"][1]["state"] == "warming"
    assert bot["shadow_gap"][1]["mean"] is None


def test_the_page_has_a_table_of_who_has_pairs(reports: list[ArmReport]) -> None:
    text = page(Recording(), reports, NOW)
    _, _, after = text.partition("<h2>Live less paper</h2>")
    table, _, _ = after.partition("</table>")
    assert table.count(f"<td>{BOT}</td>") == 5
    assert (
        "<td>wild</td><td class='n'>-0.100, interval -0.100 … -0.100, 40 pairs</td><td>R</td>"
        in table
    )
    assert "Live less paper" not in page(Recording(), reports[:1], NOW)


@pytest.mark.parametrize(("symbols", "told"), [(1, 1), (4, 4), (5, 0)])
def test_few_symbols_have_a_line_each(symbols: int, told: int) -> None:
    gap = gap_of(*((f"COIN{number}/USDT", 0, 30) for number in range(symbols)))
    lines = list(gap_section(gap_lines(gap)))
    assert sum(line.startswith("COIN") for line in lines) == told
    assert len(lines) == 4 + told, "all, calm, usual and wild"


def test_the_readings_add_up_to_that_of_all() -> None:
    gap = gap_of(("A", 0, 30), ("A", 1, 40), ("B", 2, 50), ("B", UNKNOWN, 60))
    pairs = {(one.symbol, one.volatility): gap_json(one)["pairs"] for one in gap_lines(gap)}
    assert pairs["", ""] == 180
    assert [pairs["", word] for word in ("calm", "usual", "wild", "unknown")] == [30, 40, 50, 60]
    assert (pairs["A", ""], pairs["B", ""]) == (70, 110)
    reading = gap.read("B", [2])
    assert isinstance(reading, Gap)
    assert (reading.mean, reading.pairs) == (-0.2, 50)
