"""When nobody acknowledges, others are told: once, with the original and who was told when."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from notify.desks import HOUR, MINUTE, SECOND, Desk, desk
from notify.phones import Phone, phone, recipient, telling
from tiltyard.shell.notify.escalation import MOST
from tiltyard.shell.store.page_table import acknowledge_page, add_page

NOWHERE = "json://127.0.0.1:1/"


@pytest.fixture
def eve() -> Iterator[Phone]:
    with phone() as found:
        yield found


@pytest.fixture
def ann() -> Iterator[Phone]:
    with phone() as found:
        yield found


@pytest.fixture
def halted(ann: Phone, eve: Phone, tmp_path: Path) -> Iterator[Desk]:
    """A halt of which ann was told, and bob could not be."""
    settings = telling(
        recipient(tmp_path, "ann", ann.address),
        recipient(tmp_path, "bob", NOWHERE),
        recipient(tmp_path, "carl", ann.address, ("warning",)),
        recipient(tmp_path, "eve", eve.address, escalation=True),
    )
    with desk(tmp_path, settings) as found:
        found.halt()
        found.deliver()
        yield found


def test_others_are_told_after_a_quarter_of_an_hour_once(halted: Desk, eve: Phone) -> None:
    assert halted.escalate(15 * MINUTE - SECOND) == 0
    assert halted.escalate(SECOND) == 1
    assert halted.escalate(15 * MINUTE) == 0
    halted.deliver()
    halted.deliver(MINUTE)
    (said,) = eve.told
    assert said["title"] == "Nobody acknowledged: bot halted: drawdown 5 % > 4 %"
    lines = said["message"].splitlines()
    assert lines[:2] == [
        "ann was told at 2025-06-02T12:02:00Z; bob could not be told",
        "traffic 10.0 % -> 0 %, halted; only a person re-arms",
    ]
    assert lines[-2:] == [
        "page 1: tiltyard notify ack 1 --reason …",
        "Mon 02 Jun 12:02:00 UTC, told 30 min later",
    ]
    assert eve.keys == ["escalated-1-notify:eve"]
    (page,) = halted.pages
    assert page.escalated_at is not None
    assert page.acknowledged_at is None


def test_what_somebody_has_acknowledged_is_told_nobody_else(halted: Desk, eve: Phone) -> None:
    halted.now += MINUTE
    with halted.ledger.transaction() as inside:
        acknowledge_page(inside.connection, 1, "ann", "on it", halted.now)
    assert halted.escalate(20 * MINUTE) == 0
    halted.deliver()
    assert eve.told == []


def test_what_was_settled_by_the_review_is_told_nobody_else(halted: Desk, eve: Phone) -> None:
    halted.ask("acknowledge", number="1")
    assert halted.escalate(20 * MINUTE) == 0
    halted.deliver()
    assert eve.told == []


def test_each_page_is_told_for_itself(halted: Desk, eve: Phone) -> None:
    halted.now += 10 * MINUTE
    halted.answers(0)
    assert halted.escalate(5 * MINUTE) == 1
    assert halted.escalate(10 * MINUTE) == 1
    halted.deliver()
    assert [title.split(": ")[1] for title in eve.titles] == ["bot halted", "System downtime"]


def test_no_name_is_told_under_the_key_of_another(tmp_path: Path) -> None:
    settings = telling(
        recipient(tmp_path, "eve-escalated", NOWHERE),
        recipient(tmp_path, "eve", NOWHERE, escalation=True),
    )
    with desk(tmp_path, settings) as found:
        found.halt()
        assert found.escalate(15 * MINUTE) == 1
        assert [one.target for one in found.effects] == ["notify:eve-escalated", "notify:eve"]


def test_with_nobody_to_escalate_to_nothing_is_noted(ann: Phone, tmp_path: Path) -> None:
    with desk(tmp_path, telling(recipient(tmp_path, "ann", ann.address))) as found:
        found.halt()
        assert found.escalate(60 * MINUTE) == 0
        assert [page.escalated_at for page in found.pages] == [None]


def test_who_is_named_later_is_told_of_what_has_waited_less_than_a_day(
    eve: Phone, tmp_path: Path
) -> None:
    with desk(tmp_path, telling(recipient(tmp_path, "ann", NOWHERE))) as found:
        found.halt()
        found.step(23 * HOUR)
        others = recipient(tmp_path, "eve", eve.address, escalation=True)
        found.settings = telling(recipient(tmp_path, "ann", NOWHERE), others)
        assert found.escalate(2 * HOUR) == 1
        found.deliver()
        assert eve.titles == ["Nobody acknowledged: bot may still hold positions"]
        assert len(found.pages) == 2


def test_after_a_flood_others_are_told_of_so_many_at_a_time_oldest_first(
    halted: Desk,
) -> None:
    with halted.ledger.transaction() as inside:
        for _ in range(MOST):
            add_page(inside.connection, replace(halted.pages[0], title="another"))
    assert halted.escalate(15 * MINUTE) == MOST
    assert [page.number for page in halted.pages if page.escalated_at is None] == [MOST + 1]
    assert halted.escalate(SECOND) == 1
    assert halted.escalate(SECOND) == 0


def test_it_takes_as_long_as_the_settings_say(eve: Phone, tmp_path: Path) -> None:
    others = recipient(tmp_path, "eve", eve.address, escalation=True)
    with desk(tmp_path, telling(others, escalate_after=2)) as found:
        found.halt()
        assert found.escalate(2 * MINUTE - SECOND) == 0
        assert found.escalate(SECOND) == 1
        found.deliver()
        assert eve.told[0]["message"].startswith("nobody else was told\n")
