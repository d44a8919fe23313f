"""A desk that judges and is told something all the time, until it is let go.

python writing.py URL BUSY_MS

Prints ``began`` after its first step; when its input ends, what it has written, its longest step in
seconds, and what it was refused, as JSON.
"""

import json
import select
import sys
import time
from datetime import timedelta

from conformance.desks import NOW, desk_on
from tiltyard.facts.observation import Observation
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.ledger import Ledger

SECOND = timedelta(seconds=1)


def main() -> None:
    url, busy_ms = sys.argv[1:]
    written, longest = 0, 0.0
    refused: list[str] = []
    with Ledger.open(url, busy_timeout_ms=int(busy_ms)) as ledger, desk_on(ledger) as desk:
        while not (written and select.select([sys.stdin], [], [], 0)[0]):
            at = NOW + (written + 1) * SECOND / 1000
            began = time.monotonic()
            try:
                ledger.append_observations([Observation("written", written, at)], known_at=at)
                desk.step(at)
                if desk.trouble is not None:
                    raise desk.trouble
            except TiltyardError as error:
                refused.append(error.code)
            longest = max(longest, time.monotonic() - began)
            written += 1
            if written == 1:
                sys.stdout.write("began\n")
                sys.stdout.flush()
    sys.stdout.write(json.dumps({"written": written, "longest": longest, "refused": refused}))


if __name__ == "__main__":
    main()
