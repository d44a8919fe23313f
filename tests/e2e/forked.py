"""Runs the command line in processes that are forked, so that it is loaded once.

Arguments are modules that are loaded beside it.

A job is what a process is given: words, a folder, an environment, and where what it says goes.
"""

import os
import signal
import sys
import traceback
from importlib import import_module
from typing import Any

from crash.jobs import fork_each
from tiltyard.__main__ import main


def run(job: dict[str, Any]) -> None:
    """Be the command; ends the process as Python would."""
    signal.alarm(job["timeout"])
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    for number, name in enumerate((os.devnull, *job["said"])):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND), number)
    sys.argv = ["tiltyard", *job["words"]]
    code = 0
    try:
        main()
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else int(done.code is not None)
    except BaseException:  # noqa: BLE001 as Python does
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    for module in ("tiltyard.shell.cli", *sys.argv[1:]):
        import_module(module)  # once for all
    fork_each(run)
