"""The benchmark's arena: a champion, challengers that turn up, and a rule that decides.

A run is some months of signals. Each is routed to one arm by the shares as they stand; every arm
makes of it what its truth and the weather let it make, for real or on paper. Every night the rule
is asked. What is counted in the end is what the routed trades were truly worth, and whom the rule
has harmed or helped. Plain functions over rows, compiled by :mod:`tiltyard.simulation.compiled`;
the rule is handed in.
"""

from collections.abc import Callable
from math import nan
from typing import Any

import numpy as np

from tiltyard.simulation.outcomes import loss, payoff, probability, true_mean, win
from tiltyard.simulation.population import BAD, BETTER, Floats
from tiltyard.simulation.world import World

RETIRED, TIMED_OUT, PROMOTED = 1.0, 2.0, 3.0
"""The fates that a rule may give, beside to stay."""
ARRIVALS_APART = 7
PURGE_DAYS = 60
ROOM_DAYS, ROOM_BETTER, ROOM_TRADES = 14, 0.25, 500
EARLY_TRADES, EARLY_CAP = 500, 0.60
TRIAL = 150
SHORT = 30


BOOK = np.dtype(
    [
        *((name, "f8") for name in (
            "wins", "payoff", "true_mean", "last", "optimism", "arrived", "was_better", "was_bad",
            "nav", "peak", "trades", "seen", "gains", "losses",
        )),
        ("live", "f8", (TRIAL,)),
        ("recent", "f8", (SHORT,)),
    ]
)  # fmt: skip
"""What is true of an arm and what it did, which the rule is told in parts."""

OUTCOME = np.dtype(
    [
        (name, "f8")
        for name in (
            "earned", "champion_earned", "bad", "bad_trades", "bad_lost", "better",
            "better_killed", "better_halted", "right_promotions", "wrong_promotions",
            "against_limits",
        )
    ]
)  # fmt: skip
"""What a run came to. Earned: true means of what was routed, and had all gone to the first
champion, in R. Bad: challengers that were when they turned up, their live trades, and what these
lost against the champion, in R. Better: those that were when they turned up, and how many of them
were retired, throttled or halted within 150 live trades while still better; how many were ever
halted. Promotions of arms truly better than the champion, and of others. Real trades that were
routed against a hard limit."""

Rule = Callable[..., Any]
Terms = Any
"""What a rule goes by: each has its own."""
Lines = Any
"""An array whose lines are read by name, or one line of it."""


def play(
    see: Rule,
    night: Rule,
    crowned: Rule,
    rule: Terms,
    world: World,
    champion: Floats,
    queue: Floats,
    shifts: Floats,
    volatilities: Floats,
    rows: Lines,
    fresh: Lines,
    books: Lines,
    chance: np.random.Generator,
    outcome: Lines,
) -> None:
    """One run; what it came to is written into ``outcome``.

    Args:
        see: Of the rule; see ``scaling.contender``.
        night: Likewise.
        crowned: Likewise.
        rule: What the rule goes by.
        world: Where.
        champion: Its factor and probability of winning.
        queue: Of the challengers, in the order in which they turn up; shape (count, 2).
        shifts: Of the regime, day by day.
        volatilities: Day by day.
        rows: The champion, and a line for each slot.
        fresh: A line as it is for a newcomer.
        books: One for each row.
        chance: Draws the trades and the routes.
        outcome: All zero.
    """
    live, paper = np.zeros(len(rows)), np.zeros(len(rows))
    _seat(rows, books, 0, champion, world, 0, chance)
    books[0].optimism = world.optimism
    rows[0].share = 1.0
    first, next_arrival, turned_up = books[0].true_mean, 0, 0
    for day in range(world.days):
        if day:
            _measure(rows, books, world, day)
            night(rows, rule)
            _follow(rows, fresh, books, crowned, rule, world, outcome)
        place = _place(rows, world) if day >= next_arrival else 0
        if place:
            rows[place] = fresh[0]
            _seat(rows, books, place, queue[turned_up], world, day, chance)
            outcome.better += books[place].was_better
            outcome.bad += books[place].was_bad
            turned_up, next_arrival = turned_up + 1, day + ARRIVALS_APART
        for _ in range(world.signals_a_day):
            outcome.champion_earned += first
            routed = _route(rows, books, world, chance.random())
            _trade_all(rows, books, world, shifts[day], volatilities[day], chance, live, paper)
            outcome.earned += rows[routed].position_size * books[routed].true_mean
            if routed:
                _count(rows, books, routed, world, outcome)
            _remember(rows, books, routed, live, paper, world)
            see(rows, routed, live, paper, rule)
            if routed and _is_out(rows[routed], books[routed], world):
                outcome.better_killed += _is_loss(rows[routed], books[routed], books[0])
                if rows[routed].drawdown > world.dd_limit:
                    outcome.better_halted += books[routed].was_better
                rows[routed] = fresh[0]


