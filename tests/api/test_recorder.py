"""Reports that are written together, and what one's mistake costs the others: nothing."""

from collections.abc import Iterator
from concurrent.futures import Future
from datetime import UTC, datetime

import pytest

from served import NOON, populate
from tiltyard.facts.decision import Decision
from tiltyard.facts.mark import Mark
from tiltyard.facts.trade import Trade
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import Money, money
from tiltyard.shell.api.recorder import MOST_WAITING, Recorder
from tiltyard.shell.api.reports import Answer, Episode, Facts, ItemsRefused, Trades
from tiltyard.shell.store.ledger import Ledger

LATER = datetime(2026, 3, 3, tzinfo=UTC)
SOON = 30


def closed(source: str, number: int, policy: str = "bot0") -> tuple[Trade, bool]:
    return Trade(source, str(number), policy, "SOL", "long", NOON, NOON, money(1)), False


def of(source: str, *numbers: int, policy: str = "bot0") -> Trades:
    return Trades(source, source, [closed(source, number, policy) for number in numbers])


def new(answer: Future[Answer], within: float = SOON) -> int:
    """How many items were new."""
    said = answer.result(within)
    assert not isinstance(said, Decision)
    return said["new"]


@pytest.fixture
def door(ledger_url: str) -> Iterator[Ledger]:
    populate(ledger_url)
    with Ledger.open(ledger_url, busy_timeout_ms=50) as opened:
        yield opened


def test_what_came_meanwhile_is_one_transaction_and_answered_apart(door: Ledger) -> None:
    written: list[str] = []
    recorder = Recorder(door, lambda: LATER, lambda: written.append("once"))
    answers = [
        recorder.put(of("a", 1, 2)),
        recorder.put(of("b", 1)),
        recorder.put(of("c", 1, 2, 3)),
    ]
    mark = Mark("bot1", NOON, Money(5), 1)
    answers.append(recorder.put(Facts("marks", [mark])))
    recorder.start()
    assert [new(answer) for answer in answers] == [2, 1, 3, 1]
    assert written == ["once"]
    again = recorder.put(of("b", 1, 2))
    assert again.result(SOON) == {"new": 1, "corrected": 0, "unchanged": 1, "quarantined": 0}
    recorder.end(SOON)
    anchors = [row.body for row in door.audit() if '"event":"ingest"' in row.body]
    assert len(anchors) == 2
    assert '"source":"a, b, c"' in anchors[0]


def test_one_that_is_wrong_costs_the_others_nothing(door: Ledger) -> None:
    recorder = Recorder(door, lambda: LATER, lambda: None)
    good, other = recorder.put(of("a", 1)), recorder.put(of("c", 1))
    strange = recorder.put(of("b", 1, policy="nobody"))
    twice = recorder.put(Trades("d", "d", [closed("d", 1), closed("d", 1)]))
    recorder.start()
    assert new(good) == new(other) == 1
    for refused in (strange, twice):
        with pytest.raises(ItemsRefused) as told:
            refused.result(SOON)
        assert told.value.items[0].item in {0, 1}
    assert new(recorder.put(of("b", 1))) == 1
    recorder.end(SOON)
    assert {trade.source for trade in door.trades()} == {"a", "b", "c"}


def test_while_nobody_may_write_all_are_told_so_and_nothing_is_written(
    door: Ledger, ledger_url: str
) -> None:
    recorder = Recorder(door, lambda: LATER, lambda: None)
    with Ledger.open(ledger_url) as somebody, somebody.transaction():
        answers = [recorder.put(of("a", 1)), recorder.put(of("b", 1))]
        recorder.start()
        for answer in answers:
            with pytest.raises(TiltyardError, match="DATABASE_LOCKED"):
                answer.result(SOON)
    assert new(recorder.put(of("a", 1))) == 1
    recorder.end(SOON)
    assert {trade.source for trade in door.trades()} == {"a"}


def test_what_waits_is_written_before_it_ends_and_nothing_is_taken_afterwards(door: Ledger) -> None:
    recorder = Recorder(door, lambda: LATER, lambda: None)
    waiting = recorder.put(of("a", 1))
    recorder.start()
    recorder.end(SOON)
    assert new(waiting, 0) == 1
    with pytest.raises(TiltyardError, match="TOO_BUSY"):
        recorder.put(of("a", 2))


def test_no_more_waits_than_fits_in_memory(door: Ledger) -> None:
    recorder = Recorder(door, lambda: LATER, lambda: None)
    recorder.put(Trades("a", "a", [closed("a", 1)] * MOST_WAITING))
    with pytest.raises(TiltyardError, match="TOO_BUSY"):
        recorder.put(of("a", 2))


def test_an_episode_is_given_once_whoever_would_have_it_later(door: Ledger) -> None:
    recorder = Recorder(door, lambda: LATER, lambda: None)
    recorder.start()
    first = Decision("e", "SOL", "bot0", 0.1, 3000, NOON, 1, 12)
    later = first._replace(policy="bot1", share_revision=4000, decided_at=LATER)
    assert recorder.put(Episode(first)).result(SOON) == first
    kept = recorder.put(Episode(later)).result(SOON)
    assert isinstance(kept, Decision)
    assert (kept.policy, kept.share_revision, kept.decided_at) == ("bot0", 3000, NOON)
    recorder.end(SOON)
    assert len(list(door.decisions())) == 1


def test_many_that_are_wrong_keep_nobody_from_being_answered(door: Ledger) -> None:
    recorder = Recorder(door, lambda: LATER, lambda: None)
    strange = [Mark("nobody", NOON, Money(n), 1) for n in range(300)]
    wrong = [recorder.put(Facts("marks", [one])) for one in strange]
    good = recorder.put(of("a", 1))
    recorder.start()
    assert new(good) == 1
    for one in wrong:
        with pytest.raises(ItemsRefused):
            one.result(SOON)
    assert recorder.is_at_work
    recorder.end(SOON)
