"""The files: the same from the same settings, read back as meant, and never half-written."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from command_line import ROOT
from programs import check
from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.alerts.made import ROUTES, RULES, SCRAPE, make
from tiltyard.shell.alerts.scrape import desk_address
from tiltyard.shell.alerts.writing import places, write
from tiltyard.shell.alerts.yaml_text import yaml_text
from tiltyard.shell.sections.alerts import AlertSettings
from tiltyard.shell.settings import Settings

WITH = {name: value for name, value in os.environ.items() if not name.startswith("TILTYARD")}
GOLDEN = ROOT / "tests" / "golden" / "alerts"
MAIL = AlertSettings(
    webhook="https://desk.example/v1/alerts", mail_to="me@example.org, you@example.org",
    mail_from="desk@example.org", smarthost="mail.example.org:587", mail_username="desk",
    mail_password_file="/etc/mail.password", runbooks="https://wiki.example/",  # noqa: S106 a file
)  # fmt: skip
TOLD = Settings(checklist=DEFAULT_CHECKLIST, alerts=MAIL)


@pytest.mark.parametrize("name", [RULES, ROUTES, SCRAPE])
def test_the_files_are_as_they_were(name: str) -> None:
    assert make(TOLD, "tiltyard.toml").texts[name] == (GOLDEN / name).read_text("utf-8")


@pytest.mark.parametrize("told", [MAIL, AlertSettings()], ids=["told", "nobody"])
def test_the_tools_accept_them(told: AlertSettings, tmp_path: Path) -> None:
    where = places(tmp_path)
    write(make(Settings(checklist=DEFAULT_CHECKLIST, alerts=told), "t").texts, tmp_path)
    (tmp_path / told.scrape_token_file).write_text("t")
    check("promtool", "check", "rules", where[RULES])
    check("promtool", "check", "config", where[SCRAPE])
    check("amtool", "check-config", where[ROUTES])


def test_the_script_that_people_know_writes_the_same(tmp_path: Path) -> None:
    script = ROOT / "prometheus_alerts.py"
    for action, code in (("generate", 0), ("validate", 1), ("status", 1)):
        words = ("--action", action, "--output", "config", "--prometheus-url", "http://127.0.0.1:1")
        done = subprocess.run([sys.executable, script, *words], cwd=tmp_path, check=False, env=WITH)
        assert done.returncode == code, action
    settings = Settings(checklist=DEFAULT_CHECKLIST)
    for name, text in make(settings, "the built-in checklist").texts.items():
        assert (tmp_path / "config" / name).read_text("utf-8") == text


def test_the_script_is_given_a_desks_settings_from_another_folder_and_may_replace(
    tmp_path: Path,
) -> None:
    (tmp_path / "desk.toml").write_text('[alerts]\ndesk = "far"\n', "utf-8")
    words = ["--config", "../desk.toml", "--webhook-url", "http://far:8420/v1/alerts"]
    (tmp_path / "here").mkdir()

    def scripted(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "prometheus_alerts.py"), *words, *more]
        return subprocess.run(
            command, cwd=tmp_path / "here", check=False, env=WITH, capture_output=True, text=True
        )

    assert scripted().returncode == 0
    routes = tmp_path / "here" / ROUTES
    made = routes.read_text("utf-8")
    assert 'desk="far"' in made
    routes.write_text(made + "# mine\n", "utf-8")
    assert "Pass --force" in scripted().stderr
    assert scripted("--force").returncode == 0
    assert routes.read_text("utf-8") == made
    nowhere = ("--alertmanager-url", "http://127.0.0.1:1")
    tried = scripted("--action", "test", "--severity", "warning", *nowhere)
    assert "ALERTING_UNREACHABLE Alertmanager at http://127.0.0.1:1" in tried.stderr


def test_no_secret_is_in_them() -> None:
    whole = "".join(make(TOLD, "t").texts.values())
    assert "password_file" in whole
    assert "smtp_auth_password:" not in whole


_PLAIN = st.recursive(
    st.booleans() | st.integers(-9, 9) | st.text(st.characters(codec="utf-8"), max_size=60),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.from_regex(r"k[a-z_]{1,8}", fullmatch=True), _PLAIN, min_size=1))
def test_what_is_written_is_what_a_library_reads(document: dict[str, Any]) -> None:
    keys_are_text = yaml.BaseLoader  # "on" is no key that we have, and no boolean either
    read = yaml.load(yaml_text(document), Loader=keys_are_text)  # noqa: S506 it makes text alone
    assert read == _as_text(document)


def _as_text(value: Any) -> Any:  # noqa: ANN401 plain data
    if isinstance(value, dict):
        return {key: _as_text(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_as_text(one) for one in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_an_edited_file_stays_and_the_difference_is_shown(tmp_path: Path) -> None:
    made = make(TOLD, "t").texts
    write(made, tmp_path)
    routes = tmp_path / ROUTES
    routes.write_text(made[ROUTES].replace('"1h"', '"9h"'), "utf-8")
    other = make(TOLD.model_copy(update={"alerts": AlertSettings()}), "t").texts
    with pytest.raises(TiltyardError, match=r"ALERTS_EDITED(.|\n)*-.*9h") as error:
        write(other, tmp_path)
    assert "--force" in str(error.value)
    assert (tmp_path / RULES).read_text("utf-8") == made[RULES]
    write(other, tmp_path, force=True)
    assert routes.read_text("utf-8") == other[ROUTES]
    assert {path.name for path in tmp_path.iterdir()} == {RULES, ROUTES, SCRAPE}


def test_an_unedited_file_is_replaced_and_a_strangers_is_not(tmp_path: Path) -> None:
    write(make(TOLD, "t").texts, tmp_path)
    other = make(TOLD.model_copy(update={"alerts": AlertSettings()}), "t").texts
    write(other, tmp_path)
    assert (tmp_path / ROUTES).read_text("utf-8") == other[ROUTES]
    (tmp_path / SCRAPE).write_text("global: {}\n")
    with pytest.raises(TiltyardError, match=r"ALERTS_EDITED .*prometheus_scrape.yml"):
        write(other, tmp_path)


def test_where_nothing_can_be_written_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TiltyardError, match="ALERTS_UNWRITABLE"):
        write(make(TOLD, "t").texts, tmp_path / "file" / "folder")
    with pytest.raises(TiltyardError, match="ALERTS_UNWRITABLE"):
        write(make(TOLD, "t").texts, tmp_path / ROUTES)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_rules_may_have_another_name(tmp_path: Path) -> None:
    where = places(tmp_path / "desk.yml")
    write(make(TOLD, "t", where[RULES].name).texts, tmp_path / "desk.yml")
    assert {path.name for path in tmp_path.iterdir()} == {"desk.yml", ROUTES, SCRAPE}
    read = yaml.safe_load((tmp_path / SCRAPE).read_text("utf-8"))
    assert read["rule_files"] == ["desk.yml"]


@pytest.mark.parametrize(
    ("webhook", "host", "address"),
    [
        ("", "127.0.0.1", ("http", "127.0.0.1:8420")),
        ("", "0.0.0.0", ("http", "127.0.0.1:8420")),  # noqa: S104 that is what is asked
        ("", "fe80::1", ("http", "[fe80::1]:8420")),
        ("https://desk.example/v1/alerts", "127.0.0.1", ("https", "desk.example:443")),
        ("http://desk:99/v1/alerts", "127.0.0.1", ("http", "desk:99")),
        ("https://elsewhere.example/hook", "127.0.0.1", ("http", "127.0.0.1:8420")),
    ],
)
def test_prometheus_reaches_the_desk_where_alertmanager_does(
    webhook: str, host: str, address: tuple[str, str]
) -> None:
    assert desk_address(AlertSettings(webhook=webhook), host, 8420) == address


@pytest.mark.parametrize(
    "fields",
    [
        {"desk": 'a"b'}, {"webhook": "ftp://x"}, {"mail_to": "a@b"}, {"smarthost": "mail"},
        {"mail_username": "me"}, {"token_file": "a\nb"}, {"runbooks": "{{ .x }}"},
    ],
)  # fmt: skip
def test_settings_that_cannot_be_meant_are_refused(fields: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        AlertSettings.model_validate(fields)


@pytest.mark.parametrize(
    ("webhook", "path"),
    [
        ("", "/metrics"), ("https://desk.example/v1/alerts", "/metrics"),
        ("https://proxy.example/tiltyard/v1/alerts", "/tiltyard/metrics"),
        ("https://other.example/hook", "/metrics"),
    ],
)  # fmt: skip
def test_the_desk_is_scraped_behind_the_proxy_behind_which_it_is_told(
    webhook: str, path: str
) -> None:
    told = Settings(checklist=DEFAULT_CHECKLIST, alerts=AlertSettings(webhook=webhook))
    (job,) = yaml.safe_load(make(told, "t").texts[SCRAPE])["scrape_configs"]
    assert job["metrics_path"] == path
