"""Alertmanager tells whom it should, and downtime alone silences the rest of its desk."""

import json
import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
import yaml

from programs import check
from prometheus import Running, alertmanager
from receivers import Receiver, listening
from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
from tiltyard.shell.alerts.made import ROUTES, make
from tiltyard.shell.sections.alerts import AlertSettings
from tiltyard.shell.settings import Settings
from waiting import until

ALERT = {
    "desk": "tiltyard", "policy": "a", "severity": "critical", "scope": "arm",
}  # fmt: skip
HALT = {**ALERT, "alertname": "ChallengerDrawdownHigh", "effect": "halt"}
THROTTLE = {**ALERT, "alertname": "ChallengerProfitFactorLow", "effect": "throttle"}
UNKNOWN = {**ALERT, "alertname": "GuardUnknown", "effect": "freeze_ramp_then_throttle"}
DOWN = {
    "desk": "tiltyard", "alertname": "SystemDowntime", "severity": "critical", "effect": "page",
}  # fmt: skip


def routes(told: AlertSettings) -> str:
    return make(Settings(checklist=DEFAULT_CHECKLIST, alerts=told), "t").texts[ROUTES]


@pytest.mark.parametrize(
    ("severity", "receiver"),
    [
        ("critical", "tiltyard-critical"), ("warning", "tiltyard-warning"),
        ("info", "tiltyard-nobody"), ("other", "tiltyard-nobody"),
    ],
)  # fmt: skip
def test_each_severity_has_its_receiver(severity: str, receiver: str, tmp_path: Path) -> None:
    (tmp_path / ROUTES).write_text(routes(AlertSettings(webhook="http://127.0.0.1/v1/alerts")))
    file = f"--config.file={tmp_path / ROUTES}"
    words = ("config", "routes", "test", file, f"--verify.receivers={receiver}")
    check("amtool", *words, "desk=tiltyard", f"severity={severity}", "policy=a")


def test_of_another_desk_nobody_is_told(tmp_path: Path) -> None:
    (tmp_path / ROUTES).write_text(routes(AlertSettings(webhook="http://127.0.0.1/v1/alerts")))
    file = f"--config.file={tmp_path / ROUTES}"
    words = ("config", "routes", "test", file, "--verify.receivers=tiltyard-nobody")
    check("amtool", *words, "desk=other", "severity=critical")


def test_two_desks_are_merged_as_the_page_says(tmp_path: Path) -> None:
    both, other = (
        yaml.safe_load(routes(AlertSettings(desk=desk, webhook=f"http://{desk}/v1/alerts")))
        for desk in ("one", "two")
    )
    assert both["inhibit_rules"] == other["inhibit_rules"]
    assert all("desk" in rule["equal"] for rule in both["inhibit_rules"])
    for named, key in ((other["route"]["routes"], "receiver"), (other["receivers"], "name")):
        for one in named:
            one[key] += "-two"
    both["route"]["routes"] += other["route"]["routes"]
    both["receivers"] += [one for one in other["receivers"] if "nobody" not in one["name"]]
    file = tmp_path / "both.yml"
    file.write_text(yaml.safe_dump(both), "utf-8")
    for desk, receiver in (("one", "tiltyard-critical"), ("two", "tiltyard-critical-two")):
        words = (f"--config.file={file}", f"--verify.receivers={receiver}")
        check("amtool", "config", "routes", "test", *words, f"desk={desk}", "severity=critical")


@contextmanager
def routing(folder: Path, told: Mapping[str, object]) -> Iterator[tuple[Running, Receiver]]:
    """An Alertmanager that tells a receiver."""
    with listening() as receiver:
        (folder / "am").mkdir()
        (folder / "am" / "alerts.token").write_text("a-token")
        settings = AlertSettings.model_validate({"webhook": receiver.url, **told})
        with alertmanager(folder / "am", routes(settings)) as server:
            yield server, receiver


def names_told(receiver: Receiver) -> set[tuple[str, str, str]]:
    """Each alert that came: its name, its policy and its status."""
    return {
        (one["labels"]["alertname"], one["labels"].get("policy", ""), one["status"])
        for asked in receiver.asked
        for one in json.loads(asked.body)["alerts"]
    }


def inhibited(server: Running) -> set[tuple[str, str, str]]:
    return {
        (labels["alertname"], labels.get("policy", ""), labels["desk"])
        for one in server.get("/api/v2/alerts")
        if one["status"]["inhibitedBy"]
        for labels in [one["labels"]]
    }


