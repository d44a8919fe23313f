"""What a shell says and cron does not know: named, and never what it says."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tiltyard.shell.settings import load
from tiltyard.shell.setup.surroundings import known_to_this_shell

KEYS = {"AWS_ACCESS_KEY_ID": "k3y", "AWS_SECRET_ACCESS_KEY": "s3cret"}
BUCKET = {"TILTYARD_ARCHIVE_BUCKET": "s3cret-bucket"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(environment: Mapping[str, str]) -> list[str]:
    return list(known_to_this_shell(load(None, environment), environment))


def test_a_shell_that_says_nothing_leaves_nothing_to_do() -> None:
    assert told({}) == []
    assert told({"HOME": "/root", "TILTYARD_DB": "desk.db", "TILTYARD_JOBS_NOTHING": "1"}) == []


def test_settings_of_a_shell_are_named_with_where_they_belong() -> None:
    (one,) = told({"TILTYARD_JOBS_STEPS": "5000"})
    assert one == (
        "put what TILTYARD_JOBS_STEPS says into tiltyard.toml, as jobs.steps: neither cron nor "
        "systemd knows your shell"
    )
    (both,) = told({"TILTYARD_JOBS_STEPS": "5000", "TILTYARD_API_PORT": "8421"})
    assert "what TILTYARD_API_PORT and TILTYARD_JOBS_STEPS say into" in both
    assert "as api.port and jobs.steps: " in both


def test_what_the_settings_say_anyway_changes_nothing(folder: Path) -> None:
    steps = {"TILTYARD_JOBS_STEPS": "5000"}
    assert told(steps)
    (folder / "tiltyard.toml").write_text("[jobs]\nsteps = 5000\n")
    assert told(steps) == []


def test_settings_that_are_right_by_a_shell_alone_are_named(folder: Path) -> None:
    (folder / "tiltyard.toml").write_text("[jobs]\nsteps = 'many'\n")
    assert "TILTYARD_JOBS_STEPS" in "".join(told({"TILTYARD_JOBS_STEPS": "5000"}))


def test_credentials_of_a_bucket_are_named_where_one_is_and_no_file_has_them(folder: Path) -> None:
    assert told(KEYS) == [], "no bucket needs them"
    bucket, keys = told(BUCKET | KEYS)
    assert "as archive.bucket" in bucket
    assert keys == (
        "put what AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY say into a file that only you may "
        "read, and name it in tiltyard.toml, as archive.credentials_file: neither cron nor systemd "
        "knows your shell"
    )
    (folder / "tiltyard.toml").write_text(
        "[archive]\nbucket = 's3cret-bucket'\ncredentials_file = 'keys'\n"
    )
    assert told(KEYS) == []


def test_nothing_of_what_a_variable_says_is_told() -> None:
    assert not any("s3cret" in line or "k3y" in line for line in told(BUCKET | KEYS))
