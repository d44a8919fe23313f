"""The ``[archive]`` section of the settings: where snapshots of the whole house are kept.

The credentials of a bucket are secrets, so they are not in the settings: they stand in the
environment, as Amazon's own tools have them, or in a file that is named here.
"""

import re
from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tiltyard.shell.sections.folder import Folder
from tiltyard.shell.sections.web_address import fault_of_address

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")


class ArchiveSettings(BaseModel):
    """Where snapshots are kept: in a bucket, or where none is named, in a folder.

    Attributes:
        folder: Of this machine; also for what a bucket refuses.
        bucket: Of S3, or of a server that speaks it.
        prefix: Of what is kept in it, for a bucket that others use, too.
        endpoint: Of another server than Amazon's.
        region: Where the bucket is.
        credentials_file: As Amazon's tools write it; else ``AWS_ACCESS_KEY_ID`` and
            ``AWS_SECRET_ACCESS_KEY`` are asked for.
        keep_weeks: How long a snapshot is kept; the newest, and what arms need, for longer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Folder = "./archive"
    bucket: str = ""
    prefix: str = "tiltyard"
    endpoint: str = ""
    region: str = "us-east-1"
    credentials_file: str = ""
    keep_weeks: int = Field(default=12, ge=1, le=520)

    @field_validator("bucket")
    @classmethod
    def _is_a_bucket(cls, name: str) -> str:
        if name and not _BUCKET.fullmatch(name):
            raise ValueError("expected 3 to 63 small letters, digits, dots and hyphens")  # noqa: TRY003 pydantic collects it
        return name

    @field_validator("prefix")
    @classmethod
    def _leads_nowhere_else(cls, prefix: str) -> str:
        if prefix and (not _PREFIX.fullmatch(prefix) or ".." in prefix):
            raise ValueError("expected names of letters, digits, and _ . - with / between them")  # noqa: TRY003 pydantic collects it
        return prefix

    @field_validator("endpoint")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        if url and (fault := fault_of_address(url)):
            raise ValueError(fault)
        return url

    @property
    def kept_for(self) -> timedelta:
        """How long a snapshot is kept."""
        return timedelta(weeks=self.keep_weeks)

    @property
    def path(self) -> Path:
        """The folder as a value."""
        return Path(self.folder)
