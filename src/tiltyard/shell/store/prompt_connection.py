"""A connection to Postgres that keeps an :class:`~tiltyard.shell.store.answer_limit.AnswerLimit`.

Nobody can say what became of a question that was given up. So the connection is closed, and
a transaction in it ends when the server notices; if it was being committed, it may have been.

Importing this imports the driver, which takes a tenth of a second.
"""

import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

from tiltyard.shell.store.answer_limit import AnswerLimit

_Answer = TypeVar("_Answer")


class NoAnswer(psycopg.OperationalError):
    """It took too long."""


class PromptConnection(psycopg.Connection[Any]):
    """A connection whose every exchange with the server ends in time."""

    answers = AnswerLimit()

    def wait(self, gen: PQGen[_Answer], *options: Any, **named: Any) -> _Answer:  # noqa: ANN401 the driver's own
        """As the driver waits, which it does here for everything but connecting."""
        seconds = self.answers.seconds
        if seconds is None:
            return super().wait(gen, *options, **named)
        try:
            return super().wait(_within(seconds, gen), *options, **named)
        except NoAnswer:
            self.close()
            raise


def _within(seconds: float, exchange: PQGen[_Answer]) -> Generator[Any, Any, _Answer]:
    """The same exchange, looked at several times a second: so often the driver wakes it up."""
    until = time.monotonic() + seconds
    try:
        awaited = next(exchange)
        while True:
            ready = yield awaited
            awaited = exchange.send(ready)
            if time.monotonic() >= until:
                raise NoAnswer(f"no answer within {seconds:g} s")  # noqa: TRY003 a driver's error is a text
    except StopIteration as done:
        answer: _Answer = done.value
        return answer
