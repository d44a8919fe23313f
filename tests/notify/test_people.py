"""Who is to be told what, once of each thing, and what settles a page."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from live_desks import audited
from notify.desks import HOUR, MINUTE, Desk, desk
from notify.phones import recipient, telling
from records import BOT
from tiltyard.facts.mark import Mark
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import money
from tiltyard.shell.store.page_table import acknowledge_page

NOWHERE = "json://127.0.0.1:1/"


@pytest.fixture
def ann_and_bob(tmp_path: Path) -> Iterator[Desk]:
    ann = recipient(tmp_path, "ann", NOWHERE)
    bob = recipient(tmp_path, "bob", NOWHERE, ("critical",))
    eve = recipient(tmp_path, "eve", NOWHERE, ("critical",), escalation=True)
    with desk(tmp_path, telling(ann, bob, eve)) as found:
        yield found


def told(found: Desk) -> list[tuple[str, str, str]]:
    return [(one.target, one.kind, json.loads(one.body)["title"]) for one in found.effects]


def test_a_halt_is_one_page_to_everybody_but_who_is_there_for_escalation(ann_and_bob: Desk) -> None:
    ann_and_bob.halt()
    ann_and_bob.step(MINUTE)
    title = "bot halted: drawdown 5 % > 4 %"
    assert told(ann_and_bob) == [("notify:ann", "page", title), ("notify:bob", "page", title)]
    (page,) = ann_and_bob.pages
    assert (page.number, page.event, page.policy) == (1, "halt", BOT)
    assert page.cause == "challenger_drawdown_high"
    lines = json.loads(ann_and_bob.effects[0].body)["lines"]
    assert lines[:2] == [
        "traffic 10.0 % -> 0 %, halted; only a person re-arms", "the champion, prod, has 100.0 %"
    ]  # fmt: skip
    assert lines[-1] == "page 1: tiltyard notify ack 1 --reason …"


def test_a_breach_that_lasts_is_told_once_and_another_one_again(ann_and_bob: Desk) -> None:
    ann_and_bob.answers(0, 1, 0)
    ann_and_bob.answers(0, 0)
    ann_and_bob.step(30 * MINUTE / 60)
    pages = [title for target, _, title in told(ann_and_bob) if target == "notify:bob"]
    assert pages == ["System downtime: no answer"]
    ann_and_bob.answers(1, 0)
    pages = [title for target, _, title in told(ann_and_bob) if target == "notify:bob"]
    assert pages == ["System downtime: no answer"] * 2


def test_what_is_not_critical_goes_to_who_wants_it_as_a_message(ann_and_bob: Desk) -> None:
    ann_and_bob.ask("freeze")
    assert told(ann_and_bob) == [
        ("notify:ann", "message", "All challengers lost their traffic, by ann")
    ]
    assert ann_and_bob.pages == []


def test_a_desk_that_names_nobody_writes_no_page(tmp_path: Path) -> None:
    with desk(tmp_path, telling()) as found:
        found.halt()
        assert found.pages == []
        assert found.effects == []


def acknowledged(found: Desk) -> list[tuple[str, str]]:
    return [(one.acknowledged_by, one.reason) for one in found.pages]


def test_acknowledging_the_review_of_a_halt_acknowledges_its_page(ann_and_bob: Desk) -> None:
    ann_and_bob.halt()
    ann_and_bob.step(MINUTE)
    assert acknowledged(ann_and_bob) == [("", "")]
    ann_and_bob.ask("acknowledge", number="1")
    assert acknowledged(ann_and_bob) == [("ann", "review 1 was acknowledged")]


def test_retiring_the_arm_settles_its_page(ann_and_bob: Desk) -> None:
    ann_and_bob.halt()
    mark = Mark(BOT, ann_and_bob.now, money(0), 0)
    ann_and_bob.ledger.append_marks([mark], known_at=ann_and_bob.now)
    ann_and_bob.ask("retire", BOT)
    assert acknowledged(ann_and_bob) == [("ann", "it is retired")]


def test_a_page_that_took_nothing_is_settled_when_it_is_over(ann_and_bob: Desk) -> None:
    ann_and_bob.answers(0)
    assert acknowledged(ann_and_bob) == [("", "")]
    ann_and_bob.answers(1)
    assert acknowledged(ann_and_bob) == [("desk", "it is over")]


def test_a_halt_is_not_settled_by_time(ann_and_bob: Desk) -> None:
    ann_and_bob.halt()
    ann_and_bob.step(HOUR)
    assert acknowledged(ann_and_bob)[0] == ("", "")


def test_what_is_left_open_after_a_halt_is_another_page_until_a_mark_says_nothing_is(
    ann_and_bob: Desk,
) -> None:
    ann_and_bob.halt()
    ann_and_bob.answers(1)
    ann_and_bob.step(31 * MINUTE)
    titles = [one.title for one in ann_and_bob.pages]
    assert "bot may still hold positions" in titles
    mark = Mark(BOT, ann_and_bob.now, money(0), 0)
    ann_and_bob.ledger.append_marks([mark], known_at=ann_and_bob.now)
    ann_and_bob.step(MINUTE)
    page = ann_and_bob.pages[titles.index("bot may still hold positions")]
    assert (page.acknowledged_by, page.reason) == ("desk", "it is over")


def test_who_acknowledges_is_audited_and_who_was_first_stays(ann_and_bob: Desk) -> None:
    ann_and_bob.halt()
    for who in ("bob", "ann"):
        with ann_and_bob.ledger.transaction() as inside:
            page = acknowledge_page(inside.connection, 1, who, f"{who} saw it", ann_and_bob.now)
        assert page.acknowledged_by == "bob"
    (event,) = audited(ann_and_bob.ledger, "page_acknowledged")
    assert (event["actor"], event["number"], event["reason"]) == ("bob", 1, "bob saw it")


@pytest.mark.parametrize("number", [0, -1, 7, 2**70])
def test_a_page_that_there_is_not_cannot_be_acknowledged(ann_and_bob: Desk, number: int) -> None:
    with (
        pytest.raises(TiltyardError, match="PAGE_UNKNOWN"),
        ann_and_bob.ledger.transaction() as inside,
    ):
        acknowledge_page(inside.connection, number, "ann", "", ann_and_bob.now)
