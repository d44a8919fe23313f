"""Who waits is woken by whatever somebody else commits, and by nothing else."""

from threading import Barrier, Thread

import pytest
from sqlalchemy.engine import make_url

from conformance.samples import NOW, PPO, arm, register
from tiltyard.facts.arm import Roster
from tiltyard.facts.observation import Observation
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.waking import Waking

LONG = 60
SHORT = 0.03


def observe(ledger: Ledger, number: float) -> int:
    return ledger.append_observations([Observation("balance", number, NOW)], known_at=NOW)


def test_a_commit_of_somebody_else_wakes_at_once(ledger: Ledger, ledger_url: str) -> None:
    waiting = Barrier(2, timeout=LONG)

    def commit() -> None:
        with Ledger.open(ledger_url) as other:
            waiting.wait()
            register(other, PPO)

    thread = Thread(target=commit)
    with Waking(ledger.url) as waking:
        thread.start()
        waiting.wait()
        assert waking.wait(LONG)
        thread.join()
        assert PPO in ledger.roster().arms


def test_when_nobody_commits_the_time_runs_out(ledger: Ledger) -> None:
    with Waking(ledger.url) as waking:
        assert not waking.wait(SHORT)
        assert not waking.wait(0)


def test_what_was_committed_before_is_news_to_nobody(ledger: Ledger) -> None:
    register(ledger, PPO)
    with Waking(ledger.url) as waking:
        assert not waking.wait(SHORT)


def test_commits_between_two_waits_wake_once(ledger: Ledger) -> None:
    with Waking(ledger.url) as waking:
        for share in (0.1, 0.2, 0.3):
            ledger.save_roster(Roster({PPO: arm(PPO, share)}), [], at=NOW)
        assert waking.wait(LONG)
        assert not waking.wait(SHORT)
        observe(ledger, 1.0)
        assert waking.wait(LONG)


def test_reading_and_changing_nothing_wake_nobody(ledger: Ledger) -> None:
    register(ledger, PPO)
    observe(ledger, 1.0)
    with Waking(ledger.url) as waking, ledger.snapshot() as inside:
        assert inside.roster().arms
        assert observe(ledger, 1.0) == 0
        ledger.change_roster(lambda roster: (roster, []), at=NOW)
        assert not waking.wait(SHORT)


def test_what_is_taken_back_wakes_nobody(ledger: Ledger) -> None:
    def register_and_fail() -> None:
        with ledger.transaction() as inside:
            register(inside, PPO)
            raise ZeroDivisionError

    with Waking(ledger.url) as waking:
        with pytest.raises(ZeroDivisionError):
            register_and_fail()
        assert not waking.wait(SHORT)


def test_another_ledger_on_the_same_server_wakes_nobody(
    ledger: Ledger, other_ledger: Ledger
) -> None:
    with Waking(ledger.url) as waking:
        register(other_ledger, PPO)
        assert not waking.wait(SHORT)


def test_a_server_that_is_not_there_is_told_in_plain_words() -> None:
    with pytest.raises(TiltyardError, match=r"^DATABASE_UNREACHABLE "):
        Waking(make_url("postgresql+psycopg://nobody@127.0.0.1:1/nothing"))
