"""One desk acts: a second is refused or waits, and one that was stalled writes nothing more."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from crash.floor import BAD, GOOD, NOON, SECOND, populate, rules
from crash.house import House, housed, locked
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.clock import system_now
from tiltyard.shell.commanding import Times, give_back, take
from tiltyard.shell.effects.delivery import deliver
from tiltyard.shell.exit_codes import FAILED, exit_code
from tiltyard.shell.running import Rounds, go_round, hold_lease
from tiltyard.shell.store.lease import LASTS, Lease, Watch, read_lease
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import every_effect
from tiltyard.shell.store.tables import metadata

YEAR = timedelta(days=365)


def test_a_desk_keeps_its_lease_while_somebody_leaves_an_edit_by_sql_open(
    ledger_url: str, tmp_path: Path
) -> None:
    """Else whoever asks for a halt takes it from the one process that could have halted."""
    if ledger_url.startswith("sqlite"):
        pytest.skip("there an edit that is open keeps out every writer, who takes a lease as well")
    with housed(ledger_url, tmp_path) as house, closing(psycopg.connect(ledger_url)) as other:
        house.round()
        other.execute("UPDATE bandit_arms SET traffic_allocation = 0.05")
        house.lose(BAD)
        watch = Watch()
        for _ in range(8):
            house.round(later=5)
            assert house.desk.trouble is not None
            assert house.desk.trouble.code == "DATABASE_LOCKED"
            with house.other.snapshot() as still:
                lease = read_lease(still.connection)
            assert lease is not None
            assert lease.is_held(house.now)
            assert not watch.is_dead(lease, house.steady)
        assert house.state(BAD) == "halted"
        other.rollback()
        house.round()
        assert house.written("halt") == [BAD]


def times(house: House, seconds: list[float]) -> Times:
    """A wall clock that says the house's time, and a steady one that goes on with every wait."""

    def wait(some: float) -> None:
        seconds[0] += some

    return Times(lambda: house.now, lambda: seconds[0], wait)


def lease_of(ledger: Ledger) -> Lease:
    with ledger.snapshot() as still:
        lease = read_lease(still.connection)
    assert lease is not None
    return lease


def everything(ledger: Ledger) -> dict[str, list[Any]]:
    with ledger.snapshot() as still:
        return {
            table.name: [tuple(row) for row in still.connection.execute(sa.select(table))]
            for table in metadata.sorted_tables
            if sa.inspect(still.connection).has_table(table.name)
        }


@pytest.fixture
def house(ledger_url: str, tmp_path: Path) -> Any:  # noqa: ANN401 a fixture that yields
    with housed(ledger_url, tmp_path) as found:
        found.round()
        yield found


def test_a_second_desk_is_told_who_holds_the_lease_and_exits_1(
    ledger: Ledger, ledger_url: str, tmp_path: Path
) -> None:
    now = system_now()
    assert take(ledger, "the first", now) == 1
    ran = subprocess.run(
        [sys.executable, "-m", "tiltyard", "run", "--once", "--db", ledger_url], cwd=tmp_path,
        env={**os.environ, "COLUMNS": "200"}, capture_output=True, text=True, check=False,
        timeout=600,
    )  # fmt: skip
    assert ran.returncode == FAILED
    assert ran.stderr.startswith("LEASE_HELD desk: the first acts on this ledger, and renewed")
    assert "wait for it: --wait" in ran.stderr
    assert lease_of(ledger).token == 1


def test_who_waits_takes_over_when_the_holder_is_dead_for_15_seconds(house: House) -> None:
    house.now += 3 * SECOND
    seconds, told = [100.0], list[str]()
    token = hold_lease(house.other, "second", times(house, seconds), checklist="", wait=True,
                       on_wait=lambda lease: told.append(lease.holder))  # fmt: skip
    assert token == house.token + 1
    assert seconds[0] == 100 + LASTS.total_seconds()
    assert told == ["first"]


def test_who_waits_does_not_take_the_lease_of_a_desk_that_lives(house: House) -> None:
    seconds, rounds = [0.0], count(1)

    def wait(some: float) -> None:
        seconds[0] += some
        house.step(some)

    waiting = Times(lambda: house.now, lambda: seconds[0], wait)
    stopping: Callable[[], bool] = lambda: next(rounds) > 60  # noqa: E731 a minute
    assert (
        hold_lease(house.other, "second", waiting, checklist="", wait=True, stopping=stopping)
        is None
    )
    house.step(1)


def test_of_two_who_wait_for_a_dead_desk_one_takes_over(house: House) -> None:
    dead = lease_of(house.other)
    assert take(house.other, "second", house.now, dead=dead) == house.token + 1
    assert take(house.other, "third", house.now, dead=dead) is None
    assert lease_of(house.other).holder == "second"


