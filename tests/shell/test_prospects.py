"""What a report says of what may come: from 30 trades on, from live and shadow, and in short."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from records import BOT, CHAMPION, ledger_of, trade
from tiltyard.facts.trade import Book
from tiltyard.kernel.money import UNITS, Money
from tiltyard.shell.pictures.page import page
from tiltyard.shell.prospects import OwnTrades, prospects
from tiltyard.shell.replaying.measure import measure
from tiltyard.shell.replaying.recording import Recording
from tiltyard.shell.report.content import ArmReport, describe
from tiltyard.shell.report.text import report_text
from tiltyard.shell.report.wire import report_json
from tiltyard.shell.settings import load

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SIZED: dict[str, Any] = {"risk": Money(100 * UNITS), "capital": Money(20_000 * UNITS)}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[OwnTrades, ArmReport]:
    """The bot has 60 live trades, 20 on paper, and 60 twins that all lose."""
    return foretold(tmp_path_factory.mktemp("prospects") / "ledger.db")


def foretold(path: Path) -> tuple[OwnTrades, ArmReport]:
    counts: dict[Book, int] = {"live": 60, "shadow": 20, "twin": 60}
    books = [book for book, count in counts.items() for _ in range(count)]
    facts = [
        trade(
            BOT, n, 200 if book != "twin" and n % 2 else -100, trade_id=str(n), book=book,
            episode_id=f"episode {n % 60}" if book != "shadow" else "", **SIZED,
        )
        for n, book in enumerate(books)
    ]  # fmt: skip
    settings = load()
    with ledger_of(path, [*facts, trade(CHAMPION, 1, 1)]) as ledger:
        own = OwnTrades(settings, ledger.roster())
        desk = measure(ledger, settings, NOW, ledger.roster(), own.see)
    found = prospects(desk, desk.roster.arms[BOT], own.of(BOT), NOW, seed=1, replicates=200)
    return own, replace(describe(desk, BOT, NOW), prospects=found)


def test_trades_of_both_books_are_drawn_from_and_twins_are_not(
    told: tuple[OwnTrades, ArmReport],
) -> None:
    own, _ = told
    outcomes = own.of(BOT)
    assert len(outcomes) == 80
    assert sum(1 for pnl, *_ in outcomes if pnl < 0) == 40
    assert len(own.of(CHAMPION)) == 1
    assert own.of("nobody") == []


def test_a_report_says_the_chances_in_a_line_for_each_guard_that_takes_traffic(
    told: tuple[OwnTrades, ArmReport],
) -> None:
    _, _, after = report_text(told[1]).partition("Chances within 500 trades, by 500 lives ")
    lines = [line.strip() for line in after.split("\n\n", maxsplit=1)[0].splitlines()]
    assert [line.split()[0] for line in lines[1:]] == [
        "challenger_drawdown_high", "sized", "challenger_profit_factor_low",
    ]  # fmt: skip
    assert lines[1].startswith("challenger_drawdown_high would halt it in ")
    assert lines[1].endswith(" were its profit factor 2.45")
    assert lines[2].startswith("sized as it is, with a median of 0.5 % of capital at risk: a fall ")
    assert "keeps such falls to 5 % of lives of 500 trades" in lines[2]


def test_the_page_has_a_row_for_each_of_them(told: tuple[OwnTrades, ArmReport]) -> None:
    _, _, after = page(Recording(), [told[1]], NOW).partition("<h2>Chances within 500 trades")
    rows = after.partition("</table>")[0].split("<tr>")[2:]
    assert [row.split("<td>")[1].split()[0] for row in rows] == [
        "challenger_drawdown_high", "sized", "challenger_profit_factor_low",
    ]  # fmt: skip


def test_programs_are_told_every_guard_of_the_scope(told: tuple[OwnTrades, ArmReport]) -> None:
    body = report_json(told[1])["prospects"]
    assert [one["guard"] for one in body] == [
        "challenger_drawdown_high", "model_unhealthy", "challenger_profit_factor_low",
        "encoder_kl_divergence_high", "consecutive_losses_high",
    ]  # fmt: skip
    drawdown, model, profit_factor, encoder, _ = body
    assert drawdown["sizing"]["risk"] == 0.005
    assert profit_factor["if_good"]["profit_factor"] == 2.45
    assert profit_factor["if_good"]["within"].keys() == {"150", "500"}
    assert model["state"] == encoder["state"] == "unobserved"


def test_without_prospects_a_report_says_nothing_of_them(
    told: tuple[OwnTrades, ArmReport],
) -> None:
    silent = replace(told[1], prospects=())
    assert "Chances" not in report_text(silent)
    assert report_json(silent)["prospects"] == []
