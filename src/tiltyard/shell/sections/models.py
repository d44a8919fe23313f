"""The ``[models]`` section of the settings: where snapshots lie."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tiltyard.shell.sections.folder import Folder


class ModelSettings(BaseModel):
    """Where what was trained is kept, and looked for by whoever serves it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Folder = "./models"

    @property
    def path(self) -> Path:
        """The folder as a value."""
        return Path(self.folder)
