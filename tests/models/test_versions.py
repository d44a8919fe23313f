"""Which snapshots there are, what each says of itself, and who trades it; none hides another."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from archives import digest_in, gate, sizing, written
from tiltyard.facts.arm import Arm, Roster
from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners import snapshot, snapshot_folder
from tiltyard.shell.models import manifest
from tiltyard.shell.models.registering import checked_for_trial
from tiltyard.shell.models.shelf import MANIFEST
from tiltyard.shell.models.versions import Gate, Origin, Version, versions_in
from trained_policies import MADE_AT, encoder_alone, put_model, tiny, tiny_sizing

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)


def only(folder: Path) -> Version:
    (found,) = versions_in(folder)
    return found


def origin_of(folder: Path) -> Origin:
    origin = only(folder).origin
    assert isinstance(origin, Origin), origin
    return origin


def code_of(version: Version) -> str:
    return version.origin.code if isinstance(version.origin, TiltyardError) else ""


def test_a_sizing_policy_says_what_it_knows_where_it_comes_from_and_what_the_gate_said(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, "20250707_120000", "dqn", **sizing(gate("passed", 0.001)))
    assert only(tmp_path)[:2] == (path.name, NOON)
    assert origin_of(tmp_path) == Origin(
        "dqn", digest_in(path), ["BTC/USDT", "SOL/USDT"], datetime(2025, 7, 6, tzinfo=UTC),
        ["34e07f43" * 8], 250_000, [1, 2, 3, 4, 5],
        Gate("passed", 0.001, {"flat": 0.0, "buy_and_hold": -0.0017}, []), is_partial=False,
    )  # fmt: skip


def test_what_was_trained_for_real_is_told_alike(tmp_path: Path) -> None:
    for made, kind in ((tiny(), "tabnet"), (tiny_sizing(), "dqn"), (encoder_alone(), "timesnet")):
        folder = tmp_path / kind
        path = put_model(folder, made)
        found = only(folder)
        assert (found.name, found.trained_at, found.kind) == (path.name, MADE_AT, kind)
        assert origin_of(folder).digest == made.digest
        assert found.is_policy is (kind != "timesnet")
    assert origin_of(tmp_path / "tabnet").seeds == [1]
    assert origin_of(tmp_path / "dqn").seeds == [1, 2]
    assert origin_of(tmp_path / "tabnet").gate is None


def test_the_newest_is_told_first_and_who_says_no_time_last(tmp_path: Path) -> None:
    for made in ("20250101_000000", "20250707_120000", "20250707_115959"):
        written(tmp_path, made, "dqn", **sizing(gate("passed", 0.001)))
    shutil.copytree(next(tmp_path.iterdir()), tmp_path / "backup")
    assert [one.name[4:19] for one in versions_in(tmp_path)] == [
        "20250707_120000", "20250707_115959", "20250101_000000", "up",
    ]  # fmt: skip


def test_what_is_no_snapshot_is_not_told_and_no_folder_has_none(tmp_path: Path) -> None:
    assert versions_in(tmp_path / "nowhere") == []
    (tmp_path / ".work").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "dqn_20250707_120000_00000000.html").write_text("a page")
    (tmp_path / ".dqn_20250707_120000_00000000.harmed").mkdir()
    assert versions_in(tmp_path) == []
    with pytest.raises(TiltyardError, match=r"SNAPSHOT_MISSING .*it cannot be listed"):
        versions_in(tmp_path / "dqn_20250707_120000_00000000.html")


def _another_number(path: Path) -> None:
    file = path / "manifest.json"
    file.write_bytes(file.read_bytes().replace(b"0.3", b"0.4", 1))


def _no_file(path: Path) -> None:
    next(path.glob("*.npy")).unlink()


def _no_plain_file(path: Path) -> None:
    (path / "baseline.npy").unlink()
    os.mkfifo(path / "baseline.npy")


def _no_manifest(path: Path) -> None:
    (path / "manifest.json").unlink()


def _manifest_that_nobody_writes(path: Path) -> None:
    _no_manifest(path)
    os.mkfifo(path / "manifest.json")


def _huge_manifest(path: Path) -> None:
    with (path / "manifest.json").open("r+b") as file:
        file.truncate(1 << 40)


def _renamed(path: Path) -> None:
    path.rename(path.with_name("mine"))


def _another_kind(path: Path) -> None:
    path.rename(path.with_name(path.name.replace("tabnet", "dqn")))


def _otherwise(**changed: object) -> Callable[[Path], None]:
    """Its manifest says something else, and its name vouches for that."""

    def change(path: Path) -> None:
        told = json.loads((path / "manifest.json").read_text())
        (path / "manifest.json").write_text(json.dumps({**told, **changed}))
        path.rename(path.with_name(f"{path.name[:-8]}{digest_in(path)[:8]}"))

    return change


def _text(text: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        (path / "manifest.json").write_text(text)
        path.rename(path.with_name(f"{path.name[:-8]}{digest_in(path)[:8]}"))

    return change


@pytest.mark.parametrize(
    "harm",
    [
        _another_number, _no_file, _no_plain_file, _no_manifest, _manifest_that_nobody_writes,
        _huge_manifest, _renamed, _another_kind, _otherwise(format=2), _otherwise(settings=5),
        _otherwise(lineage=[1]), _otherwise(kind=["tabnet"]), _otherwise(files=5),
        _otherwise(files={"../a.npy": {"bytes": 0, "sha256": ""}}), _text("[]"), _text("nothing"),
        _text("[" * 100_000), _text('{"format": 1}'),
    ],
)  # fmt: skip
def test_what_is_damaged_is_refused_as_whoever_registers_it_would_be_and_hides_no_other(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    whole = put_model(tmp_path, tiny_sizing())
    harm(put_model(tmp_path))
    harmed, other = sorted(versions_in(tmp_path), key=lambda one: one.name == whole.name)
    assert isinstance(other.origin, Origin)
    with pytest.raises(TiltyardError) as refused:
        checked_for_trial(tmp_path / harmed.name)
    assert code_of(harmed) == refused.value.code


@pytest.mark.parametrize(
    "told",
    [
        {"lineage": {"seeds": 5}}, {"lineage": {"seeds": ["one"]}}, {"metrics": {"gate": 5}},
        {"metrics": {"gate": {}}}, {"metrics": {"gate": gate("passed", 10**400)}},
        {"settings": {"dqn": {}}}, {"settings": {"symbols": 5}}, {"lineage": {"parents": None}},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_unreadable(tmp_path: Path, told: dict[str, Any]) -> None:
    written(tmp_path, "20250707_120000", "dqn", **told)
    assert code_of(only(tmp_path)) == "SNAPSHOT_UNREADABLE"


def test_what_it_does_not_say_nobody_knows(tmp_path: Path) -> None:
    written(tmp_path, "20250707_120000", "tabnet", metrics={"gate": gate("undefined", None)})
    origin = origin_of(tmp_path)
    assert (origin.knows_until, origin.steps) == (None, None)
    assert [*origin.symbols, *origin.parents, *origin.seeds] == []
    assert origin.gate is not None
    assert origin.gate.lower_quartile is None


def test_an_arm_is_traded_by_its_digest_or_without_one_by_its_name(tmp_path: Path) -> None:
    path = written(tmp_path, "20250707_120000", "dqn", **sizing(gate("passed", 0.001)))
    digest = digest_in(path)

    def arms_of(name: str, digest: str, kind: str = "") -> list[str]:
        arm = Arm(
            name, "challenger", "probation", 0.1, 0.1, 0.6, None, NOON, kind=kind, digest=digest
        )  # fmt: skip
        return [one.name for one in only(tmp_path).arms(Roster().with_arm(arm))]

    assert arms_of("mine", digest) == ["mine"]
    assert arms_of(path.name, "") == [path.name]
    assert arms_of(path.name, "0" * 64) == []
    assert arms_of("mine", "") == []
    assert arms_of("mine", digest, "trend") == [], "a rule is traded by its kind"
    (path / "weights.safetensors").unlink()
    assert arms_of("mine", digest) == ["mine"], "who trades what is damaged is told all the more"
    assert arms_of("mine", f"{digest[:7]}x{digest[8:]}") == []


def test_it_goes_by_the_same_form_and_size_as_whoever_loads() -> None:
    assert manifest.FORMAT == snapshot.FORMAT
    assert manifest.LARGEST_MANIFEST == snapshot_folder.LARGEST_MANIFEST
    assert MANIFEST == snapshot_folder.MANIFEST


def test_a_partial_one_is_told_so(tmp_path: Path) -> None:
    put_model(tmp_path, replace(tiny(), metrics={"partial": True}))
    assert origin_of(tmp_path).is_partial
