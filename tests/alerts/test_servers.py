"""The servers that other tests lean on are real, answer, and are gone afterwards."""

from pathlib import Path

import httpx
import pytest

from programs import check, program
from prometheus import INTERVAL, alertmanager, prometheus
from waiting import until

NOWHERE = "route:\n  receiver: nobody\nreceivers:\n- name: nobody\n"


def test_prometheus_scrapes_itself_and_knows_its_alertmanager(tmp_path: Path) -> None:
    with alertmanager(tmp_path / "am", NOWHERE) as routing:
        config = (
            f"{INTERVAL}alerting:\n  alertmanagers:\n  - static_configs:\n"
            f"    - targets: ['127.0.0.1:{routing.port}']\n"
        )
        with prometheus(tmp_path / "prom", config) as scraping:
            until(lambda: bool(scraping.get("/api/v1/alertmanagers")["activeAlertmanagers"]))
            assert scraping.value("vector(1 + 1)") == 2
            assert scraping.value("nobody_has_this") is None
    with pytest.raises(httpx.TransportError):
        scraping.get("/-/ready")
    assert scraping.process.poll() is not None
    assert routing.process.poll() is not None


def test_a_server_that_refuses_its_configuration_fails_the_test(tmp_path: Path) -> None:
    program("prometheus")
    with (
        pytest.raises(pytest.fail.Exception, match="no_such_field"),
        prometheus(tmp_path, "no_such_field: 1\n"),
    ):
        pass


def test_a_missing_program_skips_and_fails_in_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", "")
    with pytest.raises(pytest.skip.Exception, match="install prometheus-alertmanager"):
        check("amtool", "--version")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no promtool; install prometheus"):
        check("promtool", "--version")
