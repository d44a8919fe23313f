"""A learner that Kubernetes runs, by a server with the shape of its API for deployments.

What it answers is written after the API's documentation; no cluster was asked.
"""

import json
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from receivers import Handler, Receiver, hangs, listening, says, writes
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.supervise.kubernetes import BY, WHEN, Kubernetes

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
TOKEN = "a-service-account's"  # noqa: S105 that it is sent is what is tested


class Cluster:
    """One deployment, over TLS."""

    def __init__(self, receiver: Receiver, folder: Path) -> None:
        self.receiver = receiver
        self.api = receiver.url.rpartition("/")[0].replace("127.0.0.1", "localhost")
        self.folder = folder
        self.found: dict[str, Any] = {
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "learner", "namespace": "trading"},
            "spec": {"replicas": 1, "template": {"metadata": {"labels": {"app": "learner"}}}},
            "status": {"replicas": 1, "availableReplicas": 1, "conditions": []},
        }  # fmt: skip

    def learner(self) -> Kubernetes:
        return Kubernetes(self.api, "trading/learner", self.folder, lambda: NOON)

    def answers(self, times: int = 1) -> None:
        """The next requests are answered by the deployment, patched as they say."""
        self.receiver.script += [self._answer] * times

    def _answer(self, handler: Handler) -> None:
        asked = self.receiver.asked[-1]
        if asked.method == "PATCH":
            patch = json.loads(asked.body)["spec"]["template"]["metadata"]
            self.found["spec"]["template"]["metadata"].update(patch)
        says(200, json.dumps(self.found).encode(), {"Content-Type": "application/json"})(handler)


def made_in(folder: Path) -> Path:
    """What a pod has of its service account, and the key of the cluster."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    asked = [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    names = ["-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(folder / "key"), "-out", str(folder / "ca.crt")]
    subprocess.run([openssl, *asked, *names, *files], check=True, capture_output=True)
    (folder / "token").write_text(TOKEN + "\n")
    return folder


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_in(tmp_path_factory.mktemp("serviceaccount"))


@pytest.fixture
def cluster(credentials: Path) -> Iterator[Cluster]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(credentials / "ca.crt", credentials / "key")
    with listening(tls) as receiver:
        yield Cluster(receiver, credentials)


def test_a_restart_patches_the_template_once_for_each_key(cluster: Cluster) -> None:
    learner, noted = cluster.learner(), list[str]()
    cluster.answers(5)
    learner.restart("7-3-learner", lambda: noted.append("first"))
    learner.restart("7-3-learner", lambda: noted.append("again"))
    get, patch, *rest = cluster.receiver.asked
    assert [one.method for one in (get, patch, *rest)] == ["GET", "PATCH", "GET"]
    assert noted == ["first", "again"]
    assert patch.path == "/apis/apps/v1/namespaces/trading/deployments/learner"
    assert patch.headers["authorization"] == f"Bearer {TOKEN}"
    assert patch.headers["content-type"] == "application/strategic-merge-patch+json"
    annotations = {WHEN: "2025-07-07T12:00:00Z", BY: "7-3-learner"}
    assert json.loads(patch.body) == {
        "spec": {"template": {"metadata": {"annotations": annotations}}}
    }
    assert learner.has_begun_since(datetime(2025, 7, 7, 11, 59, tzinfo=UTC))
    assert not learner.has_begun_since(NOON)


@pytest.mark.parametrize(
    ("replicas", "status", "standing"),
    [
        (1, {"availableReplicas": 1}, "running"),
        (1, {}, "starting"),
        (0, {}, "stopped"),
        (1, {"conditions": [{"type": "Progressing", "status": "True"}]}, "starting"),
        (1, {"conditions": [{"type": "Progressing", "status": "False",
                             "reason": "ProgressDeadlineExceeded"}]}, "given_up"),
    ],
)  # fmt: skip
def test_a_deployment_says_how_its_learner_is(
    replicas: int, status: dict[str, Any], standing: str, cluster: Cluster
) -> None:
    cluster.found["spec"]["replicas"], cluster.found["status"] = replicas, status
    cluster.answers()
    assert cluster.learner().standing() == standing


def test_one_that_was_never_restarted_has_not_begun_since(cluster: Cluster) -> None:
    cluster.answers(2)
    assert not cluster.learner().has_begun_since(NOON)
    cluster.found["spec"]["template"]["metadata"]["annotations"] = {WHEN: "some day"}
    assert not cluster.learner().has_begun_since(NOON)


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "TARGET_REFUSED"), (404, "TARGET_REFUSED"), (401, "TARGET_REFUSED"),
     (409, "TARGET_UNREACHABLE"), (429, "TARGET_UNREACHABLE"), (503, "TARGET_UNREACHABLE"),
     (302, "TARGET_UNREACHABLE")],
)  # fmt: skip
def test_what_the_api_does_not_do_is_told(status: int, code: str, cluster: Cluster) -> None:
    cluster.answers()
    cluster.receiver.script.append(says(status, b"{}"))
    with pytest.raises(TiltyardError, match=code):
        cluster.learner().restart("key", lambda: pytest.fail("nothing is certain"))


@pytest.mark.parametrize(
    "answer", [says(200, b"[1]"), says(200, b"<html>"), says(200, b" " * (5 << 20)), writes(b"no")]
)
def test_an_answer_that_makes_no_sense_is_none(answer: Any, cluster: Cluster) -> None:  # noqa: ANN401 an answer of a receiver
    cluster.receiver.script.append(answer)
    with pytest.raises(TiltyardError, match="TARGET_UNREACHABLE"):
        cluster.learner().standing()


def test_who_is_not_the_cluster_is_not_told_the_token(cluster: Cluster, tmp_path: Path) -> None:
    cluster.folder = made_in(tmp_path)
    with pytest.raises(TiltyardError, match="TARGET_UNREACHABLE"):
        cluster.learner().standing()
    assert not cluster.receiver.asked


def test_without_credentials_nobody_is_asked(cluster: Cluster, tmp_path: Path) -> None:
    cluster.folder = tmp_path
    with pytest.raises(TiltyardError, match="TARGET_REFUSED"):
        cluster.learner().standing()
    assert not cluster.receiver.asked


def test_a_cluster_that_hangs_is_given_up(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tiltyard.shell.supervise.kubernetes.SECONDS", 0.5)
    cluster.receiver.script.append(hangs)
    with pytest.raises(TiltyardError, match="TARGET_UNREACHABLE"):
        cluster.learner().standing()