def _seat(
    rows: Lines, books: Lines, place: int, who: Floats, world: World, day: int,
    chance: np.random.Generator,
) -> None:  # fmt: skip
    book, factor, wins = books[place], who[0], who[1]
    book.wins, book.payoff = wins, payoff(factor, wins)
    book.true_mean, book.last = true_mean(factor, wins), nan
    book.optimism = world.optimism + world.own_optimism * chance.standard_normal()
    book.arrived, book.nav, book.peak = day, 1.0, 1.0
    book.trades = book.seen = book.gains = book.losses = 0.0
    book.was_better = 1.0 if place and book.true_mean > BETTER * books[0].true_mean else 0.0
    book.was_bad = 1.0 if place and book.true_mean < BAD * books[0].true_mean else 0.0
    rows[place].present, rows[place].share = 1.0, world.start
    rows[place].true_mean = book.true_mean
    rows[place].room = world.dd_limit / 100 / world.risk


def _place(rows: Lines, world: World) -> int:
    """Where a newcomer sits; 0 where there is no room."""
    for place in range(1, len(rows)):
        if not rows[place].present:
            return place
    found, least = 0, ROOM_BETTER if world.makes_room else 0.0
    for place in range(1, len(rows)):
        row = rows[place]
        if row.better < least and row.age >= ROOM_DAYS and row.live_trades < ROOM_TRADES:
            found, least = place, row.better
    return found


def _measure(rows: Lines, books: Lines, world: World, day: int) -> None:
    for place in range(len(rows)):
        row, book = rows[place], books[place]
        if not row.present:
            continue
        row.age = day - book.arrived
        row.pf_150, row.dd_150 = _last_trades(book, world.risk)
        row.pf_30 = book.gains / max(book.losses, 1e-9) if book.seen >= SHORT else nan


def _last_trades(book: Lines, risk: float) -> tuple[float, float]:
    """Profit factor and largest fall, percent, of the last 150 live trades."""
    every = int(book.trades)
    gains = losses = fall = 0.0
    nav = peak = 1.0
    for trade in range(max(0, every - TRIAL), every):
        result = book.live[trade % TRIAL]
        gains += max(result, 0.0)
        losses += max(-result, 0.0)
        nav *= max(0.0, 1 + risk * result)
        peak = max(peak, nav)
        fall = max(fall, 1 - nav / peak)
    is_full = every >= TRIAL and losses > 0
    return (gains / losses if is_full else nan), 100 * fall


def _follow(
    rows: Lines, fresh: Lines, books: Lines, crowned: Rule, rule: Terms, world: World,
    outcome: Lines,
) -> None:  # fmt: skip
    """Do what the night said."""
    for place in range(1, len(rows)):
        row = rows[place]
        if not row.present:
            continue
        if row.fate == PROMOTED:
            if books[place].true_mean > books[0].true_mean:
                outcome.right_promotions += 1
            else:
                outcome.wrong_promotions += 1
            crowned(rows, place, rule)
            rows[0], books[0] = row, books[place]
            rows[place] = fresh[0]
            continue
        if row.fate == RETIRED:
            outcome.better_killed += _is_loss(row, books[place], books[0])
        is_idle = world.purges and row.age >= PURGE_DAYS and row.share <= world.start
        if row.fate in (RETIRED, TIMED_OUT) or is_idle:
            rows[place] = fresh[0]


