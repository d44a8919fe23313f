"""``prometheus_scrape.yml``: a small configuration of Prometheus, to use or to copy from."""

from urllib.parse import SplitResult, urlsplit

from tiltyard.shell.alerts.sight import JOB
from tiltyard.shell.alerts.yaml_text import Noted, Plain, yaml_text
from tiltyard.shell.sections.alerts import AlertSettings

RECEIVER = "/v1/alerts"
_HERE = "127.0.0.1"
_ANYWHERE = {"0.0.0.0": _HERE, "::": "[::1]"}  # noqa: S104 it is where others listen
_PORTS = {"http": 80, "https": 443}


def scrape(settings: AlertSettings, host: str, port: int, rules: str) -> str:
    """The text of the file, without its head.

    Args:
        settings: The desk's label, the file with its token, and Alertmanager's address.
        host: Where the desk's API listens, unless ``settings.webhook`` is the desk's own …
        port: … as it is reached from elsewhere.
        rules: The name of the rule file.
    """
    scheme, target = desk_address(settings, host, port)
    alertmanager = urlsplit(settings.alertmanager_url)
    return yaml_text(
        {
            "global": {"scrape_interval": "15s", "evaluation_interval": "15s"},
            "rule_files": [rules],
            "alerting": {
                "alertmanagers": [
                    {
                        "scheme": alertmanager.scheme,
                        "path_prefix": alertmanager.path or "/",
                        "static_configs": [{"targets": [_netloc(alertmanager)]}],
                    }
                ]
            },
            "scrape_configs": [Noted("the desk; the rules go by these labels", {
                "job_name": JOB,
                "scheme": scheme,
                "metrics_path": f"{_prefix(settings)}/metrics",
                "authorization": _bearer(settings),
                "static_configs": [{"targets": [target], "labels": {"desk": settings.desk}}],
            })],
        }
    )  # fmt: skip


def desk_address(settings: AlertSettings, host: str, port: int) -> tuple[str, str]:
    """Scheme, and host and port, at which Prometheus reaches the desk."""
    webhook = urlsplit(settings.webhook)
    if webhook.path.endswith(RECEIVER):
        return webhook.scheme, _netloc(webhook)
    host = _ANYWHERE.get(host, f"[{host}]" if ":" in host else host)
    return "http", f"{host}:{port}"


def _prefix(settings: AlertSettings) -> str:
    """What a proxy has put before the paths of the desk."""
    path = urlsplit(settings.webhook).path
    return path.removesuffix(RECEIVER) if path.endswith(RECEIVER) else ""


def _netloc(parts: SplitResult) -> str:
    return parts.netloc if parts.port else f"{parts.netloc}:{_PORTS[parts.scheme]}"


def _bearer(settings: AlertSettings) -> Plain:
    return {"type": "Bearer", "credentials_file": settings.scrape_token_file}
