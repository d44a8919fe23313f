"""One target is told the shares in order, with the database and without it."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from receivers import NOON
from tiltyard.facts.audit import canonical
from tiltyard.kernel.clock import moment
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.effects.announce import ALONE, EXPIRE_AFTER
from tiltyard.shell.effects.delivery import Patience
from tiltyard.shell.effects.telling import Telling
from tiltyard.shell.store.outbox import Effect
from tiltyard.shell.targets import Target, unreachable

SECOND = timedelta(seconds=1)


@dataclass
class Bot:
    """A target by hand, which minds that what it is told is in order.

    Attributes:
        does: What it does next: ``take``, ``drop`` (takes it, and its answer is lost),
            ``lose`` (says that it took it) or ``later``; then ``take``.
        told: Revision and shares, at every attempt.
        expiries: At every attempt, in seconds since noon.
        keys: Of every attempt.
        held: What it has.
        is_strict: It minds.
    """

    name: str = "bot"
    takes: frozenset[str] = frozenset({"shares"})
    does: list[str] = field(default_factory=list)
    told: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    expiries: list[float] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    held: str = ""
    is_strict: bool = True

    def send(self, effect: Effect) -> None:
        does = self.does.pop(0) if self.does else "take"
        body = json.loads(effect.body)
        told = body["revision"], body["shares"]
        if self.is_strict:
            assert all(old < told[0] or (old, shares) == told for old, shares in self.told), told
        self.told.append(told)
        self.expiries.append((moment(body["expires_at"]) - NOON) / SECOND)
        self.keys.append(effect.key)
        if does in {"take", "drop"}:
            self.held = effect.key
        if does in {"drop", "later"}:
            raise unreachable(self.name, "come again")

    def has(self, effect: Effect) -> bool | None:
        return effect.key == self.held

    @property
    def revisions(self) -> list[int]:
        return [revision for revision, _ in self.told]


@dataclass
class Floor:
    """A desk, its outbox and its bot.

    Attributes:
        rows: Of the audit.
        known: How many of them the desk knows of; an answer of the database may be lost.
        waiting: What the outbox has for the bot.
    """

    bot: Bot = field(default_factory=Bot)
    now: datetime = NOON
    rows: int = 7
    known: int = 7
    waiting: Effect | None = None
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.telling = Telling(
            self.bot, 3, self.deliver, now=lambda: self.now, patience=Patience(),
            say=self.said.append,
        )  # fmt: skip

    def deliver(self, target: Target) -> None:
        """What is in the outbox; once, however it ends."""
        effect, self.waiting = self.waiting, None
        if effect is None:
            return
        try:
            target.send(effect)
            if target.has(effect):
                return
        except TiltyardError:
            pass
        if self.waiting is None:
            self.waiting = effect

    def write(self, shares: dict[str, object], *, is_answered: bool = True) -> None:
        """The database has other shares now; the desk knows it, or its answer was lost."""
        self.rows += 1
        body = {"shares": shares, "revision": self.rows * ALONE, "decided_at": self.now,
                "expires_at": self.now + EXPIRE_AFTER}  # fmt: skip
        key = f"3-{self.rows}-shares-bot"
        text = canonical(body)
        self.waiting = Effect(1, key, "bot", "shares", text, "requested", 0, self.now, self.now,
                              None, "")  # fmt: skip
        if is_answered:
            self.known = self.rows
            self.telling.follow_outbox()
        self.telling.look()

    def judge(self, later: float) -> None:
        """A round in which nothing changes."""
        self.now += later * SECOND
        self.telling.judged(self.now)
        self.telling.look()

    def stand(self, shares: dict[str, object], later: float = 0) -> None:
        self.now += later * SECOND
        self.telling.stand_alone({"shares": shares}, self.known * ALONE)
        self.telling.look()


def a(share: float) -> dict[str, object]:
    return {"prod": 1.0 - share, "bot": share}


def test_what_is_told_without_the_database_lies_between_what_it_had_and_what_it_gets() -> None:
    floor = Floor()
    floor.write(a(0.5))
    floor.stand(a(0.0))
    floor.stand(a(0.25))
    floor.write(a(0.5))
    assert floor.bot.revisions == [8000, 8001, 8002, 9000]


def test_what_the_target_was_told_is_not_told_again_without_the_database() -> None:
    floor = Floor()
    floor.write(a(0.5))
    for _ in range(9):
        floor.stand(a(0.5), later=9)
    assert floor.bot.revisions == [8000]


def test_an_attempt_uses_no_number_so_hours_of_them_leave_the_next_change_in_order() -> None:
    floor = Floor(Bot(does=["take", *["later"] * 999]))
    floor.write(a(0.5))
    for _ in range(8 * 3600):
        floor.stand(a(0.0), later=1)
    assert set(floor.bot.revisions) == {8000, 8001}
    assert 700 < len(floor.bot.told) < 800, "it is told every 40 s, and not every second"
    assert len(set(floor.bot.keys)) == 2


def test_a_target_that_failed_is_told_a_change_at_once() -> None:
    floor = Floor(Bot(does=["later"] * 9))
    for _ in range(9):
        floor.stand(a(0.5), later=40)
    floor.stand(a(0.25))
    assert floor.bot.told[-1] == (7002, {"prod": "0.75", "bot": "0.25"})


def test_numbering_goes_on_from_what_was_delivered_though_the_desk_does_not_know_of_it() -> None:
    floor = Floor()
    floor.write(a(0.5))
    floor.write(a(0.25), is_answered=False)
    floor.stand(a(0.0))
    assert floor.bot.revisions == [8000, 9000, 9001]


def test_who_runs_out_of_numbers_goes_on_with_the_last_of_them() -> None:
    floor = Floor(Bot(is_strict=False))
    for number in range(ALONE + 5):
        floor.stand(a(0.25 + number / 10_000))
    assert floor.bot.revisions == [*range(7001, 8000), *[7999] * 6]
    assert floor.bot.told[-1] == (7999, {"prod": "0.6496", "bot": "0.3504"})
    floor.write(a(0.5))
    assert floor.bot.revisions[-1] == 8000


def test_people_are_told_once_that_a_target_cannot_be_told_and_when_it_can_again() -> None:
    floor = Floor(Bot(does=["take", "later", "lose", "later", "take", "later"]))
    floor.write(a(0.5))
    assert floor.said == []
    floor.write(a(0.25))
    (told,) = floor.said
    assert told == (
        "TARGET_UNREACHABLE bot: come again\n  bot cannot be told the shares: "
        "challengers lose their traffic there when those that it has expire"
    )
    floor.telling.look()
    floor.telling.look()
    assert len(floor.said) == 1
    floor.telling.look()
    assert floor.said[1:] == ["bot is told the shares again"]
    floor.stand(a(0.0))
    assert len(floor.said) == 3


# What expires


def test_while_the_desk_judges_the_same_shares_are_told_again_before_they_expire() -> None:
    floor = Floor()
    floor.write(a(0.5))
    for _ in range(48):
        floor.judge(later=5)
    assert floor.bot.expiries == [120, 160, 200, 240, 280, 320, 360]
    assert set(floor.bot.revisions) == {8000}
    assert len({shares["bot"] for _, shares in floor.bot.told}) == 1
    assert len(set(floor.bot.keys)) == 7
    floor.write(a(0.25))
    assert (floor.bot.revisions[-1], floor.bot.expiries[-1]) == (9000, 360)


def test_when_nobody_judges_any_more_shares_expire() -> None:
    floor = Floor()
    floor.write(a(0.5))
    floor.judge(later=50)
    for _ in range(99):
        floor.now += 5 * SECOND
        floor.telling.look()
    assert floor.bot.expiries == [120, 170]


def test_shares_that_newer_ones_are_to_replace_are_not_told_again() -> None:
    floor = Floor(Bot(does=["take", *["later"] * 99]))
    floor.write(a(0.5))
    floor.write(a(0.0))
    for _ in range(48):
        floor.judge(later=5)
    assert floor.bot.told[1:] == [(9000, {"prod": "1", "bot": "0"})] * 49
    assert floor.bot.expiries == [120] * 50, "what is in the outbox is told as it is"


def test_what_comes_too_late_is_told_with_a_later_expiry_right_after() -> None:
    floor = Floor(Bot(does=["later"] * 30))
    floor.write(a(0.5))
    for _ in range(35):
        floor.judge(later=20)
    assert floor.bot.expiries[29:33] == [120, 120, 720, 760]


def test_a_renewal_that_fails_is_tried_again() -> None:
    floor = Floor(Bot(does=["take", "later", "later"]))
    floor.write(a(0.5))
    for _ in range(60):
        floor.judge(later=1)
    assert floor.bot.expiries == [120, 160, 162, 166]
    assert "bot cannot be told the shares" in floor.said[0]
    assert floor.said[1:] == ["bot is told the shares again"]


def test_shares_that_stand_without_the_database_last_while_the_desk_judges() -> None:
    floor = Floor()
    floor.stand(a(0.5))
    for _ in range(20):
        floor.judge(later=5)
    floor.stand(a(0.5), later=900)
    floor.stand(a(0.0), later=5)
    assert list(zip(floor.bot.revisions, floor.bot.expiries, strict=True)) == [
        (7001, 120), (7001, 160), (7001, 200), (7002, 220)
    ], "what stands lasts no longer than since it was judged"  # fmt: skip


def test_when_the_clock_is_set_back_shares_do_not_last_longer_for_that() -> None:
    floor = Floor()
    floor.write(a(0.5))
    floor.judge(later=-3600)
    floor.judge(later=5)
    assert floor.bot.expiries == [120, 120 - 3600]


steps = st.lists(
    st.tuples(
        st.sampled_from(["write", "write, and its answer is lost", "stand", "judge"]),
        st.sampled_from([0.0, 0.25, 0.5]),
        st.sampled_from(["take", "drop", "lose", "later"]),
        st.integers(0, 60),
    ),
    max_size=40,
)


@given(steps)
def test_nothing_older_is_ever_told_after_what_is_newer(
    plan: list[tuple[str, float, str, int]],
) -> None:
    floor = Floor()
    for what, share, does, later in plan:
        floor.bot.does = [does]
        if what == "stand":
            floor.stand(a(share), later)
        elif what == "judge":
            floor.judge(later)
        else:
            floor.now += later * SECOND
            floor.write(a(share), is_answered=what == "write")
    floor.bot.does = []
    floor.write(a(1.0))
    assert floor.bot.told[-1] == (floor.rows * ALONE, {"prod": "0", "bot": "1"})
