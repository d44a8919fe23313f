"""How things stand for a bot: the shares that it goes by now, and its two clocks.

An answer is taken or it is not: one that makes no sense is none. Who asks, from whatever
thread, finds what was taken last and waits for nobody.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import NamedTuple

from tiltyard.client.answers import Answer, told
from tiltyard.client.shares import Held, Route, read_shares

_LOG = logging.getLogger("tiltyard.client")


class Asked(NamedTuple):
    """When something was asked, by both clocks."""

    now: datetime
    steady: float


class Standing:
    """The shares now.

    Args:
        champion: Trades alone until something is told.
        now: The time of day, UTC.
        steady: Seconds on a clock that nobody sets.
    """

    def __init__(
        self, champion: str, now: Callable[[], datetime], steady: Callable[[], float]
    ) -> None:
        self.held = Held(champion)
        self.now = now
        self.steady = steady
        self._is_in_the_dark = False

    def ask(self) -> Asked:
        """The desk is asked now."""
        return Asked(self.now(), self.steady())

    def answered(self, answer: Answer, asked: Asked) -> None:
        """Take the answer, if it is one."""
        if answer.status != HTTPStatus.OK:
            self._lacks(told(answer))
            return
        try:
            self.held = self.held.taking(
                read_shares(answer.body), now=asked.now, steady=asked.steady
            )
        except ValueError as error:
            self._lacks(f"its answer makes no sense: {error}")
            return
        if self._is_in_the_dark:
            self._is_in_the_dark = False
            _LOG.warning("the desk tells the shares again")

    def route(self, episode_id: str) -> Route:
        """Who may enter with this episode now."""
        return self.held.route(episode_id, now=self.now(), steady=self.steady())

    def share_of(self, policy: str) -> float:
        """The share of entries that a policy has now."""
        return self.held.share_of(policy, now=self.now(), steady=self.steady())

    def _lacks(self, why: str) -> None:
        if not self._is_in_the_dark:
            self._is_in_the_dark = True
            _LOG.warning(
                "the desk does not tell the shares: %s; challengers have theirs until those that "
                "are held expire, then the champion alone", why,
            )  # fmt: skip
