"""However a ledger is cut into looks, what they tell adds up to what stands in it."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.samples import NOW, PPO, NewDatabase, ingest, register, stored, trade
from tiltyard.facts.correction import Correction
from tiltyard.facts.decision import Decision
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import Money
from tiltyard.shell.store import news
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.news import Positions

TOLD = st.lists(
    st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=12, unique=True
)
"""Trades and their revisions, in the order in which they come in."""


def decision(number: int, revision: int) -> Decision:
    at = NOW + timedelta(minutes=10 * number + revision)
    return Decision(f"{number} {revision}", "BTC/USDT", PPO, 0.1, 1, at, revision % 3, at.hour)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(told=TOLD, most=st.integers(1, 5))
def test_the_looks_of_a_ledger_add_up_to_it(
    new_database: NewDatabase,
    monkeypatch: pytest.MonkeyPatch,
    told: list[tuple[int, int]],
    most: int,
) -> None:
    monkeypatch.setattr(news, "MOST", most)
    with new_database() as url, Ledger.open(url) as ledger:
        register(ledger, PPO)
        for number, revision in told:
            one = trade(str(number), minute=number, revision=revision, pnl=Money(100 * revision))
            ingest(ledger, [one], explicit=True)
            ledger.append_decisions([decision(number, revision)], known_at=NOW)
        known: dict[str, Trade] = {}
        decided: list[Decision] = []
        seen, ends = Positions(0, 0, 0, 0), [0]
        while True:
            look = ledger.facts_after(seen)
            for fact in look.facts:
                if isinstance(fact, Decision):
                    decided.append(fact)
                elif isinstance(fact, Correction):
                    assert known[fact.trade.trade_id] == fact.before
                    known[fact.trade.trade_id] = fact.trade
                else:
                    assert isinstance(fact, Trade)
                    assert fact.trade_id not in known, "it would count twice"
                    known[fact.trade_id] = fact
            seen = look.seen
            ends.append(seen.trades or 0)
            if look.is_all:
                break
        assert all(one <= other for one, other in pairwise(ends))
        current = sorted(known.values(), key=lambda one: one.trade_id)
        assert [one._replace(seq=0) for one in current] == stored(ledger)
        decided.sort(key=lambda one: one.decided_at)
        assert decided == list(ledger.decisions())
        assert [one._replace(seq=0) for one in decided] == [decision(*one) for one in sorted(told)]
