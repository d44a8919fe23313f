"""``python -m tiltyard.shell.drift``: one measurement for a desk, which is never in its way.

A task comes in as a line of JSON, and a line of what was found, or of what is wrong, goes out. When
nobody can write any more where the task came from, there is nobody who waits, and it ends.
"""

import json
import os
import sys

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.drift.task import Task
from tiltyard.shell.tied import end_when_left_alone

LAST_OF_ALL = 19
"""Whoever else wants the core has it."""


def main() -> None:
    """Measure what the first line says."""
    os.nice(LAST_OF_ALL)
    from tiltyard.shell.drift.measuring import measure  # noqa: PLC0415 loads at that priority

    task = Task.from_json(json.loads(sys.stdin.readline()))
    end_when_left_alone(with_kin=False)
    try:
        answer = measure(task).to_json()
    except TiltyardError as error:
        answer = {
            "error": {
                "code": error.code,
                "subject": error.subject,
                "facts": error.facts,
                "remedy": error.remedy,
            }
        }
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
