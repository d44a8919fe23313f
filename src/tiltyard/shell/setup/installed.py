"""What cron has been told: whether ours is in it, and in which way it gets there."""

import shutil
import subprocess
from pathlib import Path
from shlex import quote

from tiltyard.shell.as_made import is_edited
from tiltyard.shell.setup.crontab import HEAD

WITHIN = 10
"""Seconds."""


def step_for_cron(file: Path, text: str) -> str:
    """What a person still has to do so that cron goes by a file; empty where it does.

    Args:
        file: The crontab that was made.
        text: What is in it.
    """
    command = shutil.which("crontab")
    if command is None:
        return (
            "cron is not installed here: apt-get install cron, then "
            f"crontab {quote(str(file))}; or have the desk do it all: jobs.hosted = true"
        )
    try:
        there = subprocess.run(  # noqa: S603 it only lists
            [command, "-l"], capture_output=True, text=True, errors="replace", check=False,
            timeout=WITHIN,
        ).stdout  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"crontab does not answer ({error}); then: crontab {quote(str(file))}"
    return _step(there, file, text)


def _step(there: str, file: Path, text: str) -> str:
    if text.strip() in there:
        return ""
    if not there.strip():
        return f"have cron go by it: crontab {quote(str(file))}"
    if HEAD in there:
        if not is_edited(there):
            return f"have cron go by the new one: crontab {quote(str(file))}"
        return f"crontab -e, and put what is in {file} in the place of what was made before"
    return (
        "add it to what cron does for you already: "
        f"(crontab -l; cat {quote(str(file))}) | crontab -"
    )
