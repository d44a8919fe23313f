"""The command for the weekly maintenance that people know: a few lines over ``tiltyard maintain``.

python weekly_maintenance.py --task snapshot --s3-bucket NAME
"""

from pathlib import Path

from find_environment import use_environment

use_environment(Path(__file__))

from tiltyard.shell.cli.weekly_maintenance import main  # noqa: E402 the environment comes first

if __name__ == "__main__":
    main()
