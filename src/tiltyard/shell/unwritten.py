"""What a desk has decided and not yet written: it stands in memory until it is."""

from dataclasses import dataclass, field

from tiltyard.actions.record import Event
from tiltyard.facts.command import Outcome


@dataclass(slots=True)
class Unwritten:
    """What was decided and is not in the database yet.

    Attributes:
        events: For the audit, in order.
        outcomes: Of commands, by position.
        nights: Trading days whose night was run, on the whole or for an arm.
    """

    events: list[Event] = field(default_factory=list)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    nights: list[tuple[str, str]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.events or self.outcomes or self.nights)

    def copy(self) -> "Unwritten":
        """As it is now, whatever is decided later."""
        return Unwritten(list(self.events), dict(self.outcomes), list(self.nights))

    def less(self, written: "Unwritten") -> "Unwritten":
        """What is left when the first of it, ``written``, is in the database."""
        return Unwritten(
            self.events[len(written.events) :],
            {seq: said for seq, said in self.outcomes.items() if seq not in written.outcomes},
            [night for night in self.nights if night not in written.nights],
        )
