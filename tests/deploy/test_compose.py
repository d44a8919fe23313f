"""The desk in containers: what can be told of it without running one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.manifests import DEPLOY, ROOT, read
from programs import program
from served import populate, serving

COMPOSE = read(DEPLOY / "compose.yml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
LASTING = {name: one for name, one in SERVICES.items() if name != "schema"}
DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")


def compose() -> list[str]:
    """The program, of either generation."""
    docker = shutil.which("docker")
    if docker is not None:
        command = [docker, "compose"]
        if not subprocess.run([*command, "version"], capture_output=True, check=False).returncode:
            return command
    return [program("docker-compose")]


def test_compose_takes_it(tmp_path: Path) -> None:
    program = compose()
    (tmp_path / "deploy").mkdir()
    shutil.copy(DEPLOY / "compose.yml", tmp_path / "deploy")
    done = subprocess.run(
        [*program, "-f", "deploy/compose.yml", "config", "--quiet"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_every_port_is_published_on_the_loopback_address_alone() -> None:
    published = [port for one in SERVICES.values() for port in one.get("ports", [])]
    assert len(published) == 4
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []
    assert "ports" not in SERVICES["postgres"]


def test_a_secret_is_a_file_and_never_a_value() -> None:
    for name, one in SERVICES.items():
        for variable, value in one.get("environment", {}).items():
            if "PASSWORD" in variable:
                assert value.startswith("/run/secrets/"), (name, variable)
                assert value.removeprefix("/run/secrets/") in one["secrets"]
    assert all(one["file"] == f"./secrets/{name}" for name, one in COMPOSE["secrets"].items())
    assert {s for one in SERVICES.values() for s in one.get("secrets", [])} == set(
        COMPOSE["secrets"]
    )
    assert (DEPLOY / ".gitignore").read_text("utf-8") == "/secrets/\n"


def test_whatever_lasts_is_looked_after() -> None:
    for name, one in LASTING.items():
        assert one["restart"] == "unless-stopped", name
        assert one["healthcheck"]["test"][0] == "CMD", name
    assert SERVICES["schema"]["restart"] == "no"
    waits_for = SERVICES["desk"]["depends_on"]["schema"]["condition"]
    assert waits_for == "service_completed_successfully"


def test_every_image_is_of_a_named_version_or_built_here() -> None:
    for name, one in SERVICES.items():
        if "build" in one:
            assert (DEPLOY / one["build"]["context"] / one["build"]["dockerfile"]).is_file()
            continue
        _, _, version = one["image"].partition(":")
        assert version[:1].isdigit() or version[:2] in ("v0", "v2"), name


def test_what_is_mounted_is_there_and_kept_volumes_are_declared() -> None:
    for name, one in SERVICES.items():
        for mount in one.get("volumes", []):
            source = mount.partition(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists(), (name, source)
                assert mount.endswith(":ro"), (name, source)
            else:
                assert source in COMPOSE["volumes"], (name, source)


def test_the_desk_cannot_do_what_it_need_not() -> None:
    desk = SERVICES["desk"]
    assert desk["read_only"] is True
    assert desk["cap_drop"] == ["ALL"]
    assert desk["security_opt"] == ["no-new-privileges:true"]


def test_the_desk_is_asked_by_its_health_check_whether_it_lives(tmp_path: Path) -> None:
    _, _, *words = SERVICES["desk"]["healthcheck"]["test"]
    database = str(tmp_path / "desk.db")
    populate(database, bots=1)
    with serving(database, tmp_path) as desk:
        port = desk.url.rpartition(":")[2]
        asking = [sys.executable, *(word.replace("8420", port) for word in words)]
        assert subprocess.run(asking, check=False).returncode == 0
        desk.process.kill()
        desk.process.wait()
        assert subprocess.run(asking, stderr=subprocess.DEVNULL, check=False).returncode == 1


def test_the_image_is_built_from_a_pinned_base_by_nobody_who_is_root() -> None:
    lines = [line.split() for line in DOCKERFILE.splitlines() if line and line[0] != "#"]
    bases = [words[1] for words in lines if words[0] == "FROM"]
    assert bases == ["python:3.11-slim-bookworm"] * 2
    assert [words[1] for words in lines if words[0] == "USER"] == ["10001:10001"]
    last = [words[0] for words in lines]
    assert last.index("USER") < last.index("ENTRYPOINT")


def test_what_the_image_is_built_from_is_there_and_nothing_else_reaches_it() -> None:
    copied = [
        word
        for line in DOCKERFILE.splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
        if not word.startswith("--")
    ]
    assert [one for one in copied if not (ROOT / one).exists()] == []
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    admitted = [line.removeprefix("!") for line in ignored if line.startswith("!")]
    assert ignored[1] == "*"
    assert set(admitted) == set(copied)


@pytest.mark.parametrize("has_file", [True, False])
def test_the_password_of_the_database_comes_from_a_file_where_there_is_one(
    tmp_path: Path, *, has_file: bool
) -> None:
    program, secret = tmp_path / "program", tmp_path / "secret"
    program.write_text('#!/bin/sh\necho "${PGPASSWORD-none}" "$@"\n', "utf-8")
    program.chmod(0o755)
    secret.write_text("two words\n", "utf-8")
    kept = {name: value for name, value in os.environ.items() if "PGPASS" not in name}
    named = {"PGPASSWORD_FILE": str(secret)} if has_file else {}
    done = subprocess.run(
        [DEPLOY / "tiltyard.sh", "run", "--wait"], check=True, capture_output=True, text=True,
        env={**kept, **named, "TILTYARD_PROGRAM": str(program)},
    )  # fmt: skip
    assert done.stdout == ("two words run --wait\n" if has_file else "none run --wait\n")


def test_grafana_finds_its_prometheus_and_the_dashboard() -> None:
    provisioning = DEPLOY / "grafana/provisioning"
    (source,) = read(provisioning / "datasources/prometheus.yml")["datasources"]
    assert source["type"] == "prometheus"
    assert source["url"] == "http://prometheus:9090"
    (provider,) = read(provisioning / "dashboards/tiltyard.yml")["providers"]
    mounted = dict(mount.split(":")[1::-1] for mount in SERVICES["grafana"]["volumes"])
    folder = DEPLOY / mounted[provider["options"]["path"]]
    assert [file.name for file in folder.resolve().glob("*.json")] == ["grafana_dashboard.json"]
    assert mounted["/etc/grafana/provisioning"] == "./grafana/provisioning"
