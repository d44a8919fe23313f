"""The ``[models]`` section of the settings: where snapshots lie, and for how long."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from tiltyard.shell.sections.folder import Folder


class ModelSettings(BaseModel):
    """Where what was trained is kept, and looked for by whoever serves it.

    Attributes:
        folder: Where.
        keep_days: After that, what nobody uses and a snapshot of the desk holds is removed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Folder = "./models"
    keep_days: int = Field(default=90, ge=1, le=10_000)

    @property
    def path(self) -> Path:
        """The folder as a value."""
        return Path(self.folder)
