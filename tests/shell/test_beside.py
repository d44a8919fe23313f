"""What bots are told by those beside the desk while the database cannot be written."""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from crash.floor import BAD, CHALLENGERS, GOOD, HAND, MINUTE, PROD, SECOND
from crash.house import House, housed, locked
from receivers import hangs, listening
from tiltyard.kernel.clock import moment
from tiltyard.shell.beside import Beside
from tiltyard.shell.settings import RunSettings
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import (
    NOTICE,
    PAGE,
    Effect,
    every_effect,
    request_effect,
    told_in_vain,
)
from tiltyard.shell.targets import Target, refused
from tiltyard.shell.targets.webhook_target import WebhookTarget
from waiting import until

PROMPT = 30.0
SOON, NEVER = 0.01, 3600.0
WITHOUT_BAD = {PROD: 0.8, GOOD: 0.1, HAND: 0.1}
EVERYBODY = {PROD: 0.7, **dict.fromkeys(CHALLENGERS, 0.1)}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'desk.db'}"


@pytest.fixture
def house(url: str, tmp_path: Path) -> Iterator[House]:
    with housed(url, tmp_path) as found:
        found.round()
        assert found.traffic() == EVERYBODY
        yield found


class Says:
    """Remembers what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def __call__(self, text: str) -> None:
        self.said.append(text)


@contextmanager
def beside(
    house: House, deadman: float, says: Says, targets: Mapping[str, Target] | None = None
) -> Iterator[Beside]:
    sooner_than_anybody_may_say = RunSettings.model_construct(deadman=deadman)
    settings = house.settings.model_copy(update={"run": sooner_than_anybody_may_say})
    with (
        house.ledger.beside() as door,
        Beside(
            house.desk, door, settings, house.token, targets or house.targets,
            now=lambda: house.now, say=says,
        ) as found,
    ):  # fmt: skip
        yield found


def is_settled(house: House) -> bool:
    """Whether the file was told what the outbox has, and the courier has noted it."""
    with house.other.snapshot() as still:
        every = [one for one in every_effect(still.connection) if one.target == "file"]
    return all(one.settled_at for one in every) and bool(every)


def test_who_hangs_keeps_no_other_target_waiting_and_its_own_shares_no_notices(
    url: str, tmp_path: Path
) -> None:
    with listening() as receiver:
        receiver.script = [hangs] * 99
        webhook = WebhookTarget(receiver.url, 60)
        with (
            housed(url, tmp_path, others=[webhook]) as house,
            beside(house, NEVER, Says()) as found,
        ):
            house.step()
            found.deliver()
            kinds: Callable[[], list[str]] = lambda: [  # noqa: E731
                one.headers["tiltyard-kind"] for one in receiver.asked
            ]
            until(lambda: kinds() == ["shares"])
            until(lambda: is_settled(house))
            house.lose(BAD)
            house.step(5)
            found.deliver()
            until(lambda: BAD not in house.traffic())
            until(lambda: kinds() == ["shares", "notice"])
            receiver.released.set()


def test_while_the_desk_judges_shares_do_not_expire_and_nothing_is_written_for_that(
    url: str, tmp_path: Path
) -> None:
    with housed(url, tmp_path) as house, beside(house, NEVER, Says()) as found:
        house.step()
        found.deliver()
        until(lambda: is_settled(house))
        before, first = rows(house.other), house.shares()
        for _ in range(12):
            house.step(30)
            found.deliver()
            until(lambda: expires_at(house) - house.now > 80 * SECOND)
        last = house.shares()
        assert rows(house.other) == before
    changed = {name for name in first if first[name] != last[name]}
    assert changed == {"expires_at", "key"}


def rows(ledger: Ledger) -> tuple[int, int]:
    """Of the outbox, and of the audit."""
    with ledger.snapshot() as still:
        return len(every_effect(still.connection)), len(list(still.audit()))


def expires_at(house: House) -> datetime:
    return moment(str(house.shares()["expires_at"]))


def test_a_desk_that_never_could_judge_tells_nothing(house: House) -> None:
    before = house.shares()
    house.now += MINUTE
    second = House(house.ledger, house.other, house.folder, house.settings, house.now, "second")
    with beside(second, NEVER, Says()) as found, unreachable(second.ledger):
        second.step(5)
        found.stand()
    assert house.shares() == before


@contextmanager
def unreachable(ledger: Ledger) -> Iterator[None]:
    """The database answers nothing."""

    def before(*_: object) -> None:
        driver = sqlite3.OperationalError("disk I/O error")
        raise sa.exc.OperationalError("any", None, driver)

    sa.event.listen(ledger._engine, "before_cursor_execute", before)
    yield
    sa.event.remove(ledger._engine, "before_cursor_execute", before)


def test_what_nobody_can_be_told_any_more_is_given_up_and_said_to_be_that(house: House) -> None:
    with house.ledger.transaction() as inside:
        for key in ("one", "two"):
            request_effect(inside.connection, key, "gone", NOTICE, {}, house.now)
    said = "2 effects were given up, since the settings name its target no more"
    with beside(house, NEVER, says := Says()) as found:
        found.deliver()
        until(lambda: says.said == [said])


class Phone:
    """Somebody's, off at first."""

    name = "notify:ann"
    takes = frozenset({PAGE})

    def __init__(self) -> None:
        self.is_off = True

    def send(self, _: Effect) -> None:
        if self.is_off:
            raise refused(self.name, "it is off")

    def has(self, _: Effect) -> bool | None:
        return None


