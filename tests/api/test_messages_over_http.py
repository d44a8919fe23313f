"""From a trade over HTTP to a message at a phone, and back by the link in it."""

import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from notify.phones import Phone, phone
from served import Served, populate, serving, trade
from tiltyard.shell.clock import system_now
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.page_table import add_link, every_page
from waiting import until

SETTINGS = """
[api]
requests_per_second = 10000
[notify]
link = "https://desk.example"
{more}
[[notify.recipient]]
name = "ann"
address_file = "ann.address"
"""


@dataclass
class Scene:
    """A desk that serves, and the phone of whom it tells."""

    desk: Served
    ann: Phone

    def halt(self, bot: int) -> None:
        """A bot breaks its limit."""
        with self.desk.asking() as client:
            lost = trade(bot, f"bot{bot}", "-500")
            assert client.post("/v1/trades", json={"trades": [lost]}).status_code == 200

    def link(self, bot: int) -> str:
        """The secret in what is told of that."""
        count = len(self.ann.told)
        self.halt(bot)
        until(lambda: len(self.ann.told) > count)
        (secret,) = re.findall(
            r"https://desk.example/v1/acknowledge/(\S+)", self.ann.told[-1]["message"]
        )
        return f"{self.desk.url}/v1/acknowledge/{secret}"

    def acknowledged_by(self, bot: int) -> str:
        with Ledger.open(self.desk.database) as ledger, ledger.snapshot() as still:
            pages = every_page(still.connection)
        return next(one.acknowledged_by for one in pages if one.policy == f"bot{bot}")


@contextmanager
def scene(folder: Path, more: str = "") -> Iterator[Scene]:
    database = str(folder / "desk.db")
    populate(database)
    with phone() as ann:
        (folder / "ann.address").write_text(ann.address)
        with serving(database, folder, SETTINGS.format(more=more)) as desk:
            yield Scene(desk, ann)


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("told")) as found:
        yield found


def test_a_link_shows_a_page_and_changes_nothing_and_its_button_acknowledges(floor: Scene) -> None:
    link = floor.link(0)
    for _ in range(2):
        shown = httpx.get(link)
        assert shown.status_code == 200
        assert "bot0 halted: drawdown 5 % &gt; 4 %" in shown.text
        assert '<form method="post"><button>I have seen page' in shown.text
    assert floor.acknowledged_by(0) == ""
    done = httpx.post(link)
    assert done.status_code == 200
    assert "was acknowledged by notify:ann at" in done.text
    assert floor.acknowledged_by(0) == "notify:ann"
    assert "<form" not in httpx.get(link).text
    assert httpx.post(link).status_code == 200, "once more is no error"


def test_no_program_keeps_passes_on_or_frames_a_link(floor: Scene) -> None:
    headers = httpx.get(f"{floor.desk.url}/v1/acknowledge/nonsense").headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_links_that_are_not_good_are_answered_alike(floor: Scene) -> None:
    link = floor.link(1)
    with Ledger.open(floor.desk.database) as ledger, ledger.transaction() as inside:
        old = system_now().replace(year=system_now().year - 1)
        expired = add_link(inside.connection, 1, "notify:ann", old)
    base = f"{floor.desk.url}/v1/acknowledge"
    bad = [f"{link}x", link[:-1], f"{base}/nonsense", f"{base}/{expired}", f"{base}/{'x' * 500}",
           f"{base}/%C3%A9", f"{base}/%00"]  # fmt: skip
    answers = {
        (answer.status_code, answer.text)
        for one in bad
        for answer in (httpx.get(one), httpx.post(one))
    }
    assert len(answers) == 1
    ((status, text),) = answers
    assert status == 404
    assert "This link is not good" in text
    assert floor.acknowledged_by(1) == ""


def test_whoever_guesses_links_is_told_to_come_later_and_tokens_are_let_in(floor: Scene) -> None:
    refused: list[int] = []
    is_enough = threading.Event()

    def guess() -> None:
        with httpx.Client(base_url=floor.desk.url) as client:
            while not is_enough.is_set():
                refused.append(client.get("/v1/acknowledge/guess").status_code)

    with ExitStack() as stack:
        new = [stack.enter_context(floor.desk.asking("read", name=f"new{n}")) for n in range(9)]
        threads = [threading.Thread(target=guess) for _ in range(3)]
        for one in threads:
            one.start()
        try:
            until(lambda: 429 in refused)
            answers = {somebody.get("/v1/policies").status_code for somebody in new}
        finally:
            is_enough.set()
            for one in threads:
                one.join()
    assert answers == {200}, "also those that the gate does not know"
    assert set(refused) == {404, 429}


def test_a_token_acknowledges_by_the_number(floor: Scene) -> None:
    until(lambda: httpx.get(f"{floor.desk.url}/v1/acknowledge/x").status_code == 404)
    floor.link(2)
    with floor.desk.asking("operate", name="pager") as client, floor.desk.asking("read") as other:
        number = len(floor.ann.told)
        address = f"/v1/messages/{number}/acknowledge"
        assert other.post(address).status_code == 403
        assert httpx.post(f"{floor.desk.url}{address}").status_code == 401
        done = client.post(address, json={"reason": "on it"})
        assert done.status_code == 200, done.text
        assert done.json()["acknowledged_by"] == "pager"
        assert client.post(address, json={"reason": "x" * 2000}).status_code == 422
        missing = client.post("/v1/messages/999/acknowledge")
        assert missing.status_code == 404
        assert missing.json()["error"]["code"] == "PAGE_UNKNOWN"
    assert floor.acknowledged_by(2) == "pager"


def test_a_running_desk_tells_others_when_nobody_has_acknowledged(tmp_path: Path) -> None:
    with phone() as eve:
        (tmp_path / "eve.address").write_text(eve.address)
        others = '[[notify.recipient]]\nname = "eve"\naddress_file = "eve.address"\n'
        with scene(tmp_path, f"escalate_after = 0.01\n{others}escalation = true\n") as floor:
            floor.halt(0)
            until(lambda: bool(eve.told))
            assert eve.titles[0].startswith("Nobody acknowledged: bot0 halted")
            assert eve.told[0]["message"].startswith("ann was "), "told by then, or not yet"
            until(lambda: bool(floor.ann.told))
        assert (len(floor.ann.told), len(eve.told)) == (1, 1)
