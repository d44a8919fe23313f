"""``tiltyard drift``: whose drift is measured, what is printed, and what is recorded."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from command_line import Run
from docs.pages import rows
from drift.worlds import WILD, drawn, kept, market, put_market
from tiltyard.market.bar import HOUR
from tiltyard.shell.cli.drift_measuring import told_of
from tiltyard.shell.clock import system_now
from tiltyard.shell.drift.task import Measured
from tiltyard.shell.store.ledger import Ledger

SETTINGS = """
[market]
feed = "bars"
[drift]
current = "20 d"
"""


@pytest.fixture
def policy(run: Run, tmp_path: Path) -> str:
    """A challenger that was trained, beside a champion that was not."""
    (tmp_path / "tiltyard.toml").write_text(SETTINGS)
    name = kept(tmp_path / "models")
    for joining in (("prod", "--role", "champion"), (name,)):
        joined = run("policy", "register", *joining, "--capital", "1000")
        assert joined.code == 0, joined.err
    return name


def test_it_prints_and_records_what_it_found(run: Run, policy: str, tmp_path: Path) -> None:
    until = system_now().replace(minute=0, second=0, microsecond=0) - 2 * HOUR
    market(tmp_path / "bars", WILD, until, hours=600)
    told = run("drift", policy[-8:])
    assert told.code == 0, told.err
    assert told.out.startswith(f"{policy}  ")
    assert f"960 windows until {until:%Y-%m-%d %H:%M}Z, worth " in told.out
    with Ledger.open(str(tmp_path / "desk.db")) as ledger:
        assert not list(ledger.observations()), "nothing is recorded unless that is asked for"
    (row,) = json.loads(run("drift", "--json", "--report").out)
    assert set(row) == set(rows("json.md", "## A drift")) == set(Measured("", "").to_json())
    assert (row["policy"], row["state"]) == (policy, "defined")
    assert row["interval"][0] > 0.3
    assert run("drift", "--report").out.endswith(
        "; not recorded: it was observed on these bars already\n"
    )
    said = json.loads(run("report", policy, "--json").out)["metrics"]["encoder_kl_divergence"]
    assert (said["value"], said["interval"], said["verdict"]) == (
        row["value"], row["interval"], "breach",
    )  # fmt: skip
    with Ledger.open(str(tmp_path / "desk.db")) as ledger:
        assert {one.observed_at for one in ledger.observations()} == {until}


def test_what_cannot_be_known_is_said(run: Run, policy: str, tmp_path: Path) -> None:
    (tmp_path / "bars").mkdir()
    told = run("drift")
    assert (told.code, told.err) == (0, "")
    assert told.out == (
        f"{policy}  undefined (unobserved: no bars of 1 h of BTC/USDT, SOL/USDT in bars)\n"
    )
    put_market(tmp_path / "bars", {"SOL/USDT": drawn("SOL/USDT", system_now(), 15)})
    (row,) = json.loads(run("drift", "--json", "--report").out)
    assert (row["value"], row["interval"]) == (None, None)
    with Ledger.open(str(tmp_path / "desk.db")) as ledger:
        assert not list(ledger.observations())
    (tmp_path / "models" / policy / "manifest.json").write_text("{}")
    told = run("drift")
    assert told.code == 1
    assert "SNAPSHOT_TAMPERED" in told.out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("prod",), 1, "SNAPSHOT_MISSING prod: models has no snapshot that serves it"),
        (("nobody",), 2, "POLICY_UNKNOWN"),
    ],
)
def test_one_that_has_nothing_to_measure_is_refused(
    run: Run, policy: str, words: tuple[str, ...], code: int, said: str
) -> None:
    refused = run("drift", *words)
    assert (refused.code, refused.out) == (code, "")
    assert said in refused.err
    assert policy


def test_it_needs_bars_and_says_where_there_is_nobody(run: Run, tmp_path: Path) -> None:
    assert run("init").code == 0
    refused = run("drift")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith("DRIFT_WITHOUT_BARS market.feed: ")
    (tmp_path / "tiltyard.toml").write_text(SETTINGS)
    assert run("drift").out == "no policy that was trained has joined\n"
    assert run("drift", "--json").out == "[]\n"


@pytest.mark.parametrize(
    ("hours", "said"), [(2, "Z, worth"), (47, "Z, worth"), (72, "Z (3 d ago)")]
)
def test_how_old_the_bars_are_is_said_where_they_are_old(hours: int, said: str) -> None:
    as_of = datetime(2025, 7, 1, tzinfo=UTC)
    found = Measured("sol", "defined", "", as_of, 0.1, 0.0, 0.2, 30.0, 60, "volume")
    assert f"until 2025-07-01 00:00{said}" in told_of(found, as_of + timedelta(hours=hours))
