"""Effects on their way: at least once, in order, safe to kill, and shares never given up."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from receivers import NOON, Receiver, hangs, listening, says, writes
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.effects.delivery import Delivered, Patience, deliver
from tiltyard.shell.store.desk_tables import effects
from tiltyard.shell.store.lease import LASTS, take_lease
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import (
    Effect,
    every_effect,
    move_effect,
    open_effects,
    request_effect,
    told_in_vain,
)
from tiltyard.shell.targets import FileTarget, Target, refused, unreachable
from tiltyard.shell.targets.webhook_target import WebhookTarget

KINDS = frozenset({"shares", "notice"})
SECOND = timedelta(seconds=1)
STAGES = ["effect sent", "effect applied", "effect checked", "effect verified"]


@dataclass
class Scripted:
    """A target by hand: what it does next, and what it was told.

    Attributes:
        sends: ``take``, ``lose`` (says it took it), ``drop`` (takes it, and its answer is
            lost), ``later`` or ``no``; then ``take``.
        asks: ``tell``, ``mute`` (cannot be asked), ``later`` or ``no``; then ``tell``.
    """

    name: str = "t"
    takes: frozenset[str] = KINDS
    sends: list[str] = field(default_factory=list)
    asks: list[str] = field(default_factory=list)
    told: list[Effect] = field(default_factory=list)
    held: set[str] = field(default_factory=set)

    def send(self, effect: Effect) -> None:
        self.told.append(effect)
        does = self.sends.pop(0) if self.sends else "take"
        if does in {"take", "drop"}:
            self.held.add(effect.key)
        if does in {"drop", "later"}:
            raise unreachable(self.name, "come again")
        if does == "no":
            raise refused(self.name, "never")

    def has(self, effect: Effect) -> bool | None:
        says = self.asks.pop(0) if self.asks else "tell"
        if says == "later":
            raise unreachable(self.name, "cannot say now")
        if says == "no":
            raise refused(self.name, "go away")
        return None if says == "mute" else effect.key in self.held

    @property
    def keys(self) -> list[str]:
        return [effect.key for effect in self.told]


@dataclass
class House:
    """A ledger, its lease, and everybody outside."""

    ledger: Ledger
    token: int
    targets: dict[str, Target]
    now: datetime = NOON
    patience: Patience = field(default_factory=Patience)

    def request(self, key: str, kind: str = "notice", target: str = "t", **body: object) -> None:
        with self.ledger.transaction() as inside:
            request_effect(inside.connection, key, target, kind, {**body, "key": key}, self.now)

    def deliver(
        self, later: float = 0, *, on_stage: Callable[[str], None] = lambda _: None, most: int = 50
    ) -> Delivered:
        self.now += later * SECOND
        return deliver(
            self.ledger, self.token, self.targets, self.now,
            on_stage=on_stage, patience=self.patience, most=most,
        )  # fmt: skip

    def outbox(self) -> dict[str, Effect]:
        with self.ledger.snapshot() as inside:
            return {effect.key: effect for effect in every_effect(inside.connection)}

    def states(self) -> dict[str, str]:
        return {key: effect.state for key, effect in self.outbox().items()}

    def is_done(self) -> bool:
        with self.ledger.snapshot() as inside:
            return not open_effects(inside.connection)

    def until_done(self) -> int:
        """Deliver until nothing is open; how many deliveries that took."""
        for count in range(1, 1000):
            self.deliver(301)
            if self.is_done():
                return count
        pytest.fail("some effect never ends")


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    path = tmp_path_factory.mktemp("delivery") / "tiltyard.db"
    with Ledger.open(str(path), create=True) as opened:
        yield opened


def opened(ledger: Ledger, *targets: Target) -> House:
    """An empty outbox and a lease of one's own, in the ledger that all these tests share."""
    with ledger.transaction() as inside:
        inside.connection.execute(sa.delete(effects))
        token = take_lease(inside.connection, "desk", NOON, dead=True)
    assert token is not None
    return House(ledger, token, {target.name: target for target in targets})


