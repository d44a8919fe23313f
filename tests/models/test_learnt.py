"""Until when a trained policy has learnt, as its snapshot says it."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tiltyard.facts.arm import Arm, Roster
from tiltyard.shell.models.learnt import learnt_by_arms, learnt_by_snapshot, learnt_until
from trained_policies import MADE_AT, put_model, tiny

END = datetime(2025, 3, 13, 12, tzinfo=UTC)


def told(own: object, encoder: object = None) -> dict[str, Any]:
    lineage: dict[str, Any] = {"data": {"until": own}}
    return lineage if encoder is None else {**lineage, "encoder": {"data": {"until": encoder}}}


@pytest.mark.parametrize(
    ("lineage", "until"),
    [
        (told(7200, 3600), 7200),
        (told(3600, 7200), 7200),
        (told(3600), 3600),
        (told(3600, "never"), None),
        ({**told(3600), "encoder": {}}, None),
        ({"encoder": told(3600)}, None),
        (told(None), None),
        (told(10**30), None),
        ({"data": 3}, None),
        ({}, None),
    ],
)
def test_what_was_seen_last_counts_and_what_is_not_told_nobody_knows(
    lineage: dict[str, Any], until: int | None
) -> None:
    expected = None if until is None else datetime.fromtimestamp(until, UTC)
    assert learnt_until(lineage) == expected


def test_a_snapshot_says_it_in_its_manifest_and_another_one_says_nothing(tmp_path: Path) -> None:
    path = put_model(tmp_path)
    assert learnt_by_snapshot(path, tiny().digest) == learnt_by_snapshot(path, "") == END
    assert learnt_by_snapshot(path, "0" * 64) is None
    assert learnt_by_snapshot(tmp_path / "nowhere", "") is None
    (path / "manifest.json").write_text("[]")
    assert learnt_by_snapshot(path, "") is None


def test_arms_are_known_by_their_snapshots_and_others_are_not_named(tmp_path: Path) -> None:
    name = put_model(tmp_path).name
    silent = put_model(tmp_path, replace(tiny(), lineage={"seed": 1})).name
    roster = Roster()
    for arm, digest in (
        (name, tiny().digest),
        (silent, ""),
        ("bot", "0" * 64),
        ("trend_20250101_000000_c4a3b105", ""),
    ):
        roster = roster.with_arm(
            Arm(arm, "challenger", "probation", 0, 1, 0, None, MADE_AT, digest=digest)
        )
    assert learnt_by_arms(roster, tmp_path) == {name: END, silent: None}


def test_of_a_folder_that_is_not_there_nobody_is_known(tmp_path: Path) -> None:
    bot = Arm("bot", "challenger", "probation", 0, 1, 0, None, MADE_AT)
    assert learnt_by_arms(Roster().with_arm(bot), tmp_path / "none") == {}
