"""A gigabyte of anything is refused soon, in little memory, and leaves nothing behind."""

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

GIGABYTE = 10**9
BLOCK = 10**7
MOST_MEMORY = 300 * 2**20
MOST_SECONDS = 120
HEADER = b"trade_id,policy,symbol,side,opened_at,closed_at,pnl\n"

pytestmark = pytest.mark.soak


def noise() -> Iterator[bytes]:
    rng = random.Random(1)  # noqa: S311 noise
    while True:
        yield rng.randbytes(BLOCK)


def endless_line() -> Iterator[bytes]:
    while True:
        yield b"x" * BLOCK


def bad_rows() -> Iterator[bytes]:
    yield HEADER
    rows = (f"{n},alpha,BTC,up,2025-01-01,2025-01-02T00:00:00Z,nan\n" for n in range(10**5))
    block = "".join(rows).encode()
    while True:
        yield block


@pytest.mark.parametrize("skip", [(), ("--skip-bad",)], ids=["refuse", "skip"])
@pytest.mark.parametrize(
    ("fill", "suffix"),
    [
        *((noise, suffix) for suffix in (".csv", ".jsonl", ".parquet", ".zip", ".sqlite", ".json")),
        (endless_line, ".csv"),
        (endless_line, ".jsonl"),
        (bad_rows, ".csv"),
    ],
)
def test_a_gigabyte_of_no_trades_is_refused(
    tmp_path: Path, fill: Callable[[], Iterator[bytes]], suffix: str, skip: tuple[str, ...]
) -> None:
    path = tmp_path / f"garbage{suffix}"
    with path.open("wb") as file:
        blocks = fill()
        while file.tell() < GIGABYTE:
            file.write(next(blocks))
    words = ("ingest", path.name, "--register", "--db", "desk.db", *skip)
    process = subprocess.Popen(
        [sys.executable, "-m", "tiltyard", *words], cwd=tmp_path,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    path.unlink()
    assert process.returncode == 2, said
    assert "Traceback" not in said
    assert len(said) < 20_000
    assert used.ru_maxrss * 1024 < MOST_MEMORY
    assert used.ru_utime + used.ru_stime < MOST_SECONDS
    left = {kept.name for kept in tmp_path.iterdir()}
    assert left <= {"desk.db", "desk.db-wal", "desk.db-shm", f"{path.name}.rejects.jsonl"}