def test_an_effect_is_sent_noted_asked_after_and_noted_again(ledger: Ledger) -> None:
    target = Scripted()
    house = opened(ledger, target)
    house.request("a")
    seen = []

    def look(stage: str) -> None:
        seen.append((stage, house.outbox()["a"].state, house.is_done()))

    assert house.deliver(on_stage=look) == Delivered(sent=1, verified=1)
    states = ["requested", "applied", "applied", "verified"]
    assert seen == list(zip(STAGES, states, [False, False, False, True], strict=True))
    assert house.outbox()["a"].settled_at == NOON
    assert house.deliver() == Delivered()
    assert target.keys == ["a"]


@pytest.mark.parametrize(("does", "told"), [("later", "come again"), ("no", "never")])
def test_a_notice_is_told_again_after_2_4_8_seconds_and_given_up_after_eight_failures(
    ledger: Ledger, does: str, told: str
) -> None:
    target = Scripted(sends=[does] * 8)
    house = opened(ledger, target)
    house.request("a")
    house.request("b")
    waits = []
    while house.deliver().postponed:
        due = house.outbox()["a"].due_at - house.now
        waits.append(due / SECOND)
        assert house.deliver((due - SECOND) / SECOND) == Delivered(), "not before it is due"
        house.now += SECOND
    assert waits == [2, 4, 8, 16, 32, 64, 128]
    failed = house.outbox()["a"]
    assert (failed.state, failed.attempts, failed.told) == ("failed", 8, told)
    assert target.keys == ["a"] * 8 + ["b"], "those behind it come through"
    assert house.deliver(9999) == Delivered()


@pytest.mark.parametrize("does", ["later", "no", "lose"])
def test_the_newest_shares_are_told_again_until_the_target_has_them(
    ledger: Ledger, does: str
) -> None:
    target = Scripted(sends=[does] * 30)
    house = opened(ledger, target)
    house.request("halted", "shares")
    waits = []
    while house.deliver().postponed:
        waits.append((house.outbox()["halted"].due_at - house.now) / SECOND)
        house.now += waits[-1] * SECOND
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, *[300] * 22]
    assert house.states() == {"halted": "verified"}


def test_shares_that_are_told_in_vain_are_known_until_the_target_has_them(ledger: Ledger) -> None:
    house = opened(
        ledger, Scripted(sends=["no"] * 2), Scripted("u", asks=["later"]),
        Scripted("v", sends=["no"]),
    )  # fmt: skip
    house.request("t", "shares", "t")
    house.request("u", "shares", "u")
    house.request("v", "notice", "v")
    assert in_vain(ledger) == [], "they were not told yet"
    house.deliver()
    house.deliver(2)
    assert in_vain(ledger) == [("t", 2, "never")]
    house.deliver(4)
    assert in_vain(ledger) == []


def in_vain(ledger: Ledger) -> list[tuple[str, int, str]]:
    with ledger.snapshot() as inside:
        return [(e.target, e.attempts, e.told) for e in told_in_vain(inside.connection)]


def test_how_often_is_tried_is_for_the_caller_to_say(ledger: Ledger) -> None:
    house = opened(ledger, Scripted(sends=["later"] * 99))
    house.patience = Patience(attempts=2)
    house.request("a")
    assert house.until_done() == 2


def test_what_a_target_took_and_then_does_not_have_is_sent_again(ledger: Ledger) -> None:
    target = Scripted(sends=["lose"])
    house = opened(ledger, target)
    house.request("a")
    assert house.deliver() == Delivered(sent=1, postponed=1)
    assert house.states() == {"a": "requested"}
    assert house.deliver(2) == Delivered(sent=1, verified=1)


def test_a_target_that_always_takes_and_never_has_is_given_up(ledger: Ledger) -> None:
    target = Scripted(sends=["lose"] * 99)
    house = opened(ledger, target)
    house.request("a")
    assert house.until_done() == 8
    assert house.states() == {"a": "failed"}
    assert "did not have it" in house.outbox()["a"].told


