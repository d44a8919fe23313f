"""``tiltyard replay --bars`` as a person meets it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from command_line import Run
from floors import BREAKOUT, CHAMPION, JUMP, put_bars, quiet_and_up
from tiltyard.kernel.clock import time_text
from tiltyard.market.bar import HOUR

START = datetime(2025, 5, 1, tzinfo=UTC)


@pytest.fixture
def desk(run: Run, tmp_path: Path) -> Run:
    """A ledger with a champion and a challenger, and bars in which the challenger enters."""
    folder = tmp_path / "bars"
    folder.mkdir()
    put_bars(folder / "SOL_USDT-1h.csv", quiet_and_up(START))
    assert run("policy", "register", CHAMPION, "--role", "champion", "--capital", "10000").code == 0
    assert run("policy", "register", BREAKOUT, "--capital", "10000").code == 0
    return run


def test_it_says_what_was_done_and_how_it_ended(desk: Run, tmp_path: Path) -> None:
    before = (tmp_path / "desk.db").read_bytes()
    ran = desk("replay", "--bars", "bars", "--until", time_text(START + JUMP * HOUR))
    assert (ran.code, ran.err) == (0, "")
    first, *_, end, worth = ran.out.split("\n\n")
    assert first.startswith("2025-05-01 01:00Z  admit ")
    assert end == (
        "0 trades, live and on paper, on bars of 1 h from 2025-05-01T01:00:00Z to "
        "2025-05-03T12:00:00Z\n"
        f"  {CHAMPION:<{len(BREAKOUT)}}  champion    90.0 %  champion\n"
        f"  {'flat':<{len(BREAKOUT)}}  challenger   0.0 %  deposed\n"
        f"  {BREAKOUT}  challenger  10.0 %  probation"
    )
    assert worth == (
        "No action has moved traffic yet, registrations aside.\n"
        "What other rules would have made: undefined (warming: no opportunity has closed yet)\n"
    )
    assert (tmp_path / "desk.db").read_bytes() == before


def test_its_record_is_kept_reported_and_verified(desk: Run, tmp_path: Path) -> None:
    until = time_text(START + (JUMP + 2) * HOUR)
    ran = desk("replay", "--bars", "bars", "--until", until, "--into", "kept.db",
               "--html", "page.html", "--json")  # fmt: skip
    assert ran.code == 0
    assert [json.loads(line)["action"] for line in ran.out.splitlines()] == ["admit"]
    assert desk("replay", "--verify", "--db", "kept.db").out.startswith("verified: ")
    told = json.loads(desk("report", BREAKOUT, "--db", "kept.db", "--at", until, "--json").out)
    assert (told["state"], told["traffic_allocation"]) == ("probation", 0.1)
    assert json.loads(desk("report", BREAKOUT, "--db", "kept.db", "--json").out) == told
    assert "<html" in (tmp_path / "page.html").read_text("utf-8")[:500]
    asked = ("report", "--actions", "--db", "kept.db", "--at", until, "--html", "actions.html")
    nothing = "No action has moved traffic yet, registrations aside."
    assert nothing in desk(*asked).out
    assert nothing in (tmp_path / "actions.html").read_text("utf-8")
    assert desk(*asked, "--trades").err.split()[0] == "OPTION_IDLE"
    again = desk("replay", "--bars", "bars", "--into", "kept.db")
    assert (again.code, again.err.split()[0]) == (2, "SCRATCH_EXISTS")


@pytest.mark.parametrize(
    "words",
    [
        ("--since", "2025-05-01T00:00Z"), ("--until", "2025-05-01T00:00Z"),
        ("--bars", "bars", "log.csv"), ("--bars", "bars", "--champion", "x"),
        ("--bars", "bars", "--capital", "5"), ("--bars", "bars", "--verify"),
        ("--verify", "--since", "2025-05-01T00:00Z"),
    ],
)  # fmt: skip
def test_an_option_that_would_do_nothing_is_refused(desk: Run, words: tuple[str, ...]) -> None:
    ran = desk("replay", *words)
    assert (ran.code, ran.err.split()[0]) == (2, "OPTION_IDLE")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--bars", "nowhere"), "FEED_MISSING"),
        (("--bars", "bars", "--until", "2025-04-01T00:00Z"), "REPLAY_EMPTY"),
        (("--bars", "bars", "--since", "yesterday"), "TIME_INVALID"),
    ],
)
def test_what_cannot_be_replayed_says_why_and_leaves_nothing(
    desk: Run, tmp_path: Path, words: tuple[str, ...], code: str
) -> None:
    before = set(tmp_path.iterdir())
    ran = desk("replay", *words, "--into", "kept.db")
    assert (ran.code, ran.err.split()[0]) == (2, code)
    assert set(tmp_path.iterdir()) == before


def test_the_faults_of_both_ends_are_told_at_once(desk: Run) -> None:
    ran = desk("replay", "--bars", "bars", "--since", "2023-01-01", "--until", "2024-06-01Z")
    assert (ran.code, ran.out) == (2, "")
    first, since, until = ran.err.splitlines()
    assert first == "TIME_INVALID --bars: 2 faults"
    assert "such as 2023-01-01T00:00Z" in since
    assert since.endswith(" @ --since")
    assert "such as 2024-06-01T00:00Z" in until
    ran = desk("replay", "--bars", "bars", "--since", "2023-01-01")
    assert ran.err.startswith("TIME_NAIVE 2023-01-01 00:00:00: no UTC offset. say which, such as ")


def test_what_is_no_price_is_told(desk: Run, tmp_path: Path) -> None:
    bars = quiet_and_up(START)
    put_bars(tmp_path / "bars" / "SOL_USDT-1h.csv", [*bars[:10], *bars[12:]])
    (tmp_path / "bars" / "notes.csv").write_text("to do", "utf-8")
    ran = desk("replay", "--bars", "bars")
    assert ran.code == 0
    assert "FEED_UNNAMED" in ran.err
    assert "stale: SOL/USDT gap" in ran.err