def _route(rows: Lines, books: Lines, world: World, point: float) -> int:
    """To whom a signal goes; ``point`` is between 0 and 1."""
    for place in range(1, len(rows)):
        share = rows[place].share
        if share and rows[place].present and not is_below(books[place], world.pause_below):
            if point < share:
                return place
            point -= share
    return 0


def is_below(book: Lines, floor: float) -> bool:
    """Whether the profit factor of an arm's last 30 results is known and lower."""
    return bool(book.seen >= SHORT and book.gains < floor * book.losses)


def _trade_all(
    rows: Lines, books: Lines, world: World, shift: float, volatility: float,
    chance: np.random.Generator, live: Floats, paper: Floats,
) -> None:  # fmt: skip
    """What every arm makes of a signal, for real and on paper."""
    for place in range(len(rows)):
        if rows[place].present:
            book = books[place]
            live[place] = _trade(book, shift, volatility, world.persistence, chance)
            more = book.optimism + world.paper_noise * chance.standard_normal()
            paper[place] = live[place] + more


def _trade(
    book: Lines, shift: float, volatility: float, persistence: float, chance: np.random.Generator
) -> float:
    if chance.random() < probability(book.wins, shift, book.last, persistence):
        book.last = 1.0
        return win(book.payoff, volatility, chance)
    book.last = 0.0
    return loss(volatility, chance)


def _is_loss(row: Lines, book: Lines, champion: Lines) -> float:
    """Whether one is lost that was better and is, within its trial: 1, else 0."""
    is_better = book.true_mean > BETTER * champion.true_mean
    return float(book.was_better) if is_better and row.live_trades <= TRIAL else 0.0


def _count(rows: Lines, books: Lines, routed: int, world: World, outcome: Lines) -> None:
    """A real trade of a challenger: what it cost, and whether it was one too many."""
    row, book = rows[routed], books[routed]
    if book.was_bad:
        outcome.bad_trades += 1
        outcome.bad_lost += row.position_size * (books[0].true_mean - book.true_mean)
    gains = losses = 0.0
    for trade in range(SHORT):
        gains += max(book.recent[trade], 0.0)
        losses += max(-book.recent[trade], 0.0)
    is_weak = (
        world.pause_below > 0 and book.seen >= SHORT and gains < world.pause_below * losses - 1e-6
    )
    is_heavy = row.live_trades < EARLY_TRADES and row.share > EARLY_CAP + 1e-9
    if is_weak or is_heavy or row.drawdown > world.dd_limit:
        outcome.against_limits += 1


def _remember(
    rows: Lines, books: Lines, routed: int, live: Floats, paper: Floats, world: World
) -> None:  # fmt: skip
    row, book = rows[routed], books[routed]
    book.live[int(book.trades) % TRIAL] = row.position_size * live[routed]
    book.trades += 1
    book.nav *= max(0.0, 1 + world.risk * row.position_size * live[routed])
    book.peak = max(book.peak, book.nav)
    row.drawdown = 100 * (1 - book.nav / book.peak)
    row.room = (world.dd_limit - row.drawdown) / 100 / world.risk
    for place in range(1, len(rows)):
        if place == routed:
            push(books[place], live[place])
        elif rows[place].present and world.pause_below:
            push(books[place], paper[place] - rows[place].optimism)


def push(book: Lines, result: float) -> None:
    """One more of the last 30 results."""
    at = int(book.seen) % SHORT
    if book.seen >= SHORT:
        book.gains -= max(book.recent[at], 0.0)
        book.losses -= max(-book.recent[at], 0.0)
    book.recent[at] = result
    book.gains += max(result, 0.0)
    book.losses += max(-result, 0.0)
    book.seen += 1


def _is_out(row: Lines, book: Lines, world: World) -> bool:
    """Whether a challenger has breached a limit that ends its trial."""
    return bool(row.drawdown > world.dd_limit or is_below(book, world.throttle_below))
