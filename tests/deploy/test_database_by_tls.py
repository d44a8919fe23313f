"""The address of the database that the page shows for Kubernetes, at a Postgres that speaks TLS."""

import re
import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from deploy.manifests import KUBERNETES, ROOT, read
from postgres import Server, start, stop
from served import free_port
from tiltyard.shell.store.engine import database_url

PAGE = (ROOT / "docs/how-to/deploy.md").read_text("utf-8")
POD = read(KUBERNETES / "deployment.yaml")["spec"]["template"]["spec"]
ENVIRONMENT = {one["name"]: one.get("value") for one in POD["containers"][0]["env"]}


def test_the_address_that_is_shown_names_an_authority_that_is_mounted() -> None:
    (shown,) = re.findall(r"--from-literal=url='([^']+)'", PAGE)
    trusted = dict(database_url(shown).query)
    assert trusted["sslmode"] == "verify-full"
    (mount,) = [one for one in POD["containers"][0]["volumeMounts"] if one["name"] == "database"]
    assert trusted["sslrootcert"] == f"{mount['mountPath']}/ca.crt"
    assert "--from-file=ca.crt" in PAGE


def test_a_server_is_known_by_its_authority_and_not_without_one(
    own: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = tmp_path / "ca.crt"
    port = by_tls(own, certificate)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    address = f"postgresql://tester@localhost:{port}/postgres?sslmode=verify-full"
    for unknown in (address, f"{address}&sslrootcert=system"):
        with pytest.raises(psycopg.OperationalError, match="certificate"):
            psycopg.connect(unknown)
    assert encrypts(f"{address}&sslrootcert={certificate}")
    assert ENVIRONMENT["SSL_CERT_FILE"] is not None
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert encrypts(f"{address}&sslrootcert=system")


def encrypts(url: str) -> bool:
    """Whether one gets in there, unheard."""
    with closing(psycopg.connect(url)) as connection:
        return bool(connection.pgconn.ssl_in_use)


def by_tls(server: Server, certificate: Path) -> int:
    """The port at which the server now speaks TLS, with a certificate that it has made itself."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    folder = Path(server.url.partition("host=")[2])
    key, shown = folder / "server.key", folder / "server.crt"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", shown],
        check=True, capture_output=True,
    )  # fmt: skip
    for file in (key, shown):
        file.chmod(0o600)
        shutil.chown(file, folder.stat().st_uid)
    shutil.copy(shown, certificate)
    port = free_port()
    stop(server)
    start(
        server, f"-p {port} -c listen_addresses=localhost -c ssl=on",
        f"-c ssl_cert_file={shown} -c ssl_key_file={key}",
    )  # fmt: skip
    return port
