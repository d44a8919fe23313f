"""``python -m tiltyard.shell.jobs``: hosts jobs by the clock beside a desk, and ends with it.

It says each step that begins and ends, a line each, which the desk says on. When what it reads from
is closed, there is no desk any more, and it ends at once, wherever it is: the next host goes on.
While somebody else hosts the jobs of this ledger, it waits.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.clock import system_now
from tiltyard.shell.exit_codes import exit_code
from tiltyard.shell.jobs.alone import alone
from tiltyard.shell.jobs.host import hosting
from tiltyard.shell.jobs.place import JobsPlace
from tiltyard.shell.jobs.world import world_of
from tiltyard.shell.settings import load
from tiltyard.shell.store.engine import database_url
from tiltyard.shell.tied import end_when_left_alone

LOOK_EVERY = 5.0
"""Seconds between two looks whether nobody else hosts them any more."""
BEHIND_THE_DESK = 10
"""How nice it is to the desk, and with it whatever it begins."""


def main() -> None:
    """Host the jobs of the ledger in ``TILTYARD_DB``, until the desk is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the desk
    end_when_left_alone(with_kin=False)
    os.nice(BEHIND_THE_DESK)
    config = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    try:
        settings, ledger = load(config), database_url(os.environ["TILTYARD_DB"])
        world = world_of(JobsPlace(settings.jobs.path, ledger), settings, config, say=_say)
        is_said = False
        while True:
            with alone(world.place) as is_ours:
                if is_ours:
                    with hosting(world, look_every=LOOK_EVERY):
                        _say(f"jobs are done by the clock since {system_now():%H:%M:%S}Z")
                        threading.Event().wait()
            if not is_said:
                _say("another process hosts the jobs of this ledger; the desk's waits for it")
                is_said = True
            time.sleep(LOOK_EVERY)
    except TiltyardError as error:
        _say(str(error))
        sys.exit(exit_code(error))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
