"""Carries an order out: trains, writes its pages, and says what came of it.

Unfinished work of a training stays until all that is done: whoever is ended before, or finds no
room for the page, goes on from there and does not learn for hours again.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tiltyard.learners.logged import Log
from tiltyard.learners.rivals import Champion
from tiltyard.shell.pictures.sweep_page import write_sweep_page
from tiltyard.shell.pictures.training_page import write_training_page
from tiltyard.shell.training.bars import Bars
from tiltyard.shell.training.drift_months import MonthDrift, drift_months
from tiltyard.shell.training.order import Order
from tiltyard.shell.training.running import (
    Made,
    World,
    market_of,
    retrain_sizing,
    search,
    train,
)
from tiltyard.shell.training.sweep_words import sweep_json, sweep_lines
from tiltyard.shell.training.words import closing_lines, made_json

Say = Callable[[Sequence[str], Mapping[str, Any]], object]
"""Says what came of it, of lines for people and JSON."""


def carry_out(
    order: Order,
    bars: Bars,
    world: World,
    report: Path | None,
    say: Say,
    champion: Champion | None = None,
    log: Log | None = None,
) -> None:
    """Train, write pages, and say what came of it.

    Args:
        order: What is to be trained.
        bars: Of what.
        world: The outside.
        report: Where its page goes; None for beside the snapshot.
        say: Told what there is to say of it.
        champion: Whom a sizing policy has to beat.
        log: What arms held, for a sizing policy to learn from beside.
    """

    def told(made: Made) -> None:
        page, drift = _page(order, bars, made, world, report)
        say(closing_lines(made, order, bars, page), made_json(made, bars, drift, page))

    if order.what == "rl":
        retrain_sizing(order, bars, world, champion=champion, log=log, then=told)
    elif order.what != "sweep":
        train(order, bars, world, then=told)
    else:
        _sweep(order, bars, world, report, say)


def _sweep(order: Order, bars: Bars, world: World, report: Path | None, say: Say) -> None:
    swept, best = search(order, bars, world)
    pages = [_page(order, bars, made, world, None)[0] for made in best]
    page = report or order.output / f"sweep_{world.now():%Y%m%d_%H%M%S}.html"
    write_sweep_page(page, swept, best, bars, world.now())
    say(sweep_lines(swept, best, bars, pages, page), sweep_json(swept, best, pages, page))


def _page(
    order: Order, bars: Bars, made: Made, world: World, report: Path | None
) -> tuple[Path, list[MonthDrift]]:
    page = report or made.path.with_name(f"{made.path.name}.html")
    drift = list(drift_months(made.snapshot, market_of(order, bars)))
    write_training_page(page, made, bars, drift, world.now())
    return page, drift
