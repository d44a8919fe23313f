"""What a step of a small job does: ``little_steps.py NAME [WHAT…]``, beside ``LITTLE_EFFECTS``.

It notes that it was begun, and does under its own key what it is there for, once, however often it
is begun.
"""

import json
import os
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path


def main(name: str, what: str) -> None:
    """Do what is said."""
    with closing(sqlite3.connect(os.environ["LITTLE_EFFECTS"], timeout=60)) as effects:
        effects.execute("CREATE TABLE IF NOT EXISTS begun (name TEXT)")
        effects.execute("CREATE TABLE IF NOT EXISTS done (name TEXT PRIMARY KEY)")
        effects.execute("INSERT INTO begun VALUES (?)", [name])
        effects.commit()
        if what == "hang":
            Path(os.environ["LITTLE_EFFECTS"]).with_suffix(".pid").write_text(str(os.getpid()))
            while sys.stdin.buffer.read(1):
                pass
            return  # whoever had begun it is gone
        if what == "sleep":
            time.sleep(600)
        if what == "fail":
            sys.exit("STEP_BROKEN it: was to break")
        if what == "faults":
            sys.exit("RANGE_EMPTY bars: 2 faults\n  no bars @ SOL\n  no bars @ BTC\nname a range")
        if what == "wrong":
            sys.stderr.write("OPTION_IDLE it: was typed so\n")
            sys.exit(2)
        if what == "twice" and effects.execute("SELECT count(*) FROM begun").fetchone()[0] < 2:
            sys.exit("DATABASE_LOCKED it: not yet")
        effects.execute("INSERT OR IGNORE INTO done VALUES (?)", [name])
        effects.commit()
    sys.stdout.write(json.dumps({"step": name}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")