def test_a_phone_that_is_off_is_said_to_be_once_and_once_when_it_is_on_again(house: House) -> None:
    ann = Phone()
    with house.ledger.transaction() as inside:
        request_effect(inside.connection, "a page", ann.name, PAGE, {}, house.now)
    targets = {**house.targets, ann.name: ann}
    with beside(house, NEVER, says := Says(), targets) as found:
        found.deliver()
        until(lambda: len(says.said) == 1)
        with house.ledger.snapshot() as still:
            (waiting,) = told_in_vain(still.connection)
        assert (waiting.target, waiting.attempts) == (ann.name, 1)
        house.now += MINUTE
        found.deliver()
        until(lambda: _attempts(house) == 2)
        ann.is_off = False
        house.now += MINUTE
        found.deliver()
        until(lambda: len(says.said) == 2)
    assert says.said == [
        "notify:ann does not take a page: it is tried again; see tiltyard doctor",
        "notify:ann takes what it is told again",
    ]


def _attempts(house: House) -> int:
    with house.ledger.snapshot() as still:
        return max((one.attempts for one in told_in_vain(still.connection)), default=0)


def test_shares_stand_as_the_desk_has_them_while_it_judges(house: House, url: str) -> None:
    with locked(url):
        with beside(house, NEVER, says := Says()) as found:
            house.step(5)
            found.stand()
        assert house.traffic() == EVERYBODY
    assert says.said == []


def test_who_lost_traffic_in_silence_does_not_get_it_back_before_a_step_is_written(
    house: House, url: str
) -> None:
    with beside(house, NEVER, says := Says()) as found:
        house.lose(BAD)
        with locked(url):
            found._alarm()
            house.step(5)
            found.stand()
            until(lambda: house.shares()["reduce_only"] == [BAD])
            assert house.traffic() == {PROD: 1}
        house.step(5)
        found.deliver()
        until(lambda: house.traffic() == WITHOUT_BAD)
    assert says.said == ["nothing was judged for 3600 s: no traffic for challengers"]


def test_a_step_that_took_too_long_gives_nobody_back_what_the_watchdog_took(house: House) -> None:
    rooms: list[Beside] = []

    def on_stage(stage: str) -> None:
        if stage == "written":
            rooms[0]._alarm()  # another thread's, while this one hangs

    with beside(house, NEVER, Says()) as found:
        rooms.append(found)
        house.step(5)
        found.deliver()
        until(lambda: is_settled(house))
        told = house.shares()["revision"]
        house.on_stage = on_stage
        house.ask("throttle", HAND)
        house.step(5)
        house.on_stage = print
        found.deliver()
        until(lambda: house.traffic() == {PROD: 1})
        frozen = house.shares()["revision"]
        house.step(5)
        found.deliver()
        until(lambda: house.traffic() == {PROD: 0.8, BAD: 0.1, GOOD: 0.1})
        again = house.shares()["revision"]
    assert told < frozen < again  # type: ignore[operator] # all are numbers
    said = [body["said"] for row in house.other.audit()
            if (body := json.loads(row.body))["event"] == "desk"]  # fmt: skip
    assert said[1:] == ["nothing was judged for 3600 s, and bots were told of the champion alone"]


def test_in_silence_challengers_lose_their_traffic_before_the_database_is_asked(
    house: House,
) -> None:
    is_asked, may_answer = threading.Event(), threading.Event()

    def hang(*_: object) -> None:
        if threading.current_thread().name == "watchdog":
            is_asked.set()
            may_answer.wait(PROMPT)

    with beside(house, SOON, says := Says()) as found:
        sa.event.listen(found._door._engine, "before_cursor_execute", hang)
        found.beat()
        assert is_asked.wait(PROMPT)
        assert says.said[-1] == "nothing was judged for 0.01 s: no traffic for challengers"
        until(lambda: house.traffic() == {PROD: 1})
        may_answer.set()


def test_an_observing_desk_takes_nothing_in_silence(house: House, url: str) -> None:
    house.desk._observe = True
    with locked(url):
        with beside(house, NEVER, says := Says()) as found:
            found._alarm()
            house.step(5)
            found.stand()
        assert house.traffic() == EVERYBODY
    assert says.said == []


def test_who_has_lost_the_lease_falls_silent_and_the_desk_that_acts_is_heard(house: House) -> None:
    with beside(house, NEVER, Says()) as found:
        found._alarm()
        until(lambda: house.traffic() == {PROD: 1})
        later = house.now + MINUTE
        second = House(house.ledger, house.other, house.folder, house.settings, later, "second")
        second.round()
        assert house.traffic() == EVERYBODY
        found._alarm()
        until(lambda: not any(one._thread.is_alive() for one in found._couriers))
    assert house.traffic() == EVERYBODY
