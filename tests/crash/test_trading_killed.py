"""Killed anywhere while it trades: no fact is lost or doubled, and what is held is there again."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from signal import SIGKILL
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from command_line import ROOT
from conformance.samples import NewDatabase
from floors import BREAKOUT, JUMP, populate, put_bars, quiet_and_up, rules
from tiltyard.kernel.clock import time_text
from tiltyard.market.bar import HOUR
from tiltyard.shell import live, trading
from tiltyard.shell.store.floor_table import read_floor
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.verify import verify

START = datetime(2025, 5, 1, tzinfo=UTC)
BEGINS, ENDS = START + JUMP * HOUR, START + (JUMP + 6) * HOUR
POINTS = (*trading.STAGES, *live.STAGES)
Play = Callable[..., int]


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


def prepare(url: str, folder: Path) -> None:
    """In the hours to come an order is filled, stopped, and another one is given and filled."""
    bars = quiet_and_up(START)
    bars[JUMP + 2] = bars[JUMP + 2]._replace(low=90.0)
    bars[JUMP + 3] = bars[JUMP + 3]._replace(high=131.0, close=130.0)
    put_bars(folder / "SOL_USDT-1h.parquet", bars)
    (folder / "clock").write_text(time_text(BEGINS))
    with Ledger.open(url, create=True) as ledger:
        populate(ledger, [BREAKOUT], BEGINS)


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


def undisturbed(play: Play, url: str, folder: Path) -> tuple[dict[str, Any], dict[str, int]]:
    prepare(url, folder)
    assert play(url, folder) == 0
    return end_of(url), json.loads((folder / "passed.json").read_text())


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
