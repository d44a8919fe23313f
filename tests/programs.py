"""Programs of others that tests run, and the Debian packages that have them.

Where one is missing a test skips with the reason, and fails in CI, which installs them all.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PACKAGES = {
    "amtool": "prometheus-alertmanager",
    "cron": "cron",
    "crontab": "cron",
    "docker-compose": "docker-compose",
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "promtool": "prometheus",
    "supervisord": "supervisor",
    "systemd-analyze": "systemd",
    "systemd-sysusers": "systemd",
}


def program(name: str) -> str:
    """The path of a program; skips where there is none, fails in CI."""
    found = shutil.which(name)
    if found is not None:
        return found
    missing = f"no {name}; install {PACKAGES[name]}"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


def check(name: str, *words: str | Path, text: str | None = None) -> str:
    """What a program says that checks something; it must be content."""
    done = subprocess.run(
        [program(name), *words], input=text, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, f"{name} {' '.join(map(str, words))}\n{done.stdout}"
    return done.stdout
