"""Snapshots of the desk by the command line: what they say, and what they end with."""

import json
import shutil
from pathlib import Path

from archive.places import CREDENTIALS, new_bucket, s3
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


def test_whose_a_snapshot_is_is_said(known: Run) -> None:
    first = json.loads(known("snapshot", "take", "--json").out)
    line = known("snapshot", "verify").out.splitlines()[0]
    assert line.endswith(f", ledger {first['ledger'][:8]}")
    assert known("init", "--db", "other.db").code == 0
    assert (
        known("snapshot", "take", "--db", "other.db")
        .out.splitlines()[0]
        .endswith(", no ledger named")
    )
    words = ("policy", "register", "b", "--role", "champion", "--capital", "1", "--db", "other.db")
    assert known(*words).code == 0
    second = json.loads(known("snapshot", "take", "--json", "--db", "other.db").out)
    told = json.loads(known("snapshot", "list", "--json").out)
    assert {one["ledger"]: one["of_this_ledger"] for one in told} == {
        first["ledger"]: True, second["ledger"]: False, None: None,
    }  # fmt: skip
    said = "  another ledger's: it is neither counted nor cleared away from here"
    for asks, own in (((), first), (("--db", "other.db"), second)):
        lines = known("snapshot", "list", *asks).out.splitlines()
        (at,) = [number for number, line in enumerate(lines) if line == said]
        assert own["name"] not in lines[at - 1]
    unread = known("snapshot", "list", "--db", "none.db")
    assert (unread.code, said in unread.out) == (0, False)


def test_what_is_not_there_is_said(known: Run, tmp_path: Path) -> None:
    for words in (("list",), ("verify",), ("restore", "back")):
        ran = known("snapshot", *words)
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.startswith("ARCHIVE_MISSING archive: there is no such folder")
    (tmp_path / "archive").mkdir()
    assert known("snapshot", "list").out == "no snapshot is in archive: tiltyard snapshot take\n"
    ran = known("snapshot", "verify")
    assert (ran.code, ran.err[:36]) == (2, "KEPT_UNKNOWN newest: no snapshot is ")


NO_CREDENTIALS = '[archive]\nbucket = "{bucket}"\ncredentials_file = "none"\n'


def test_what_the_bucket_refuses_is_loud_and_found_on_this_disk(known: Run, tmp_path: Path) -> None:
    (tmp_path / "tiltyard.toml").write_text(NO_CREDENTIALS.format(bucket="my-desk"))
    ran = known("snapshot", "take")
    assert ran.code == 1
    assert ran.out.splitlines()[-1] == "on this disk only: not in the bucket yet"
    refused, remedy = ran.err.splitlines()
    assert refused.startswith("the bucket refused it: ARCHIVE_CREDENTIALS none: No such file")
    assert remedy == "to bring it there: tiltyard snapshot sync; the next take does it, too"
    told = json.loads(known("snapshot", "take", "--json").out)
    assert (told["place"], told["on_this_disk_only"]) == ("archive", True)
    assert told["refused"]["code"] == "ARCHIVE_CREDENTIALS"
    listed = known("snapshot", "list", "--json")
    assert listed.code == 1
    assert {one["on_this_disk_only"] for one in json.loads(listed.out)} == {None}
    for words in (("list",), ("verify",), ("restore", "back")):
        ran = known("snapshot", *words)
        assert (ran.code, told["name"] in ran.out) == (1, True)
        assert ran.err.splitlines()[1].startswith("only what is on this disk was looked at")
    assert (tmp_path / "back" / "tiltyard.db").is_file()
    for words in (("sync",), ("prune",)):
        ran = known("snapshot", *words)
        assert (ran.code, ran.out, ran.err[:19]) == (2, "", "ARCHIVE_CREDENTIALS")


def test_it_comes_into_the_bucket_later(known: Run, tmp_path: Path) -> None:
    settings = tmp_path / "tiltyard.toml"
    with s3() as url:
        bucket = new_bucket(url)
        settings.write_text(NO_CREDENTIALS.format(bucket=bucket))
        first = json.loads(known("snapshot", "take", "--json").out)
        (tmp_path / "none").write_text(CREDENTIALS)
        settings.write_text(NO_CREDENTIALS.format(bucket=bucket) + f'endpoint = "{url}"\n')
        lines = known("snapshot", "list").out.splitlines()
        assert lines[1] == "  on this disk only: not in the bucket yet"
        ran = known("snapshot", "sync")
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.splitlines()[0] == f"brought into the bucket: {first['name']}"
        assert known("snapshot", "sync").out == "every snapshot is in the bucket\n"
        shutil.rmtree(tmp_path / "archive")
        ran = known("snapshot", "verify", first["name"])
        assert (ran.code, ran.out.splitlines()[-1]) == (0, "every byte is what was kept")
        took = json.loads(known("snapshot", "take", "--json").out)
        assert (took["refused"], took["on_this_disk_only"]) == (None, False)
        assert took["sync"] == {"brought": [], "sent_bytes": 0, "failed": []}
        (place,) = json.loads(known("snapshot", "prune", "--json").out)["places"]
        assert place == {
            "place": f"s3://{bucket}/tiltyard", "snapshots": [], "objects": 0, "freed_bytes": 0,
            "failed": [],
        }  # fmt: skip


def test_what_nobody_names_goes_and_a_dry_run_says_so_first(known: Run, tmp_path: Path) -> None:
    assert known("snapshot", "take").code == 0
    left = tmp_path / "archive" / "objects" / "ab" / f"ab{'0' * 62}"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"left")
    dry = known("snapshot", "prune", "--dry-run")
    line = "archive: 1 content that no snapshot names {}, 4 bytes\n"
    assert (dry.code, dry.out) == (0, line.format("would go"))
    assert left.is_file()
    assert known("snapshot", "prune").out == line.format("is gone")
    assert not left.exists()
    assert known("snapshot", "prune").out == "archive: nothing to clear away\n"


def test_without_a_ledger_that_can_be_read_none_expires(known: Run, tmp_path: Path) -> None:
    assert known("snapshot", "take").code == 0
    ran = known("snapshot", "prune", "--db", tmp_path / "none.db")
    assert ran.code == 1
    said, why = ran.err.splitlines()
    assert said == "no snapshot expires while the ledger cannot be read:"
    assert why.startswith("DATABASE_MISSING")


def test_without_a_bucket_there_is_nothing_to_bring(known: Run) -> None:
    ran = known("snapshot", "sync")
    expected = "no bucket is named: snapshots are kept in archive\n"
    assert (ran.code, ran.out) == (0, expected)
