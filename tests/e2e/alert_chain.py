"""A whole house for the tests: a desk that serves, Prometheus, Alertmanager, mail, and a phone.

The files of both servers are those that ``tiltyard alerts generate`` has written from the desk's
own settings; only intervals and waits are made quick, since nobody waits an hour in a test.
Between desk and Prometheus runs a wire that can be cut.
"""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from notify.phones import MailServer, Phone, mail_server, phone
from prometheus import Running, alertmanager, prometheus
from served import Served, free_port, new_token, populate, serving
from tiltyard.shell.alerts.of_guard import GAP
from wires import Wire

QUICK = """
[run]
deadman = 20

[api]
requests_per_second = 10000

[[guard]]
name = "gpu_utilization_high"
confirm = "for 2 s"
stale_after = "1 min"

[[guard]]
name = "system_downtime"
stale_after = "10 s"
"""


@dataclass
class House:
    """All that runs.

    Attributes:
        desk: As it was started; :func:`serving` starts another.
        prometheus: Scrapes and judges once a second.
        alertmanager: Tells the desk and the mail server.
        mail: Where Alertmanager's mails arrive.
        phone: Where the desk's own messages arrive.
        wire: Between the desk and Prometheus.
        elsewhere: Another machine.
    """

    desk: Served
    prometheus: Running
    alertmanager: Running
    mail: MailServer
    phone: Phone
    wire: "Wire"
    elsewhere: "Elsewhere"

    def firing(self) -> set[tuple[str, str]]:
        """Name and policy of every alert that fires at Prometheus."""
        return {
            (one["labels"]["alertname"], one["labels"].get("policy", ""))
            for one in self.prometheus.get("/api/v1/alerts")["alerts"]
            if one["state"] == "firing"
        }

    def mails(self, name: str, policy: str = "") -> list[str]:
        """The bodies of the mails with this alert, and this policy, in their subject."""
        found = []
        for one in self.mail.mails:
            subject, body = str(one["Subject"]), one.get_body()
            if f"{name} {policy}".rstrip() in subject and body is not None:
                found.append(f"{subject}\n{body.get_content()}")
        return found


class Elsewhere:
    """Another machine that Prometheus scrapes as if it were of the desk.

    Attributes:
        shown: What it shows.
        port: Where.
    """

    def __init__(self) -> None:
        self.shown = ""
        machine = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(machine.shown.encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 as in http.server
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """It is no more."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def house(folder: Path, bots: int = 5, *, is_quick: bool = True) -> Iterator[House]:
    """All of it.

    Args:
        folder: Of its own.
        bots: So many challengers; together they have half of the traffic.
        is_quick: Prometheus looks once a second, and Alertmanager hardly waits; else as generated.
    """
    database, port = str(folder / "desk.db"), free_port()
    populate(database, bots, round(0.5 / bots, 6))
    (folder / "alerts.token").write_text(new_token(database, "operate"), "utf-8")
    (folder / "scrape.token").write_text(new_token(database, "read"), "utf-8")
    wire, elsewhere = Wire(port), Elsewhere()
    with mail_server() as mail, phone() as own:
        (folder / "ann.address").write_text(own.address, "utf-8")
        settings = settings_of(folder, mail, port)
        with serving(database, folder, settings, port) as desk:
            _generate(folder)
            routes = (folder / "alertmanager.yml").read_text("utf-8")
            with alertmanager(folder / "am", _quick(routes) if is_quick else routes) as routing:
                scrape = _scrape(folder, port, wire.port, elsewhere.port, routing.port)
                if is_quick:
                    scrape = scrape.replace('"15s"', '"1s"')
                rules = (folder / "prometheus_alerts.yml").read_text("utf-8")
                if is_quick:
                    rules = rules.replace(f'keep_firing_for: "{GAP}s"', 'keep_firing_for: "1s"')
                (folder / "prom").mkdir()
                (folder / "prom" / "prometheus_alerts.yml").write_text(rules, "utf-8")
                with prometheus(folder / "prom", scrape) as judging:
                    try:
                        yield House(desk, judging, routing, mail, own, wire, elsewhere)
                    finally:
                        wire.close()
                        elsewhere.close()


def settings_of(folder: Path, mail: MailServer, port: int) -> str:
    """The desk's, from which the files of the others are made."""
    smarthost = re.search(r"127\.0\.0\.1:\d+", mail.address)
    assert smarthost is not None
    return f"""{QUICK}
[alerts]
desk = "house"
webhook = "http://127.0.0.1:{port}/v1/alerts"
token_file = "{folder}/alerts.token"
scrape_token_file = "{folder}/scrape.token"
mail_to = "ann@tiltyard.example"
mail_from = "prometheus@tiltyard.example"
smarthost = "{smarthost[0]}"
mail_require_tls = false

[[notify.recipient]]
name = "ann"
address_file = "{folder}/ann.address"
severities = ["critical", "warning"]
"""


def _scrape(folder: Path, port: int, wire: int, elsewhere: int, routing: int) -> str:
    """The configuration as it was made, but by the wire, and with another machine."""
    text = (folder / "prometheus_scrape.yml").read_text("utf-8")
    text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{wire}")
    more = f"""
  - job_name: "elsewhere"
    static_configs:
      - targets: ["127.0.0.1:{elsewhere}"]
        labels: {{desk: "house"}}
"""
    return text.replace("127.0.0.1:9093", f"127.0.0.1:{routing}").rstrip() + more


def _generate(folder: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "tiltyard", "alerts", "generate", "--output", str(folder)],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip


def _quick(routes: str) -> str:
    """The same routes with waits for a test."""
    for name, wait in (("group_wait", "1s"), ("group_interval", "2s")):
        routes = re.sub(rf'{name}: "\w+"', f'{name}: "{wait}"', routes)
    return routes
