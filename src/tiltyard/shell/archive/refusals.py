"""What a place refuses, in our own words.

Addresses of objects may be in them; credentials are in none.
"""

import re

from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

from tiltyard.kernel.errors import TiltyardError

_CODE = re.compile(r"<Code>(\w+)</Code>")
_REFUSED = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"})
"""What servers of S3 say to who may not come in."""


def plainly(place: str, where: str, error: Exception, *, is_folder: bool) -> TiltyardError:
    """What is wrong, as a code and a remedy.

    Args:
        place: For people.
        where: The object or note that it is about.
        error: What was said.
        is_folder: The place is on this machine.
    """
    said = str(error)
    code = found[1] if (found := _CODE.search(said)) else ""
    if code == "NoSuchBucket":
        return TiltyardError(
            "BUCKET_MISSING", place, "the server has no such bucket",
            "make it, or name another: archive.bucket",
        )  # fmt: skip
    if isinstance(error, FileNotFoundError):
        return TiltyardError("ARCHIVE_MISSING", where, "it is not there")
    if is_folder:
        return TiltyardError("ARCHIVE_UNWRITABLE", where, first_line(said))
    is_refused = isinstance(error, PermissionDeniedError | UnauthenticatedError)
    if code in _REFUSED or is_refused or " 403 " in said or " 401 " in said:
        return TiltyardError(
            "ARCHIVE_REFUSED", where, code or "it may not be read or written",
            "look at the credentials, and at what they may do there",
        )  # fmt: skip
    return TiltyardError(
        "ARCHIVE_UNREACHABLE", where, code or first_line(said),
        "look whether the server runs, and at archive.endpoint and archive.region",
    )  # fmt: skip


def first_line(said: str) -> str:
    """Enough of what was said."""
    return said.strip().partition("\n")[0][:300]
