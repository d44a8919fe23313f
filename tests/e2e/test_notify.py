"""Pages on the command line, and whether messages arrive."""

import json
from pathlib import Path

import pytest

from command_line import POLICY, Run
from docs.pages import rows
from notify.phones import phone
from receivers import SECRET, says
from tiltyard.shell.clock import system_now
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.page_table import Page, add_page
from waiting import until

ANN = '[[notify.recipient]]\nname = "ann"\naddress_file = "ann.address"\n'
BOB = '[[notify.recipient]]\nname = "bob"\naddress_env = "BOB_ADDRESS"\n'


@pytest.fixture
def paged(run: Run, tmp_path: Path) -> Run:
    """A ledger with one open page."""
    run("db", "upgrade")
    now = system_now()
    with Ledger.open(str(tmp_path / "desk.db")) as ledger, ledger.transaction() as inside:
        page = Page(0, "halt", POLICY, "a_guard", "eee02a74 halted", ("traffic",), now, now)
        assert add_page(inside.connection, page) == 1
    return run


def test_open_pages_are_listed_until_somebody_acknowledges(paged: Run) -> None:
    first, second = paged("notify", "list").out.splitlines()
    assert first.startswith("page 1  20")
    assert first.endswith("  eee02a74 halted")
    assert second == "    open"
    done = paged("notify", "ack", "1", "--reason", "on it", "--actor", "ann")
    assert done.out.startswith("page 1: acknowledged by ann at ")
    assert done.out.endswith(": on it\n")
    again = paged("notify", "ack", "1", "--actor", "bob")
    assert again.out == done.out, "who was first stays"
    assert paged("notify", "list").out == "no page is open\n"
    assert "acknowledged by ann" in paged("notify", "list", "--all").out


def test_every_field_of_a_page_is_told_in_json_and_has_a_row(paged: Run) -> None:
    (page,) = json.loads(paged("notify", "list", "--json").out)
    assert set(rows("json.md", "## A page")) == set(page)
    done = json.loads(paged("notify", "ack", "1", "--actor", "ann", "--json").out)
    assert (done["number"], done["acknowledged_by"]) == (1, "ann")


def test_a_page_that_there_is_not_is_refused(paged: Run) -> None:
    refused = paged("notify", "ack", "7")
    assert (refused.code, refused.err[:12]) == (2, "PAGE_UNKNOWN")


def test_a_test_message_goes_to_one_or_to_all_and_says_what_came_of_it(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tiltyard.toml").write_text(f'[notify]\nquiet = "00:00-23:59"\n{ANN}{BOB}')
    with phone() as ann, phone() as bob:
        (tmp_path / "ann.address").write_text(ann.address)
        monkeypatch.setenv("BOB_ADDRESS", bob.address)
        done = run("notify", "test", "ann")
        assert done.code == 0, done.err
        assert done.out.startswith("ann  taken in ")
        assert (ann.titles, bob.titles) == (["Tiltyard: a test"], []), "also in quiet hours"
        bob.receiver.script = [says(403, SECRET.encode())]
        both = run("notify", "test", "--json")
        assert both.code == 1
        first, second = json.loads(both.out)
        assert set(rows("json.md", "## A test message")) == set(first)
        assert (first["name"], first["taken"], first["said"]) == ("ann", True, "")
        assert (second["taken"], second["said"].split(".")[0]) == (
            False, "TARGET_REFUSED: JSON answered 403"
        )  # fmt: skip
        assert SECRET not in both.out + both.err


def test_a_recipient_whom_nobody_knows_is_refused_with_who_there_is(
    run: Run, tmp_path: Path
) -> None:
    nobody = run("notify", "test")
    assert (nobody.code, nobody.err[:17]) == (2, "RECIPIENT_UNKNOWN")
    (tmp_path / "tiltyard.toml").write_text(ANN)
    other = run("notify", "test", "eve")
    assert (other.code, "there are: ann" in other.err) == (2, True)


def test_a_desk_does_not_start_when_an_address_cannot_be_read_and_a_halt_is_not_kept_back(
    run: Run, tmp_path: Path
) -> None:
    run("db", "upgrade")
    run("policy", "register", "prod", "--role", "champion")
    run("policy", "register", POLICY, "--capital", "1000")
    (tmp_path / "tiltyard.toml").write_text(ANN + BOB)
    refused = run("run", "--once")
    assert refused.code == 2
    assert refused.err.splitlines()[0] == "CONFIG_INVALID tiltyard.toml: 2 faults"
    assert "ann: ann.address cannot be read: No such file or directory" in refused.err
    assert "bob: the variable BOB_ADDRESS is not set" in refused.err
    halted = run("policy", "halt", "eee02a74", "--reason", "venue trouble")
    assert halted.code == 0, halted.err
    assert "not told yet: notify:ann, notify:bob" in halted.out
    with phone() as ann:
        (tmp_path / "ann.address").write_text(ann.address)
        (tmp_path / "tiltyard.toml").write_text(ANN)
        until(lambda: run("run", "--once").code == 0 and bool(ann.titles))  # when it is due again
        assert ann.titles[0].startswith("eee02a74 halted, by ")
    doctor = run("doctor").out
    assert "notify:bob is named by the settings no more" in doctor
    assert "nothing is to be done, or name it again in [notify]" in doctor
