"""A drill in a whole house: desk, Prometheus, Alertmanager, a phone; and no live share moves."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.alert_chain import House, house
from served import populate
from tiltyard.shell.effects.announce import shares_body
from tiltyard.shell.store.ledger import Ledger
from waiting import until

QUICKEST = "consecutive_losses_high"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("drilled")
    with house(folder, bots=2, is_quick=False) as built:
        until(lambda: built.prometheus.get("/api/v1/query", query="up")["result"])
        yield built


def drill(folder: Path, database: str, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tiltyard", "drill", "--db", database, *words], cwd=folder,
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def addressed(home: House) -> Path:
    """The folder of the desk, with settings that say where its servers are."""
    folder = Path(home.desk.database).parent
    text = (folder / "tiltyard.toml").read_text("utf-8")
    if "prometheus_url" not in text:
        said = f'prometheus_url = "{home.prometheus.url}"\n'
        said += f'alertmanager_url = "{home.alertmanager.url}"\n'
        (folder / "with_servers.toml").write_text(
            text.replace("[alerts]\n", f"[alerts]\n{said}"), "utf-8"
        )
    return folder


def state(database: str) -> tuple[object, list[dict[str, Any]]]:
    with Ledger.open(database) as ledger:
        return shares_body(ledger.roster()), [json.loads(row.body) for row in ledger.audit()]


def test_every_link_answers_and_no_live_share_moves(home: House) -> None:
    folder = addressed(home)
    shares, before = state(home.desk.database)
    done = drill(folder, home.desk.database, "--config", "with_servers.toml", "--json")
    told = json.loads(done.stdout)
    assert {one["link"]: one["state"] for one in told["links"]} == {
        "desk": "there", "people": "there", "shares": "there", "alert": "there", "rules": "there",
    }, told["links"]  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert all(one["as_declared"] for one in told["guards"])
    after_shares, after = state(home.desk.database)
    assert after_shares == shares
    written = after[len(before) :]
    assert [(one["event"], one["cause"], one["policy"]) for one in written] == [
        ("page", "drill", "")
    ]
    assert written[0]["drill"] == told["drill"]
    assert home.phone.titles[-1].endswith("A drill: nothing has happened")
    assert told["drill"] in home.phone.told[-1]["message"]


def test_a_phone_that_cannot_be_reached_is_a_lost_link(home: House) -> None:
    folder = addressed(home)
    address = (folder / "ann.address").read_text("utf-8")
    try:
        (folder / "ann.address").write_text("json://127.0.0.1:1/", "utf-8")
        words = ("--guard", QUICKEST, "--within", "3")
        done = drill(folder, home.desk.database, "--config", "with_servers.toml", *words)
    finally:
        (folder / "ann.address").write_text(address, "utf-8")
    assert done.returncode == 1
    assert "people  LOST: notify:ann has not taken it within 3 s" in done.stdout
    assert "shares  nobody's live share has moved" in done.stdout


def test_a_desk_that_judges_by_another_checklist_is_found(home: House) -> None:
    folder = addressed(home)
    text = (folder / "with_servers.toml").read_text("utf-8")
    other = text + '\n[[guard]]\nname = "challenger_drawdown_high"\nwhen = "> 3.5"\n'
    (folder / "changed.toml").write_text(other, "utf-8")
    words = ("--guard", QUICKEST, "--config", "changed.toml", "--json")
    done = drill(folder, home.desk.database, *words)
    links = {one["link"]: one for one in json.loads(done.stdout)["links"]}
    assert done.returncode == 1
    assert links["desk"]["state"] == "lost"
    assert "the settings give another: start it again" in links["desk"]["said"]
    assert links["rules"]["state"] == "lost"


def test_alone_it_tells_nobody(home: House) -> None:
    folder = addressed(home)
    before, titles = state(home.desk.database), len(home.phone.titles)
    done = drill(folder, home.desk.database, "--guard", QUICKEST, "--alone")
    assert done.returncode == 0, done.stderr
    assert QUICKEST in done.stdout
    assert state(home.desk.database) == before
    assert len(home.phone.titles) == titles


def test_without_a_desk_the_link_is_lost_and_nobody_is_told(tmp_path: Path) -> None:
    database = str(tmp_path / "desk.db")
    populate(database, 1)
    before = state(database)
    done = drill(tmp_path, database, "--guard", QUICKEST)
    assert done.returncode == 1
    assert "desk    LOST: none runs, so nobody judges: tiltyard run" in done.stdout
    assert state(database) == before


def test_a_guard_that_is_not_there_is_said(home: House) -> None:
    done = drill(addressed(home), home.desk.database, "--guard", "drawdown_hihg")
    assert done.returncode == 2
    assert "GUARD_UNKNOWN" in done.stderr
