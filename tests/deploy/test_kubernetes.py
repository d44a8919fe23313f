"""The manifests: they hang together, hold no secret, and ask for no more than the desk needs."""

import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.manifests import KUBERNETES, read, texts_in
from programs import check
from tiltyard.shell.settings import ApiSettings

OBJECTS = [read(KUBERNETES / name) for name in read(KUBERNETES / "kustomization.yaml")["resources"]]
BY_KIND: dict[str, Any] = {one["kind"]: one for one in OBJECTS}
POD = BY_KIND["Deployment"]["spec"]["template"]["spec"]
DESK = POD["containers"][0]


def test_all_of_them_are_in_one_namespace_of_their_own() -> None:
    assert sorted(BY_KIND) == ["ConfigMap", "Deployment", "Namespace", "Service"]
    name = BY_KIND["Namespace"]["metadata"]["name"]
    others = [one["metadata"]["namespace"] for one in OBJECTS if one["kind"] != "Namespace"]
    assert set(others) == {name}


def test_kubectl_puts_them_together() -> None:
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("no kubectl")
    done = subprocess.run(
        [program, "kustomize", KUBERNETES], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    made = {one["kind"]: one for one in yaml.safe_load_all(done.stdout)}
    assert made == BY_KIND


def test_one_desk_runs_and_the_old_one_ends_first() -> None:
    spec = BY_KIND["Deployment"]["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "Recreate"}
    assert DESK["args"] == ["run", "--serve", "--wait"]


def test_the_service_finds_the_desk_also_while_it_does_not_judge() -> None:
    service = BY_KIND["Service"]["spec"]
    labels = BY_KIND["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert service["selector"].items() <= labels.items()
    assert BY_KIND["Deployment"]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert service["publishNotReadyAddresses"] is True
    (port,) = DESK["ports"]
    assert port["containerPort"] == service["ports"][0]["port"] == ApiSettings().port
    assert service["ports"][0]["targetPort"] == port["name"]


def test_probes_ask_what_they_are_for() -> None:
    asked = {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
    assert {name: DESK[f"{name}Probe"]["httpGet"]["path"] for name in asked} == asked


def test_secrets_are_named_and_never_there() -> None:
    assert not [one for one in OBJECTS if one["kind"] == "Secret"]
    for text in texts_in(OBJECTS):
        assert "://tiltyard:" not in text
    named = {
        one["name"]: one["valueFrom"]["secretKeyRef"]["name"]
        for one in DESK["env"]
        if "valueFrom" in one
    }
    assert named == {"TILTYARD_DB": "tiltyard-database", "PHONE_ADDRESS": "tiltyard-phone"}


@pytest.mark.parametrize("container", [*POD["initContainers"], DESK], ids=lambda one: one["name"])
def test_a_container_may_do_nothing_that_it_need_not(container: dict[str, Any]) -> None:
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert POD["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]


def test_what_is_mounted_is_a_volume_and_every_volume_is_mounted() -> None:
    volumes = {one["name"]: one for one in POD["volumes"]}
    for container in [*POD["initContainers"], DESK]:
        assert {one["name"] for one in container["volumeMounts"]} == set(volumes)
    assert volumes["settings"]["configMap"]["name"] == BY_KIND["ConfigMap"]["metadata"]["name"]
    password = next(one["value"] for one in DESK["env"] if one["name"] == "PGPASSWORD_FILE")
    (mount,) = [one for one in DESK["volumeMounts"] if one["name"] == "database"]
    assert volumes["database"]["secret"] == {"secretName": "tiltyard-database"}
    assert password == f"{mount['mountPath']}/password"


def test_the_desk_listens_where_the_service_reaches_it() -> None:
    settings = tomllib.loads(BY_KIND["ConfigMap"]["data"]["tiltyard.toml"])
    assert settings["api"] == {"serve": True, "host": "0.0.0.0"}  # noqa: S104 within the pod
    service = BY_KIND["Service"]["metadata"]
    address = f"{service['name']}.{service['namespace']}:8420"
    assert settings["alerts"]["webhook"] == f"http://{address}/v1/alerts"
    (job,) = read(KUBERNETES / "prometheus_scrape.yml")["scrape_configs"]
    assert job["static_configs"][0]["targets"] == [address]
    assert job["authorization"]["credentials_file"] == settings["alerts"]["scrape_token_file"]


def test_prometheus_takes_the_job(tmp_path: Path) -> None:
    token, config = tmp_path / "token", tmp_path / "prometheus.yml"
    token.write_text("secret", "utf-8")
    text = (KUBERNETES / "prometheus_scrape.yml").read_text("utf-8")
    config.write_text(
        text.replace("/etc/prometheus/secrets/tiltyard-prometheus/token", str(token)), "utf-8"
    )
    assert "SUCCESS" in check("promtool", "check", "config", config)
