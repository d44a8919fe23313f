"""``python -m tiltyard.shell.jobs.step``: a command line that does not outlive its host.

What it reads from is a pipe that its host holds open. When that is closed, it ends every process of
its group, so that what it had begun ends, too.
"""

import os
import signal
import sys
import threading

from tiltyard.__main__ import main


def _end_with_the_host(told: int) -> None:
    while os.read(told, 1):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    kept = os.dup(sys.stdin.fileno())
    threading.Thread(target=_end_with_the_host, args=(kept,), daemon=True).start()
    main()
