"""The unit by which systemd runs the desk of this folder, as the user who has set it up.

A desk for a machine of its own, with a user of its own, is in ``deploy/``; this one runs a checkout
or a virtual environment where it is.
"""

from tiltyard.shell.alerts.yaml_text import comment
from tiltyard.shell.as_made import sealed
from tiltyard.shell.setup.place import Place

NAME = "tiltyard.service"
_NO_PROGRAM = frozenset("'\"$")
"""What systemd takes in the name of no program, but in what a program is told."""
_HEAD = """\
The desk of one folder, as systemd runs it. For a user of its own see docs/how-to/deploy.md.
Made by: tiltyard setup. Do not edit this: make it anew, or use systemctl edit tiltyard."""
_UNIT = """\
[Unit]
Description=Tiltyard, the desk that judges trading policies
Wants=network-online.target
After=network-online.target postgresql.service
# it is tried again for as long as it takes
StartLimitIntervalSec=0

[Service]
Type=exec
User={user}
WorkingDirectory={folder}
ExecStart={command}
Restart=on-failure
RestartSec=2
# wrong settings do not become right by trying again
RestartPreventExitStatus=2
SuccessExitStatus=143
# the desk ends its learner and its jobs itself, and is given the time
KillMode=mixed
TimeoutStopSec=60

NoNewPrivileges=true
ProtectClock=true
ProtectControlGroups=true
ProtectKernelLogs=true
ProtectKernelModules=true
ProtectKernelTunables=true
ProtectSystem=full
RestrictSUIDSGID=true
UMask=0077

[Install]
WantedBy=multi-user.target
"""


def unit(place: Place) -> str:
    """The file.

    Args:
        place: Where the desk is, and who it runs as.
    """
    python = str(place.python)
    through = ("/usr/bin/env",) if _NO_PROGRAM.intersection(python) else ()
    words = (*through, python, "-m", "tiltyard", "run", "--serve", "--wait", *place.options)
    text = _UNIT.format(
        user=place.user,
        folder=str(place.folder).replace("%", "%%"),
        command=" ".join(map(_quoted, words)),
    )
    return "\n".join([*comment(_HEAD), sealed(text)])


def _quoted(word: str) -> str:
    r"""A word of a command; plain ones stay as they are.

    >>> _quoted("run"), _quoted('/a 5 % "b"')
    ('run', '"/a 5 %% \\"b\\""')
    """
    told = word.replace("%", "%%").replace("$", "$$").replace('"', r"\"")
    return told if told == word and " " not in word and "'" not in word else f'"{told}"'
