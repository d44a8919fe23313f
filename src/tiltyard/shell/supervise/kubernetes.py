"""Kubernetes runs the learner: a deployment, restarted as ``kubectl rollout restart`` does it.

The pod template is given two annotations, when and by which key, and Kubernetes replaces the
pods. The same key twice changes nothing. The pod has the time to save its work that
``terminationGracePeriodSeconds`` says, from SIGTERM on: it is not asked before.
"""

import json
import ssl
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from tiltyard.kernel.clock import moment, time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.supervise.supervisor import Standing
from tiltyard.shell.targets.target import refused, unreachable

SECONDS = 10.0
LARGEST = 4 << 20
WHEN = "kubectl.kubernetes.io/restartedAt"
BY = "tiltyard/restarted-by"
_COME_AGAIN = frozenset({408, 409, 429})


class Kubernetes:
    """A deployment of a cluster.

    Args:
        api: Where the cluster is asked.
        deployment: ``NAMESPACE/NAME``.
        credentials: A folder with ``token`` and ``ca.crt``, as a pod's service account has it.
        now: The time of day.
    """

    is_apart = False

    def __init__(
        self, api: str, deployment: str, credentials: Path, now: Callable[[], datetime]
    ) -> None:
        self.subject = deployment
        namespace, _, name = deployment.partition("/")
        self._url = f"{api.rstrip('/')}/apis/apps/v1/namespaces/{namespace}/deployments/{name}"
        self._credentials = credentials
        self._now = now

    def look(self) -> None:
        """It sees to it by itself."""

    def standing(self) -> Standing:
        """By the deployment's replicas, and whether it still makes progress with them."""
        found = self._ask("GET")
        status, spec = found.get("status", {}), found.get("spec", {})
        if spec.get("replicas", 1) == 0:
            return "stopped"
        if status.get("availableReplicas", 0):
            return "running"
        stuck = any(
            one.get("type") == "Progressing" and one.get("status") == "False"
            for one in status.get("conditions", ())
        )
        return "given_up" if stuck else "starting"

    def is_up(self) -> bool:
        """Whether it runs, as it says."""
        return self.standing() == "running"

    def has_begun_since(self, at: datetime) -> bool:
        """By when it was told to restart it last, by whomever."""
        said = self._annotations().get(WHEN)
        try:
            return said is not None and moment(said) > at
        except TiltyardError:
            return False

    def ask_to_checkpoint(self) -> bool:
        """Nobody signals a process in a pod."""
        return False

    def restart(self, key: str, on_certain: Callable[[], object]) -> None:
        """Patch the pod template, unless it has this key already."""
        if self._annotations().get(BY) != key:
            annotations = {WHEN: time_text(self._now()), BY: key}
            body = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
            self._ask("PATCH", body)
        on_certain()

    def give_up(self) -> None:
        """It stays as it is: whoever runs it decides."""

    def end(self) -> None:
        """It is not ours."""

    def _annotations(self) -> Mapping[str, str]:
        template = self._ask("GET").get("spec", {}).get("template", {})
        found: Mapping[str, str] = template.get("metadata", {}).get("annotations") or {}
        return found

    def _ask(self, method: str, body: object = None) -> dict[str, Any]:
        subject = f"kubernetes, {self.subject}"
        try:
            token = (self._credentials / "token").read_text("ascii").strip()  # they are replaced
            authorities = self._authorities()
        except (OSError, ValueError) as error:
            raise refused(subject, f"{self._credentials}: {error}") from None
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json",
                   "Content-Type": "application/strategic-merge-patch+json"}  # fmt: skip
        content = None if body is None else json.dumps(body)
        try:
            with (
                httpx.Client(verify=authorities, trust_env=False, timeout=SECONDS) as client,
                client.stream(method, self._url, headers=headers, content=content) as answer,
            ):
                status, raw = answer.status_code, bytearray()
                for part in answer.iter_bytes():
                    raw += part
                    if len(raw) > LARGEST:
                        raise unreachable(subject, "its answer is larger than 4 MB")
        except httpx.HTTPError as error:
            raise unreachable(subject, str(error)[:200] or type(error).__name__) from None
        if 400 <= status < 500 and status not in _COME_AGAIN:  # noqa: PLR2004 as the standard has it
            raise refused(subject, f"it answered {status}", "may its service account patch it?")
        if status != httpx.codes.OK:
            raise unreachable(subject, f"it answered {status}")
        return _object(raw, subject)

    def _authorities(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self._credentials / "ca.crt"))


def _object(raw: bytes | bytearray, subject: str) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise unreachable(subject, "its answer is not JSON")
    return found
