"""Whose time is up goes on, and is asked about.

A rule may say that it has watched an arm for long enough. Where newcomers wait for its place that
ends it; on a floor, and on the record of one, nobody has to go for that. So a rule is asked twice:
what it would do, and what it does if no time is ever up. The first says of whom a person is asked,
the second whose traffic grows and shrinks, as a matter of evidence.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields
from operator import attrgetter

from tiltyard.scaling.contender import TIME_OUT, Contender, Rows

_EVERYTHING = attrgetter(*(field.name for field in fields(Contender)))
"""Of a row, quickly: every night of a play copies every row."""


def ask_beyond_time(rows: Rows, ask: Callable[[Rows], object]) -> Sequence[Contender]:
    """Have a rule set share and fate of every row, as if of those whose time is up it were not.

    Args:
        rows: Changed by the rule, and ``age`` of those whose time is up.
        ask: A night of the rule.

    Returns:
        The rows as the rule left them when it was asked first: with the fate ``TIME_OUT``.
    """
    first = [copied(row) for row in rows]
    ask(first)
    for row, overdue in zip(rows, first, strict=True):
        if overdue.fate == TIME_OUT:
            row.age = 0.0
    ask(rows)
    return first


def copied(row: Contender) -> Contender:
    """The same, which goes its own way from here."""
    found = Contender(*_EVERYTHING(row))
    found.wealth = list(row.wealth)
    return found
