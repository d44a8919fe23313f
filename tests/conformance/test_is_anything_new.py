"""A desk looks whether there is anything new, and sees all that a step would act on."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from conformance.samples import NOW, PPO, arm, register, trade
from tiltyard.facts.arm import Roster
from tiltyard.facts.command import Command
from tiltyard.facts.decision import Decision
from tiltyard.facts.mark import Mark
from tiltyard.facts.observation import Observation
from tiltyard.kernel.money import Money
from tiltyard.shell.store.command_table import append_command
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.news import is_anything_new


def close_a_trade(ledger: Ledger) -> None:
    with ledger.staging() as staging:
        staging.add([(0, trade(), False)])
        staging.commit(now=NOW, known_at=NOW)


def mark(ledger: Ledger) -> None:
    ledger.append_marks([Mark(PPO, NOW, Money(1), 1)], known_at=NOW)


def observe(ledger: Ledger) -> None:
    ledger.append_observations([Observation("balance", 1.0, NOW)], known_at=NOW)


def decide(ledger: Ledger) -> None:
    ledger.append_decisions(
        [Decision("episode", "BTC/USDT", PPO, 0.1, 1, NOW, 2, NOW.hour)], known_at=NOW
    )


def ask(ledger: Ledger) -> None:
    with ledger.transaction() as inside:
        append_command(inside.connection, Command("key", "freeze", "", "ann", "", NOW))


def edit(ledger: Ledger) -> None:
    with ledger.transaction() as inside:
        inside.connection.execute(sa.text("UPDATE bandit_arms SET traffic_allocation = 0.05"))


@pytest.mark.parametrize("happens", [close_a_trade, mark, observe, decide, ask, edit])
def test_whatever_a_step_would_act_on_is_new(
    ledger: Ledger, happens: Callable[[Ledger], None]
) -> None:
    register(ledger, PPO)
    ledger.save_roster(Roster({PPO: arm(PPO, 0.1)}), [], at=NOW)
    seen = ledger.positions()
    with ledger.snapshot() as still:
        assert not is_anything_new(still.connection, seen)
    happens(ledger)
    with ledger.snapshot() as still:
        assert is_anything_new(still.connection, seen)
