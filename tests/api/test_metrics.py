"""``/metrics`` over HTTP: who may scrape, and that nothing has to be asked for it."""

import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Thread

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families

from served import Served, populate, serving, trade
from waiting import until


def heartbeat(text: str) -> float:
    (beat,) = [
        family.samples[0].value
        for family in text_string_to_metric_families(text)
        if family.name == "tiltyard_heartbeat_timestamp_seconds"
    ]
    return float(beat)


def test_whoever_may_read_may_scrape_and_nobody_else(served: Served) -> None:
    assert httpx.get(f"{served.url}/metrics").status_code == 401
    with served.asking("ingest") as bot:
        assert bot.get("/metrics").status_code == 403
    with served.asking("read") as prometheus:
        answer = prometheus.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    names = {family.name for family in text_string_to_metric_families(answer.text)}
    assert {"tiltyard_guard_state", "tiltyard_build_info", "tiltyard_actions"} <= names


def test_whoever_asks_for_openmetrics_is_given_it(served: Served) -> None:
    """As Prometheus asks: by its preference, the old format last."""
    newest = "application/openmetrics-text;version=1.0.0"
    accept = f"{newest},application/openmetrics-text;version=0.0.1;q=0.75,text/plain;q=0.5"
    with served.asking("read") as prometheus:
        answer = prometheus.get("/metrics", headers={"Accept": accept})
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")
    assert list(read_open(answer.text))  # type: ignore[no-untyped-call]


def test_what_is_reported_is_shown(served: Served) -> None:
    with served.asking() as everybody:
        trades = [trade(n, "bot1") for n in range(3)]
        told = everybody.post("/v1/trades", json={"source": "metrics", "trades": trades})
        assert told.status_code == 200, told.text
        wanted = 'tiltyard_trades_total{book="live",policy="bot1"} 3.0'
        until(lambda: wanted in everybody.get("/metrics").text)


def test_scrapes_are_answered_while_the_desk_judges(served: Served) -> None:
    answers: list[int] = []
    with served.asking("read") as prometheus, served.asking("ingest") as bot:

        def scrape() -> None:
            answers.extend(prometheus.get("/metrics").status_code for _ in range(20))

        scraping = [Thread(target=scrape) for _ in range(3)]
        for one in scraping:
            one.start()
        for number in range(30):
            rows = [trade(1000 * number + n, "bot2") for n in range(20)]
            bot.post("/v1/trades", json={"source": "busy", "trades": rows}).raise_for_status()
        for one in scraping:
            one.join()
    assert answers == [200] * 60


@pytest.fixture
def on_file(tmp_path: Path) -> Path:
    populate(str(tmp_path / "desk.db"))
    return tmp_path


def test_a_scrape_is_answered_while_the_database_is_locked(on_file: Path) -> None:
    database = str(on_file / "desk.db")
    fast = "[api]\nrequests_per_second = 10000\n"
    with serving(database, on_file, fast) as desk, desk.asking("read") as prometheus:
        until(lambda: prometheus.get("/metrics").status_code == 200)
        before = heartbeat(prometheus.get("/metrics").text)
        with closing(sqlite3.connect(database, isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            answer = prometheus.get("/metrics")
            assert answer.status_code == 200
            assert heartbeat(answer.text) >= before
            until(lambda: heartbeat(prometheus.get("/metrics").text) > before)
            writer.execute("ROLLBACK")
