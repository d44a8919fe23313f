"""A real browser, which says what it has made of a page."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest


def outside_scripts(text: str) -> str:
    return re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)


def browser() -> str:
    """Where it is; without one the test is skipped."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return found
    if os.environ.get("CI") == "true":
        pytest.fail("no chromium: the page was not seen by a browser")
    pytest.skip("no chromium on the path: the page was not seen by a browser")


def dom(file: Path, profile: Path) -> str:
    """The page as the browser has drawn it."""
    flags = (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={profile}", "--window-size=1200,1600", "--virtual-time-budget=10000",
    )  # fmt: skip
    done = subprocess.run(
        [browser(), *flags, "--dump-dom", file.as_uri()],
        capture_output=True, check=True, timeout=600,
    )  # fmt: skip
    return outside_scripts(done.stdout.decode("utf-8"))
