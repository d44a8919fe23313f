"""A desk that trades on bars, in processes of their own that may be killed at a point.

Jobs come in as lines of JSON: the database, the folder of bars, and at which passing of which
point to be killed. Every job is a forked process; it goes on with the hour that was under way,
which the ``clock`` file beside the bars tells. What comes out is how each process ended.
"""

import json
import os
import sys
import traceback
from datetime import datetime
from itertools import count
from pathlib import Path

from crash.play import Points
from floors import House, rules
from tiltyard.kernel.clock import moment, time_text
from tiltyard.market.bar import HOUR
from tiltyard.shell.commanding import Times, give_back
from tiltyard.shell.running import hold_lease
from tiltyard.shell.store.ledger import Ledger


def run(url: str, folder: Path, until: datetime, stage: str, number: int) -> None:
    clock, points = folder / "clock", Points(stage, number)
    with Ledger.open(url) as ledger:
        now, seconds = moment(clock.read_text()), count()
        times = Times(lambda: now, lambda: float(next(seconds)), lambda _: None)
        token = hold_lease(ledger, "desk", times, checklist="", wait=True)
        assert token is not None
        house = House(
            ledger, rules(), folder, now, token=token, targets={"bot": {"shares"}}, on_stage=points
        )  # fmt: skip
        while now < until:
            house.round(now)
            assert house.desk.trouble is house.trader.trouble is None
            now += HOUR
            clock.write_text(time_text(now))
        give_back(ledger, token)
    (folder / "passed.json").write_text(json.dumps(points.passed))


def main() -> None:
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                until = moment(job["until"])
                run(job["url"], Path(job["folder"]), until, job["stage"], job["number"])
                code = 0
            except BaseException:  # noqa: BLE001 whatever it is, the parent's loop is not ours
                traceback.print_exc()
            sys.stderr.flush()
            os._exit(code)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)  # noqa: T201 the answer


if __name__ == "__main__":
    main()
