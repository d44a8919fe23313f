"""A replay buffer is what was committed last, byte for byte, or it is refused."""

import json
import os
import resource
import shutil
import signal
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from learners.test_snapshot import in_a_process, killed_at
from tiltyard.kernel.errors import Faults, TiltyardError
from tiltyard.learners.replay import MANIFEST, Replay, Transitions

CAPACITY = 64


def met(first: int, count: int) -> Transitions:
    """Transitions of which no two are alike, in any column that can tell them apart."""
    number = np.arange(first, first + count)
    return Transitions(
        number, number % 5, (number + 1) % 5, number / 7, number + 1, (number + 2) % 5,
        number % 2 == 0, 1 / (number + 1), number % 3, number % 2,
    )  # fmt: skip


def begun(folder: Path) -> Replay:
    return Replay.create(folder, CAPACITY, policies=["a", "b", "c"], encoders=["", "e"])


def filled(folder: Path, *commits: int) -> Replay:
    replay = begun(folder)
    for count in commits:
        replay.append(met(len(replay), count))
        replay.commit()
    return replay


def opened(folder: Path) -> Replay:
    found = Replay.open(folder)
    assert found is not None
    return found


def is_told(replay: Replay, count: int) -> bool:
    """Whether the first rows are what was appended."""
    return len(replay) >= count and all(
        np.array_equal(column[:count], expected.astype(column.dtype))
        for column, expected in zip(replay.columns, met(0, count), strict=True)
    )


def test_what_was_committed_is_there_and_nothing_else(tmp_path: Path) -> None:
    replay = filled(tmp_path, 3, 10)
    replay.append(met(13, 5))
    assert is_told(replay, 18)
    found = opened(tmp_path)
    assert (len(found), found.committed) == (13, 13)
    assert is_told(found, 13)
    assert found.digests == replay.digests
    assert (found.policies, found.encoders) == (("a", "b", "c"), ("", "e"))


def test_columns_are_plain_arrays_of_the_types_that_are_told(tmp_path: Path) -> None:
    columns = begun(tmp_path).columns
    assert {type(one) for one in columns} == {np.ndarray}
    kinds = {name: one.dtype.name for name, one in columns._asdict().items()}
    assert kinds == {
        "row": "int32", "position": "int8", "action": "int8", "reward": "float32",
        "next_row": "int32", "next_position": "int8", "terminated": "bool",
        "propensity": "float32", "policy": "int16", "encoder": "int16",
    }  # fmt: skip
    assert sum(one.dtype.itemsize for one in columns) == 24


def test_a_folder_without_a_buffer_has_none(tmp_path: Path) -> None:
    assert Replay.open(tmp_path) is None
    assert Replay.open(tmp_path / "nowhere") is None


def test_a_buffer_goes_on_where_it_was_committed_to_the_same_bytes(tmp_path: Path) -> None:
    whole = filled(tmp_path / "whole", 8, 8, 8)
    filled(tmp_path / "parts", 8, 8).append(met(99, 5))
    replay = opened(tmp_path / "parts")
    replay.append(met(16, 8))
    replay.commit()
    assert replay.digests == whole.digests
    assert is_told(opened(tmp_path / "parts"), 24)


def test_a_commit_of_nothing_is_none(tmp_path: Path) -> None:
    replay = filled(tmp_path, 8)
    before = (tmp_path / MANIFEST).read_bytes()
    replay.commit()
    assert (tmp_path / MANIFEST).read_bytes() == before


def test_no_more_goes_in_than_fits(tmp_path: Path) -> None:
    replay = filled(tmp_path, CAPACITY - 2)
    with pytest.raises(ValueError, match="65 rows in a buffer of 64"):
        replay.append(met(0, 3))
    assert is_told(replay, CAPACITY - 2)
    assert len(replay) == CAPACITY - 2
    replay.append(met(CAPACITY - 2, 2))
    replay.commit()
    assert is_told(opened(tmp_path), CAPACITY)


@pytest.mark.parametrize("name", [*Transitions._fields, MANIFEST])
def test_any_committed_byte_that_is_another_is_found_and_its_column_named(
    tmp_path: Path, name: str
) -> None:
    filled(tmp_path, 3, 4)
    file = tmp_path / name
    whole = file.read_bytes()
    size = len(whole) // CAPACITY
    for place in range(len(whole) if name == MANIFEST else 7 * size):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        file.write_bytes(changed)
        with pytest.raises(Faults, match=rf"^BUFFER_DAMAGED.*1 fault\n.* @ {name}\nNothing of it"):
            Replay.open(tmp_path)
    file.write_bytes(whole)
    assert is_told(opened(tmp_path), 7)


def test_bytes_beyond_what_was_committed_are_not_there(tmp_path: Path) -> None:
    filled(tmp_path, 7)
    for name in Transitions._fields:
        whole = bytearray((tmp_path / name).read_bytes())
        size = len(whole) // CAPACITY
        whole[7 * size :] = b"\xff" * (len(whole) - 7 * size)
        (tmp_path / name).write_bytes(whole)
    found = opened(tmp_path)
    assert len(found) == 7
    assert is_told(found, 7)


