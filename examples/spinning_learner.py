"""A learner that counts: it says how far it is, saves its work when asked, and can run in circles.

    python examples/spinning_learner.py [--spin-at STEP] [--pause SECONDS] [CHECKPOINT]

It keeps the contract of a supervised learner. ``TILTYARD_LEARNER_STATUS`` names the file in which
it says how it is; SIGUSR1 asks it to save its work. From step ``--spin-at`` on it counts no
further, as one does that is stuck, until it is started again.
"""

import argparse
import json
import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("checkpoint", nargs="?", type=Path, default=Path("checkpoint.json"))
parser.add_argument("--spin-at", type=int)
parser.add_argument("--pause", type=float, default=0.05)
asked = parser.parse_args()

wanted = [True]  # a first one, so that the file is there
signal.signal(signal.SIGUSR1, lambda *_: wanted.append(True))


def replace(file: Path, content: dict[str, object]) -> None:
    """Write a file as a whole: whoever reads it sees the old one or the new one."""
    new = file.with_suffix(".new")
    new.write_text(json.dumps(content))
    new.replace(file)


began = step = json.loads(asked.checkpoint.read_text())["step"] if asked.checkpoint.exists() else 0
saved_at = None
print("begins at step", step, flush=True)
while True:
    if asked.spin_at is None or began >= asked.spin_at or step < asked.spin_at:
        step += 1
    now = datetime.now(UTC).isoformat()
    if wanted or step % 100 == 0:
        wanted.clear()
        replace(asked.checkpoint, {"step": step})
        saved_at = now
    status = {"step": step, "at": now, "checkpoint_at": saved_at, "job": "count"}
    replace(Path(os.environ["TILTYARD_LEARNER_STATUS"]), status)
    time.sleep(asked.pause)
