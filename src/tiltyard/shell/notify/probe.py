"""A message that is marked as a test, sent at once, and what came of it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.notify.message import Message, spoken
from tiltyard.shell.targets.person_target import OneRecipient


@dataclass(frozen=True, slots=True)
class Probe:
    """What came of it.

    Attributes:
        name: The recipient's.
        is_taken: The service took it; whether the phone rang, its owner knows.
        seconds: So long it took.
        said: What is wrong; empty when nothing is.
    """

    name: str
    is_taken: bool
    seconds: float
    said: str


def probe(one: OneRecipient, now: datetime, steady: Callable[[], float]) -> Probe:
    """Send it to somebody.

    Args:
        one: Whom.
        now: UTC.
        steady: Seconds on a clock that is never set.
    """
    message = Message(
        "Tiltyard: a test", ("Nothing has happened. This is how the desk would tell you.",),
        "info", now,
    )  # fmt: skip
    began, said = steady(), ""
    try:
        one.check()
        began = steady()  # what sends it is loaded
        text = spoken(message, now, one.zone)
        one.say(message.title, text, message, key=f"test-{uuid4()}")
    except TiltyardError as error:
        said = f"{error.code}: {error.facts}" + (f". {error.remedy}" if error.remedy else "")
    return Probe(one.recipient.name, not said, steady() - began, said)