def fire(server: Running, *alerts: Mapping[str, str]) -> None:
    server.post("/api/v2/alerts", [{"labels": one} for one in alerts])


def test_an_alert_of_a_halt_that_still_stands_silences_nothing_else_of_its_policy(
    tmp_path: Path,
) -> None:
    with routing(tmp_path, {}) as (server, receiver):
        fire(server, HALT)
        until(lambda: ("ChallengerDrawdownHigh", "a", "firing") in names_told(receiver))
        fire(server, THROTTLE, UNKNOWN)
        until(lambda: len(names_told(receiver)) == 3)
        assert inhibited(server) == set()
        (first, *_) = receiver.asked
        assert first.headers["authorization"] == "Bearer a-token"
        assert json.loads(first.body)["groupLabels"] == {
            "alertname": "ChallengerDrawdownHigh", "desk": "tiltyard", "policy": "a",
        }  # fmt: skip


def test_downtime_silences_everything_else_of_its_desk_alone(tmp_path: Path) -> None:
    with routing(tmp_path, {}) as (server, receiver):
        fire(server, DOWN)
        until(lambda: ("SystemDowntime", "", "firing") in names_told(receiver))
        other = {**HALT, "desk": "other"}
        trial = {**ALERT, "alertname": "TiltyardTest", "test": "true"}
        fire(server, HALT, UNKNOWN, other, {"alertname": "Strange"}, trial)
        until(lambda: ("TiltyardTest", "a", "firing") in names_told(receiver))
        assert inhibited(server) == {
            ("ChallengerDrawdownHigh", "a", "tiltyard"), ("GuardUnknown", "a", "tiltyard"),
        }  # fmt: skip
        assert {name for name, *_ in names_told(receiver)} == {"SystemDowntime", "TiltyardTest"}


class _Mailbox(socketserver.StreamRequestHandler):
    """Takes mail as a server does that asks for nothing."""

    mails: list[bytes]

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            word = line.split(maxsplit=1)[0].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line)
                self.mails.append(b"".join(lines))
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 well\r\n")
            if word == b"QUIT":
                return


@contextmanager
def mailbox() -> Iterator[tuple[str, list[bytes]]]:
    """A mail server: where it is, and what came."""
    mails: list[bytes] = []
    handler = type("_Own", (_Mailbox,), {"mails": mails})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}", mails
        finally:
            server.shutdown()
            thread.join()


def test_a_mail_has_policy_number_and_runbook_and_can_be_read_on_a_phone(tmp_path: Path) -> None:
    with mailbox() as (where, mails):
        told = {
            "mail_to": "me@example.org", "mail_from": "desk@example.org", "smarthost": where,
            "mail_require_tls": False,
        }  # fmt: skip
        with routing(tmp_path, told) as (server, _):
            said = {
                "summary": "a: largest fall of NAV in the trial: 12.4% (flag: > 4 %)",
                "description": "The desk halts it by itself. Look: tiltyard report a --trades",
                "runbook_url": "https://wiki.example/ChallengerDrawdownHigh.md",
            }
            begun = "2026-03-02T12:00:00Z"
            server.post(
                "/api/v2/alerts", [{"labels": HALT, "annotations": said, "startsAt": begun}]
            )
            until(lambda: bool(mails))
    mail = message_from_bytes(mails[0], policy=policy.default)
    assert isinstance(mail, EmailMessage)
    assert mail["Subject"] == "ChallengerDrawdownHigh a"
    body = mail.get_body(("plain",))
    assert body is not None
    assert body.get_content().strip().splitlines() == [
        "a: largest fall of NAV in the trial: 12.4% (flag: > 4 %)",
        "",
        "The desk halts it by itself. Look: tiltyard report a --trades",
        "",
        "Runbook: https://wiki.example/ChallengerDrawdownHigh.md",
        "Since 2026-03-02 12:00 UTC",
        "",
        "critical, desk tiltyard",
    ]


def test_what_is_over_is_told_too() -> None:
    read = yaml.safe_load(routes(AlertSettings(webhook="http://127.0.0.1/v1/alerts")))
    (critical, *_) = read["receivers"]
    assert critical["webhook_configs"][0]["send_resolved"] is True
    assert {tuple(one["group_by"]) for one in [read["route"]]} == {("desk", "policy", "alertname")}
