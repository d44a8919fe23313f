"""Killed anywhere while it trades: no fact is lost or doubled, and what is held is there again."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from signal import SIGKILL
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from command_line import ROOT
from conformance.samples import NewDatabase
from floors import BREAKOUT, CHAMPION, JUMP, REVERSION, populate, put_bars, quiet_and_up, rules
from tiltyard.kernel.clock import time_text
from tiltyard.market.bar import HOUR
from tiltyard.router.split import Split
from tiltyard.shell import live, trading
from tiltyard.shell.store.audit_table import salt_of
from tiltyard.shell.store.floor_table import read_floor
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import SHARES, Effect, every_effect
from tiltyard.shell.verify import verify

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


def prepare(url: str, folder: Path, names: Sequence[str] = (BREAKOUT,)) -> None:
    """In the hours to come an order is filled, stopped, and another one is given and filled."""
    bars = quiet_and_up(START)
    bars[JUMP + 2] = bars[JUMP + 2]._replace(low=90.0)
    bars[JUMP + 3] = bars[JUMP + 3]._replace(high=131.0, close=130.0)
    put_bars(folder / "SOL_USDT-1h.parquet", bars)
    (folder / "clock").write_text(time_text(BEGINS))
    with Ledger.open(url, create=True) as ledger:
        populate(ledger, names, BEGINS, share=0.3)


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
        salt, trades = salt_of(still.connection), list(still.trades())
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


def undisturbed(
    play: Play, url: str, folder: Path, names: Sequence[str] = (BREAKOUT,), ends: Ends = end_of
) -> tuple[dict[str, Any], dict[str, int]]:
    prepare(url, folder, names)
    assert play(url, folder) == 0
    return ends(url), json.loads((folder / "passed.json").read_text())


@pytest.mark.parametrize("point", POINTS)
def test_hours_in_which_the_process_was_killed_end_the_same(
    new_database: NewDatabase, play: Play, point: str
) -> None:
    with new_database() as url, TemporaryDirectory() as folder:
        end, passed = undisturbed(play, url, Path(folder))
    assert [one.book for one in end["trades"]] == ["live", "twin"]
    assert len(end["decisions"]) == 2
    assert json.loads(str(end["floor"]))["live"]["positions"]
    assert passed[point]
    for number in range(1, passed[point] + 1):
        with new_database() as url, TemporaryDirectory() as own:
            folder_of_it = Path(own)
            prepare(url, folder_of_it)
            assert play(url, folder_of_it, point, number) == -SIGKILL
            assert play(url, folder_of_it) == 0
            assert end_of(url) == end, f"killed at {point}, passing {number}"


@pytest.mark.parametrize("point", POINTS)
def test_three_arms_get_what_the_shares_then_told_give_wherever_the_process_was_killed(
    new_database: NewDatabase, play: Play, point: str
) -> None:
    with new_database() as url, TemporaryDirectory() as folder:
        end, passed = undisturbed(play, url, Path(folder), ARMS, paper_of)
    assert len(end["trades"]) >= 2
    assert len(end["episodes"]) >= 2
    for number in range(1, passed[point] + 1):
        with new_database() as url, TemporaryDirectory() as own:
            folder_of_it = Path(own)
            prepare(url, folder_of_it, ARMS)
            assert play(url, folder_of_it, point, number) == -SIGKILL
            assert play(url, folder_of_it) == 0
            assert paper_of(url) == end, f"killed at {point}, passing {number}"
