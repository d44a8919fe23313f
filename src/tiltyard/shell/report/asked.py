"""A command that was asked for, as people and programs read it.

Who asked for what and when, with which further values, why, and what came of it.
"""

from textwrap import wrap
from typing import Any

from tiltyard.facts.command import Command, Outcome
from tiltyard.kernel.clock import time_text

WIDTH = 100
_INDENT = 6 * " "


def asked_text(command: Command, outcome: Outcome | None) -> str:
    """Some lines, none of them wider than 100 columns.

    >>> from datetime import UTC, datetime
    >>> asked = Command("key", "resume", "", "ann", "the venue is back",
    ...                 datetime(2025, 7, 7, 12, tzinfo=UTC), {"hold": "freeze"}, 7)
    >>> print(asked_text(asked, Outcome("", "no longer on hold by freeze", asked.asked_at)))
       7  2025-07-07T12:00:00Z  ann: resume, hold=freeze
          why: the venue is back
          no longer on hold by freeze
    """
    values = [f"{name}={value}" for name, value in command.arguments.items() if value]
    what = ", ".join([str(command), *values])
    head = f"{command.seq:>4}  {time_text(command.asked_at)}  "
    lines = _wrapped(f"{command.actor}: {what}", head)
    if command.reason:
        lines += _wrapped(f"why: {command.reason}", _INDENT)
    came = "waiting" if outcome is None else outcome.text
    for line in came.splitlines():
        lines += _wrapped(line, _INDENT + (len(line) - len(line.lstrip())) * " ")
    return "\n".join(lines)


def asked_json(command: Command, outcome: Outcome | None) -> dict[str, Any]:
    """The same for programs. The field names are a contract."""
    return {
        "seq": command.seq,
        "verb": command.verb,
        "policy": command.policy,
        "arguments": dict(command.arguments),
        "actor": command.actor,
        "reason": command.reason,
        "asked_at": time_text(command.asked_at),
        "outcome": None if outcome is None else (outcome.code or "done"),
        "text": None if outcome is None else outcome.text,
    }


def _wrapped(text: str, head: str) -> list[str]:
    """Lines of which the first begins with ``head``; what a terminal would obey is shown."""
    plain = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in " ".join(text.split())
    )
    return wrap(
        plain, WIDTH, initial_indent=head, subsequent_indent=_INDENT + "  ",
        break_on_hyphens=False,
    )  # fmt: skip
