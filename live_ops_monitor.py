"""The monitor's command that people know: a few lines over ``tiltyard report``.

python live_ops_monitor.py --policy-sha eee02a74 --mode report
"""

from pathlib import Path

from find_environment import use_environment

use_environment(Path(__file__))

from tiltyard.shell.cli.monitor import main  # noqa: E402 the environment comes first

if __name__ == "__main__":
    main()
