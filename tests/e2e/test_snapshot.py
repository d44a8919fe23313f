"""Snapshots of the desk by the command line: what they say, and what they end with."""

import json
import shutil
from pathlib import Path

from command_line import Run
from trained_policies import put_model


def test_programs_are_told_what_was_kept_and_lists_have_the_newest_first(
    known: Run, tmp_path: Path
) -> None:
    first = json.loads(known("snapshot", "take", "--json").out)
    assert first["place"] == "archive"
    assert first["sent_bytes"] == first["bytes"] == first["files"]["tiltyard.db"]["bytes"]
    assert first["left_out"] == {}
    (tmp_path / "tiltyard.toml").write_text("[policies]\ncapital = 1\n")
    second = json.loads(known("snapshot", "take", "--json").out)
    assert set(second["files"]) == {"tiltyard.db", "tiltyard.toml"}
    told = json.loads(known("snapshot", "list", "--json").out)
    assert sorted(one["name"] for one in told) == sorted([first["name"], second["name"]])
    verified = known("snapshot", "verify", first["name"][-8:]).out.splitlines()
    assert verified[0].startswith(first["name"])
    assert verified[1] == "every byte is what was kept"
    ran = known("snapshot", "restore", "back", "--name", second["name"])
    assert ran.out.splitlines()[1] == "restored to back"
    assert (tmp_path / "back" / "tiltyard.toml").read_text() == "[policies]\ncapital = 1\n"


def test_a_model_that_is_harmed_ends_with_a_failure_and_is_named_by_every_list(
    known: Run, tmp_path: Path
) -> None:
    model = put_model(tmp_path / "models")
    (model / "weights.safetensors").write_bytes(b"other")
    ran = known("snapshot", "take")
    assert ran.code == 1
    assert "left out: SNAPSHOT_TAMPERED" in ran.err
    line = f"  without {model.name}, which was not whole: SNAPSHOT_TAMPERED"
    for words in (("list",), ("verify",)):
        assert line in known("snapshot", *words).out.splitlines()


def test_a_list_names_what_is_harmed_and_hides_no_other(known: Run, tmp_path: Path) -> None:
    assert known("snapshot", "take").code == 0
    (there,) = (tmp_path / "archive" / "snapshots").rglob("*.json")
    odd = there.with_name(f"000000_{'0' * 16}.json")
    shutil.copy(there, odd)
    ran = known("snapshot", "list")
    assert ran.code == 1
    assert len(ran.out.splitlines()) == 1
    assert f"ARCHIVE_HARMED {there.parent.name}/{odd.stem}: its manifest is that of" in ran.err


def test_what_is_not_there_is_said(known: Run, tmp_path: Path) -> None:
    for words in (("list",), ("verify",), ("restore", "back")):
        ran = known("snapshot", *words)
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.startswith("ARCHIVE_MISSING archive: there is no such folder")
    (tmp_path / "archive").mkdir()
    assert known("snapshot", "list").out == "no snapshot is in archive: tiltyard snapshot take\n"
    ran = known("snapshot", "verify")
    assert (ran.code, ran.err[:36]) == (2, "KEPT_UNKNOWN newest: no snapshot is ")
