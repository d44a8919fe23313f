"""``python -m tiltyard``, and the command ``tiltyard``: Ctrl-C is heard while it loads, too."""

import sys


def main() -> None:
    """Load the command line and run it."""
    try:
        from tiltyard.shell.cli import main as run  # noqa: PLC0415 loading takes a second
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: nothing half-written\n")
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
