"""A folder of one's own: nobody takes it away meanwhile, and nothing of it stays for ever."""

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tiltyard.shell.own_folder import own_folder

PREFIX = "tiltyard-sum-"


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files lie."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_who_begins_takes_nobodys_folder_away(scratch: Path) -> None:
    """Eight at once; each writes into its own two hundred times."""

    def often(worker: int) -> None:
        for _ in range(200):
            with own_folder(PREFIX) as place:
                (place / "mine").write_text(str(worker))
                assert (place / "mine").read_text() == str(worker)

    with ThreadPoolExecutor(8) as every:
        list(every.map(often, range(8)))
    assert not list(scratch.iterdir())


def test_what_somebody_left_behind_who_was_killed_is_cleared_away(scratch: Path) -> None:
    left = scratch / f"{PREFIX}left"
    (left / "kept").mkdir(parents=True)
    with own_folder(PREFIX) as place:
        assert list(scratch.iterdir()) == [place]


def test_what_is_for_something_else_stays(scratch: Path) -> None:
    other = scratch / "tiltyard-other-left"
    other.mkdir()
    with own_folder(PREFIX):
        assert other.is_dir()


def test_what_is_no_folder_is_not_waited_for_and_stays(scratch: Path) -> None:
    """Anybody may put something into a folder of temporary files."""
    os.mkfifo(scratch / f"{PREFIX}pipe")
    (scratch / "dear").mkdir()
    (scratch / f"{PREFIX}link").symlink_to(scratch / "dear")
    program = f"from {own_folder.__module__} import *\nwith own_folder({PREFIX!r}): pass"
    environment = {**os.environ, "TMPDIR": str(scratch)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, timeout=60, check=False)
    assert done.returncode == 0
    assert {one.name for one in scratch.iterdir()} == {f"{PREFIX}pipe", f"{PREFIX}link", "dear"}
