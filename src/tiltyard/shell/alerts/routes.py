"""``alertmanager.yml``: who is told of which alert, how soon, and that downtime silences the rest.

The desk itself is told of everything that is critical or a warning, by its webhook; people get
mail. What is only observed tells nobody: the desk records it. One alert of an arm silences no
other: that of a halt may stand when the arm trades again, and of a halted arm no other is asked.

Nothing here wants an Alertmanager newer than 0.25. Secrets are in files that it reads.
"""

from collections.abc import Iterator, Mapping, Sequence

from tiltyard.checklist.guard import Severity
from tiltyard.shell.alerts.yaml_text import Noted, Plain, quoted, yaml_text
from tiltyard.shell.sections.alerts import AlertSettings

NOBODY = "tiltyard-nobody"
GROUP_BY = ("desk", "policy", "alertname")
_TIMES: Mapping[Severity, tuple[str, str, str]] = {
    "critical": ("0s", "1m", "1h"),
    "warning": ("30s", "5m", "4h"),
}
"""How long a group waits for others, for more of its own, and until it is told again."""
_ACTS = 'mode!="observe"'
SUBJECT = (
    "{{ if .CommonLabels.test }}TEST {{ end }}"
    '{{ if eq .Status "resolved" }}fires no longer: {{ end }}'
    "{{ .CommonLabels.alertname }} "
    "{{ with .CommonLabels.policy }}{{ . }}{{ else }}{{ .CommonLabels.desk }}{{ end }}"
    "{{ with .CommonLabels.unknown_guard }}: {{ . }}{{ end }}"
)
BODY = """\
{{ range .Alerts }}{{ if eq .Status "resolved" }}FIRES NO LONGER: {{ end }}\
{{ .Annotations.summary }}

{{ if eq .Status "resolved" }}It has passed, or nobody sees it any more.
{{ else }}{{ .Annotations.description }}
{{ end }}
{{ with .Annotations.runbook_url }}Runbook: {{ . }}
{{ end }}Since {{ .StartsAt.UTC.Format "2006-01-02 15:04" }} UTC\
{{ if eq .Status "resolved" }}, until {{ .EndsAt.UTC.Format "15:04" }} UTC{{ end }}

{{ end }}{{ .CommonLabels.severity }}, desk {{ .CommonLabels.desk }}"""


def receiver_of(severity: Severity) -> str:
    """The receiver that alerts of a severity go to."""
    return f"tiltyard-{severity}" if severity in _TIMES else NOBODY


def routes(settings: AlertSettings, downtime: Sequence[str]) -> str:
    """The text of the file, without its head.

    Args:
        settings: Who is told, and how.
        downtime: The alerts that say that the desk does not answer.
    """
    return yaml_text(dict(_parts(settings, downtime)))


def _parts(settings: AlertSettings, downtime: Sequence[str]) -> Iterator[tuple[str, Plain]]:
    if settings.mail_to:
        yield "global", dict(_mail_server(settings))
    yield "route", _route(settings)
    yield "inhibit_rules", list(_inhibitions(downtime))
    yield (
        "receivers",
        [
            *({"name": receiver_of(severity), **_told(settings)} for severity in _TIMES),
            Noted("what is only for the record", {"name": NOBODY}),
        ],
    )


def _mail_server(settings: AlertSettings) -> Iterator[tuple[str, Plain]]:
    yield "smtp_smarthost", settings.smarthost
    yield "smtp_from", settings.mail_from
    yield "smtp_require_tls", settings.mail_require_tls
    if settings.mail_username:
        yield "smtp_auth_username", settings.mail_username
        yield "smtp_auth_password_file", settings.mail_password_file


def _route(settings: AlertSettings) -> Plain:
    return {
        "receiver": NOBODY,
        "group_by": list(GROUP_BY),
        "routes": [
            {
                "matchers": [f'desk="{settings.desk}"', f'severity="{severity}"'],
                "receiver": receiver_of(severity),
                "group_wait": wait,
                "group_interval": interval,
                "repeat_interval": repeat,
            }
            for severity, (wait, interval, repeat) in _TIMES.items()
        ],
    }


def _inhibitions(downtime: Sequence[str]) -> Iterator[Plain]:
    for alert in downtime:
        name = quoted(alert)
        yield Noted(
            "of a desk that does not answer, nothing else is news",
            {
                "source_matchers": [f"alertname={name}", _ACTS],
                "target_matchers": [f"alertname!={name}", 'test!="true"'],
                "equal": ["desk"],
            },
        )


def _told(settings: AlertSettings) -> dict[str, Plain]:
    told: dict[str, Plain] = {}
    if settings.webhook:
        authorization = {"type": "Bearer", "credentials_file": settings.token_file}
        told["webhook_configs"] = [
            {
                "url": settings.webhook,
                "send_resolved": True,
                "http_config": {"authorization": authorization, "follow_redirects": False},
            }
        ]
    if settings.mail_to:
        told["email_configs"] = [
            {
                "to": settings.mail_to,
                "send_resolved": True,
                "headers": {"Subject": SUBJECT},
                "html": "",
                "text": BODY,
            }
        ]
    return told
