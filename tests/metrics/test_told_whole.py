"""An arm whose paper is told in part is found out, and one that tells all is not."""

from random import Random

import pytest

from tiltyard.metrics.told_whole import ToldWhole

LIVES = 400


def lived(rng: Random, share: float, trades: float, told: float, *, count: int) -> ToldWhole:
    """An arm that has a share of the traffic, trades so often, and tells so much of its paper."""
    book = ToldWhole()
    for _ in range(count):
        is_given, would = rng.random() < share, rng.random() < trades
        is_on_paper = would and (is_given or rng.random() < told)
        book.see(is_given=is_given, is_live=is_given and would, is_on_paper=is_on_paper)
    return book


@pytest.mark.parametrize("share", [0.05, 0.1, 0.6, 0.95])
@pytest.mark.parametrize("trades", [0.1, 0.5, 0.95])
def test_whoever_tells_all_is_hardly_ever_suspected(share: float, trades: float) -> None:
    """At any of five times in a life: fewer than 2 % are suspected."""
    suspected = 0
    for seed in range(LIVES):
        rng = Random(seed)  # noqa: S311 no secret
        suspected += any(
            lived(rng, share, trades, 1.0, count=count).lack for count in (30, 60, 125, 250, 500)
        )
    assert suspected < 0.02 * LIVES


@pytest.mark.parametrize(("trades", "told"), [(0.9, 0.7), (0.6, 0.4), (0.3, 0.1)])
def test_whoever_tells_a_part_is_found_out(trades: float, told: float) -> None:
    rng = Random(1)  # noqa: S311 no secret
    assert all(lived(rng, 0.1, trades, told, count=3_000).lack for _ in range(20))


def test_twins_alone_are_no_book_on_paper_once_others_were_given_something() -> None:
    rng = Random(2)  # noqa: S311 no secret
    assert not lived(rng, 0.1, 0.9, 0.0, count=100).is_on_paper
    assert lived(rng, 1.0, 0.9, 0.0, count=100).is_on_paper, "whoever has all has told all"


def test_without_a_trade_on_paper_there_is_no_book() -> None:
    book = ToldWhole()
    for number in range(100):
        book.see(is_given=number % 2 == 0, is_live=number % 2 == 0, is_on_paper=False)
    assert not book.is_on_paper
    assert not book.lack
