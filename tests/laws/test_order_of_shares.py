"""Whoever tells the API of shares, and however late: no number falls, and nobody has too much.

Hypothesis plays a ledger that changes, a desk that tells it step after step or stands alone, and
others who have read it and tell that at any time later.
"""

from datetime import UTC, datetime

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tiltyard.shell.api.held_shares import HeldShares, less
from tiltyard.shell.effects.announce import ALONE

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
Body = dict[str, object]


def body(bot: float = 0.1, *, is_stopped: bool = False, leaves: bool = False) -> Body:
    shares = {"prod": 1 - bot, "bot": bot} if bot else {"prod": 1.0}
    stops, leaving = ["person"] if is_stopped else [], ["bot"] if leaves else []
    return {"champion": "prod", "shares": shares, "entries_stopped_by": stops,
            "reduce_only": leaving}  # fmt: skip


class Orders(RuleBasedStateMachine):
    """What is held, beside all that was ever said of it."""

    def __init__(self) -> None:
        super().__init__()
        self.held = HeldShares()
        self.ledger = [body()]
        self.written = self.changed = 0
        self.base: tuple[Body, int] | None = None
        self.taken = -1
        self.numbers: dict[int, Body] = {}

    @rule(bot=st.sampled_from([0, 0.1, 0.2]), is_stopped=st.booleans(), leaves=st.booleans())
    def the_ledger_changes(self, bot: float, *, is_stopped: bool, leaves: bool) -> None:
        self.ledger.append(body(bot, is_stopped=is_stopped, leaves=leaves))

    @rule()
    def the_desk_writes_a_step(self) -> None:
        before, self.written = self.ledger[self.written], len(self.ledger) - 1
        if self.ledger[self.written] != before:
            self.changed = self.written

    @rule()
    def the_desk_tells_the_last_step(self) -> None:
        said = self.ledger[self.written]
        self.base = (said, self.written)
        self.held.follow(said, at(self.changed), NOW, NOW, known=at(self.written))

    @rule(is_silent=st.booleans())
    def the_desk_stands_alone(self, *, is_silent: bool) -> None:
        said = self.ledger[self.written]
        said = {**said, "shares": {"prod": 1.0}} if is_silent else said
        self.base = (said, self.written)
        self.held.stand(said, at(self.written), NOW, NOW)

    @rule(changes=st.integers(0, 3))
    def somebody_tells_what_was_read_before_the_last_changes(self, changes: int) -> None:
        read = max(0, len(self.ledger) - 1 - changes)
        self.taken = max(self.taken, read)
        self.held.take(self.ledger[read], at(read), NOW)

    @precondition(lambda self: self.base is not None)
    @invariant()
    def what_is_held_is_what_the_desk_has_told_less_what_was_taken_since(self) -> None:
        assert self.base is not None
        assert self.held.held is not None
        said, known = self.base
        held = self.held.held.body
        if known >= self.taken:
            assert held == said
        else:
            assert held == less(said, self.ledger[self.taken])
            for one in (said, self.ledger[self.taken]):
                assert held["shares"].get("bot", 0) <= one["shares"].get("bot", 0)  # type: ignore[attr-defined]
                assert set(held["entries_stopped_by"]) >= set(one["entries_stopped_by"])  # type: ignore[call-overload]

    @precondition(lambda self: self.base is not None)
    @invariant()
    def no_number_falls_and_each_is_of_the_same_shares(self) -> None:
        held = self.held.held
        assert held is not None
        assert held.revision >= max(self.numbers, default=0)
        if held.revision % ALONE < ALONE - 1:
            assert self.numbers.setdefault(held.revision, dict(held.body)) == held.body


def at(change: int) -> int:
    """The number of shares that are told after so many changes; the audit has grown by each."""
    return (change + 1) * ALONE


TestOrders = Orders.TestCase
TestOrders.settings = settings(
    max_examples=100, stateful_step_count=30, deadline=None, derandomize=True
)
