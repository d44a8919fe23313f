"""What bots and people are told while the ledger is locked, and by a desk that does not judge."""

import signal
import socket
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from served import PROD, Served, free_port, populate, serving, trade
from waiting import until


@pytest.fixture
def database(tmp_path: Path) -> str:
    populate(str(tmp_path / "desk.db"))
    return str(tmp_path / "desk.db")


def test_while_the_ledger_is_locked_shares_are_told_and_reports_refused_for_now(
    database: str, tmp_path: Path
) -> None:
    with serving(database, tmp_path) as desk, desk.asking() as bot:
        assert bot.get("/v1/route").status_code == 200
        with closing(sqlite3.connect(database, isolation_level=None)) as somebody:
            somebody.execute("BEGIN IMMEDIATE")
            answer = bot.post("/v1/trades", json={"trades": [trade(1)]})
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "DATABASE_LOCKED")
            assert answer.headers["Retry-After"]
            assert str(tmp_path) not in answer.text
            until(lambda: httpx.get(f"{desk.url}/readyz").status_code == 503)
            assert httpx.get(f"{desk.url}/healthz").status_code == 200
            assert bot.get("/v1/route").json()["shares"][PROD] == 0.5
        assert bot.post("/v1/trades", json={"trades": [trade(1)]}).json()["new"] == 1
        until(lambda: httpx.get(f"{desk.url}/readyz").status_code == 200)


def test_who_hears_that_a_verb_for_safety_is_done_is_told_no_older_shares(
    database: str, tmp_path: Path
) -> None:
    with serving(database, tmp_path) as desk, desk.asking() as person:
        for verb, ends in (("stop-all", "stop-all"), ("freeze", "freeze")):
            assert person.post(f"/v1/{verb}").status_code == 200
            told = person.get("/v1/route").json()
            given = person.post("/v1/route", json={"episode_id": verb, "symbol": "SOL"}).json()
            if verb == "stop-all":
                assert told["entries_stopped_by"] == ["person"]
                assert given["choice"] is None
            else:
                assert told["shares"] == {PROD: 1.0}
            assert person.post("/v1/resume", json={"hold": ends}).status_code == 200
        assert person.post("/v1/policies/bot0/halt").status_code == 200
        told = person.get("/v1/route").json()
        assert "bot0" not in told["shares"]
        assert told["reduce_only"] == ["bot0"]


def test_a_halt_does_not_wait_behind_a_flood_of_trades(database: str, tmp_path: Path) -> None:
    limits = "[api]\nrequests_per_second = 1000\n"
    with serving(database, tmp_path, limits) as desk, desk.asking() as person:
        floods = [Flood(desk, number) for number in range(6)]
        for flood in floods:
            flood.start()
        until(lambda: any(flood.taken for flood in floods))
        took = [person.post(f"/v1/policies/bot{n}/halt").elapsed.total_seconds() for n in range(3)]
        for flood in floods:
            flood.join()
        assert sum(flood.taken for flood in floods) == 6 * 3 * 1000
        assert max(took) < 16, "what is asked for safety is answered in time"


class Flood(threading.Thread):
    """Batches as large as they may be, one after the other."""

    def __init__(self, desk: Served, number: int) -> None:
        super().__init__()
        self._bot = desk.asking("ingest", name=f"flood-{number}")
        self.taken = 0

    def run(self) -> None:
        with self._bot as bot:
            for batch in range(3):
                trades = [trade(1000 * batch + n, "bot4", "0.01") for n in range(1000)]
                until(lambda: self._is_taken(bot, trades), 120)  # noqa: B023 asked at once

    def _is_taken(self, bot: httpx.Client, trades: list[dict[str, object]]) -> bool:
        answer = bot.post("/v1/trades", json={"trades": trades})
        self.taken += answer.json()["new"] if answer.status_code == 200 else 0
        return answer.status_code == 200


def test_a_silent_connection_is_closed_and_a_slow_body_refused(
    database: str, tmp_path: Path
) -> None:
    with serving(database, tmp_path) as desk:
        port = httpx.URL(desk.url).port
        assert port is not None
        head = (
            f"POST /v1/trades HTTP/1.1\r\nHost: desk\r\nContent-Length: 50\r\n"
            f"Content-Type: application/json\r\nAuthorization: Bearer {desk.token()}\r\n\r\n{{"
        )
        asked = {"silent": b"", "half a head": b"GET /healthz HT", "half a body": head.encode()}
        opened = {}
        for name, said in asked.items():
            opened[name] = socket.create_connection(("127.0.0.1", port), timeout=600)
            opened[name].sendall(said)
        assert opened["silent"].recv(100) == b""
        assert opened["half a head"].recv(100) == b""
        assert b"408" in opened["half a body"].recv(1000)
        for one in opened.values():
            one.close()


def test_a_standby_leaves_the_port_to_the_one_that_has_the_lease(
    database: str, tmp_path: Path
) -> None:
    port = free_port()
    with serving(database, tmp_path, port=port) as first:
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
        with serving(database, tmp_path, port=port) as second, second.asking("read") as anybody:
            assert second.url == first.url
            assert anybody.get("/v1/policies").status_code == 200
