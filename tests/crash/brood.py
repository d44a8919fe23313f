"""Starts desks, each the command line as it is in a forked process; a line each, its number out.

A lease lasts as long as the first argument says, so that a killed desk is soon replaced.
"""

import os
import sys
import traceback
from datetime import timedelta

from tiltyard.shell import live
from tiltyard.shell.cli import app
from tiltyard.shell.store import lease


def main() -> None:
    lease.LASTS = timedelta(seconds=float(sys.argv[1]))
    vars(live)["RENEW_EVERY"] = lease.LASTS / 3
    for line in sys.stdin:
        if line.startswith("reap"):
            print(os.waitstatus_to_exitcode(os.waitpid(int(line.split()[1]), 0)[1]), flush=True)  # noqa: T201
            continue
        child = os.fork()
        if child == 0:
            os.dup2(2, 1)
            code = 1
            try:
                app(line.split(), standalone_mode=False)
                code = 0
            except BaseException:  # noqa: BLE001 the parent's loop is not ours
                traceback.print_exc()
            sys.stderr.flush()
            os._exit(code)
        print(child, flush=True)  # noqa: T201 the answer


if __name__ == "__main__":
    main()
