"""Validate, status and test against a real Prometheus and Alertmanager, as people type them."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
from typer.testing import CliRunner, Result

from alerts.test_rules import custom
from programs import program
from prometheus import INTERVAL, Running, alertmanager, prometheus
from receivers import listening, says
from served import populate, serving
from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.alerts.checking import by_prometheus
from tiltyard.shell.alerts.made import RULES, SCRAPE, make
from tiltyard.shell.alerts.servers import Server
from tiltyard.shell.cli import app
from tiltyard.shell.settings import Settings
from waiting import until

SHOWN = """\
tiltyard_heartbeat_timestamp_seconds 4e9
tiltyard_consecutive_losses{policy="a",role="challenger",book="live"} 7
tiltyard_drawdown_ratio{policy="a",role="challenger",window="trial",book="live"} 0.124
""" + "".join(
    f'tiltyard_guard_state{{guard="{guard.name}",policy="",state="pass"}} 1\n'
    for guard in DEFAULT_CHECKLIST.guards
    if guard.scope == "account"
)


@contextmanager
def shown(text: str) -> Iterator[int]:
    """A desk that shows this to whoever has the token; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_let_in = self.headers.get("Authorization") == "Bearer a-token"
            self.send_response(200 if is_let_in else 401)
            self.end_headers()
            self.wfile.write(text.encode() if is_let_in else b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 as in http.server
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def typed(folder: Path, *words: str) -> Result:
    settings = folder / "tiltyard.toml"
    extra = ["--config", str(settings)] if settings.is_file() else []
    return CliRunner().invoke(app, ["alerts", *words, *extra])


def refusal(result: Result) -> str:
    assert isinstance(result.exception, TiltyardError), result.output
    return str(result.exception)


@contextmanager
def watched(folder: Path) -> Iterator[tuple[Running, Running]]:
    """Both servers over a desk's files, each scraping and judging once a second."""
    with shown(SHOWN) as desk, alertmanager(folder / "am", _routes(folder, desk)) as routing:
        settings = (folder / "tiltyard.toml").read_text("utf-8")
        more = f'\nalertmanager_url = "{routing.url}"\n'
        (folder / "tiltyard.toml").write_text(settings + more, "utf-8")
        generated = typed(folder, "generate", "--output", str(folder / "prom"))
        assert generated.exit_code == 0, generated.output
        (folder / "prom" / "scrape.token").write_text("a-token")
        text = (folder / "prom" / SCRAPE).read_text("utf-8")
        quick = INTERVAL + text.partition("evaluation_interval")[2].partition("\n")[2]
        with prometheus(folder / "prom", quick) as scraping:
            yield scraping, routing


def _routes(folder: Path, desk: int) -> str:
    (folder / "tiltyard.toml").write_text(f"[api]\nport = {desk}\n\n[alerts]\n", "utf-8")
    generated = typed(folder, "generate", "--output", str(folder / "routes"))
    assert generated.exit_code == 0, generated.output
    return (folder / "routes" / "alertmanager.yml").read_text("utf-8")


def test_the_whole_chain_from_the_files_to_what_fires(tmp_path: Path) -> None:
    for name in ("promtool", "amtool", "prometheus", "prometheus-alertmanager"):
        program(name)
    with watched(tmp_path) as (scraping, routing):
        where = ("--output", str(tmp_path / "prom"))
        both = ("--prometheus-url", scraping.url, "--alertmanager-url", routing.url)
        in_order = typed(tmp_path, "validate", *where, *both)
        assert in_order.exit_code == 0, f"{in_order.output}{in_order.exception}"
        assert "rules and their routes are in order, and so is what runs" in in_order.output

        until(lambda: len(routing.get("/api/v2/alerts")) == 2)
        firing = typed(tmp_path, "status", "--prometheus-url", scraping.url, "--check")
        assert firing.exit_code == 3
        first, second, *_ = firing.output.splitlines()
        assert first.startswith("ChallengerDrawdownHigh  critical  firing  a  0.124  20")
        assert "told  a: largest fall of NAV in the trial, marks included: 12.4%" in first
        assert second.startswith("ConsecutiveLossesHigh  warning  firing  a  7  20")
        _silence(routing)
        until(lambda: "silenced" in _told(tmp_path, scraping))
        assert _told(tmp_path, scraping)["silenced"] == "ConsecutiveLossesHigh"

        came = typed(tmp_path, "test")
        assert came.exit_code == 0, f"{came.output}{came.exception}"
        assert "the test alert was at Alertmanager after" in came.output
        assert "for nobody" in came.output
        (trial,) = routing.get("/api/v2/alerts", filter='test="true"')
        assert trial["labels"]["guard"] == "alerts_test"

        other = '[[guard]]\nname = "consecutive_losses_high"\nwhen = ">= 9"\n'
        with (tmp_path / "tiltyard.toml").open("a", encoding="utf-8") as file:
            file.write(other)
        said = refusal(typed(tmp_path, "validate", *where, *both))
        assert "ALERTS_INVALID" in said
        assert "it is not what the settings give now" in said
        assert "rule ConsecutiveLossesHigh of consecutive_losses_high is another one there" in said
        strange = refusal(typed(tmp_path, "validate", *where, *both[:3], "http://127.0.0.9:9093"))
        assert strange.startswith("ALERTING_UNREACHABLE Alertmanager")
    gone = refusal(typed(tmp_path, "status", "--prometheus-url", scraping.url))
    assert gone.startswith("ALERTING_UNREACHABLE Prometheus")


def _told(folder: Path, scraping: Running) -> dict[str, str]:
    said = typed(folder, "status", "--prometheus-url", scraping.url, "--json").output
    return {one["told"]: one["alert"] for one in json.loads(said)["alerts"]}


def _silence(routing: Running) -> None:
    matcher = {"name": "policy", "value": "a", "isRegex": False, "isEqual": True}
    only = {"name": "severity", "value": "warning", "isRegex": False, "isEqual": True}
    httpx.post(f"{routing.url}/api/v2/silences", json={
        "matchers": [matcher, only], "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": "2099-01-01T00:00:00Z", "createdBy": "test", "comment": "test",
    }).raise_for_status()  # fmt: skip


def test_a_prometheus_without_the_desk_and_its_rules_is_not_in_order(tmp_path: Path) -> None:
    program("prometheus")
    typed(tmp_path, "generate", "--output", str(tmp_path))
    (tmp_path / "scrape.token").write_text("t")
    with prometheus(tmp_path / "own", INTERVAL) as scraping:
        said = refusal(
            typed(
                tmp_path,
                "validate",
                "--output",
                str(tmp_path),
                "--prometheus-url",
                scraping.url,
                "--within",
                "0",
            )
        )
    assert "rule SystemDowntime of system_downtime is not loaded" in said
    assert 'it scrapes nothing with job="tiltyard" and desk="tiltyard"' in said


def test_prometheus_writes_back_the_rules_of_any_checklist(tmp_path: Path) -> None:
    """Names with quotes and braces too, numbers beside metrics, levels of return."""
    settings = Settings(checklist=custom())
    made = make(settings, "t")
    (tmp_path / "prom").mkdir()
    (tmp_path / "prom" / RULES).write_text(made.texts[RULES], "utf-8")
    with prometheus(tmp_path / "prom", f"{INTERVAL}rule_files: [{RULES}]\n") as scraping:
        (only,) = by_prometheus(Server("Prometheus", scraping.url), made.rules, "tiltyard")
    assert "it scrapes nothing" in only


def test_a_desk_in_good_order_raises_no_alert(tmp_path: Path) -> None:
    """A real desk, scraped and judged by the rules of its own checklist."""
    database = f"sqlite:///{tmp_path / 'desk.db'}"
    populate(database)
    (tmp_path / "desk").mkdir()
    with serving(database, tmp_path / "desk", "[account]\ncapital = 10000\n") as desk:
        port = desk.url.rpartition(":")[2]
        (tmp_path / "tiltyard.toml").write_text(
            f"[account]\ncapital = 10000\n[api]\nport = {port}\n"
        )
        typed(tmp_path, "generate", "--output", str(tmp_path / "prom"))
        (tmp_path / "prom" / "scrape.token").write_text(desk.token("read"))
        text = (tmp_path / "prom" / SCRAPE).read_text("utf-8")
        quick = INTERVAL + text.partition("evaluation_interval")[2].partition("\n")[2]
        with prometheus(tmp_path / "prom", quick) as scraping:
            until(lambda: bool(scraping.value("count(tiltyard_guard_state)")))
            seen = "max(timestamp(tiltyard_guard_state)) - min_over_time(max(timestamp(up))[1m:1s])"
            until(lambda: (scraping.value(seen) or 0) > 3)
            assert scraping.get("/api/v1/alerts")["alerts"] == []
            groups = scraping.get("/api/v1/rules")["groups"]
            rules = [rule for group in groups for rule in group["rules"]]
            assert {rule["health"] for rule in rules} == {"ok"}


def test_what_the_tools_refuse_is_said(tmp_path: Path) -> None:
    program("promtool")
    typed(tmp_path, "generate", "--output", str(tmp_path))
    rules = tmp_path / RULES
    rules.write_text(rules.read_text("utf-8").replace("max by", "maximum by", 1), "utf-8")
    said = refusal(typed(tmp_path, "validate", "--output", str(tmp_path)))
    assert f"{rules}: somebody has edited it" in said
    assert "promtool check rules" in said
    assert "scrape.token: no such file" in said
    assert f"tiltyard token create prometheus --scope read > {tmp_path / 'scrape.token'}" in said


def test_a_token_that_is_missing_is_to_be_made_and_the_files_are_not(tmp_path: Path) -> None:
    program("promtool")
    typed(tmp_path, "generate", "--output", str(tmp_path))
    said = refusal(typed(tmp_path, "validate", "--output", str(tmp_path)))
    assert "scrape.token: no such file" in said
    assert "make the token: (umask 077; tiltyard token create prometheus" in said
    assert "anew" not in said


def test_without_the_tools_it_is_said_that_they_were_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed(tmp_path, "generate", "--output", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda _: None)
    checked = typed(tmp_path, "validate", "--output", str(tmp_path))
    assert checked.exit_code == 0
    assert "not checked by promtool: it is not installed" in checked.output
    missing = refusal(typed(tmp_path, "validate", "--output", str(tmp_path / "none")))
    assert missing.startswith("ALERTS_MISSING")


def test_whatever_answers_is_bounded_and_said() -> None:
    with listening() as receiver:
        server = Server("Prometheus", receiver.url)
        receiver.script += [says(200, b"<html>"), says(500, b"broken " * 99), says(302)]
        with pytest.raises(TiltyardError, match=r"ALERTING_ANSWER .*no JSON"):
            server.get("/api/v1/rules")
        with pytest.raises(TiltyardError, match=r"it says 500 to GET /api/v1/rules: broken"):
            server.get("/api/v1/rules")
        with pytest.raises(TiltyardError, match=r"it says 302"):
            server.get("/api/v1/rules")
        receiver.script += [says(200, b" " * (17 << 20))]
        with pytest.raises(TiltyardError, match="more than 16 MB"):
            server.get("/api/v1/rules")


def test_a_wrong_address_is_refused_before_anything_is_asked() -> None:
    said = refusal(CliRunner().invoke(app, ["alerts", "status", "--prometheus-url", "here:9090"]))
    assert said.startswith("CONFIG_INVALID the command line")
