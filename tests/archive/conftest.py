"""Every kind of place, in turn: a folder, and a bucket on each server that speaks S3.

Moto's server is there for every test; a real Ceph is for the long run alone.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.ceph import ceph
from archive.places import KEY, SECRET, in_bucket, new_bucket, s3
from tiltyard.shell.archive.place import Place, place_of
from tiltyard.shell.sections.archive import ArchiveSettings

FOLDER = "a folder"
BUCKETS = {"a bucket": "moto", "a bucket of Ceph": "a_ceph"}
"""Which server keeps it."""
LONG = pytest.param("a bucket of Ceph", marks=pytest.mark.soak)


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The address of a server that only speaks S3."""
    with s3() as url:
        yield url


@pytest.fixture(scope="session")
def a_ceph() -> Iterator[str]:
    """The address of a real one."""
    with ceph(KEY, SECRET) as url:
        yield url


@pytest.fixture(params=["a bucket", LONG])
def server(request: pytest.FixtureRequest) -> str:
    """The address of each server that speaks S3."""
    return str(request.getfixturevalue(BUCKETS[request.param]))


@pytest.fixture(params=[FOLDER, "a bucket", LONG])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> ArchiveSettings:
    """The settings of a place that is empty."""
    return _empty(request, tmp_path)


@pytest.fixture
def place(archive: ArchiveSettings) -> Place:
    """It."""
    return place_of(archive, create=True)


@pytest.fixture(params=[FOLDER, LONG])
def raced(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty place where of two who write at once one comes first; moto's lets both."""
    return place_of(_empty(request, tmp_path), create=True)


def _empty(request: pytest.FixtureRequest, folder: Path) -> ArchiveSettings:
    if request.param == FOLDER:
        return ArchiveSettings(folder=str(folder / "archive"))
    url = request.getfixturevalue(BUCKETS[request.param])
    return in_bucket(url, new_bucket(url), folder)
