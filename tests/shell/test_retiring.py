"""Who is retired holds nothing, by a mark that can know it or by a person's word."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from live_desks import MINUTE, NOON, asked, desk_on, good_ledger, kinds
from records import BOT, CAPITAL
from tiltyard.facts.command import Command
from tiltyard.facts.mark import Mark
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import money
from tiltyard.shell.effects.announce import shares_body
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.store.command_table import append_command, outcome_of
from tiltyard.shell.store.ledger import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with good_ledger(tmp_path / "tiltyard.db") as opened:
        yield opened


def mark(ledger: Ledger, minutes: float, positions: int, **more: str) -> None:
    at = NOON + minutes * MINUTE
    told = Mark(BOT, at, money(-900), positions, CAPITAL, **more)  # type: ignore[arg-type] # text
    ledger.append_marks([told], known_at=at)


def retired(ledger: Ledger, desk: LiveDesk, minutes: float, reason: str = "") -> str:
    """The code of the answer to whoever retires the bot; empty when that was done."""
    at = NOON + minutes * MINUTE
    with ledger.transaction() as inside:
        command = Command(f"{at}", "retire", BOT, "ann", reason, at)
        seq = append_command(inside.connection, command)
    desk.step(at)
    with ledger.snapshot() as still:
        outcome = outcome_of(still.connection, seq)
    assert outcome is not None
    return outcome.code


def test_a_mark_from_before_the_halt_does_not_know_what_was_entered_since(ledger: Ledger) -> None:
    with desk_on(ledger, NOON) as desk:
        mark(ledger, -2, 0)
        desk.step(NOON)
        assert retired(ledger, desk, 0.5) == "POSITIONS_UNKNOWN", "it may enter at any moment"
        asked(ledger, desk, "halt", BOT, NOON + MINUTE)
        assert retired(ledger, desk, 2) == "POSITIONS_UNKNOWN"
        mark(ledger, 3, 0)
        assert retired(ledger, desk, 3.5) == ""


def test_who_was_retired_by_a_persons_word_and_holds_something_is_paged_for(
    ledger: Ledger,
) -> None:
    with desk_on(ledger, NOON) as desk:
        asked(ledger, desk, "halt", BOT, NOON)
        assert retired(ledger, desk, 1, "its bot is off") == ""
        assert shares_body(desk.roster)["reduce_only"] == [BOT]
        assert kinds(desk.step(NOON + 40 * MINUTE)) == [], "somebody has said that nothing is open"
        mark(ledger, 41, 3)
        assert kinds(desk.step(NOON + 41 * MINUTE)) == ["page"]
        assert kinds(desk.step(NOON + 42 * MINUTE)) == []


def test_a_mark_of_another_account_is_refused_and_hides_nothing(ledger: Ledger) -> None:
    mark(ledger, -3, 2)
    with pytest.raises(TiltyardError, match=r"^ACCOUNT_DIFFERS bot: a mark of account 'margin'"):
        mark(ledger, -1, 0, account="margin")
    assert ledger.last_marks()[BOT].left == 2
