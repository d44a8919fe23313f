"""``python -m tiltyard.shell.jobs.step``: a command line that does not outlive its host.

When its host is gone, it ends every process of its group, so that what it had begun ends, too.
"""

from tiltyard.__main__ import main
from tiltyard.shell.tied import end_when_left_alone

if __name__ == "__main__":
    end_when_left_alone(with_kin=True)
    main()
