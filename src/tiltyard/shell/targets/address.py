"""Where a recipient's address is found. It is a secret, and nothing here repeats it."""

import os
from pathlib import Path

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.sections.notify import Recipient
from tiltyard.shell.targets.target import refused

LARGEST = 8192


def address_of(recipient: Recipient) -> str:
    """The address.

    Raises:
        TiltyardError: ``TARGET_REFUSED`` when it is not to be had.
    """
    if recipient.address_env:
        address = os.environ.get(recipient.address_env, "").strip()
        if not address:
            raise _missing(recipient, f"the variable {recipient.address_env} is not set")
        return address
    path = Path(recipient.address_file)
    try:
        if path.stat().st_size > LARGEST:
            raise _missing(recipient, f"{path} is too large for an address")
        lines = path.read_text("utf-8").strip().splitlines()
    except UnicodeDecodeError:
        raise _missing(recipient, f"{path} is no text") from None
    except OSError as error:
        said = error.strerror or type(error).__name__
        raise _missing(recipient, f"{path} cannot be read: {said}") from None
    if len(lines) != 1:
        raise _missing(recipient, f"{path} has {len(lines)} lines, expected one with the address")
    return lines[0].strip()


def _missing(recipient: Recipient, facts: str) -> TiltyardError:
    return refused(recipient.target, facts, "mend it: the next try reads it again")