@pytest.mark.parametrize(
    ("asks", "told", "count"),
    [(["mute"], "taken; the target cannot be asked", 1),
     (["no"], "taken; go away", 1),
     (["later"] * 99, "taken; cannot say now", 8)],
)  # fmt: skip
def test_what_was_taken_and_cannot_be_asked_after_stays_applied_for_good(
    ledger: Ledger, asks: list[str], told: str, count: int
) -> None:
    target = Scripted(asks=asks)
    house = opened(ledger, target)
    house.request("a")
    assert house.until_done() == count
    done = house.outbox()["a"]
    assert (done.state, done.told, done.settled_at) == ("applied", told, house.now)
    assert target.keys == ["a"], "it is asked again, and not sent again"
    house.request("b", "shares")
    assert house.outbox()["a"].state == "applied"


def test_who_comes_late_changes_nothing_of_what_is_settled(ledger: Ledger) -> None:
    house = opened(ledger, Scripted(asks=["later", "mute"]))
    house.request("a")
    house.deliver()
    late = house.outbox()["a"]
    house.deliver(2)
    with ledger.transaction() as inside:
        assert not move_effect(inside.connection, late, replace(late, state="verified"))
    assert house.states() == {"a": "applied"}


def test_newer_shares_do_not_touch_older_ones_that_are_settled(ledger: Ledger) -> None:
    house = opened(ledger, Scripted(asks=["mute"]))
    house.request("old", "shares")
    house.deliver()
    house.request("new", "shares")
    house.deliver()
    assert house.states() == {"old": "applied", "new": "verified"}


def test_shares_that_newer_ones_overtake_are_never_sent_again(ledger: Ledger) -> None:
    target = Scripted(sends=["later"])
    house = opened(ledger, target)
    house.request("old", "shares")
    house.deliver()
    house.request("new", "shares")
    house.deliver(2)
    assert house.states() == {"old": "superseded", "new": "verified"}
    assert target.keys == ["old", "new"]


@pytest.mark.parametrize("stage", ["effect sent", "effect applied", "effect checked"])
def test_shares_may_be_overtaken_while_they_are_on_their_way(ledger: Ledger, stage: str) -> None:
    target = Scripted()
    house = opened(ledger, target)
    house.request("old", "shares")

    def overtake(reached: str) -> None:
        if reached == stage and len(target.told) == 1:
            house.request("new", "shares")

    assert house.deliver(on_stage=overtake) == Delivered(sent=2, verified=1, superseded=1)
    assert house.states() == {"old": "superseded", "new": "verified"}


def test_notices_wait_for_the_one_before_them_and_shares_do_not(ledger: Ledger) -> None:
    target = Scripted(sends=["later"])
    house = opened(ledger, target)
    house.request("n1")
    house.request("n2")
    house.request("s1", "shares")
    assert house.deliver() == Delivered(sent=1, verified=1, postponed=1)
    assert target.keys == ["n1", "s1"]
    house.deliver(2)
    assert target.keys == ["n1", "s1", "n1", "n2"]
    assert set(house.states().values()) == {"verified"}


def test_a_stuck_target_does_not_hold_up_another(ledger: Ledger) -> None:
    stuck, fine = Scripted("stuck", sends=["later"] * 99), Scripted("fine")
    house = opened(ledger, stuck, fine)
    for number in range(3):
        house.request(f"stuck{number}", target="stuck")
        house.request(f"fine{number}", target="fine")
    assert house.deliver() == Delivered(sent=3, verified=3, postponed=1)
    assert stuck.keys == ["stuck0"]
    assert fine.keys == ["fine0", "fine1", "fine2"]


def test_lanes_take_turns_so_a_long_one_does_not_keep_shares_waiting(ledger: Ledger) -> None:
    target = Scripted()
    house = opened(ledger, target)
    for number in range(9):
        house.request(f"n{number}")
    house.request("s", "shares")
    assert house.deliver(most=3).sent == 3
    assert target.keys == ["n0", "s", "n1"]


