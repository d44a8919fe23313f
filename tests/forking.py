"""A process that has loaded the command line, and forks for every command that a test runs."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from command_line import ROOT

PATIENCE = 600
"""Seconds for a command."""

Forking = subprocess.Popen[str]


@pytest.fixture(scope="session")
def forking() -> Iterator[Forking]:
    """The process."""
    with forking_with() as process:
        yield process


@contextmanager
def forking_with(*modules: str) -> Iterator[Forking]:
    """One that has loaded more, of which several commands have need.

    Args:
        modules: By name.
    """
    path = os.pathsep.join([str(ROOT / "tests"), *filter(None, sys.path)])
    with subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "e2e" / "forked.py"), *modules], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    ) as process:  # fmt: skip
        yield process


def fork(
    forking: Forking,
    words: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    said: tuple[Path, Path],
) -> int:
    """What a command exits with.

    Args:
        forking: Forks for it.
        words: Of the command, its name left out.
        folder: Where it runs.
        environment: Its own, all of it.
        said: Files for what it says on standard output and standard error; may be the same.
    """
    job = {
        "words": words, "folder": str(folder), "timeout": PATIENCE,
        "environment": dict(environment), "said": [str(one) for one in said],
    }  # fmt: skip
    assert forking.stdin is not None
    assert forking.stdout is not None
    for one in said:
        one.unlink(missing_ok=True)
    forking.stdin.write(json.dumps(job) + "\n")
    forking.stdin.flush()
    return int(forking.stdout.readline())
