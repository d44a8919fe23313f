"""``python -m tiltyard.shell.maintenance train …``: a command of ours for a task that waits for it.

It is the same command line, at the lowest priority, with two differences. What is wrong is told on
standard output, too, as JSON. And it ends with whoever has started it: standard input is a pipe
that nobody writes to, and when it is closed there is nobody who waits.
"""

import json
import os
import sys

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.cli import app
from tiltyard.shell.cli.interruption import hear_termination
from tiltyard.shell.exit_codes import FAILED, exit_code
from tiltyard.shell.tied import end_when_left_alone

LAST_OF_ALL = 19
"""Whoever else wants a processor has it, a desk above all."""


def main() -> None:
    """Run the command."""
    os.nice(LAST_OF_ALL)
    end_when_left_alone(with_kin=True)  # work appears whole
    interrupted = hear_termination()
    try:
        app()
    except TiltyardError as error:
        told = {name: getattr(error, name) for name in ("code", "subject", "facts", "remedy")}
        _fail(told, exit_code(error))
    except OSError as error:
        what, why = str(error.filename or "the system"), error.strerror or str(error)
        _fail({"code": "SYSTEM_REFUSED", "subject": what, "facts": why}, FAILED)
    except KeyboardInterrupt:
        sys.exit(interrupted())


def _fail(told: dict[str, str], code: int) -> None:
    sys.stdout.write(json.dumps({"error": told}) + "\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
