"""Settings, rules and routes of every way to deploy agree, and the tools take them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.manifests import DEPLOY, KUBERNETES, ROOT, read
from programs import check
from tiltyard.shell.alerts.made import make
from tiltyard.shell.cli.alerts_told import warning_of
from tiltyard.shell.settings import Settings, load

OFFERED = re.compile(r"^ *# (?=\w+ = |\[\[)", re.MULTILINE)
"""What stands before a setting that is there to be switched on."""
MADE = DEPLOY / "prometheus"
COMPOSE = read(DEPLOY / "compose.yml")["services"]
POD = read(KUBERNETES / "deployment.yaml")["spec"]["template"]["spec"]
ENVIRONMENT = POD["containers"][0]["env"]


@pytest.fixture(scope="module")
def of_cluster(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    file: Path = tmp_path_factory.mktemp("cluster") / "tiltyard.toml"
    file.write_text(read(KUBERNETES / "configmap.yaml")["data"]["tiltyard.toml"], "utf-8")
    return load(file)


def test_what_compose_mounts_is_what_the_settings_give(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "tiltyard", "alerts", "generate", "--config",
         "deploy/tiltyard.toml", "--output", tmp_path],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    made = {file.name: file.read_text("utf-8") for file in tmp_path.iterdir()}
    there = {file.name: file.read_text("utf-8") for file in MADE.iterdir()}
    anew = "tiltyard alerts generate --config deploy/tiltyard.toml --output deploy/prometheus"
    assert there == made, f"make it anew: {anew}"


def test_every_server_is_started_with_a_file_that_is_mounted() -> None:
    for name in ("prometheus", "alertmanager"):
        (file,) = [
            word.removeprefix("--config.file=/etc/tiltyard/")
            for word in COMPOSE[name]["command"]
            if word.startswith("--config.file=")
        ]
        assert (MADE / file).is_file()
        assert "./prometheus:/etc/tiltyard:ro" in COMPOSE[name]["volumes"]


def test_promtool_and_amtool_take_what_is_mounted(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret", "utf-8")
    for file in MADE.iterdir():
        text = re.sub(r"/run/secrets/\w+", str(token), file.read_text("utf-8"))
        (tmp_path / file.name).write_text(text, "utf-8")
    said = check("promtool", "check", "config", tmp_path / "prometheus_scrape.yml")
    assert "rules found" in said
    check("amtool", "check-config", tmp_path / "alertmanager.yml")


def test_the_servers_of_compose_read_the_secrets_that_they_are_given(tmp_path: Path) -> None:
    settings = with_everything(DEPLOY / "tiltyard.toml", tmp_path)
    texts = make(settings, "tiltyard.toml").texts
    named = {
        name: set(re.findall(r"/run/secrets/(\w+)", texts[file]))
        for name, file in (
            ("prometheus", "prometheus_scrape.yml"), ("alertmanager", "alertmanager.yml")
        )
    }  # fmt: skip
    assert named == {name: set(COMPOSE[name]["secrets"]) for name in named}


def with_everything(file: Path, folder: Path) -> Settings:
    """Settings with all that they offer switched on."""
    there = folder / "tiltyard.toml"
    there.write_text(OFFERED.sub("", file.read_text("utf-8")), "utf-8")
    return load(there)


def test_the_password_of_the_mail_is_where_the_settings_say(
    tmp_path: Path, of_cluster: Settings
) -> None:
    page = (ROOT / "docs/how-to/deploy.md").read_text("utf-8")
    of_systemd = with_everything(DEPLOY / "systemd/tiltyard.toml", tmp_path).alerts
    added = (DEPLOY / "systemd/prometheus-alertmanager.service.d/tiltyard.conf").read_text("utf-8")
    (folder,) = re.findall(r"^LoadCredential=mail:(\S+)$", added, re.MULTILINE)
    assert f"`{folder}/password`" in page
    in_unit = "/run/credentials/prometheus-alertmanager.service/mail_password"
    assert of_systemd.mail_password_file == in_unit
    of_compose = with_everything(DEPLOY / "tiltyard.toml", tmp_path).alerts
    beside = of_cluster.alerts.token_file.removesuffix("/token") + "/mail_password"
    for where in (of_compose.mail_password_file, in_unit, beside):
        assert f"| `{where}` |" in page
    assert f'# mail_password_file = "{beside}"' in (KUBERNETES / "configmap.yaml").read_text(
        "utf-8"
    )


def test_the_credentials_of_systemd_are_where_the_settings_say() -> None:
    told = load(DEPLOY / "systemd/tiltyard.toml").alerts
    for unit, path in (
        ("prometheus", told.scrape_token_file),
        ("prometheus-alertmanager", told.token_file),
    ):
        added = (DEPLOY / f"systemd/{unit}.service.d/tiltyard.conf").read_text("utf-8")
        (name,) = re.findall(r"^LoadCredential=([\w.]+\.token):", added, re.MULTILINE)
        assert path == f"/run/credentials/{unit}.service/{name}"


def test_every_way_offers_mail_and_a_phone_to_whoever_takes_the_marks_away(tmp_path: Path) -> None:
    file = tmp_path / "tiltyard.toml"
    for text in (
        (DEPLOY / "tiltyard.toml").read_text("utf-8"),
        (DEPLOY / "systemd/tiltyard.toml").read_text("utf-8"),
        read(KUBERNETES / "configmap.yaml")["data"]["tiltyard.toml"],
    ):
        file.write_text(text, "utf-8")
        assert warning_of(load(file)) is not None
        file.write_text(OFFERED.sub("", text), "utf-8")
        switched_on = load(file)
        assert warning_of(switched_on) is None
        (person,) = switched_on.notify.recipient
        assert person.address_file or person.address_env in [one["name"] for one in ENVIRONMENT]


def test_every_way_serves_and_alertmanager_reaches_it(of_cluster: Settings) -> None:
    of_compose, of_systemd = load(DEPLOY / "tiltyard.toml"), load(DEPLOY / "systemd/tiltyard.toml")
    for settings in (of_compose, of_systemd, of_cluster):
        assert settings.api.serve
        assert settings.alerts.webhook.endswith(f":{settings.api.port}/v1/alerts")
    assert of_systemd.api.host == "127.0.0.1"
