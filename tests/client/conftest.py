"""A desk, clocks that stand still, and a bot's client of either sort."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from client.bots import CLIENTS, QUICK, Bot
from client.desks import TOKEN, Clock, Desk, desk_running


@pytest.fixture
def desk() -> Iterator[Desk]:
    with desk_running() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=CLIENTS)
def new_bot(
    request: pytest.FixtureRequest, desk: Desk, clock: Clock
) -> Iterator[Callable[..., Bot]]:
    """Makes clients of one sort, and ends them."""
    made: list[Bot] = []

    def make(**other: Any) -> Bot:  # noqa: ANN401 whatever a client takes
        named = {
            "champion": "first", "now": clock.now, "steady": clock.steady, "pace": QUICK, **other
        }  # fmt: skip
        made.append(CLIENTS[request.param](named.pop("url", desk.url), TOKEN, **named))
        return made[-1]

    yield make
    for bot in made:
        bot.close(0)


@pytest.fixture
def bot(new_bot: Callable[..., Bot]) -> Bot:
    """One that has been told the shares."""
    made = new_bot()
    assert made.wait_until_told()
    return made
