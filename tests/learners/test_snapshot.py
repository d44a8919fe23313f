"""A snapshot is what was trained, byte for byte, or it is refused; it is there whole, or not."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from errno import EIO, ENOSPC
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from tiltyard.kernel.errors import Faults, TiltyardError
from tiltyard.learners.snapshot import PARTS, WEIGHTS, Snapshot, snapshot_from
from tiltyard.learners.snapshot_folder import MANIFEST, find, load, refuse_unwritable_folder, save

NOW = datetime(2025, 7, 7, 12, tzinfo=UTC)


def made(seed: float = 7.0) -> Snapshot:
    return Snapshot(
        "timesnet",
        weights={"bias": np.array([seed, -0.0], np.float32), "steps": np.array(3, np.int64)},
        arrays={"baseline": np.arange(6.0).reshape(2, 3).T, "as_of": np.array([], np.int64)},
        settings={"layers": 2}, scalers={"mean": [0.1]},
        lineage={"parents": ["ab" * 32]}, metrics={"loss": None},
    )  # fmt: skip


def saved(tmp_path: Path) -> Path:
    return save(made(), tmp_path, NOW)


def rehashed(path: Path, name: str, content: bytes) -> Path:
    """A snapshot with another file, whose manifest and name fit it."""
    (path / name).write_bytes(content)
    manifest = json.loads((path / MANIFEST).read_text())
    manifest["files"][name] = {"bytes": len(content), "sha256": sha256(content).hexdigest()}
    return renamed(path, json.dumps(manifest))


def renamed(path: Path, manifest: str) -> Path:
    (path / MANIFEST).write_text(manifest)
    sha8 = sha256(manifest.encode()).hexdigest()[:8]
    return path.rename(path.with_name(f"{path.name[:-8]}{sha8}"))


def test_what_was_saved_is_what_is_loaded(tmp_path: Path) -> None:
    before, path = made(), saved(tmp_path)
    after = load(path, before.digest)
    assert path.name == f"timesnet_20250707_120000_{before.digest[:8]}"
    assert find(tmp_path, before.digest) == path
    assert after.digest == before.digest
    for one, other in ((before.weights, after.weights), (before.arrays, after.arrays)):
        assert one.keys() == other.keys()
        for name, array in one.items():
            assert (array.dtype, array.shape) == (other[name].dtype, other[name].shape)
            assert array.tobytes() == other[name].tobytes()
    assert (after.settings, after.scalers, after.lineage, after.metrics) == (
        before.settings, before.scalers, before.lineage, before.metrics
    )  # fmt: skip


def test_the_digest_is_the_same_in_another_process_and_another_for_another_number() -> None:
    script = "from learners.test_snapshot import made; print(made().digest)"
    here = Path(__file__).parents[1]
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(here), "PYTHONHASHSEED": "5"}, timeout=600,
    )  # fmt: skip
    assert told.stdout.strip() == made().digest
    assert made(7.000001).digest != made().digest


def test_any_byte_that_is_another_and_any_that_is_missing_is_found(tmp_path: Path) -> None:
    path = saved(tmp_path)
    for file in sorted(path.iterdir()):
        whole = file.read_bytes()
        for place in range(len(whole)):
            changed = bytearray(whole)
            changed[place] ^= 1 << place % 8
            file.write_bytes(changed)
            with pytest.raises(Faults, match=rf"^SNAPSHOT_TAMPERED.*\n.* @ {file.name}"):
                load(path)
        for length in (0, 1, len(whole) // 2, len(whole) - 1):
            file.write_bytes(whole[:length])
            with pytest.raises(Faults, match="SNAPSHOT_TAMPERED"):
                load(path)
        file.write_bytes(whole)
    assert load(path).digest == made().digest


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    path = saved(tmp_path)
    (path / "as_of.npy").unlink()
    (path / "baseline.npy").write_bytes(b"other")
    (path / WEIGHTS).write_bytes((path / WEIGHTS).read_bytes()[:-1] + b"\1")
    (path / "more.npy").write_bytes(b"")
    with pytest.raises(Faults) as refused:
        load(path)
    assert {fault.place for fault in refused.value.faults} == {
        "as_of.npy", "baseline.npy", WEIGHTS, "more.npy",
    }  # fmt: skip
    assert "nothing of it was used" in str(refused.value)


@pytest.mark.parametrize("how", ["edited", "other digest", "as_of is a fifo"])
def test_another_manifest_another_name_and_what_is_no_file_are_refused(
    tmp_path: Path, how: str
) -> None:
    path, digest = saved(tmp_path), ""
    match how:
        case "edited":
            told = (path / MANIFEST).read_text()
            (path / MANIFEST).write_text(told.replace('"layers": 2', '"layers": 3'))
        case "other digest":
            digest = made(8.0).digest
        case _:
            (path / "as_of.npy").unlink()
            os.mkfifo(path / "as_of.npy")
    with pytest.raises(Faults, match="SNAPSHOT_TAMPERED"):
        load(path, digest)


def _format(manifest: dict[str, object]) -> None:
    manifest["format"] = 2


def _upwards(manifest: dict[str, object]) -> None:
    manifest["files"] = {"../a.npy": {"bytes": 0, "sha256": ""}}


def _kind(manifest: dict[str, object]) -> None:
    manifest["kind"] = ["tabnet"]


def _settings(manifest: dict[str, object]) -> None:
    manifest["settings"] = 5


@pytest.mark.parametrize(
    ("change", "why"),
    [(_format, "format 2, expected 1"), (_upwards, "cannot be called"), (_kind, "kind"),
     (_settings, "TypeError")],
)  # fmt: skip
def test_a_whole_manifest_that_makes_no_sense_is_unreadable(
    tmp_path: Path, change: Callable[[dict[str, object]], None], why: str
) -> None:
    path = saved(tmp_path)
    manifest = json.loads((path / MANIFEST).read_text())
    change(manifest)
    with pytest.raises(TiltyardError, match=f"SNAPSHOT_UNREADABLE.*{why}"):
        load(renamed(path, json.dumps(manifest)))


@pytest.mark.parametrize("manifest", ["[" * 100_000, "[]", "nothing", '{"format": 1}'])
def test_a_manifest_that_is_none_is_unreadable(tmp_path: Path, manifest: str) -> None:
    with pytest.raises(TiltyardError, match="SNAPSHOT_UNREADABLE"):
        load(renamed(saved(tmp_path), manifest))


def _header(shape: str, dtype: str = "<f8") -> bytes:
    told = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"
    told += " " * (-(len(told) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + len(told).to_bytes(2, "little") + told.encode()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("as_of.npy", _header("(1000000000000,)")),
        ("as_of.npy", _header("(1,)", "|O") + b"\x80\x04K\x05."),
        ("as_of.npy", _header("(2,)") + b"\0" * 8),
        ("as_of.npy", b"no array"),
        (WEIGHTS, (1 << 62).to_bytes(8, "little") + b"{}"),
        (WEIGHTS, b""),
    ],
    ids=["huge", "pickled", "short", "none", "huge weights", "no weights"],
)
def test_a_file_that_fits_the_manifest_and_is_no_array_takes_no_memory_and_runs_no_code(
    tmp_path: Path, name: str, content: bytes
) -> None:
    with pytest.raises(TiltyardError, match="SNAPSHOT_UNREADABLE"):
        load(rehashed(saved(tmp_path), name, content))


def test_a_manifest_larger_than_any_is_not_read(tmp_path: Path) -> None:
    path = saved(tmp_path)
    with (path / MANIFEST).open("r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(TiltyardError, match=r"SNAPSHOT_UNREADABLE.*larger than 4 MB"):
        load(path)


def test_nothing_is_written_outside_of_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no file can be called"):
        save(Snapshot("timesnet", arrays={"../a": np.zeros(1)}), tmp_path / "models", NOW)
    assert not list(tmp_path.iterdir())


def test_who_is_saved_twice_is_there_once(tmp_path: Path) -> None:
    path = saved(tmp_path)
    assert save(made(), tmp_path, NOW.replace(hour=13)) == path
    assert list(tmp_path.iterdir()) == [path]


def test_two_who_save_the_same_at_once_save_it_once(tmp_path: Path) -> None:
    paths: list[Path] = []
    every = [
        threading.Thread(target=lambda: paths.append(saved(tmp_path))) for _ in range(8)
    ]  # fmt: skip
    for one in every:
        one.start()
    for one in every:
        one.join()
    assert len(set(paths)) == 1
    assert len(paths) == 8
    assert load(paths[0]).digest == made().digest
    assert not list(tmp_path.glob(".*.partial"))


def in_a_process(do: Callable[[], object]) -> int:
    """How a process ends that does something."""
    child = os.fork()
    if child == 0:
        try:
            do()
        except TiltyardError as error:
            os._exit(3 if error.code == "SNAPSHOT_UNWRITABLE" else 4)
        except BaseException:  # noqa: BLE001 a child of ours ends here
            os._exit(5)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_at(call: int, do: Callable[[], object]) -> Callable[[], None]:
    """Does something, and is killed as it is about to ask the system for the so-manieth thing."""
    counted = 0
    asked = ("open", "os.mkdir", "os.rename", "os.listdir", "os.scandir", "fcntl.flock")

    def hook(event: str, _: object) -> None:
        nonlocal counted
        if event in asked:
            counted += 1
            if counted == call:
                os.kill(os.getpid(), signal.SIGKILL)

    def run() -> None:
        sys.addaudithook(hook)
        do()

    return run


def test_whoever_is_killed_at_any_step_leaves_nothing_half_written(tmp_path: Path) -> None:
    kills = 0
    for call in range(1, 100):
        folder = tmp_path / f"{call}"
        ended = in_a_process(killed_at(call, lambda: save(made(), folder, NOW)))  # noqa: B023 ends at once
        for path in folder.glob("[!.]*"):
            assert load(path).digest == made().digest
        assert load(save(made(), folder, NOW)).digest == made().digest
        assert not list(folder.glob(".*.partial"))
        assert len(list(folder.glob("[!.]*"))) == 1
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
        kills += 1
    assert kills >= 8


def test_one_that_lacked_only_its_name_gets_it(tmp_path: Path) -> None:
    path = saved(tmp_path)
    left = tmp_path / f".{path.name}.4711.partial"
    path.rename(left)
    refuse_unwritable_folder(tmp_path)
    assert load(path).digest == made().digest
    assert list(tmp_path.iterdir()) == [path]
    shutil.copytree(path, left)
    (tmp_path / ".4711.partial").mkdir()
    refuse_unwritable_folder(tmp_path)
    assert list(tmp_path.iterdir()) == [path]


def test_one_that_is_not_whole_gets_no_name(tmp_path: Path) -> None:
    path = saved(tmp_path)
    left = tmp_path / f".{path.name}.4711.partial"
    path.rename(left)
    (left / MANIFEST).unlink()
    refuse_unwritable_folder(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_leaves_nothing_and_says_so(tmp_path: Path) -> None:
    large = Snapshot("timesnet", arrays={"baseline": np.zeros(10_000)})

    def fill() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, 4_096))
        save(large, tmp_path, NOW)

    assert in_a_process(fill) == 3
    assert not list(tmp_path.iterdir())
    assert load(save(large, tmp_path, NOW)).digest == large.digest


@pytest.mark.parametrize("place", ["a file", "below a file"])
def test_a_folder_that_is_none_is_said(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" if place == "a file" else tmp_path / "file" / "models"
    with pytest.raises(TiltyardError, match=r"SNAPSHOT_UNWRITABLE.*nothing was written"):
        save(made(), folder, NOW)


def test_what_is_not_there_is_missing(tmp_path: Path) -> None:
    for refused in (
        lambda: load(tmp_path / "timesnet_20250707_120000_00000000"),
        lambda: find(tmp_path, "0" * 64),
        lambda: find(tmp_path / "nowhere", "0" * 64),
    ):
        with pytest.raises(TiltyardError, match="SNAPSHOT_MISSING"):
            refused()


@pytest.mark.parametrize("name", ["good", "best_model", "mine_", "mine_{:.1}", "mine_{:.7}"])
def test_a_folder_that_was_renamed_is_told_what_it_was_called(tmp_path: Path, name: str) -> None:
    digest = made().digest
    renamed = saved(tmp_path).rename(tmp_path / name.format(digest))
    with pytest.raises(TiltyardError, match="SNAPSHOT_UNREADABLE") as told:
        load(renamed)
    assert told.value.facts == "its folder is not called as it was when it was made"
    assert told.value.remedy == f"call it <kind>_<yyyymmdd>_<hhmmss>_{digest[:8]} again"
    assert load(renamed, digest).digest == digest


@pytest.mark.parametrize("harmed", [WEIGHTS, "baseline.npy", MANIFEST])
def test_what_was_harmed_is_put_aside_and_saved_again(tmp_path: Path, harmed: str) -> None:
    path = saved(tmp_path)
    (path / harmed).write_bytes(b"")
    assert save(made(), tmp_path, NOW) == path
    assert load(path, made().digest).digest == made().digest
    aside = tmp_path / f".{path.name}.harmed"
    assert (aside / harmed).read_bytes() == b""
    assert set(tmp_path.iterdir()) == {path, aside}


def test_what_was_put_aside_before_stays(tmp_path: Path) -> None:
    """It may have what a person has put there."""
    path = saved(tmp_path)
    for text in ("dear", "dearer"):
        (path / "notes.txt").write_text(text)
        assert save(made(), tmp_path, NOW) == path
    first, second = (tmp_path / f".{path.name}{number}.harmed" for number in ("", ".2"))
    assert (first / "notes.txt").read_text() == "dear"
    assert (second / "notes.txt").read_text() == "dearer"
    assert set(tmp_path.iterdir()) == {path, first, second}


def test_what_cannot_be_read_just_now_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, opened = saved(tmp_path), os.open

    def failing(file: Path, flags: int, mode: int = 0o777) -> int:
        if Path(file).name == WEIGHTS:
            raise OSError(EIO, "Input/output error")
        return opened(file, flags, mode)

    monkeypatch.setattr(os, "open", failing)
    with pytest.raises(TiltyardError, match=r"SNAPSHOT_MISSING.*Input/output error"):
        save(made(), tmp_path, NOW)
    monkeypatch.undo()
    assert set(tmp_path.iterdir()) == {path}
    assert load(path).digest == made().digest


def test_a_harmed_one_is_still_there_where_the_new_one_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path)
    (path / WEIGHTS).write_bytes(b"")

    def failing(_descriptor: int) -> None:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(TiltyardError, match="SNAPSHOT_UNWRITABLE"):
        save(made(), tmp_path, NOW)
    assert set(tmp_path.iterdir()) == {path}


def test_what_was_harmed_keeps_its_name_whenever_it_is_saved_again(tmp_path: Path) -> None:
    path = saved(tmp_path)
    (path / WEIGHTS).write_bytes(b"")
    assert save(made(), tmp_path, NOW + timedelta(days=3)) == path
    assert load(path).digest == made().digest


def test_an_array_whose_header_no_parser_takes_is_unreadable() -> None:
    """numpy parses a header as Python, and an open bracket fails in a way of its own."""
    header = b"{" + b"(" * 50
    raw = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with pytest.raises(ValueError, match="a header that is none"):
        snapshot_from(
            {part: {} for part in PARTS} | {"kind": "tabnet"},
            {WEIGHTS: made().files()[WEIGHTS], "baseline.npy": raw},
        )
