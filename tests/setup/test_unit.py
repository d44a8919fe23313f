"""The unit of a folder: systemd reads every line of it, wherever the desk lives."""

import subprocess
import sys
from pathlib import Path

import pytest

from programs import program
from setup.places import place
from tiltyard.shell.as_made import is_edited
from tiltyard.shell.setup.place import Place
from tiltyard.shell.setup.unit import NAME, unit


def verified(folder: Path, text: str) -> str:
    """What ``systemd-analyze verify`` has to say; nothing when all is well."""
    (folder / NAME).write_text(text, "utf-8")
    done = subprocess.run(
        [program("systemd-analyze"), "verify", "--man=no", folder / NAME],
        env={"SYSTEMD_UNIT_PATH": f"{folder}:", "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    return done.stdout


@pytest.mark.parametrize(
    "name", ["plain", "with a space", "100 % sure", "it's", "$HOME", '"a"', "ü"]
)
def test_systemd_takes_it(tmp_path: Path, name: str) -> None:
    home = tmp_path / name
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "python").symlink_to(sys.executable)
    at_home = Place(home, home / "bin" / "python", "root", str(home / "desk.db"))
    text = unit(at_home)
    assert verified(tmp_path, text) == ""
    assert not is_edited(text)


def test_what_systemd_does_not_know_would_be_told(tmp_path: Path) -> None:
    spoilt = unit(place(tmp_path)).replace("KillMode", "KilMode")
    assert "Unknown key" in verified(tmp_path, spoilt)
    assert is_edited(spoilt)


def test_it_starts_the_desk_of_this_folder(tmp_path: Path) -> None:
    lines = unit(place(tmp_path, "postgresql://me@host/desk")).splitlines()
    assert f"WorkingDirectory={tmp_path}" in lines
    (begins,) = [one for one in lines if one.startswith("ExecStart=")]
    words = f"{sys.executable} -m tiltyard run --serve --wait --db postgresql://me@host/desk"
    assert begins == f"ExecStart={words}"
