"""A message to any service that Apprise knows, and not a word of the address anywhere.

Apprise and what it sends with log addresses and what the other side said, and name them in
what they raise. So all of that is stopped here; what is kept of a failure is the number of
an HTTP answer, where there was one, and the name of the service.

It is loaded where somebody is to be told: it takes a while. Whatever it does is done in the
thread that asks, one message at a time.
"""

import logging
import re
import threading
import warnings
from collections.abc import Mapping
from contextlib import suppress

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType

from tiltyard.checklist.guard import Severity
from tiltyard.shell.targets.target import refused, unreachable

_TYPES: Mapping[Severity, NotifyType] = {
    "critical": NotifyType.FAILURE, "warning": NotifyType.WARNING, "info": NotifyType.INFO,
}  # fmt: skip
_REFUSALS = range(400, 500)
_COME_AGAIN = frozenset({408, 425, 429})
_STATUS = re.compile(r"\berror[=:]\s?(\d{3})\b")
_heard = threading.local()


class _Mute(logging.Filter):
    """Lets nothing through, and keeps the number of an answer."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether anybody is told: nobody."""
        try:
            found = _STATUS.search(record.getMessage())
        except Exception:  # noqa: BLE001 whatever it wanted to say is not said
            return False
        if found:
            _heard.status = int(found[1])
        return False


logging.getLogger("apprise").addFilter(_Mute())
logging.getLogger("urllib3").setLevel(logging.ERROR)  # below that, it logs paths
logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
logging.getLogger("requests_oauthlib").setLevel(logging.ERROR)
logging.getLogger("oauthlib").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", module="urllib3")  # they name the host
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    Apprise.instantiate("json://127.0.0.1")  # all that it knows is loaded now


def check(subject: str, address: str) -> None:
    """Whether Apprise can do something with an address.

    Raises:
        TiltyardError: ``TARGET_REFUSED``.
    """
    _service(subject, address)


def send(
    subject: str, address: str, title: str, body: str, severity: Severity, *, key: str
) -> None:
    """Tell it.

    Args:
        subject: Who is told, for errors.
        address: As Apprise has them.
        title: One line.
        body: Plain text.
        severity: Services show it by a colour or a sign.
        key: The same whenever the same is told again; services that take headers are told it.

    Raises:
        TiltyardError: ``TARGET_REFUSED`` or ``TARGET_UNREACHABLE``.
    """
    service = _service(subject, address)
    headers = getattr(service, "headers", None)
    if isinstance(headers, dict):
        headers["Idempotency-Key"] = key
    _heard.status = 0
    try:
        was_taken = service.notify(
            title=title, body=body, notify_type=_TYPES[severity], body_format=NotifyFormat.TEXT
        )
    except Exception as error:  # noqa: BLE001 what it says may hold the address
        raise unreachable(subject, f"telling it has failed: {type(error).__name__}") from None
    if was_taken:
        return
    name, status = str(service.service_name), int(_heard.status)
    if not status:
        raise unreachable(subject, f"{name} cannot be reached, or does not take it")
    if status in _REFUSALS and status not in _COME_AGAIN:
        raise refused(subject, f"{name} answered {status}", "see whether the address is right")
    raise unreachable(subject, f"{name} answered {status}")


def _service(subject: str, address: str):  # type: ignore[no-untyped-def] # noqa: ANN202 Apprise's own
    asset = AppriseAsset(
        storage_mode="memory", app_id="Tiltyard", app_desc="Tiltyard", image_url_mask=""
    )
    service = None
    if "://" in address:
        with suppress(Exception):  # what it says may hold the address
            service = Apprise.instantiate(address, asset=asset)
    if service is None:
        raise refused(
            subject, "what it has for an address is none that Apprise knows",
            "see: https://appriseit.com/services/",
        )  # fmt: skip
    service.notify_format = NotifyFormat.TEXT
    return service
