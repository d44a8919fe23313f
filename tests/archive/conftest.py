"""Every kind of place, in turn."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.places import in_bucket, new_bucket, s3
from tiltyard.shell.archive.place import Place, place_of
from tiltyard.shell.sections.archive import ArchiveSettings


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a server that speaks S3."""
    with s3() as url:
        yield url


@pytest.fixture(params=["a folder", "a bucket"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> ArchiveSettings:
    """The settings of a place that is empty."""
    if request.param == "a folder":
        return ArchiveSettings(folder=str(tmp_path / "archive"))
    url = request.getfixturevalue("server")
    return in_bucket(url, new_bucket(url), tmp_path)


@pytest.fixture
def place(archive: ArchiveSettings) -> Place:
    """It."""
    return place_of(archive, create=True)
