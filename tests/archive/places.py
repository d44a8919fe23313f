"""Places to keep snapshots in: a folder, and a bucket on a server that speaks S3."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import boto3  # type: ignore[import-untyped] # comes with moto
import httpx
import obstore
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

from tiltyard.shell.archive.place import Place, place_of
from tiltyard.shell.sections.archive import ArchiveSettings

HASTY = timedelta(seconds=2)
"""Of one who waits for an answer that does not come."""
KEY, SECRET = "key", "s3cret"
A_MINUTE = timedelta(minutes=1)


def opens_with(key: str, secret: str) -> str:
    """A file of credentials, as Amazon's tools write it."""
    return f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"


CREDENTIALS = opens_with(KEY, SECRET)


@contextmanager
def s3() -> Iterator[str]:
    """The address of moto's server."""
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
    bucket = S3Store(
        name,
        config={"endpoint": url, "access_key_id": KEY, "secret_access_key": SECRET},
        client_options={"allow_http": True},
    )
    httpx.put(obstore.sign(bucket, "PUT", "", A_MINUTE)).raise_for_status()
    return name


def keep_versions(url: str, name: str) -> None:
    """Let a bucket keep all that was ever under a name."""
    client = boto3.client(
        "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
    )  # fmt: skip
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})


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
