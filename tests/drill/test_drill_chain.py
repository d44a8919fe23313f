"""Who is told of a drill, who answers for a desk, and what is said of live shares."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from live_desks import DAY, NOON, SETTINGS, asked, audited, desk_on, good_ledger, put
from records import BOT
from tiltyard.facts.command import LASTS, Command
from tiltyard.shell.commanding import Times, carry_out, give_back, take
from tiltyard.shell.drill.chain import House, Link, _of_desk, _of_shares, told
from tiltyard.shell.effects.announce import Announcing
from tiltyard.shell.live import TICK
from tiltyard.shell.settings import Settings, load
from tiltyard.shell.store.lease import go_by, read_lease
from tiltyard.shell.store.ledger import Ledger

PAGE = {"event": "page", "cause": "drill", "policy": ""}
BEFORE, AFTER = {"shares": {"prod": 0.9, "bot": 0.1}}, {"shares": {"prod": 1.0}}


@pytest.mark.parametrize(
    ("since", "state", "said"),
    [
        ([PAGE], "lost", "a live share has moved, and the audit does not say why"),
        ([], "lost", "a live share has moved, and the audit does not say why"),
        (
            [PAGE, {"event": "halt", "cause": "challenger_drawdown_high", "policy": "bot"}],
            "there", "moved meanwhile, and not by the drill: halt by challenger_drawdown_high",
        ),
        (
            [{"event": "external_edit", "cause": "sql", "policy": "bot"},
             {"event": "review", "cause": "consecutive_losses_high", "policy": "bot"}],
            "there", "moved meanwhile, and not by the drill: external_edit by sql",
        ),
        (
            [{"event": "register", "actor": "ann"}], "there",
            "moved meanwhile, and not by the drill: register by ann",
        ),
    ],
)  # fmt: skip
def test_a_share_that_moved_is_explained_by_the_audit_or_the_link_is_lost(
    since: list[dict[str, Any]], state: str, said: str
) -> None:
    link = _of_shares(BEFORE, AFTER, since)
    assert (link.state, link.said) == (state, said)


def test_shares_that_stayed_are_said_to_have_stayed() -> None:
    assert _of_shares(BEFORE, dict(BEFORE), [PAGE]).said == "nobody's live share has moved"


def test_nobody_is_told_of_a_drill_of_long_ago() -> None:
    drill = Command("a", "drill", "", "ann", "a drill", NOON, {"drill": "drill_x"})
    assert drill.refusal(NOON + LASTS) is None
    late = drill.refusal(NOON + LASTS + TICK)
    assert late is not None
    assert late.code == "COMMAND_EXPIRED"
    job = Command("b", "page", "", "jobs", "a step failed", NOON, {"run": "weekly"})
    assert job.refusal(NOON + 100 * LASTS) is None


@pytest.mark.parametrize("observes", [False, True])
def test_a_desk_that_only_observes_is_a_lost_link(tmp_path: Path, observes: bool) -> None:  # noqa: FBT001 a case
    with good_ledger(tmp_path / "desk.db") as ledger:
        with desk_on(ledger, NOON, observe=observes) as desk:
            assert asked(ledger, desk, "drill", "", NOON, drill="drill_x").code == ""
        (event,) = audited(ledger, "page")
    link = _of_desk([event], SETTINGS.checklist, 0.1)
    assert link.state == ("lost" if observes else "there")
    assert ("it only observes" in link.said) == observes


@dataclass
class Clock:
    """A clock that goes on when somebody waits, and what happens meanwhile."""

    began: datetime
    meanwhile: Callable[[datetime], object] = lambda _: None
    seconds: float = 0.0

    def now(self) -> datetime:
        return self.began + timedelta(seconds=self.seconds)

    def wait(self, seconds: float) -> None:
        self.seconds += seconds
        self.meanwhile(self.now())

    @property
    def times(self) -> Times:
        return Times(self.now, lambda: self.seconds, self.wait)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with good_ledger(tmp_path / "desk.db") as opened:
        yield opened


def links(
    ledger: Ledger, clock: Clock, settings: Settings = SETTINGS, within: float = 60
) -> list[Link]:
    house = House(ledger, settings, clock.times, {}, within)
    return list(told(house, "drill_x", "15 of 15", "ann"))


def is_a_desk(ledger: Ledger, token: int, settings: Settings = SETTINGS) -> None:
    with ledger.transaction() as inside:
        go_by(inside.connection, token, settings.checklist.digest)


def test_a_desk_that_has_died_is_lost_and_nobody_acts_in_its_place(ledger: Ledger) -> None:
    """Its lease lasts a while longer, and what waits for a desk goes on waiting."""
    token = take(ledger, "a desk that is killed now", NOON + DAY)
    assert token is not None
    is_a_desk(ledger, token)
    put(ledger, "throttle", BOT, NOON + DAY)
    before = ledger.roster()
    (link,) = links(ledger, Clock(NOON + DAY + timedelta(seconds=12)))
    assert (link.name, link.state) == ("desk", "lost")
    assert "has not carried it out in 60 s" in link.said
    assert "whoever acts next will, until 2025-06-03T12:10:12Z" in link.said
    assert ledger.roster() == before
    assert audited(ledger, "page") == []


def test_whoever_has_the_lease_for_a_moment_is_no_desk(ledger: Ledger) -> None:
    token = take(ledger, "somebody who halts an arm", NOON + DAY)
    assert token is not None
    (link,) = links(ledger, Clock(NOON + DAY))
    assert (link.state, link.said) == ("lost", "none runs, so nobody judges: tiltyard run")


def test_whoever_acts_where_no_desk_runs_leaves_a_drill_to_a_desk(ledger: Ledger) -> None:
    put(ledger, "drill", "", NOON + DAY, drill="drill_x")
    token = take(ledger, "somebody who halts an arm", NOON + DAY)
    assert token is not None
    carry_out(ledger, SETTINGS, token, NOON + DAY, Announcing())
    give_back(ledger, token)
    assert audited(ledger, "page") == []
    with desk_on(ledger, NOON + DAY) as desk:
        desk.step(NOON + DAY + TICK)
    assert [one["drill"] for one in audited(ledger, "page")] == ["drill_x"]


@pytest.mark.parametrize(("within", "is_there"), [(60, True), (5, False)])
def test_a_desk_has_the_time_that_was_said(ledger: Ledger, within: float, is_there: bool) -> None:  # noqa: FBT001 a case
    began = NOON + DAY
    with desk_on(ledger, began) as desk:
        is_a_desk(ledger, desk_token(ledger))
        clock = Clock(began, lambda now: desk.step(now) if now >= began + 2 * TICK else None)
        first, *_ = links(ledger, clock, within=within)
    assert (first.state == "there") == is_there


def desk_token(ledger: Ledger) -> int:
    with ledger.snapshot() as still:
        lease = read_lease(still.connection)
    assert lease is not None
    return lease.token


def test_a_desk_that_does_not_know_of_somebody_is_a_lost_link(
    ledger: Ledger, tmp_path: Path
) -> None:
    """It was started before the settings named her."""
    file = tmp_path / "tiltyard.toml"
    file.write_text('[[notify.recipient]]\nname = "ann"\naddress_env = "ANN"\n', "utf-8")
    named = load(file).model_copy(update={"run": SETTINGS.run})
    assert people_of(ledger, SETTINGS, named) == [
        ("lost", "notify:ann: the desk does not know of it: start it again")
    ]
    assert people_of(ledger, SETTINGS, SETTINGS) == [
        ("not set up", "the settings name nobody who is told of what is urgent")
    ]


def people_of(ledger: Ledger, of_desk: Settings, of_drill: Settings) -> list[tuple[str, str]]:
    began = NOON + DAY
    with desk_on(ledger, began, of_desk) as desk:
        is_a_desk(ledger, desk_token(ledger))
        every = links(ledger, Clock(began, desk.step), of_drill)
    return [(one.state, one.said) for one in every if one.name == "people"]
