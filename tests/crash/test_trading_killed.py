"""Killed anywhere while it trades: no fact is lost or doubled, and what is held is there again."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from signal import SIGKILL
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from command_line import ROOT
from conformance.samples import NewDatabase
from floors import BREAKOUT, CHAMPION, JUMP, REVERSION, populate, put_bars, quiet_and_up, rules
from ledgers import Databases
from tiltyard.kernel.clock import time_text
from tiltyard.market.bar import HOUR
from tiltyard.router.split import Split
from tiltyard.shell import live
from tiltyard.shell.floor import trading
from tiltyard.shell.replaying.verify import verify
from tiltyard.shell.store.audit_table import identity_of
from tiltyard.shell.store.floor_table import read_floor
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import SHARES, Effect, every_effect

START = datetime(2025, 5, 1, tzinfo=UTC)
BEGINS, ENDS = START + JUMP * HOUR, START + (JUMP + 6) * HOUR
POINTS = (*trading.STAGES, *live.STAGES)
ARMS = (CHAMPION, BREAKOUT, REVERSION)
Play = Callable[..., int]
Ends = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def play() -> Iterator[Play]:
    path = os.pathsep.join([str(ROOT / "tests"), *filter(None, sys.path)])
    with subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "crash" / "trade.py")], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path},
    ) as process:  # fmt: skip

        def go_on(url: str, folder: Path, stage: str = "", number: int = 0) -> int:
            job = {"url": url, "folder": str(folder), "until": time_text(ENDS), "stage": stage,
                   "number": number}  # fmt: skip
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
            return int(process.stdout.readline())

        yield go_on


@dataclass(frozen=True)
class Hours:
    """Some hours of a floor.

    Attributes:
        new_floor: Makes databases of the floor as it is when they begin.
        end: What came of them when nobody was killed.
        passed: How often each point was passed then.
    """

    new_floor: NewDatabase
    end: dict[str, Any]
    passed: dict[str, int]


def put_market(folder: Path) -> None:
    """In the hours to come an order is filled, stopped, and another one is given and filled."""
    bars = quiet_and_up(START)
    bars[JUMP + 2] = bars[JUMP + 2]._replace(low=90.0)
    bars[JUMP + 3] = bars[JUMP + 3]._replace(high=131.0, close=130.0)
    put_bars(folder / "SOL_USDT-1h.parquet", bars)
    (folder / "clock").write_text(time_text(BEGINS))


def undisturbed(
    databases: Databases, play: Play, names: Sequence[str], ends: Ends
) -> Iterator[Hours]:
    """The hours of these arms, lived through once."""
    with databases.empty() as first:
        with Ledger.open(first, create=True) as ledger:
            populate(ledger, names, BEGINS, share=0.3)
        new_floor = databases.copies_of(first)
        with new_floor() as url, TemporaryDirectory() as own:
            folder = Path(own)
            put_market(folder)
            assert play(url, folder) == 0
            passed = json.loads((folder / "passed.json").read_text())
            hours = Hours(new_floor, ends(url), passed)
        yield hours


@pytest.fixture(scope="module")
def of_one_arm(databases: Databases, play: Play) -> Iterator[Hours]:
    yield from undisturbed(databases, play, (BREAKOUT,), end_of)


@pytest.fixture(scope="module")
def of_three_arms(databases: Databases, play: Play) -> Iterator[Hours]:
    yield from undisturbed(databases, play, ARMS, paper_of)


def kill_at_every(point: str, hours: Hours, play: Play, ends: Ends) -> None:
    """Whichever passing of the point it is, the end is the same."""
    assert hours.passed[point]
    for number in range(1, hours.passed[point] + 1):
        with hours.new_floor() as url, TemporaryDirectory() as own:
            folder = Path(own)
            put_market(folder)
            assert play(url, folder, point, number) == -SIGKILL
            assert play(url, folder) == 0
            assert ends(url) == hours.end, f"killed at {point}, passing {number}"


def end_of(url: str) -> dict[str, Any]:
    """What came of it, without what counts how many desks there were."""
    with Ledger.open(url) as ledger, ledger.snapshot() as still:
        verify(still, rules(), ENDS)
        return {
            "trades": [one._replace(seq=0) for one in still.trades()],
            "marks": [one._replace(seq=0) for one in still.marks()],
            "decisions": [one._replace(seq=0, share_revision=0) for one in still.decisions()],
            "floor": read_floor(still.connection),
        }


def paper_of(url: str) -> dict[str, Any]:
    """What three arms did on paper; every decision is the one that the shares then told give.

    Who gets an episode depends on how many desks there were: each tells the shares anew.
    """
    with Ledger.open(url) as ledger, ledger.snapshot() as still:
        verify(still, rules(), ENDS)
        salt, trades = identity_of(still.connection), list(still.trades())
        told = {one["revision"]: one["shares"] for one in map(body_of, shares_told(still))}
        owners = {}
        for one in still.decisions():
            shares = {name: float(share) for name, share in told[one.share_revision].items()}
            choice = Split(shares, revision=one.share_revision, salt=salt).choose(one.episode_id)
            assert choice == (one.policy, one.propensity, one.share_revision)
            assert len(shares) == len(ARMS)
            owners[str(one.episode_id)] = one.policy
        books: dict[tuple[str, str], list[str]] = {}
        for trade in trades:
            books.setdefault((str(trade.episode_id), trade.policy), []).append(trade.book)
        for (episode, policy), found in books.items():
            owns = owners[episode] == policy
            assert sorted(found) == (["live", "twin"] if owns else ["shadow"])
        floor = json.loads(str(read_floor(still.connection)))
        return {
            "trades": sorted(
                one._replace(seq=0, book="shadow", trade_id="")
                for one in trades
                if one.book != "live"
            ),
            "episodes": list(owners),
            "paper": floor["paper"],
            "until": floor["until"],
        }


def shares_told(still: Ledger) -> list[Effect]:
    return [one for one in every_effect(still.connection) if one.kind == SHARES]


def body_of(effect: Effect) -> dict[str, Any]:
    return dict(json.loads(effect.body))


@pytest.mark.parametrize("point", POINTS)
def test_hours_in_which_the_process_was_killed_end_the_same(
    of_one_arm: Hours, play: Play, point: str
) -> None:
    end = of_one_arm.end
    assert [one.book for one in end["trades"]] == ["live", "twin"]
    assert len(end["decisions"]) == 2
    assert json.loads(str(end["floor"]))["live"]["positions"]
    kill_at_every(point, of_one_arm, play, end_of)


@pytest.mark.parametrize("point", POINTS)
def test_three_arms_get_what_the_shares_then_told_give_wherever_the_process_was_killed(
    of_three_arms: Hours, play: Play, point: str
) -> None:
    assert len(of_three_arms.end["trades"]) >= 2
    assert len(of_three_arms.end["episodes"]) >= 2
    kill_at_every(point, of_three_arms, play, paper_of)
