"""Opportunities on a floor: who was given them, and what each arm made, for real and on paper."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from heapq import merge

from tiltyard.facts.decision import Decision
from tiltyard.facts.trade import Book, Trade
from tiltyard.kernel.money import Money, money
from tiltyard.metrics.recent import time_of

RISK = money(100)
LASTS = timedelta(minutes=30)
Fact = Decision | Trade


def made(
    policy: str,
    episode: str,
    decided_at: datetime,
    book: Book,
    result: float,
    *,
    capital: Money | None = None,
    risk: Money | None = RISK,
    lasts: timedelta = LASTS,
) -> Trade:
    """A trade that made so many R."""
    return Trade(
        "floor", f"{episode} {policy} {book}", policy, "SOL/USDT", "long", decided_at,
        decided_at + lasts, Money(round(result * RISK)), book=book, capital=capital, risk=risk,
        episode_id=episode,
    )  # fmt: skip


def opportunity(
    number: int,
    at: datetime,
    given_to: str,
    results: Mapping[str, float],
    *,
    optimism: float = 0.0,
    capital: Money | None = None,
    lasts: timedelta = LASTS,
) -> Iterator[Fact]:
    """A decision, and the trades that come of it; who is not in the results began none.

    Args:
        number: Of the opportunity.
        at: When it was decided.
        given_to: Who trades it for real as well.
        results: In R, for real.
        optimism: What paper says too much, in R.
        capital: On which each trade was sized.
        lasts: How long they are open.
    """
    episode = f"SOL/USDT {number}"
    yield Decision(episode, "SOL/USDT", given_to, 0.5, 1, at, 1, at.hour)
    for policy, result in results.items():
        paper: Book = "twin" if policy == given_to else "shadow"
        if policy == given_to:
            yield made(policy, episode, at, "live", result, capital=capital, lasts=lasts)
        yield made(policy, episode, at, paper, result + optimism, capital=capital, lasts=lasts)


def in_order(facts: Iterable[Fact]) -> list[Fact]:
    """As a ledger gives them."""
    every = list(facts)
    decisions = sorted((one for one in every if isinstance(one, Decision)), key=time_of)
    trades = [one for one in every if isinstance(one, Trade)]
    trades.sort(key=lambda one: (one.closed_at, one.source, len(one.trade_id), one.trade_id))
    both: Iterator[Fact] = merge(decisions, trades, key=time_of)
    return list(both)
