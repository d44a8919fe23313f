"""A drift seen in the evening: one refresh that night, a new challenger, the old one flagged."""

import json
from pathlib import Path

import pytest

from command_line import Run
from drift.worlds import SOL, WILD, drawn, put_market
from tiltyard.market.bar import HOUR
from tiltyard.shell.clock import system_now
from tiltyard.shell.models.manifest import manifest_of
from tiltyard.shell.store.audit_table import every_event
from tiltyard.shell.store.ledger import Ledger
from training.small import trained

SETTINGS = """\
[market]
feed = "bars"
[drift]
current = "20 d"
[policies]
capital = 1000
[jobs]
symbols = ""
refresh_epochs = 1
"""


LATELY, BEFORE = 30 * 24, 70 * 24
"""Hours that are wild, and those before that were calm, of which the policy has learnt."""


@pytest.fixture
def policy(run: Run, tmp_path: Path) -> str:
    """A challenger whose encoder has never seen days as wild as those of late."""
    (tmp_path / "tiltyard.toml").write_text(SETTINGS)
    now = system_now().replace(minute=0, second=0, microsecond=0) - HOUR
    calm = drawn(SOL, now - LATELY * HOUR, BEFORE, seed=3)
    wild = drawn(SOL, now, LATELY, WILD, seed=4)
    put_market(tmp_path / "bars", {SOL: calm})
    name = trained(tmp_path).path.name
    put_market(tmp_path / "bars", {SOL: [*calm, *wild]})
    for joining in (("prod", "--role", "champion"), (name,)):
        assert run("policy", "register", *joining).code == 0
    return name


def challengers(run: Run) -> set[str]:
    told = json.loads(run("policy", "list", "--json").out)
    return {one["policy"] for one in told if one["kind"] == "tabnet"}


def flagged(folder: Path) -> list[str]:
    """Whose refresh the audit says was asked for."""
    with Ledger.open(str(folder / "desk.db")) as ledger, ledger.snapshot() as still:
        asked = [json.loads(body) for _, body in every_event(still.connection, "refresh_encoder")]
    return [one["policy"] for one in asked]


def test_a_drift_is_refreshed_once_in_its_night(run: Run, policy: str, tmp_path: Path) -> None:
    assert run("jobs", "run", "nightly").code == 0, "it observes first, and judges to scale"
    assert run("run", "--once").code == 0
    assert flagged(tmp_path) == [policy]
    first = run("jobs", "run", "refresh", "--json")
    assert first.code == 0, first.out + first.err
    (refreshed,) = json.loads(first.out)["steps"][0]["told"]["refreshed"]
    new = challengers(run) - {policy}
    assert len(new) == 1, refreshed
    for words in (("run", "--once"), ("maintain", "refresh"), ("jobs", "run", "refresh")):
        assert run(*words).code == 0
    assert challengers(run) - {policy} == new
    told = json.loads(run("report", policy, "--json").out)
    assert told["metrics"]["encoder_kl_divergence"]["verdict"] == "breach"
    assert flagged(tmp_path) == [policy]
    (new_name,) = new
    before, after = (manifest_of(tmp_path / "models" / name).told for name in (policy, new_name))
    assert before["lineage"] != after["lineage"]
    assert before["files"] != after["files"], "it has weights and a baseline of its own"
