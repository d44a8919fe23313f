"""Nothing that a bot asks or reports is raised into it, whatever it hands in."""

from collections.abc import Callable
from math import isfinite
from typing import NoReturn

from hypothesis import given, settings
from hypothesis import strategies as st

from client.bots import Bot
from client.desks import Clock, Desk
from client.test_reports import anything
from tiltyard.client import Health, Route
from tiltyard.client.asking import seconds
from tiltyard.client.reports import FIELDS, KINDS


class Hostile:
    """Does nothing that is asked of it."""

    def _refuse(self, *_: object) -> NoReturn:
        raise ArithmeticError("no")

    __repr__ = __str__ = __bool__ = __len__ = __iter__ = __eq__ = __lt__ = __float__ = _refuse
    __hash__ = __int__ = __index__ = __format__ = _refuse


whatever = anything | st.builds(Hostile)
names = st.sampled_from(sorted({name for kind in KINDS for name in FIELDS[kind]})) | st.text()
said = st.dictionaries(names, whatever, max_size=8)


def test_nothing_that_a_bot_says_or_asks_raises(
    new_bot: Callable[..., Bot], desk: Desk, clock: Clock
) -> None:
    bot = new_bot()

    @settings(max_examples=300, deadline=None)  # it starts threads, beside others
    @given(st.lists(whatever, min_size=4, max_size=4), said, st.sampled_from([0, 0, 0, 100]))
    def law(values: list[object], fields: dict[str, object], passes: float) -> None:
        clock.advance(passes)
        route = bot.route(*values[:3])
        assert isinstance(route, Route)
        assert isinstance(bot.route(values[0], "SOL"), Route)
        assert bot.may_enter(values[3]) in {True, False}
        assert bot.only_leaves(values[3]) in {True, False}
        assert 0 <= bot.share_of(values[3]) <= 1
        for report in (bot.trade, bot.mark, bot.observe):
            report(**fields)
        with bot.deciding(values[0]):
            pass
        bot.decided(values[1], values[2])
        bot.called_venue(values[2], values[3])
        assert isinstance(bot.check_model(*values), Health)
        assert isinstance(bot.check_model("prod", *values[1:]), Health)
        bot.end_model_checks(values[0])
        bot.heartbeat(values[3])
        bot.end_heartbeat(values[2])
        assert "Client" in repr(bot)

    law()
    assert bot.refused
    assert bot.flush(), "and what is right of it is delivered"
    assert len(desk.posted) > 0


@given(whatever)
def test_every_wait_has_an_end(timeout: object) -> None:
    wait = seconds(timeout)
    assert isfinite(wait)
    assert wait >= 0
