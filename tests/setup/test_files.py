"""Files that were made: what people have edited stays, and a machine that fails harms none."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from full_disks import full_disk
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.as_made import sealed
from tiltyard.shell.setup.files import put

NAMES = ("a.yml", "b.yml", "c.yml")


def texts(folder: Path, what: str) -> Mapping[Path, str]:
    return {folder / "config" / name: sealed(f"{name}: {what}\n") for name in NAMES}


def found(folder: Path) -> Mapping[Path, str]:
    config = folder / "config"
    return {path: path.read_text("utf-8") for path in sorted(config.iterdir())}


def test_a_file_of_ours_is_replaced_and_the_same_is_not_touched(tmp_path: Path) -> None:
    first = texts(tmp_path, "1")
    assert put(first, force=False).written == list(first)
    times = {path: path.stat().st_mtime_ns for path in first}
    assert put(first, force=False) == ([], {})
    assert {path: path.stat().st_mtime_ns for path in first} == times
    second = texts(tmp_path, "2")
    assert put(second, force=False).written == list(second)
    assert found(tmp_path) == second


@pytest.mark.parametrize("edit", [lambda text: text + "mine: 1\n", lambda _: "", lambda _: "mine"])
def test_an_edited_file_is_kept_with_its_difference_and_the_others_are_written(
    tmp_path: Path, edit: Callable[[str], str]
) -> None:
    first, second = texts(tmp_path, "1"), texts(tmp_path, "2")
    put(first, force=False)
    path = tmp_path / "config" / "b.yml"
    path.write_text(edit(first[path]), "utf-8")
    mine = path.read_text("utf-8")
    done = put(second, force=False)
    assert list(done.kept) == [path]
    assert found(tmp_path) == {**second, path: mine}
    assert "+b.yml: 2" in done.kept[path]
    assert put(second, force=True).kept == {}
    assert found(tmp_path) == second


def test_an_edit_that_is_what_would_be_made_anyway_is_none(tmp_path: Path) -> None:
    put(texts(tmp_path, "1"), force=False)
    second = texts(tmp_path, "2")
    path = tmp_path / "config" / "b.yml"
    path.write_text(second[path], "utf-8")
    assert put(second, force=False).kept == {}


def test_a_difference_reads_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("b.yml")
    path.write_text("a: 1\nb: 2\n", "utf-8")
    (shown,) = put({path: "a: 1\nb: 3\n"}, force=False).kept.values()
    assert "\n".join(shown) == (
        "--- b.yml\n+++ b.yml (made anew)\n@@ -1,2 +1,2 @@\n a: 1\n-b: 2\n+b: 3"
    )


def test_a_full_disk_changes_none(tmp_path: Path) -> None:
    first = texts(tmp_path, "1")
    put(first, force=False)
    with full_disk(1000), pytest.raises(TiltyardError, match="SETUP_UNWRITABLE") as caught:
        put({**texts(tmp_path, "2"), tmp_path / "config" / "c.yml": "x" * 2000}, force=True)
    assert "none of the files was changed" in caught.value.remedy
    assert found(tmp_path) == first


def test_a_file_in_the_way_and_one_that_is_none_change_none(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("no folder")
    with pytest.raises(TiltyardError, match="SETUP_UNWRITABLE"):
        put(texts(tmp_path, "1"), force=True)
    (tmp_path / "config").unlink()
    (tmp_path / "config" / "c.yml").mkdir(parents=True)
    with pytest.raises(TiltyardError, match="SETUP_UNWRITABLE"):
        put(texts(tmp_path, "1"), force=True)
    assert [path.name for path in (tmp_path / "config").iterdir()] == ["c.yml"]


def test_a_folder_that_may_not_be_written_changes_none(tmp_path: Path) -> None:
    first = texts(tmp_path, "1")
    put(first, force=False)
    child = os.fork()
    if not child:
        (tmp_path / "config").chmod(0o555)
        if os.geteuid() == 0:  # who is root may write everywhere
            os.setresuid(65534, 65534, 65534)
        try:
            put(texts(tmp_path, "2"), force=True)
        except TiltyardError as error:
            os._exit(0 if error.code == "SETUP_UNWRITABLE" else 2)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    (tmp_path / "config").chmod(0o755)
    assert found(tmp_path) == first


@pytest.mark.parametrize("after", range(7))
def test_who_is_killed_leaves_every_file_whole_and_the_next_goes_on(
    tmp_path: Path, after: int
) -> None:
    """Killed before each of the steps: three files are written beside, three are renamed."""
    first, second = texts(tmp_path, "1"), texts(tmp_path, "2")
    put(first, force=False)
    child = os.fork()
    if not child:
        os.closerange(0, 3)
        left = after
        write, rename = Path.write_text, Path.replace

        def step(does: Callable[..., object]) -> Callable[..., object]:
            def done(*words: object) -> object:
                nonlocal left
                if not left:
                    os._exit(9)
                left -= 1
                return does(*words)

            return done

        Path.write_text = step(write)  # type: ignore[method-assign,assignment]
        Path.replace = step(rename)  # type: ignore[method-assign,assignment]
        put(second, force=False)
        os._exit(0)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert ended == (0 if after == 6 else 9)
    there = {path: text for path, text in found(tmp_path).items() if path in first}
    assert all(text in (first[path], second[path]) for path, text in there.items())
    put(second, force=False)
    assert {path: path.read_text("utf-8") for path in second} == second