def test_who_waits_goes_on_waiting_while_the_database_is_locked(
    house: House, ledger_url: str
) -> None:
    give_back(house.ledger, house.token)
    with locked(ledger_url):
        rounds = count(1)
        stopping: Callable[[], bool] = lambda: next(rounds) > 3  # noqa: E731
        clocks = times(house, [0])
        assert (
            hold_lease(house.ledger, "x", clocks, checklist="", wait=True, stopping=stopping)
            is None
        )
        with pytest.raises(TiltyardError, match="DATABASE_LOCKED"):
            hold_lease(house.ledger, "x", clocks, checklist="", wait=False)


def test_a_desk_that_was_stalled_writes_nothing_more_and_says_so(house: House) -> None:
    house.lose(BAD)
    house.ask("halt", GOOD)
    house.now += LASTS
    assert take(house.other, "second", house.now) == house.token + 1
    before, shares = everything(house.other), house.shares()
    with pytest.raises(TiltyardError) as caught:
        house.step(5)
    assert caught.value.code == "LEASE_LOST"
    assert "second has taken over" in str(caught.value)
    assert "nothing of its last step was written" in str(caught.value)
    assert exit_code(caught.value) == FAILED
    with pytest.raises(TiltyardError, match="LEASE_LOST"):
        deliver(house.ledger, house.token, house.targets, house.now)
    give_back(house.ledger, house.token)
    assert everything(house.other) == before
    assert house.shares() == shares


def test_a_desk_that_is_taken_over_between_two_rounds_stops_going_round(house: House) -> None:
    done: list[str] = []
    nothing: Callable[..., object] = lambda *_: None  # noqa: E731

    def wait(some: float) -> None:
        house.now += LASTS
        take(house.other, "second", house.now)
        seconds[0] += 60 + some

    seconds = [0.0]
    rounds = Rounds(
        deliver=lambda: done.append("delivered"), stand=nothing, beat=nothing,
        on_event=nothing, on_trouble=nothing, on_alone=nothing, stopping=lambda: False,
    )  # fmt: skip
    with pytest.raises(TiltyardError, match="LEASE_LOST"):
        go_round(house.desk, Times(lambda: house.now, lambda: seconds[0], wait), rounds)
    assert done == ["delivered"]


def test_both_of_two_desks_together_halt_once(ledger_url: str, tmp_path: Path) -> None:
    with housed(ledger_url, tmp_path) as first:
        first.round()
        first.lose(BAD)
        first.on_stage = _dies_at("written")
        with pytest.raises(_DiesError):
            first.step(5)
        first.now += LASTS
        second = House(first.other, first.other, tmp_path, rules(), first.now, "second")
        second.round()
        assert second.written("halt") == [BAD]
        with pytest.raises(TiltyardError, match="LEASE_LOST"):
            first.step(20)
        assert second.written("halt") == [BAD]
        second.verify()


class _DiesError(Exception):
    pass


def _dies_at(stage: str) -> Callable[[str], None]:
    def dies(passed: str) -> None:
        if passed == stage:
            raise _DiesError

    return dies


@pytest.mark.parametrize("back", [20 * SECOND, timedelta(days=1), YEAR])
def test_when_the_clock_is_set_back_a_dead_desk_is_replaced_after_15_steady_seconds(
    house: House, back: timedelta
) -> None:
    house.now -= back
    seconds = [1000.0]
    token = hold_lease(house.other, "second", times(house, seconds), checklist="", wait=True)
    assert token == house.token + 1
    assert seconds[0] == 1015
    assert lease_of(house.other).renewed_at == house.now


def test_when_the_clock_is_set_back_a_desk_that_lives_keeps_its_lease(house: House) -> None:
    house.now -= timedelta(days=1)
    before = lease_of(house.other)
    house.step(1)
    after = lease_of(house.other)
    assert (after.token, after.beat) == (before.token, before.beat + 1)
    assert after.renewed_at == house.now
    assert json.loads(json.dumps(house.shares()))["champion"] == "prod"
    assert house.now < NOON


def test_a_desk_that_runs_once_brings_out_what_it_decided(
    ledger: Ledger, ledger_url: str, tmp_path: Path
) -> None:
    populate(ledger)
    (tmp_path / "tiltyard.toml").write_text('[effects]\nfile = "shares.json"\n')
    words = [sys.executable, "-m", "tiltyard", "run", "--once", "--db", ledger_url]
    subprocess.run(words, cwd=tmp_path, capture_output=True, check=True, timeout=600)
    assert json.loads((tmp_path / "shares.json").read_text())["champion"] == "prod"
    with ledger.snapshot() as still:
        assert {one.state for one in every_effect(still.connection)} == {"verified"}
