"""Who asks is answered by what has happened, also when the database or a target is away."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from conformance.desks import FIRST, NOW, UNGUARDED, Clock, challenger, employ
from crash.house import locked
from tiltyard.facts.command import Command, Outcome, Verb
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.commanding import Times, ask
from tiltyard.shell.store.command_table import every_command
from tiltyard.shell.store.lease import read_lease
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import Effect, every_effect
from tiltyard.shell.targets import Target

IMPATIENT_MS = 5


@dataclass
class Bot:
    """Takes what it is told, once it answers.

    Attributes:
        is_away: It does not answer.
        refuses: It answers no.
        on_taken: Called when it has taken something.
    """

    name: str = "bot"
    takes: frozenset[str] = frozenset({"shares", "notice"})
    is_away: bool = False
    refuses: bool = False
    has_taken: list[str] = field(default_factory=list)
    on_taken: Callable[[], object] = lambda: None

    def send(self, effect: Effect) -> None:
        if self.refuses:
            raise TiltyardError("TARGET_REFUSED", self.name, "it said no")
        if self.is_away:
            raise TiltyardError("TARGET_UNREACHABLE", self.name, "no answer")
        self.has_taken.append(effect.key)
        self.on_taken()

    def has(self, effect: Effect) -> bool:
        return effect.key in self.has_taken


@pytest.fixture
def floor(ledger: Ledger) -> Iterator[Ledger]:
    """A challenger with traffic; whoever asks does not wait long for the database."""
    employ(ledger, challenger(FIRST, 0.1))
    url = ledger.url.render_as_string(hide_password=False)
    with Ledger.open(url, busy_timeout_ms=IMPATIENT_MS) as impatient:
        yield impatient


def asked(
    ledger: Ledger, verb: Verb, *targets: Target, policy: str = FIRST, times: Times | None = None
) -> Outcome:
    command = Command(f"{verb} {policy}", verb, policy, "ann", "", NOW)
    every = {target.name: target for target in targets}
    times = times or Clock().times()
    return ask(ledger, UNGUARDED, command, times, holder="ann", targets=every)


def again(ledger: Ledger, verb: Verb, *targets: Target) -> Outcome:
    command = Command("again", verb, FIRST, "ann", "", NOW)
    every = {target.name: target for target in targets}
    return ask(ledger, UNGUARDED, command, Clock().times(), holder="ann", targets=every)


NOT_TOLD = "\n  not told yet: bot; whoever acts next tries again, as tiltyard run --once does"


@pytest.mark.parametrize("bot", [Bot(is_away=True), Bot(refuses=True)], ids=["away", "refuses"])
def test_a_halt_that_a_bot_was_not_told_of_says_so(floor: Ledger, bot: Bot) -> None:
    done = asked(floor, "halt", bot, Bot("other"))
    assert done.text.startswith(f"{FIRST}: halted")
    assert done.text.endswith(NOT_TOLD)
    assert floor.roster().arms[FIRST].state == "halted"


def test_a_halt_asked_again_tells_the_bot_and_says_nothing_more(floor: Ledger) -> None:
    bot = Bot(is_away=True)
    asked(floor, "halt", bot)
    assert again(floor, "halt", bot).text.endswith(NOT_TOLD)
    clock = Clock()
    clock.wait(60)
    bot.is_away = False
    done = asked(floor, "freeze", bot, policy="", times=clock.times())
    assert done.text == "every challenger: traffic to 0 %, until tiltyard resume freeze"
    assert bot.has_taken


def test_whoever_asks_with_other_settings_gives_up_nothing_of_what_is_to_be_told(
    floor: Ledger,
) -> None:
    bot, clock = Bot(is_away=True), Clock()
    asked(floor, "halt", bot)
    clock.wait(60)
    done = asked(floor, "freeze", policy="", times=clock.times())
    assert done.text == "every challenger: traffic to 0 %, until tiltyard resume freeze"
    with floor.snapshot() as still:
        waiting = every_effect(still.connection)
    assert {(one.kind, one.state) for one in waiting} == {
        ("notice", "requested"), ("shares", "requested")
    }  # fmt: skip
    clock.wait(60)
    bot.is_away = False
    asked(floor, "stop_all", bot, policy="", times=clock.times())
    assert {one.key for one in waiting if one.kind == "notice"} <= set(bot.has_taken)


def test_what_was_refused_says_nothing_of_bots(floor: Ledger) -> None:
    bot = Bot(is_away=True)
    asked(floor, "halt", bot)
    assert asked(floor, "rearm", bot).text.endswith("first: tiltyard review ack 1")


@dataclass
class Lock:
    """Somebody else writes, from the first look at the clock until some seconds later."""

    url: str
    seconds: float
    open: ExitStack = field(default_factory=ExitStack)
    passed: float = 0.0
    is_begun: bool = False

    def times(self) -> Times:
        return Times(self._now, lambda: self.passed, self._wait)

    def close(self) -> None:
        self.open.close()

    def begin(self) -> None:
        if not self.is_begun:
            self.is_begun = True
            self.open.enter_context(locked(self.url))

    def _now(self) -> datetime:
        self.begin()
        return NOW

    def _wait(self, seconds: float) -> None:
        self.passed += seconds
        if self.passed >= self.seconds:
            self.open.close()


def lock_on(ledger: Ledger, seconds: float) -> Lock:
    url = ledger.url.set(drivername=ledger.url.get_backend_name())
    return Lock(url.render_as_string(hide_password=False), seconds)


def test_who_has_asked_waits_for_a_database_that_is_locked(floor: Ledger) -> None:
    with closing(lock_on(floor, 1)) as lock:
        assert asked(floor, "halt", times=lock.times()).text.startswith(f"{FIRST}: halted")
        assert lock.passed >= 1


def test_what_was_recorded_and_not_carried_out_for_a_lock_waits_and_says_so(
    floor: Ledger,
) -> None:
    with closing(lock_on(floor, 100)) as lock:
        with pytest.raises(TiltyardError) as caught:
            asked(floor, "halt", times=lock.times())
        assert 16 <= lock.passed < 17
    assert caught.value.code == "COMMAND_WAITING"
    assert "recorded as command 1" in str(caught.value)
    assert "DATABASE_LOCKED" in str(caught.value)
    with floor.snapshot() as still:
        ((command, outcome),) = every_command(still.connection)
    assert (command.verb, outcome) == ("halt", None)


def test_the_lease_is_given_back_when_the_lock_is_gone(floor: Ledger) -> None:
    with closing(lock_on(floor, 1)) as lock:
        asked(floor, "halt", times=lock.times())
    with floor.snapshot() as still:
        lease = read_lease(still.connection)
    assert lease is not None
    assert not lease.holder


def test_what_was_done_is_answered_though_nobody_can_write_any_more(floor: Ledger) -> None:
    with closing(lock_on(floor, 100)) as lock:
        bot = Bot(on_taken=lock.begin)
        assert asked(floor, "halt", bot).text.startswith(f"{FIRST}: halted")
        assert lock.is_begun
    assert floor.roster().arms[FIRST].state == "halted"
