"""Prometheus and Alertmanager for the tests: real ones, at free ports, gone at the end.

In come the texts of their configuration; each server has a folder of its own. ``promtool`` and
``amtool`` are asked by :func:`programs.check`.

    with alertmanager(folder, ROUTES) as routing, prometheus(folder, SCRAPE) as scraping:
        scraping.get("/api/v1/alerts")
"""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from programs import program
from served import free_port
from waiting import until

INTERVAL = "global:\n  scrape_interval: 1s\n  evaluation_interval: 1s\n"
"""How a configuration of Prometheus begins that a test waits for."""
READY_WITHIN = 30.0
ATTEMPTS = 3


@dataclass(frozen=True)
class Running:
    """A server that answers.

    Attributes:
        url: Where.
        folder: Its configuration and its log.
        process: The server.
    """

    url: str
    folder: Path
    process: "subprocess.Popen[bytes]"

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def get(self, path: str, **query: str) -> Any:  # noqa: ANN401 JSON
        """What it answers, as JSON; of Prometheus the ``data``."""
        answer = httpx.get(self.url + path, params=query, timeout=10).raise_for_status().json()
        return answer["data"] if isinstance(answer, dict) and "data" in answer else answer

    def post(self, path: str, body: object = None) -> None:
        """Tell it something."""
        httpx.post(self.url + path, json=body, timeout=10).raise_for_status()

    def value(self, expression: str) -> float | None:
        """What an expression is worth at Prometheus now; None where it gives nothing."""
        found = self.get("/api/v1/query", query=expression)["result"]
        return float(found[0]["value"][1]) if found else None


@contextmanager
def prometheus(folder: Path, config: str) -> Iterator[Running]:
    """A Prometheus that is ready.

    Args:
        folder: Of its own; paths in ``config`` are relative to it.
        config: The text of ``prometheus.yml``; :data:`INTERVAL` makes it quick.
    """
    options = ("--storage.tsdb.path", "data", "--web.enable-lifecycle")
    with _running("prometheus", folder, config, options) as server:
        yield server


@contextmanager
def alertmanager(folder: Path, config: str) -> Iterator[Running]:
    """An Alertmanager that is ready, and alone.

    Args:
        folder: Of its own; paths in ``config`` are relative to it.
        config: The text of ``alertmanager.yml``.
    """
    options = ("--storage.path", "data", "--cluster.listen-address=")
    with _running("prometheus-alertmanager", folder, config, options) as server:
        yield server


@contextmanager
def _running(name: str, folder: Path, config: str, options: Sequence[str]) -> Iterator[Running]:
    path = program(name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yml").write_text(config, "utf-8")
    for attempt in range(ATTEMPTS):
        port = free_port()
        where = f"--web.listen-address=127.0.0.1:{port}"
        command = [*_ending_with_us(), path, "--config.file=config.yml", where, *options]
        with (
            (folder / "log").open("wb") as log,
            subprocess.Popen(command, cwd=folder, stdout=log, stderr=log) as process,
        ):
            try:
                server = Running(f"http://127.0.0.1:{port}", folder, process)
                until(partial(_is_over_or_ready, server), READY_WITHIN)
                if process.poll() is None:
                    yield server
                    return
            finally:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(10)
                process.kill()
        said = (folder / "log").read_text("utf-8", "replace")
        if "address already in use" not in said or attempt + 1 == ATTEMPTS:
            pytest.fail(f"{name} has ended:\n{said}")


def _ending_with_us() -> list[str]:
    """Nothing goes on when the tests are killed."""
    found = shutil.which("setpriv")
    return [found, "--pdeathsig", "KILL"] if found else []


def _is_over_or_ready(server: Running) -> bool:
    if server.process.poll() is not None:
        return True
    try:
        return httpx.get(f"{server.url}/-/ready", timeout=2).is_success
    except httpx.HTTPError:
        return False
