"""Places to keep snapshots in: a folder, and a bucket on a server that speaks S3 (moto's)."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
from moto.server import ThreadedMotoServer

from tiltyard.shell.archive.place import Place, place_of
from tiltyard.shell.sections.archive import ArchiveSettings

HASTY = timedelta(seconds=2)
"""Of one who waits for an answer that does not come."""
CREDENTIALS = "[default]\naws_access_key_id = key\naws_secret_access_key = s3cret\n"


@contextmanager
def s3() -> Iterator[str]:
    """The address of a server."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def new_bucket(url: str) -> str:
    """Its name."""
    name = f"bucket-{uuid4().hex[:12]}"
    httpx.put(f"{url}/{name}").raise_for_status()
    return name


def in_bucket(url: str, name: str, folder: Path) -> ArchiveSettings:
    """Settings of one who keeps snapshots in a bucket; the folder is for what opens it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "credentials"
    file.write_text(CREDENTIALS)
    return ArchiveSettings(bucket=name, endpoint=url, credentials_file=str(file))


def beside_a_folder(url: str, folder: Path) -> ArchiveSettings:
    """Settings of a new bucket, and of a folder for what it refuses."""
    bucket = in_bucket(url, new_bucket(url), folder)
    return bucket.model_copy(update={"folder": str(folder / "archive")})


def hasty(settings: ArchiveSettings) -> Place:
    """A place that does not wait long."""
    return place_of(settings, create=True, patience=HASTY)
