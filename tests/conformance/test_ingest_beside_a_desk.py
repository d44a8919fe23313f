"""Trades come in while somebody holds the lease, who lives, is dead, or stops just then."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from conformance.desks import (
    CHAMPION,
    FIRST,
    MINUTE,
    NOW,
    SECOND,
    UNGUARDED,
    Clock,
    asked,
    desk_on,
    employ,
    events,
)
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.money import money
from tiltyard.shell.commanding import give_back, take
from tiltyard.shell.in_its_stead import see_to_it
from tiltyard.shell.ingest import Ingested, Reading, ingest
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.metric_columns import metric_columns
from tiltyard.shell.replaying.verify import verify
from tiltyard.shell.store.lease import LASTS, read_lease
from tiltyard.shell.store.ledger import Ledger


@pytest.fixture
def killed(ledger: Ledger) -> LiveDesk:
    """A desk that has made a step, and never will again; its lease is held."""
    employ(ledger)
    token = take(ledger, "killed", NOW)
    assert token is not None
    desk = LiveDesk(ledger, UNGUARDED, token)
    desk.start()
    desk.step(NOW)
    return desk


def come_in(ledger: Ledger, folder: Path, now: datetime, first: int = 0) -> Ingested:
    """A file with two trades of a policy that joins, and one of the champion."""
    file = folder / "trades.csv"
    rows = [
        f"{first + n},{policy},BTC/USDT,long,{time_text(now - MINUTE)},{time_text(now)},1.5"
        for n, policy in enumerate((FIRST, FIRST, CHAMPION))
    ]
    file.write_text("\n".join(["trade_id,policy,symbol,side,opened_at,closed_at,pnl", *rows]))
    how = Reading(register=True, capital=money(1000), source="a bot")
    return ingest(ledger, file, how, UNGUARDED, now)


def seen_to(
    ledger: Ledger, done: Ingested, clock: Clock, then: Callable[[], object] = lambda: None
) -> bool:
    """Whether it was acted on in the desk's stead; ``then`` happens when it takes longer."""
    assert done.left_to is not None
    return see_to_it(
        ledger, UNGUARDED, done.left_to, clock.times(), "bob", on_wait=lambda _: then()
    )


def is_acted_on(ledger: Ledger, now: datetime) -> bool:
    arm = ledger.roster().arms[FIRST]
    is_on_trial = (arm.state, arm.share) == ("probation", 0.1)
    return is_on_trial and ledger.metrics() == metric_columns(ledger, UNGUARDED, now)


@pytest.mark.usefixtures("killed")
def test_beside_a_killed_desk_it_is_acted_on_when_its_lease_is_over(
    ledger: Ledger, tmp_path: Path
) -> None:
    clock = Clock(NOW + SECOND)
    done = come_in(ledger, tmp_path, clock.now)
    assert done.left_to is not None
    assert done.left_to.holder == "killed"
    assert not is_acted_on(ledger, clock.now)
    assert seen_to(ledger, done, clock)
    assert is_acted_on(ledger, clock.now)
    assert clock.now - NOW <= LASTS + SECOND
    assert [event["actor"] for event in events(ledger, "admit")] == ["bob"]
    verify(ledger, UNGUARDED, clock.now)
    clock.now += MINUTE
    with desk_on(ledger, clock.now) as desk:
        assert desk.step(clock.now) == [], "nothing is left to do"
        assert desk.roster.arms[FIRST].share == 0.1


def test_a_killed_desk_whose_clock_was_ahead_is_watched_for_as_long_as_a_lease_lasts(
    ledger: Ledger, killed: LiveDesk, tmp_path: Path
) -> None:
    killed.step(NOW + 60 * MINUTE, NOW.timestamp() + 5)
    clock = Clock(NOW)
    done = come_in(ledger, tmp_path, clock.now)
    assert seen_to(ledger, done, clock)
    assert is_acted_on(ledger, clock.now)
    assert clock.now - NOW <= LASTS + SECOND


def test_a_desk_that_lives_does_it_itself_and_nobody_waits(ledger: Ledger, tmp_path: Path) -> None:
    employ(ledger)
    clock = Clock()
    with desk_on(ledger) as desk:
        desk.step(NOW)
        clock.desk = desk
        clock.now += SECOND
        done = come_in(ledger, tmp_path, clock.now)
        assert not seen_to(ledger, done, clock)
        assert clock.now < NOW + 2 * SECOND
        assert is_acted_on(ledger, clock.now)
    assert [event["actor"] for event in events(ledger, "admit")] == ["desk"]


def test_a_desk_that_is_still_reading_shows_by_its_lease_that_it_lives(
    ledger: Ledger, killed: LiveDesk, tmp_path: Path
) -> None:
    clock = Clock(NOW + 4 * SECOND)
    done = come_in(ledger, tmp_path, clock.now)
    killed._holding._clock = lambda: clock.now
    assert not seen_to(ledger, done, clock, then=killed._holding.keep_while_reading)
    assert not is_acted_on(ledger, clock.now)


def test_a_desk_that_stops_before_it_has_seen_what_came_in_leaves_it_to_us(
    ledger: Ledger, tmp_path: Path
) -> None:
    employ(ledger)
    clock = Clock()
    with desk_on(ledger) as desk:
        desk.step(NOW)
        done = come_in(ledger, tmp_path, clock.now)
    assert seen_to(ledger, done, clock)
    assert clock.now == NOW
    assert is_acted_on(ledger, clock.now)


@pytest.mark.usefixtures("killed")
def test_who_asks_for_something_meanwhile_is_no_desk(ledger: Ledger, tmp_path: Path) -> None:
    """Somebody freezes when the lease is over, holds it for a moment, and admits nobody."""
    clock = Clock(NOW + SECOND)
    done = come_in(ledger, tmp_path, clock.now)
    held: list[int] = []

    def somebody_asks() -> None:
        token = take(ledger, "freezing", clock.now + LASTS)
        assert token is not None
        held.append(token)

    def wait(seconds: float) -> None:
        clock.now += SECOND * seconds
        if held and clock.now > NOW + 3 * SECOND:
            give_back(ledger, held.pop())

    clock.wait = wait  # type: ignore[method-assign] # a clock by which somebody else acts
    assert seen_to(ledger, done, clock, then=somebody_asks)
    assert is_acted_on(ledger, clock.now)


@pytest.mark.usefixtures("killed")
def test_another_desk_that_takes_over_is_not_acted_for(ledger: Ledger, tmp_path: Path) -> None:
    clock = Clock(NOW + SECOND)
    done = come_in(ledger, tmp_path, clock.now)

    def takes_over() -> None:
        token = take(ledger, "next", clock.now + LASTS)
        assert token is not None
        clock.desk = LiveDesk(ledger, UNGUARDED, token)
        clock.desk.start()

    assert not seen_to(ledger, done, clock, then=takes_over)
    assert is_acted_on(ledger, clock.now)
    with ledger.snapshot() as still:
        lease = read_lease(still.connection)
    assert lease is not None
    assert lease.holder == "next"


@pytest.mark.usefixtures("killed")
def test_what_is_on_hold_stays_so(ledger: Ledger, tmp_path: Path) -> None:
    clock = Clock(NOW + MINUTE)
    asked(ledger, "freeze", clock=clock)
    token = take(ledger, "killed again", clock.now)
    assert token is not None
    done = come_in(ledger, tmp_path, clock.now)
    assert seen_to(ledger, done, clock)
    assert ledger.roster().arms[FIRST].state == "candidate"
