"""Which snapshot somebody means, and that it is checked and at hand before it is registered."""

import fcntl
import os
import shutil
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from held_folders import is_held
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.models.registering import (
    brought_home,
    checked_for_trial,
    snapshot_meant,
    staying,
)
from trained_policies import MADE_AT, encoder_alone, put_model, tiny


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "models"


@pytest.fixture
def path(folder: Path) -> Path:
    return put_model(folder)


def test_a_snapshot_is_meant_by_its_path_its_name_or_the_end_of_it(
    folder: Path, path: Path
) -> None:
    for text in (str(path), f"models/{path.name}", f"./models/{path.name}/", path.name,
                 path.name[-8:], path.name[-4:]):  # fmt: skip
        found = snapshot_meant(text, folder)
        assert found is not None, text
        assert found.resolve() == path, text


@pytest.mark.parametrize(
    "text", ["bot", "prod_v2", "SOL/USDT bot", "trend_20250101_000000_c4a3b105", ".hidden", "5fd8",
             "d", "tabnet_20250430_120000", "x" * 300, "models", "a\0b"]
)  # fmt: skip
def test_a_plain_name_means_no_snapshot(folder: Path, path: Path, text: str) -> None:
    assert path.is_dir()
    assert snapshot_meant(text, folder) is None


def test_nobody_is_meant_where_no_folder_is(tmp_path: Path) -> None:
    assert snapshot_meant("bot", tmp_path / "nowhere") is None


@pytest.mark.parametrize("text", ["models/tabnet_20250430_120000_00000000", "./models", "/tmp"])  # noqa: S108 a path that is there
def test_a_path_where_no_snapshot_is_is_a_mistake(folder: Path, path: Path, text: str) -> None:
    assert path.is_dir()
    with pytest.raises(TiltyardError, match="SNAPSHOT_MISSING"):
        snapshot_meant(text, folder)


def test_an_end_that_two_have_in_common_is_ambiguous(folder: Path, path: Path) -> None:
    shutil.copytree(path, folder / f"other_{path.name[-8:]}")
    with pytest.raises(TiltyardError, match=r"POLICY_AMBIGUOUS .*2 snapshots in .* end so"):
        snapshot_meant(path.name[-8:], folder)


def test_what_it_is_is_read_from_it_and_its_name(path: Path) -> None:
    found = checked_for_trial(path)
    assert found == (path, path.name, "tabnet", tiny().digest, MADE_AT)


def test_an_encoder_alone_cannot_be_registered(folder: Path) -> None:
    path = put_model(folder, encoder_alone())
    with pytest.raises(TiltyardError, match=f"SNAPSHOT_NO_POLICY .* --encoder {path.name}"):
        checked_for_trial(path)


def test_one_byte_that_is_another_is_told(path: Path) -> None:
    with (path / "weights.safetensors").open("ab") as file:
        file.write(b"x")
    with pytest.raises(TiltyardError, match="SNAPSHOT_TAMPERED"):
        checked_for_trial(path)


@pytest.mark.parametrize(
    "name", ["mine_{}", "trend_20250430_120000_{}", "tabnet_20251399_250000_{}"]
)
def test_a_folder_of_another_name_is_told(folder: Path, path: Path, name: str) -> None:
    other = folder / name.format(path.name[-8:])
    path.rename(other)
    with pytest.raises(TiltyardError, match="SNAPSHOT_UNREADABLE"):
        checked_for_trial(other)


def test_one_that_lies_elsewhere_is_copied_whole_and_once(folder: Path, tmp_path: Path) -> None:
    found = checked_for_trial(put_model(tmp_path / "elsewhere"))
    assert brought_home(found, folder)
    assert checked_for_trial(folder / found.name).digest == found.digest
    assert [one.name for one in folder.iterdir()] == [found.name]
    assert not brought_home(found, folder)
    assert not brought_home(checked_for_trial(folder / found.name), folder)


def test_who_trains_meanwhile_takes_nothing_away_from_who_registers(
    folder: Path, tmp_path: Path
) -> None:
    found = checked_for_trial(put_model(tmp_path / "elsewhere"))
    folder.mkdir()
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(lock, fcntl.LOCK_EX)  # as who saves has it, and removes what is half-written
    registers = threading.Thread(target=brought_home, args=(found, folder))
    registers.start()
    registers.join(0.3)
    assert registers.is_alive()
    assert list(folder.iterdir()) == []
    os.close(lock)
    registers.join(60)
    assert checked_for_trial(folder / found.name).digest == found.digest


def test_one_of_the_same_name_that_is_another_is_not_replaced(folder: Path, tmp_path: Path) -> None:
    found = checked_for_trial(put_model(tmp_path / "elsewhere"))
    shutil.copytree(found.path, folder / found.name)
    (folder / found.name / "weights.safetensors").write_bytes(b"other")
    with pytest.raises(TiltyardError, match="SNAPSHOT_TAMPERED"):
        brought_home(found, folder)


def test_a_folder_that_cannot_be_written_is_told(folder: Path, tmp_path: Path) -> None:
    found = checked_for_trial(put_model(tmp_path / "elsewhere"))
    folder.write_text("a file stands here")
    with pytest.raises(TiltyardError, match="SNAPSHOT_UNWRITABLE"):
        brought_home(found, folder)


def test_one_that_was_removed_since_it_was_checked_is_not_registered(
    folder: Path, path: Path
) -> None:
    found = checked_for_trial(path)
    with staying(found, folder):
        assert is_held(folder)
    shutil.rmtree(path)
    with pytest.raises(TiltyardError, match="SNAPSHOT_MISSING"), staying(found, folder):
        pytest.fail("it is gone")
    assert not is_held(folder)


def test_a_snapshot_made_at_a_time_is_of_that_time(path: Path) -> None:
    assert checked_for_trial(path).made_at == datetime(2025, 4, 30, 12, tzinfo=UTC)


def test_without_the_extra_all_that_is_missing_is_said_and_how_to_get_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("torch", "safetensors", "optuna"):
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("snapshot", "snapshot_folder"):
        monkeypatch.delitem(sys.modules, f"tiltyard.learners.{name}", raising=False)
    with pytest.raises(TiltyardError) as caught:
        checked_for_trial(path)
    assert str(caught.value) == (
        "EXTRA_MISSING learn: torch, safetensors and optuna are not installed, and a trained "
        "policy needs this extra. pip install 'tiltyard[learn]'"
    )
