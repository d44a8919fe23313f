"""A desk measures the gap between live and paper by what was decided, whenever it is told."""

import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from types import CodeType, FrameType

import pytest
from alembic import command

from conformance.desks import (
    CAPITAL,
    FIRST,
    MINUTE,
    NOW,
    SECOND,
    UNGUARDED,
    challenger,
    desk_on,
    employ,
    report,
)
from tiltyard.facts.decision import Decision
from tiltyard.facts.trade import Book, Trade
from tiltyard.kernel.money import Money
from tiltyard.metrics.arm_measures import ArmMeasures
from tiltyard.metrics.recent import KEPT
from tiltyard.metrics.shadow_gap import Sums
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.replaying.measure import measure
from tiltyard.shell.store.desk_record import read_progress
from tiltyard.shell.store.engine import connect, database_url
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.migrating import config_of

EPISODES = 4 * KEPT
"""More than a desk can put in their place."""
LATER = NOW + timedelta(hours=1)
MILLISECOND = timedelta(milliseconds=1)
BOOKS: Sequence[Book] = ("live", "twin")


def closed_at(number: int) -> datetime:
    return NOW - (EPISODES - number) * MINUTE


def pair(number: int) -> list[Trade]:
    """An episode, for real and on paper, a minute after another."""
    at = closed_at(number)
    return [
        Trade(
            "bot", f"{number} {book}", FIRST, "SOL/USDT", "long", at - 30 * SECOND, at,
            Money(number % 7 if book == "live" else 0), capital=CAPITAL, risk=Money(1000),
            book=book, episode_id=f"episode {number}",
        )
        for book in BOOKS
    ]  # fmt: skip


def decision(number: int) -> Decision:
    at = closed_at(number) - 30 * SECOND
    return Decision(f"episode {number}", "SOL/USDT", FIRST, 0.1, 1, at, number % 3, at.hour)


PAIRS = [trade for number in range(EPISODES) for trade in pair(number)]
DECISIONS = [decision(number) for number in range(EPISODES)]


@pytest.fixture(autouse=True)
def floor(ledger: Ledger) -> None:
    employ(ledger, challenger(FIRST, 0.1))


def decide(ledger: Ledger, decisions: Iterable[Decision], now: datetime = NOW) -> None:
    ledger.append_decisions(decisions, known_at=now)


def gaps(desk: LiveDesk) -> dict[tuple[str, int | None], Sums]:
    return desk._desk.panel.arm(FIRST).gap._sums["R"]


def read_once(ledger: Ledger) -> dict[tuple[str, int | None], Sums]:
    """The same of a desk that reads everything in order."""
    desk = measure(ledger, UNGUARDED, LATER, ledger.roster())
    return desk.panel.arm(FIRST).gap._sums["R"]


def counted(desk: LiveDesk) -> dict[int | None, int]:
    return {
        tercile: sum(pairs for pairs, _ in days.values())
        for (_, tercile), days in gaps(desk).items()
    }


BY_TERCILE = {rest: len(range(rest, EPISODES, 3)) for rest in range(3)}


@pytest.mark.parametrize("lag", [0, 5, EPISODES], ids=["none", "in reach", "far back"])
def test_pairs_count_by_what_was_decided_however_late_that_is_told(
    ledger: Ledger, lag: int
) -> None:
    with desk_on(ledger) as desk:
        desk.step(NOW)
        fell_behind = False
        for number in range(0, EPISODES + lag, 50):
            decide(ledger, DECISIONS[max(0, number - lag) : max(0, number + 50 - lag)])
            if number < EPISODES:
                report(ledger, [one for n in range(number, number + 50) for one in pair(n)])
            assert desk.has_news
            desk.step(NOW + number * SECOND)
            fell_behind |= desk.is_behind
        decide(ledger, DECISIONS)  # told again
        assert not desk.has_news
        assert fell_behind == (lag == EPISODES), "only what lies far back has the arm read again"
        desk.step(LATER)  # judges what was read again after the last
        assert not desk.is_behind
        assert counted(desk) == BY_TERCILE
        assert gaps(desk) == read_once(ledger)


def test_late_decisions_of_one_look_have_the_last_facts_gone_through_once(ledger: Ledger) -> None:
    last = closed_at(EPISODES - 2)
    late = [
        decision(0)._replace(episode_id=f"late {n}", decided_at=last + n * MILLISECOND)
        for n in range(1000)
    ]
    with desk_on(ledger) as desk:
        desk.step(NOW)
        report(ledger, PAIRS[-KEPT // 2 :])
        desk.step(NOW)
        decide(ledger, [*late, DECISIONS[-1]], LATER)
        assert calls_of(ArmMeasures.close.__code__, lambda: desk.step(LATER)) < 2 * KEPT
        assert counted(desk) == {None: KEPT // 4 - 1, (EPISODES - 1) % 3: 1}
        assert not desk.is_behind
        assert gaps(desk) == read_once(ledger)


def calls_of(function: CodeType, work: Callable[[], object]) -> int:
    """How often something is called in this thread while a work is done."""
    count = 0

    def note(frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        count += event == "call" and frame.f_code is function

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def test_a_pair_of_which_nobody_says_how_wild_it_was_counts_under_unknown(ledger: Ledger) -> None:
    with desk_on(ledger) as desk:
        desk.step(NOW)
        decide(ledger, DECISIONS[:30])
        report(ledger, PAIRS)
        desk.step(NOW)
        assert counted(desk) == {0: 10, 1: 10, 2: 10, None: EPISODES - 30}


def test_a_desk_that_goes_on_has_read_as_many_decisions_as_the_last(ledger: Ledger) -> None:
    with desk_on(ledger) as desk:
        desk.step(NOW)
        decide(ledger, DECISIONS[:100])
        report(ledger, PAIRS)
        desk.step(NOW)
    decide(ledger, DECISIONS[100:], LATER)
    with ledger.snapshot() as still:
        progress = read_progress(still.connection)
    assert progress is not None
    assert progress.decisions == 100
    with desk_on(ledger, LATER) as desk:
        assert counted(desk)[None] == EPISODES - 100
        desk.step(LATER)
        assert counted(desk) == BY_TERCILE
        assert not desk.has_news


def test_a_desk_after_an_upgrade_counts_what_was_decided_before(ledger_url: str) -> None:
    """Of the ledger fixture nothing is used; the database is one that version 0012 made."""
    with Ledger.open(ledger_url, create=True) as ledger:
        decide(ledger, DECISIONS)
        report(ledger, PAIRS)
        with desk_on(ledger) as desk:
            desk.step(NOW)
    engine = connect(database_url(ledger_url))
    with engine.begin() as connection:
        for later in ("alerts", "page_links", "pages"):
            connection.exec_driver_sql(f"DROP TABLE {later}")
        connection.exec_driver_sql("DROP INDEX decisions_by_time")
        connection.exec_driver_sql("ALTER TABLE desk_progress DROP COLUMN decisions")
        command.stamp(config_of(connection), "0012")
    engine.dispose()
    with Ledger.open(ledger_url, create=True) as ledger:
        decide(ledger, [decision(EPISODES)], LATER)
        report(ledger, pair(EPISODES), LATER)
        with desk_on(ledger, LATER) as desk:
            assert counted(desk) == BY_TERCILE, "before its first step, and without judging anew"
            desk.step(LATER)
            assert counted(desk) == {**BY_TERCILE, EPISODES % 3: BY_TERCILE[EPISODES % 3] + 1}
            assert gaps(desk) == read_once(ledger)
