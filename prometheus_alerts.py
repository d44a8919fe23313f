"""The command for alerts that people know: a few lines over ``tiltyard alerts``.

python prometheus_alerts.py --action generate --output config
"""

from pathlib import Path

from find_environment import use_environment

use_environment(Path(__file__))

from tiltyard.shell.cli.prometheus_alerts import main  # noqa: E402 the environment comes first

if __name__ == "__main__":
    main()
