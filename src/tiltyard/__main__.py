"""``python -m tiltyard``, and the command ``tiltyard``: Ctrl-C is heard while it loads, too."""

import gc
import sys


def main() -> None:
    """Load the command line and run it."""
    gc.disable()  # what is loaded stays: a search for garbage meanwhile finds none
    try:
        from tiltyard.shell.cli import main as run  # noqa: PLC0415 loading takes half a second
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: nothing half-written\n")
        sys.exit(130)
    gc.enable()
    run()


if __name__ == "__main__":
    main()
