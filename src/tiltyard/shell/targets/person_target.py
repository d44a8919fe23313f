"""One recipient, as a target of the outbox.

The address is read anew each time, so that it can be changed while a desk runs; and who asks
for safety on a machine that may not read it is not kept from anything. Nobody can be asked
whether a message has arrived, so it counts as taken when the service took it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from tiltyard.kernel.clock import moment
from tiltyard.kernel.errors import Fault, Faults, TiltyardError
from tiltyard.shell.notify.message import Message, spoken
from tiltyard.shell.notify.quiet import QuietHours
from tiltyard.shell.sections.notify import Recipient
from tiltyard.shell.settings import FILE, Settings
from tiltyard.shell.store.outbox import FOR_PEOPLE, MESSAGE, Effect
from tiltyard.shell.targets.address import address_of


@dataclass(frozen=True, slots=True)
class OneRecipient:
    """Somebody with a phone.

    Attributes:
        recipient: Who, and where the address stands.
        zone: In which times of the day are told.
        quiet: When nothing but what is critical is told; None for never.
        link: Under which address a phone reaches the desk; empty for none.
    """

    recipient: Recipient
    zone: tzinfo
    quiet: QuietHours | None = None
    link: str = ""
    takes: frozenset[str] = FOR_PEOPLE

    @property
    def name(self) -> str:
        """Of the target."""
        return self.recipient.target

    def rests(self, kind: str, at: datetime) -> bool:
        """Whether it is not critical and can wait for the morning."""
        return kind == MESSAGE and self.quiet is not None and self.quiet.hold(at, self.zone)

    def page_of(self, effect: Effect) -> int:
        """The page that a link acknowledges; 0 where a phone could not reach the desk."""
        return int(json.loads(effect.body)["number"]) if self.link else 0

    def send(self, effect: Effect) -> None:
        """Tell it without a link, as it was when it was decided."""
        self.tell(effect, effect.requested_at, "")

    def tell(self, effect: Effect, now: datetime, secret: str) -> None:
        """Tell it."""
        body = json.loads(effect.body)
        message = Message(body["title"], tuple(body["lines"]), body["severity"], moment(body["at"]))
        link = f"{self.link}/v1/acknowledge/{secret}" if secret else ""
        self.say(message.title, spoken(message, now, self.zone, link), message, effect.key)

    def say(self, title: str, text: str, message: Message, key: str) -> None:
        """Have it said by whatever service its address is of."""
        from tiltyard.shell.targets.apprise_service import send  # noqa: PLC0415 slow

        send(self.name, address_of(self.recipient), title, text, message.severity, key=key)

    def has(self, effect: Effect) -> bool | None:  # noqa: ARG002 as every target
        """Nobody can be asked."""
        return None

    def check(self) -> None:
        """Whether the address is there, and one that can be used.

        Raises:
            TiltyardError: ``TARGET_REFUSED``.
        """
        from tiltyard.shell.targets.apprise_service import check  # noqa: PLC0415 slow

        check(self.name, address_of(self.recipient))


def recipients(settings: Settings) -> Sequence[OneRecipient]:
    """Everybody whom the settings name."""
    notify, zone = settings.notify, settings.schedule.zone
    return [OneRecipient(one, zone, notify.quiet_hours, notify.link) for one in notify.recipient]


def refuse_unusable(settings: Settings) -> None:
    """Whether everybody can be told, as far as that can be known before.

    Raises:
        Faults: ``CONFIG_INVALID``, with all that is wrong.
    """
    faults = []
    for number, one in enumerate(recipients(settings)):
        try:
            one.check()
        except TiltyardError as error:
            place = f"$.notify.recipient.{number}"
            faults.append(Fault(place, f"{one.recipient.name}: {error.facts}"))
    if faults:
        raise Faults("CONFIG_INVALID", FILE, faults)