@pytest.mark.parametrize("name", Transitions._fields)
@pytest.mark.parametrize("how", ["shorter", "empty", "longer", "missing", "a folder"])
def test_a_column_of_another_length_is_damaged(tmp_path: Path, name: str, how: str) -> None:
    filled(tmp_path, 7)
    file = tmp_path / name
    whole = file.read_bytes()
    if how in ("missing", "a folder"):
        file.unlink()
    if how == "a folder":
        file.mkdir()
    else:
        left = {"shorter": whole[:-1], "empty": b"", "longer": whole + b"\0"}
        if how in left:
            file.write_bytes(left[how])
    with pytest.raises(Faults, match=rf"BUFFER_DAMAGED.*1 fault\n.* @ {name}"):
        Replay.open(tmp_path)


def test_all_that_is_damaged_is_said_at_once_with_what_to_do(tmp_path: Path) -> None:
    filled(tmp_path, 7)
    (tmp_path / "row").unlink()
    (tmp_path / "reward").write_bytes(b"")
    with pytest.raises(Faults) as refused:
        Replay.open(tmp_path)
    assert [fault.place for fault in refused.value.faults] == ["row", "reward"]
    assert "Delete the folder: it is filled afresh" in str(refused.value)
    shutil.rmtree(tmp_path)
    assert Replay.open(tmp_path) is None
    assert is_told(filled(tmp_path, 7), 7)


def test_a_manifest_of_another_format_is_refused(tmp_path: Path) -> None:
    filled(tmp_path, 7)
    told = json.loads((tmp_path / MANIFEST).read_bytes().partition(b"\n")[2])
    raw = json.dumps({**told, "format": 2}).encode()
    digest = sha256(raw).hexdigest().encode()
    (tmp_path / MANIFEST).write_bytes(digest + b"\n" + raw + b"\n")
    with pytest.raises(Faults, match="format 2, expected 1"):
        Replay.open(tmp_path)


def test_whoever_is_killed_between_writing_and_committing_has_the_last_commit(
    tmp_path: Path,
) -> None:
    """Killed as it is about to ask the system for something, wherever that is."""
    after = filled(tmp_path / "whole", 8, 8).digests
    found = []
    for call in range(1, 50):
        folder = tmp_path / str(call)
        before = filled(folder, 8).digests

        def go_on(folder: Path = folder) -> None:
            replay = opened(folder)
            replay.append(met(8, 8))
            replay.commit()

        ended = in_a_process(killed_at(call, go_on))
        replay = opened(folder)
        found.append(len(replay))
        assert replay.digests == (before if len(replay) == 8 else after)
        assert is_told(replay, len(replay))
        if len(replay) == 8:
            go_on(folder)
        assert opened(folder).digests == after
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
    assert len(found) >= 12
    assert set(found) == {8, 16}
    assert found == sorted(found)


def test_whoever_is_killed_while_beginning_leaves_none_or_an_empty_one(tmp_path: Path) -> None:
    found = []
    for call in range(1, 50):
        filled(tmp_path, 8)
        ended = in_a_process(killed_at(call, lambda: begun(tmp_path)))
        left = Replay.open(tmp_path)
        found.append(None if left is None else len(left))
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
    assert found[0] == 8
    assert found[-1] == 0
    assert set(found) == {8, None, 0}


def test_a_buffer_goes_back_to_any_of_its_commits_and_to_nothing_else(tmp_path: Path) -> None:
    eight = filled(tmp_path / "eight", 8).digests
    replay = filled(tmp_path / "more", 8, 8, 8)
    for count in (7, 9, 25):
        assert not replay.cut(count)
        assert len(replay) == 24
    assert replay.cut(8)
    assert replay.digests == eight
    found = opened(tmp_path / "more")
    assert (len(found), found.digests) == (8, eight)
    assert found.cut(8)
    assert found.cut(0)
    assert len(opened(tmp_path / "more")) == 0


def test_a_new_buffer_takes_the_place_of_an_old_one(tmp_path: Path) -> None:
    filled(tmp_path, 8, 8)
    assert len(begun(tmp_path)) == 0
    assert len(opened(tmp_path)) == 0


def test_whoever_has_opened_a_buffer_keeps_it_when_a_new_one_takes_its_place(
    tmp_path: Path,
) -> None:
    filled(tmp_path, 8, 8)
    older = opened(tmp_path)
    newer = begun(tmp_path)
    assert is_told(older, 16)
    newer.append(met(40, 8))
    newer.commit()
    older.append(met(16, 8))
    assert is_told(older, 24)
    assert np.array_equal(opened(tmp_path).columns.row[:8], np.arange(40, 48))


def test_a_disk_that_is_full_is_said_before_anything_is_learnt(tmp_path: Path) -> None:
    """A map of a file whose disk is not there would end the process when it is written to."""

    def fill() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, 4_096))
        try:
            Replay.create(tmp_path, 4_096)
        except TiltyardError as error:
            os._exit(9 if error.code == "CHECKPOINT_UNWRITABLE" else 4)

    assert in_a_process(fill) == 9
    assert not list(tmp_path.iterdir())
    assert is_told(filled(tmp_path, 8), 8)


def test_a_disk_that_is_full_at_a_commit_leaves_the_one_before(tmp_path: Path) -> None:
    replay = filled(tmp_path, 8)

    def fill() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        replay.append(met(8, 8))
        try:
            replay.commit()
        except TiltyardError as error:
            is_last = replay.committed == 8
            os._exit(9 if error.code == "CHECKPOINT_UNWRITABLE" and is_last else 4)

    assert in_a_process(fill) == 9
    assert is_told(opened(tmp_path), 8)
    assert len(opened(tmp_path)) == 8


def test_a_folder_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TiltyardError, match="CHECKPOINT_UNWRITABLE"):
        begun(tmp_path / "file")
