"""An arm whose paper is told in part is found out, and one that tells all is not."""

from collections.abc import Sequence
from copy import copy
from datetime import date, timedelta
from random import Random

import pytest

from tiltyard.metrics.told_whole import ToldWhole

LIVES = 400
FIRST = date(2025, 7, 7)
A_DAY = 20


def lived(
    rng: Random, spells: Sequence[tuple[int, float, float]], told: float = 1.0
) -> tuple[bool, ToldWhole]:
    """An arm that tells so much of its paper, and whether it was ever suspected on a tenth day.

    Args:
        rng: Draws who is given an opportunity, and whether the arm would trade.
        spells: Opportunities, the arm's share of them, and how often it trades then.
        told: Of its trades elsewhere.
    """
    book, number, is_suspected = ToldWhole(), 0, False
    for count, share, trades in spells:
        for _ in range(count):
            is_given, would = rng.random() < share, rng.random() < trades
            is_on_paper = would and (is_given or rng.random() < told)
            day = FIRST + timedelta(days=number // A_DAY)
            book.see(day, is_given=is_given, is_live=is_given and would, is_on_paper=is_on_paper)
            number += 1
            is_suspected |= number % (10 * A_DAY) == 0 and bool(book.lack)
    return is_suspected or bool(book.lack), book


@pytest.mark.parametrize(
    "spells",
    [
        *([(500, share, rate)] for share in (0.05, 0.1, 0.6, 0.95) for rate in (0.1, 0.5, 0.95)),
        [(600, 1.0, 0.4), (400, 0.6, 0.22)],
        [(1_000, 1.0, 0.5), (1_000, 0.6, 0.3)],
        [(300, 0.1, 0.2), (300, 0.45, 0.6)],
    ],
    ids=str,
)  # fmt: skip
def test_whoever_tells_all_is_hardly_ever_suspected(
    spells: Sequence[tuple[int, float, float]],
) -> None:
    """Asked on every tenth day: fewer than 2 % of lives, also where share and market change."""
    suspected = sum(lived(Random(seed), spells)[0] for seed in range(LIVES))  # noqa: S311
    assert suspected < 0.02 * LIVES


@pytest.mark.parametrize(("trades", "told"), [(0.9, 0.7), (0.6, 0.4), (0.3, 0.1)])
def test_whoever_tells_a_part_is_found_out(trades: float, told: float) -> None:
    rng = Random(1)  # noqa: S311 no secret
    assert all(lived(rng, [(3_000, 0.1, trades)], told)[0] for _ in range(20))


def test_twins_alone_are_no_book_on_paper_once_others_were_given_something() -> None:
    rng = Random(2)  # noqa: S311 no secret
    assert not lived(rng, [(100, 0.1, 0.9)], 0.0)[1].is_on_paper
    assert lived(rng, [(100, 1.0, 0.9)], 0.0)[1].is_on_paper, "whoever has all has told all"


def test_without_a_trade_on_paper_there_is_no_book() -> None:
    book = ToldWhole()
    for number in range(100):
        book.see(FIRST, is_given=number % 2 == 0, is_live=number % 2 == 0, is_on_paper=False)
    assert not book.is_on_paper
    assert not book.lack


def test_a_copy_goes_its_own_way() -> None:
    rng = Random(3)  # noqa: S311 no secret
    _, book = lived(rng, [(500, 0.1, 0.9)], 0.2)
    other = copy(book)
    for _ in range(5_000):
        other.see(FIRST, is_given=False, is_live=False, is_on_paper=True)
    assert book.lack
    assert other.lack != book.lack
