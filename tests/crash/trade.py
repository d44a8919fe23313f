"""A desk that trades on bars, in processes of their own that may be killed at a point.

Jobs come in as lines of JSON: the database, the folder of bars, and at which passing of which
point to be killed. Every job is a forked process; it goes on with the hour that was under way,
which the ``clock`` file beside the bars tells. What comes out is how each process ended.
"""

import json
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from crash.jobs import fork_each
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


def do(job: dict[str, Any]) -> None:
    run(job["url"], Path(job["folder"]), moment(job["until"]), job["stage"], job["number"])


if __name__ == "__main__":
    fork_each(do)
