"""What opens a bucket: from the environment, or from a file as Amazon's tools write it."""

import os
from configparser import ConfigParser, Error
from pathlib import Path
from typing import NamedTuple

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.sections.archive import ArchiveSettings

NAMES = ("aws_access_key_id", "aws_secret_access_key")
SESSION = "aws_session_token"
"""In a file; in the environment the same in capitals. The last is of keys for a while alone."""
LARGEST_FILE = 1 << 16


class Credentials(NamedTuple):
    """What opens a bucket.

    Attributes:
        key: Names it.
        secret: Proves it.
        session: Of a key for a while; empty for one that stays.
    """

    key: str
    secret: str
    session: str


def credentials(settings: ArchiveSettings) -> Credentials:
    """Those that are said.

    Raises:
        TiltyardError: ``ARCHIVE_CREDENTIALS``; it repeats nothing of what it has read.
    """
    file = settings.credentials_file
    said = _in_file(Path(file)) if file else {
        name: os.environ.get(name.upper(), "") for name in (*NAMES, SESSION)
    }  # fmt: skip
    key, secret = (said.get(name, "").strip() for name in NAMES)
    if key and secret:
        return Credentials(key, secret, said.get(SESSION, "").strip())
    unsaid = [name for name in NAMES if not said.get(name, "").strip()]
    missing = " and ".join(unsaid if file else [name.upper() for name in unsaid])
    raise TiltyardError(
        "ARCHIVE_CREDENTIALS", file or "environment",
        f"{missing} {'is' if len(unsaid) == 1 else 'are'} not said",
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a file: archive.credentials_file",
    )  # fmt: skip


def _in_file(file: Path) -> dict[str, str]:
    """What the default profile of a file says."""
    read = ConfigParser(interpolation=None)
    try:
        with file.open(encoding="utf-8") as opened:
            read.read_string(opened.read(LARGEST_FILE))
    except OSError as error:
        raise TiltyardError(
            "ARCHIVE_CREDENTIALS", str(file), error.strerror or "it cannot be read"
        ) from error
    except (Error, UnicodeDecodeError):  # what it quotes may be the secret
        raise TiltyardError(
            "ARCHIVE_CREDENTIALS", str(file), "it is not as Amazon's tools write it",
            "[default], and below it aws_access_key_id = … and aws_secret_access_key = …",
        ) from None  # fmt: skip
    return dict(read["default"]) if "default" in read else {}
