"""The champion's history: exact sums whatever the amounts, at some fifty bytes a trade."""

import tracemalloc
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from random import Random

from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import LARGEST, Money
from tiltyard.kernel.undefined import Value, twelve_digits
from tiltyard.metrics.champion_span import ChampionHistory

START = datetime(2025, 7, 7, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def trade(number: int, pnl: int) -> Trade:
    at = START + number * SECOND
    return Trade("bot", f"{number:06d}", "prod", "SOL", "long", at, at, Money(pnl))


def factor(history: ChampionHistory, since: int, until: int) -> float:
    reading = history.profit_factor(START + since * SECOND, START + until * SECOND)
    assert isinstance(reading, Value)
    return reading.number


def test_sums_of_any_size_are_exact_over_any_span() -> None:
    rng = Random(7)  # noqa: S311 a simulation
    amounts = (LARGEST, -LARGEST, LARGEST - 1, 1 - LARGEST, 7, -5, 0)
    pnls = [rng.choice(amounts) for _ in range(400)]
    history = ChampionHistory()
    numbers = list(range(400))
    rng.shuffle(numbers)
    for number in numbers:
        history.push(trade(number, pnls[number]))
    assert sum(pnl for pnl in pnls if pnl > 0) > 2**64
    for since, until in ((0, 399), (0, 29), (150, 260), (370, 399)):
        span = pnls[since : until + 1]
        won, lost = sum(p for p in span if p > 0), -sum(p for p in span if p < 0)
        assert factor(history, since, until) == twelve_digits(float(Fraction(won, lost)))
    history.take_back(trade(170, pnls[170]))
    history.push(trade(170, -3))
    span = [*pnls[150:170], -3, *pnls[171:261]]
    won, lost = sum(p for p in span if p > 0), -sum(p for p in span if p < 0)
    assert factor(history, 150, 260) == twelve_digits(float(Fraction(won, lost)))


def test_a_trade_of_the_champion_takes_some_fifty_bytes() -> None:
    trades = [trade(number, 300_000_000 if number % 2 else -100_000_000) for number in range(4000)]
    history = ChampionHistory()
    for one in trades:
        history.push(one)  # what is kept of the last ones does not grow any more
    tracemalloc.start()
    for number in range(40_000):
        again = trades[-1]._replace(closed_at=START + (4000 + number) * SECOND)
        history.push(again)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown / 40_000 < 64
