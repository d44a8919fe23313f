"""A folder that a setting names: whether one can be called so, not whether it is there."""

from typing import Annotated

from pydantic import AfterValidator


def _nameable(folder: str) -> str:
    if "\0" in folder or not folder:
        raise ValueError("no folder is named so")  # noqa: TRY003 pydantic collects it
    return folder


Folder = Annotated[str, AfterValidator(_nameable)]
"""Where something lies, beginning from the folder that the desk runs in."""
