"""On a machine with an NVIDIA GPU: is a learner that is stuck on it restarted, once?

A real desk watches the GPU and supervises a learner. The learner counts; at step 40 it stops
counting and keeps the GPU busy. The desk sees a busy GPU without progress for longer than the
guard has patience (here a minute), lets it save its work, and restarts it; it goes on from there,
and the GPU is idle. Run it from the checkout, where the desk's packages are installed:

    PYTHONPATH=src:tests python tests/device/gpu_restart.py

It takes about five minutes, prints what happens when, and ends with 0 when the learner was
restarted exactly once and came back with its work. ``--source URL`` takes a DCGM exporter instead,
and then the learner only pretends to keep a GPU busy.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve()
STUCK_AT = 40
MOST_SECONDS = 300.0
AFTERWARDS = 75.0
LEARNER = HERE.parents[2] / "examples" / "spinning_learner.py"


def main() -> int:
    """Watch, print, and say how it came out."""
    parser = argparse.ArgumentParser(description="A learner that is stuck on a GPU.")
    parser.add_argument("--source", default="nvml")
    parser.add_argument("--learn", action="store_true", help="be the learner")
    asked = parser.parse_args()
    return learn(asked.source) if asked.learn else watch(asked.source)


def learn(source: str) -> int:
    """Count; once stuck, keep the GPU busy beside it."""
    checkpoint = Path("checkpoint.json")
    is_fresh = not checkpoint.exists()
    command = [sys.executable, str(LEARNER), "--spin-at", str(STUCK_AT), str(checkpoint)]
    if is_fresh and source == "nvml":
        time.sleep(1)
        spin = [sys.executable, str(HERE.with_name("gpu_check.py")), "--spin", "900"]
        subprocess.Popen(spin, stdout=subprocess.DEVNULL)
    elif is_fresh:
        Path("busy").touch()
    else:
        Path("busy").unlink(missing_ok=True)
    os.execv(command[0], command)  # noqa: S606 it becomes the learner


def watch(source: str) -> int:
    """Run the desk until the learner has come back, and a little longer."""
    from served import populate  # noqa: PLC0415 the learner does not need it

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        populate(str(folder / "desk.db"), bots=1)
        command = [sys.executable, str(HERE), "--learn", "--source", source]
        (folder / "tiltyard.toml").write_text(
            f"""
[gpu]
source = "{source}"
every = 2

[learner]
command = {json.dumps(command)}
progress_within = 20

[[guard]]
name = "gpu_utilization_high"
confirm = "for 1 min"
""",
            "utf-8",
        )
        desk = subprocess.Popen(
            [sys.executable, "-m", "tiltyard", "run", "--db", str(folder / "desk.db"), "--json"],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        began = time.monotonic()
        try:
            came_back = waited(lambda: len(beginnings(folder)) > 1, began, MOST_SECONDS)
            if came_back:
                waited(lambda: False, time.monotonic(), AFTERWARDS)
        finally:
            desk.terminate()
            said, _ = desk.communicate(timeout=60)
        return told(folder, said)


def waited(is_so: Callable[[], bool], since: float, within: float) -> bool:
    """Whether it came to be so in time."""
    while not is_so():
        if time.monotonic() - since > within:
            return False
        time.sleep(1)
    return True


def beginnings(folder: Path) -> list[int]:
    """At which steps the learner began."""
    log = folder / "tiltyard-learner" / "learner.log"
    lines = log.read_text("utf-8").splitlines() if log.exists() else []
    return [int(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("begins at step")]


def told(folder: Path, said: str) -> int:
    """Print what happened; 0 when it was what should."""
    print(said)
    from tiltyard.shell.store.ledger import Ledger  # noqa: PLC0415 as above

    with Ledger.open(str(folder / "desk.db")) as ledger:
        for one in ledger.observations():
            print(f"{one.observed_at:%H:%M:%S}  {one.name:<18} {one.number:6.1f}  n={one.samples}")
        events = [json.loads(row.body) for row in ledger.audit()]
    restarts = [event for event in events if event["event"] == "restart_learner"]
    print("restarts:", [f"{one['at']} {one['reason']}" for one in restarts])
    print("the learner began at steps", beginnings(folder))
    is_right = len(restarts) == 1 and beginnings(folder) == [0, STUCK_AT]
    print("as it should be" if is_right else "NOT as it should be")
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