def test_an_effect_for_a_target_that_nobody_names_any_more_fails(ledger: Ledger) -> None:
    house = opened(ledger)
    house.request("a", target="gone")
    assert house.deliver() == Delivered(unnamed=1)
    assert house.outbox()["a"].told == "the settings name no target 'gone'"


def test_a_clock_that_is_set_back_keeps_nothing_waiting(ledger: Ledger) -> None:
    house = opened(ledger, Scripted(sends=["later"]), Scripted("u"))
    house.request("tried")
    house.request("new", target="u")
    house.now += timedelta(seconds=-1)
    house.deliver()
    house.deliver(-3600)
    assert house.states() == {"tried": "verified", "new": "verified"}


def test_who_has_lost_the_lease_sends_nothing(ledger: Ledger) -> None:
    target = Scripted()
    house = opened(ledger, target)
    house.request("a")
    with ledger.transaction() as inside:
        take_lease(inside.connection, "another", NOON + LASTS, dead=True)
    with pytest.raises(TiltyardError, match="LEASE_LOST"):
        house.deliver()
    assert not target.told
    assert house.states() == {"a": "requested"}


@pytest.mark.parametrize(
    ("stage", "state"), [("effect sent", "requested"), ("effect checked", "applied")]
)
def test_who_loses_the_lease_on_the_way_writes_nothing_more(
    ledger: Ledger, stage: str, state: str
) -> None:
    house = opened(ledger, Scripted())
    house.request("a")

    def lose(reached: str) -> None:
        if reached == stage:
            with ledger.transaction() as inside:
                take_lease(inside.connection, "another", NOON + LASTS, dead=True)

    with pytest.raises(TiltyardError, match="LEASE_LOST"):
        house.deliver(on_stage=lose)
    assert house.states() == {"a": state}


class Killed(BaseException):
    """What no handler catches."""


def kill(at: str) -> Callable[[str], None]:
    def reached(stage: str) -> None:
        if stage == at:
            raise Killed

    return reached


@pytest.mark.parametrize("stage", STAGES)
def test_killed_at_any_stage_the_next_delivery_ends_the_same(ledger: Ledger, stage: str) -> None:
    target = Scripted()
    house = opened(ledger, target)
    house.request("a")
    house.request("b")
    with pytest.raises(Killed):
        house.deliver(on_stage=kill(stage))
    house.deliver()
    assert set(house.states().values()) == {"verified"}
    again = ["a"] if stage == "effect sent" else []
    assert target.keys == ["a", *again, "b"]


def test_a_database_that_is_locked_says_so_and_the_effect_is_sent_again(
    tmp_path: Path,
) -> None:
    database = str(tmp_path / "tiltyard.db")
    Ledger.open(database, create=True).close()
    with Ledger.open(database, busy_timeout_ms=1) as ledger, Ledger.open(database) as other:
        target = Scripted()
        house = opened(ledger, target)
        house.request("a")
        held: list[AbstractContextManager[Ledger]] = []

        def hold(stage: str) -> None:
            if stage == "effect sent" and not held:
                held.append(other.transaction())
                held[0].__enter__()

        with pytest.raises(TiltyardError, match="DATABASE_LOCKED"):
            house.deliver(on_stage=hold)
        held[0].__exit__(None, None, None)
        house.deliver()
        assert house.states() == {"a": "verified"}
        assert target.keys == ["a", "a"]


# The law: whatever targets do, and wherever the desk is killed

