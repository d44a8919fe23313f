"""What is on hold, in people's words, and by which name each hold ends.

A guard's hold and the dead man's end by the name of their cause. What a person has put on
hold ends by the verb that was asked: who has frozen the challengers and stopped everybody
may end the one and keep the other.

>>> held = Roster(entries_stopped_by=frozenset({"person"}), ramp_frozen_by=frozenset({"a_guard"}))
>>> for hold in on_hold(held):
...     print(hold)
no entries for anyone, by person; to end it: tiltyard resume stop-all
no share grows, by a_guard; to end it: tiltyard resume a_guard
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tiltyard.facts.action import FREEZE, PERSON, STOP_ALL, Kind
from tiltyard.facts.arm import Roster

NAMES: Mapping[Kind, str] = {"allow_entries": STOP_ALL, "unfreeze_challengers": FREEZE}
"""What ends by which name, when a person has put it on hold."""
_ENDED = "no longer on hold by "


@dataclass(frozen=True, slots=True)
class Hold:
    """One thing that is kept from everybody, by one cause.

    Attributes:
        what: For people.
        cause: The guard that wants it so, ``person`` or ``deadman``.
        end: The action that ends it.
    """

    what: str
    cause: str
    end: Kind

    @property
    def name(self) -> str:
        """What ``tiltyard resume`` calls it."""
        return NAMES.get(self.end, self.cause) if self.cause == PERSON else self.cause

    @property
    def command(self) -> str:
        """What ends it."""
        return f"tiltyard resume {self.name}"

    def __str__(self) -> str:
        return f"{self.what}, by {self.cause}; to end it: {self.command}"


def on_hold(roster: Roster) -> list[Hold]:
    """Every hold, the widest first."""
    kinds: tuple[tuple[str, Kind, frozenset[str]], ...] = (
        ("no entries for anyone", "allow_entries", roster.entries_stopped_by),
        ("no traffic for challengers", "unfreeze_challengers", roster.challengers_frozen_by),
        ("no share grows", "unfreeze_ramp", roster.ramp_frozen_by),
    )
    return [Hold(what, cause, end) for what, end, causes in kinds for cause in sorted(causes)]


def ended(holds: Iterable[Hold]) -> str:
    """What is answered to who has ended these."""
    return _ENDED + ", ".join(dict.fromkeys(hold.name for hold in holds))


def names_ended(answer: str) -> Sequence[str]:
    r"""The names under which holds have ended, by the answer to who asked for it.

    >>> held = Hold("no share grows", "a_guard", "unfreeze_ramp")
    >>> names_ended(ended([held]) + "\n  still on hold: nothing else")
    ['a_guard']
    >>> names_ended("nothing is on hold by freeze")
    []
    """
    first = answer.partition("\n")[0]
    return first.removeprefix(_ENDED).split(", ") if first.startswith(_ENDED) else []
