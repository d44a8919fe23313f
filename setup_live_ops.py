"""The command that sets a desk up and that people know: a few lines over ``tiltyard setup``.

python setup_live_ops.py --policy-sha eee02a74 --quick-setup
"""

from pathlib import Path

from find_environment import use_environment

use_environment(Path(__file__))

from tiltyard.shell.cli.setup_live_ops import main  # noqa: E402 the environment comes first

if __name__ == "__main__":
    main()
