"""Jobs that come in as lines of JSON, each done by a process of its own, which may be killed."""

import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any


def fork_each(do: Callable[[dict[str, Any]], None]) -> None:
    """Do every job that comes in; what comes out is how each process ended."""
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                do(job)
                code = 0
            except BaseException:  # noqa: BLE001 whatever it is, the parent's loop is not ours
                traceback.print_exc()
            sys.stderr.flush()
            os._exit(code)
        status = os.waitpid(child, 0)[1]
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201 the answer
