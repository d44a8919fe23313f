"""Who is told of an alert, by the settings, in words: people by mail, the desk itself, or nobody.

The desk is no person, and of the alert that says that it is down it is not told. So whoever writes
routes that reach no mailbox is warned, and whoever tries an alert out is told whom it was for.
"""

from collections.abc import Iterator, Sequence

from tiltyard.shell.alerts.routes import NOBODY
from tiltyard.shell.sections.alerts import AlertSettings
from tiltyard.shell.settings import Settings

_BY_MAIL = "set alerts.mail_to, alerts.mail_from and alerts.smarthost"
_OURS = "tiltyard-"


def warning_of(settings: Settings) -> str | None:
    """What is to be said when Alertmanager tells no person; None when somebody gets mail."""
    told = settings.alerts
    if told.mail_to:
        return None
    if not told.webhook:
        return f"Alertmanager tells nobody: {_BY_MAIL}, and alerts.webhook for the desk itself"
    who = "Alertmanager tells the desk alone and no person, so that nobody hears of a desk that is "
    others = "" if settings.notify.recipient else "; no [[notify.recipient]] is told by it either"
    return f"{who}down{others}: {_BY_MAIL}"


def told_by(receivers: Sequence[str], told: AlertSettings) -> str:
    """Whom the receivers of an alert stand for, when Alertmanager goes by these settings."""
    whom = [words for receiver in receivers for words in _behind(receiver, told)]
    return " and ".join(dict.fromkeys(whom)) or "nobody"


def _behind(receiver: str, told: AlertSettings) -> Iterator[str]:
    if not receiver.startswith(_OURS):
        yield f"the receiver {receiver} (not of these settings)"
        return
    if receiver == NOBODY:
        return
    if told.mail_to:
        yield f"mail to {told.mail_to}"
    if told.webhook:
        yield "the desk"
