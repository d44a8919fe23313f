"""``python -m tiltyard`` is ``tiltyard``."""

from tiltyard.shell.cli import main

main()
