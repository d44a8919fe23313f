"""Killed anywhere between a halt, what people are told of it, and escalation: told all the same."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from tempfile import TemporaryDirectory

import pytest

from command_line import ROOT
from crash.conftest import NewFloor, Stage
from crash.play import APPENDED
from notify.phones import Phone, phone
from tiltyard.shell import live
from tiltyard.shell.effects import delivery
from tiltyard.shell.notify import escalation
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import every_effect
from tiltyard.shell.store.page_table import every_page

POINTS = (APPENDED, *live.STAGES, *delivery.STAGES[:3], *escalation.STAGES)
"""Nobody can ask a phone whether it has something, so nothing is verified."""
HALTED = "bad halted: drawdown 5 % > 4 %"
EVERY_KEY = {"page-1-notify:ann", "page-1-notify:carl", "escalated-1-notify:eve"}


@dataclass
class Phones:
    """The phones of one floor, and where their addresses stand."""

    folder: Path
    by_name: dict[str, Phone]

    def told(self) -> Counter[str]:
        """How often each key was told."""
        return Counter(key for one in self.by_name.values() for key in one.keys)


@contextmanager
def phones() -> Iterator[Phones]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        found = {name: stack.enter_context(phone()) for name in ("ann", "carl", "eve")}
        for name, one in found.items():
            (folder / f"{name}.address").write_text(one.address)
        yield Phones(folder, found)


@pytest.fixture(scope="module")
def teller() -> Iterator[Stage]:
    """A process that tells people."""
    path = os.pathsep.join([str(ROOT / "tests"), *filter(None, sys.path)])
    with subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "crash" / "tell.py")], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path},
    ) as process:  # fmt: skip
        yield Stage(process)


def check(url: str, found: Phones, *, twice: int) -> None:
    """Everybody was told, and at most so many of them twice, under the same key."""
    told = found.told()
    assert set(told) == EVERY_KEY
    assert sum(told.values()) <= len(EVERY_KEY) + twice
    assert set(found.by_name["ann"].titles) == {HALTED}
    assert set(found.by_name["eve"].titles) == {f"Nobody acknowledged: {HALTED}"}
    with Ledger.open(url) as ledger, ledger.snapshot() as still:
        (page,) = every_page(still.connection)
        effects = every_effect(still.connection)
    assert (page.number, page.event, page.escalated_at is not None) == (1, "halt", True)
    assert {one.state for one in effects} == {"applied"}
    assert {one.key for one in effects} == EVERY_KEY


@pytest.fixture(scope="module")
def passed(new_floor: NewFloor, teller: Stage) -> dict[str, int]:
    """How often an undisturbed process passes each point."""
    with new_floor() as url, phones() as found:
        assert teller.play(url, found.folder) == 0
        check(url, found, twice=0)
        counted: dict[str, int] = json.loads((found.folder / "passed.json").read_text())
        return counted


def test_every_stage_is_a_point_at_which_somebody_is_killed(passed: dict[str, int]) -> None:
    assert set(passed) == set(POINTS)
    assert passed["effect sent"] == 3
    assert passed["escalation noted"] == 1


@pytest.mark.parametrize("point", POINTS)
def test_people_are_told_once_though_the_process_was_killed(
    new_floor: NewFloor, teller: Stage, passed: dict[str, int], point: str
) -> None:
    for number in range(1, passed[point] + 1):
        with new_floor() as url, phones() as found:
            assert teller.play(url, found.folder, point, number) == -SIGKILL
            assert teller.play(url, found.folder) == 0
            check(url, found, twice=point == delivery.SENT)
