"""The units: systemd reads every line of them, and they do what they say of themselves."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path

import pytest

from deploy.manifests import DEPLOY
from programs import program

UNITS = DEPLOY / "systemd"
DEBIANS = Path("/lib/systemd/system")
UNIT = (UNITS / "tiltyard.service").read_text("utf-8")


def verified(folder: Path, *names: str) -> str:
    """What ``systemd-analyze verify`` has to say; nothing when all is well."""
    done = subprocess.run(
        [program("systemd-analyze"), "verify", "--man=no", *(folder / name for name in names)],
        env={"SYSTEMD_UNIT_PATH": f"{folder}:", "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    return done.stdout


def as_installed(folder: Path) -> None:
    """The units as they would be there, with the program of this environment."""
    shutil.copytree(UNITS, folder, dirs_exist_ok=True)
    program = str(Path(sys.executable).with_name("tiltyard"))
    unit = UNIT.replace("/opt/tiltyard/bin/tiltyard", program)
    (folder / "tiltyard.service").write_text(unit, "utf-8")


def setting(name: str, unit: str = UNIT) -> list[str]:
    """Everything that the unit of the desk says of a name."""
    return re.findall(rf"^{name}=(.*)$", unit, re.MULTILINE)


@pytest.mark.parametrize("with_gpu", [False, True])
def test_systemd_takes_the_desks_unit(tmp_path: Path, *, with_gpu: bool) -> None:
    as_installed(tmp_path)
    if not with_gpu:
        (tmp_path / "tiltyard.service.d/gpu.conf").unlink()
    assert verified(tmp_path, "tiltyard.service") == ""


def test_a_word_that_systemd_does_not_know_would_be_told(tmp_path: Path) -> None:
    as_installed(tmp_path)
    unit = tmp_path / "tiltyard.service"
    unit.write_text(unit.read_text("utf-8").replace("ProtectHome", "ProtectHme"), "utf-8")
    assert "Unknown key 'ProtectHme'" in verified(tmp_path, "tiltyard.service")


@pytest.mark.parametrize("name", ["prometheus", "prometheus-alertmanager"])
def test_systemd_takes_what_is_added_to_debians_units(tmp_path: Path, name: str) -> None:
    if not (DEBIANS / f"{name}.service").is_file():
        pytest.skip(f"no Debian's {name}")
    as_installed(tmp_path)
    shutil.copy(DEBIANS / f"{name}.service", tmp_path)
    assert verified(tmp_path, f"{name}.service") == ""
    added = RawConfigParser(strict=False)
    added.optionxform = str  # type: ignore[assignment,method-assign]
    added.read(UNITS / f"{name}.service.d/tiltyard.conf", "utf-8")
    program = re.search(
        r"^ExecStart=(\S+)", (DEBIANS / f"{name}.service").read_text("utf-8"), re.MULTILINE
    )
    assert program
    assert added["Service"]["ExecStart"].startswith(f"{program[1]} --config.file=")
    assert added["Service"]["ExecStart"].endswith(" $ARGS")


def test_the_desk_is_started_again_but_not_with_wrong_settings() -> None:
    assert setting("Type") == ["exec"]
    assert setting("Restart") == ["on-failure"]
    assert setting("RestartPreventExitStatus") == ["2"]
    assert setting("StartLimitIntervalSec") == ["0"]
    assert setting("StateDirectory") == ["tiltyard"]
    assert setting("ExecStartPre") == [], "its exit code would prevent nothing"


@pytest.mark.parametrize(
    ("settings", "database", "code"),
    [("[api]\nprot = 1\n", "sqlite:///desk.db", 2), ("", "postgresql:///desk?host=/nowhere", 1)],
    ids=["wrong settings", "no database"],
)
def test_the_main_process_ends_with_the_code_of_what_is_wrong(
    tmp_path: Path, settings: str, database: str, code: int
) -> None:
    (tmp_path / "tiltyard.toml").write_text(settings, "utf-8")
    program = str(Path(sys.executable).with_name("tiltyard"))
    (command,) = setting("ExecStart", UNIT.replace("\\\n", ""))
    command = command.replace("/opt/tiltyard/bin/tiltyard", program)
    command = command.replace("/etc/tiltyard/tiltyard.toml", "tiltyard.toml")
    done = subprocess.run(
        shlex.split(command), cwd=tmp_path, env={**os.environ, "TILTYARD_DB": database},
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == code, done.stderr


def test_no_secret_is_in_a_unit() -> None:
    for file in UNITS.rglob("*"):
        if file.is_file():
            text = file.read_text("utf-8").lower()
            assert "password=" not in text, file.name
            assert "token=" not in text, file.name


def test_the_desks_user_is_one_that_systemd_makes(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    done = subprocess.run(
        [program("systemd-sysusers"), f"--root={tmp_path}", "--dry-run",
         "--replace=/etc/sysusers.d/tiltyard.conf", "-"],
        input=(UNITS / "tiltyard.sysusers").read_text("utf-8"), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert "Creating user 'tiltyard'" in done.stderr + done.stdout, done