sends = st.lists(st.sampled_from(["take", "lose", "drop", "later", "no"]), max_size=12)
asks = st.lists(st.sampled_from(["tell", "mute", "later", "no"]), max_size=12)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("request"), st.sampled_from(["shares", "notice"]), st.sampled_from("tu")),
        st.tuples(st.just("deliver"), st.integers(0, 300), st.sampled_from(["", *STAGES])),
    ),
    max_size=12,
)


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(plan=steps, t=st.tuples(sends, asks), u=st.tuples(sends, asks), most=st.integers(1, 5))
def test_every_effect_ends_once_and_notices_keep_their_order(
    ledger: Ledger,
    plan: list[tuple[str, object, str]],
    t: tuple[list[str], list[str]],
    u: tuple[list[str], list[str]],
    most: int,
) -> None:
    targets = [Scripted("t", sends=list(t[0]), asks=list(t[1])),
               Scripted("u", sends=list(u[0]), asks=list(u[1]))]  # fmt: skip
    house = opened(ledger, *targets)
    for number, (what, how, which) in enumerate(plan):
        if what == "request":
            house.request(f"{how}:{number}", str(how), which)
            continue
        assert isinstance(how, int)
        done = {key for key, one in house.outbox().items() if one.settled_at}
        before = [len(target.told) for target in targets]
        with suppress(Killed):
            house.deliver(how, on_stage=kill(which), most=most)
        for target, count in zip(targets, before, strict=True):
            assert done.isdisjoint(target.keys[count:]), "what is settled is not sent again"
    house.until_done()
    outbox = house.outbox()
    assert {one.state for one in outbox.values()} <= {"verified", "applied", "failed", "superseded"}
    for target in targets:
        own = [one for one in outbox.values() if one.target == target.name]
        for one in own:
            assert one.state != "verified" or one.key in target.held
            assert target.keys.count(one.key) <= 13 + len(plan), "a kill costs one more"
        assert {one.key: one.body for one in target.told}.items() <= {
            one.key: one.body for one in own
        }.items(), "the same key and body each time"
        for kind in KINDS:
            seqs = [one.seq for one in target.told if one.kind == kind]
            assert seqs == sorted(seqs), "one is sent when those before it have ended"
        newest = [one for one in own if one.kind == "shares"][-1:]
        assert all(one.state in {"verified", "applied"} for one in newest)


# With the real ones


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as one:
        yield one


def test_a_webhook_that_fails_in_every_way_gets_it_in_the_end(
    ledger: Ledger, receiver: Receiver
) -> None:
    receiver.script = [
        says(500), hangs, writes(b"garbage"), says(302, headers={"Location": "/"}),
        says(200), says(503), says(200, b'{"keys": []}'),
        says(201, b"x" * (10 << 20)), says(200, b'{"key": "n"}'),
    ]  # fmt: skip
    house = opened(ledger, WebhookTarget(receiver.url, 1))
    house.request("n", target="webhook")
    assert house.until_done() == 7
    assert house.states() == {"n": "verified"}
    asked = ["POST", "POST", "POST", "POST", "POST", "GET", "GET", "POST", "GET"]
    assert [one.method for one in receiver.asked] == asked
    assert {one.headers["idempotency-key"] for one in receiver.asked} == {"n"}
    assert len({one.body for one in receiver.asked if one.method == "POST"}) == 1


def test_a_webhook_that_cannot_be_asked_leaves_it_applied(
    ledger: Ledger, receiver: Receiver
) -> None:
    receiver.script = [says(204), says(405)]
    house = opened(ledger, WebhookTarget(receiver.url, 30))
    house.request("n", target="webhook")
    assert house.deliver() == Delivered(sent=1, applied=1)
    assert house.is_done()


def test_what_is_told_of_a_webhook_does_not_show_its_address(
    ledger: Ledger, receiver: Receiver
) -> None:
    receiver.script = [says(400, receiver.url.encode())]
    house = opened(ledger, WebhookTarget(receiver.url, 30))
    house.request("n", target="webhook")
    house.deliver()
    told = house.outbox()["n"].told
    assert re.fullmatch(r"it answered 400\. [\w ]+", told)


@pytest.mark.parametrize("stage", STAGES)
def test_a_file_is_right_wherever_the_desk_is_killed(
    ledger: Ledger, stage: str, tmp_path: Path
) -> None:
    target = FileTarget(tmp_path / "shares.json")
    house = opened(ledger, target)
    house.request("s1", "shares", "file", revision=1)
    with pytest.raises(Killed):
        house.deliver(on_stage=kill(stage))
    house.request("s2", "shares", "file", revision=2)
    house.deliver()
    outbox = house.outbox()
    assert outbox["s2"].state == "verified"
    assert target.has(outbox["s2"])
