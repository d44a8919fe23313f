"""The ``[models]`` section of the settings: where snapshots lie."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, field_validator


class ModelSettings(BaseModel):
    """Where what was trained is kept, and looked for by whoever serves it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: str = "./models"

    @field_validator("folder")
    @classmethod
    def _nameable(cls, folder: str) -> str:
        if "\0" in folder or not folder:
            raise ValueError("no folder is named so")  # noqa: TRY003 pydantic collects it
        return folder

    @property
    def path(self) -> Path:
        """The folder as a value."""
        return Path(self.folder)
