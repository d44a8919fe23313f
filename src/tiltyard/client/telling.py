"""What a bot tells of itself: that it lives, its speed, its venue, and the health of its models.

It counts as it goes, which costs it next to nothing, and the desk is told once a minute. Only who
asks for a check of a model waits, and for that alone. Nothing is raised.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from math import inf, nan
from random import Random
from types import TracebackType
from typing import cast

from tiltyard.client.beats import MOST_BEATING, Beats
from tiltyard.client.checkups import MOST_CHECKED, Checkup, Checkups
from tiltyard.client.model import Health, Model
from tiltyard.client.reports import CALL, CHECKUP, DURATION, Kind, Refusal, Said, read, read_as
from tiltyard.client.standing import Standing
from tiltyard.client.tallies import MOST_COUNTED, Tallies
from tiltyard.kernel.errors import Fault

_LOG = logging.getLogger("tiltyard.client")
LONGEST_CHECK = 30.0
"""Seconds that a check of a model may take, unless the bot says otherwise."""
UNCHECKED = Health(healthy=False, reason="a defect of the client")


class Telling(ABC):
    """The part of a client by which a bot tells of itself.

    Args:
        standing: With the bot's clocks.
        rng: Chooses what is kept of a minute with very many decisions.
    """

    def __init__(self, standing: Standing, rng: Random) -> None:
        self._standing = standing
        self._beats = Beats()
        self._tallies = Tallies(rng)
        self._checkups = Checkups(self._found_model)

    def heartbeat(self, policy: str) -> None:
        """Say that a policy's bot lives, now and once a minute for as long as this client does.

        Once is enough, and again changes nothing. A desk that has heard of it takes 10 minutes of
        silence for an end: its share shrinks from then on.
        """

        def begins(name: str) -> None:
            if not self._beats.begin(name):
                raise Refusal((Fault("policy", f"{MOST_BEATING} have a heartbeat already"),))
            self._nudge()

        self._of_heartbeat(policy, begins)

    def end_heartbeat(self, policy: str) -> None:
        """Say no more that it lives. The desk is not told that this is meant."""
        self._of_heartbeat(policy, self._beats.end)

    def deciding(self, policy: str) -> "Deciding":
        """Time a decision: ``with client.deciding("prod"): ...``.

        Once a minute the desk is told within how many milliseconds half of a policy's decisions
        were made, and within how many 19 of 20. What is raised inside is raised on, and that
        decision is timed as well.
        """
        return Deciding(self._seconds, self.decided, policy)

    def decided(self, policy: str, seconds: float) -> None:
        """The same, from whoever has timed a decision itself."""
        try:
            if (
                type(policy) is str
                and type(seconds) is float
                and 0 <= seconds < inf
                and self._tallies.decided_again(policy, seconds)
            ):
                return
            said = {"policy": policy, "seconds": seconds}
            try:
                item = read_as(DURATION, said)
                if not self._tallies.decided(str(item["policy"]), cast("float", item["seconds"])):
                    raise _no_room(MOST_COUNTED)
            except Refusal as refusal:
                self._refuse("observations", said, refusal.faults)
        except Exception:  # noqa: BLE001 nothing is raised into a bot
            _LOG.exception("a defect of the client: a decision is not timed")

    def called_venue(self, failed: bool = False, policy: str = "") -> None:  # noqa: FBT001, FBT002 as a bot says it
        """Count a call to the venue, and whether it failed.

        Once a minute the desk is told how many calls there were since the last time, and how
        many of them failed. The counts of all bots of an account add up.

        Args:
            failed: There was no answer, or one that says so.
            policy: Whose bot has called; empty for the account.
        """
        try:
            said = {"failed": failed, "policy": policy}
            try:
                item = read_as(CALL, said)
                has_failed, name = item["failed"] is True, str(item.get("policy", ""))
                if not self._tallies.called(name, failed=has_failed):
                    raise _no_room(MOST_COUNTED)
            except Refusal as refusal:
                self._refuse("observations", said, refusal.faults)
        except Exception:  # noqa: BLE001 nothing is raised into a bot
            _LOG.exception("a defect of the client: a call to the venue is not counted")

    def end_model_checks(self, policy: str) -> None:
        """Check its model no more by itself. What the desk was told last stands."""
        said = {"policy": policy}
        try:
            try:
                self._checkups.end(str(read_as({"policy": CHECKUP["policy"]}, said)["policy"]))
            except Refusal as refusal:
                self._refuse("observations", said, refusal.faults)
        except Exception:  # noqa: BLE001 nothing is raised into a bot
            _LOG.exception("a defect of the client: a model is checked on")

    def _checkup(
        self, policy: str, model: Model, within: float, every: float | None
    ) -> Checkup | Health:
        """The check that is to be made, or why there is none."""
        said = {"policy": policy, "within": within, "every": every}
        try:
            item = read_as(CHECKUP, said)
            checkup = Checkup(
                str(item["policy"]), model, cast("float", item["within"]),
                cast("float | None", item.get("every")),
            )  # fmt: skip
            if not self._checkups.take_on(checkup):
                raise _no_room(MOST_CHECKED)
        except Refusal as refusal:
            self._refuse("observations", said, refusal.faults)
            return Health(healthy=False, reason=f"not checked: {refusal}")
        return checkup

    def _found_model(self, policy: str, health: Health) -> None:
        said = {
            "name": "model_healthy",
            "number": int(health.healthy),
            "observed_at": self._standing.now(),
            "policy": policy,
        }
        self._report("observations", said)

    def _seconds(self) -> float:
        try:
            return float(self._standing.steady())
        except Exception:  # noqa: BLE001 nothing is raised into a bot
            _LOG.exception("a defect of the bot's clock")
            return nan

    def _tell_the_last(self) -> None:
        """The client is about to end: no check begins any more, and what was counted is told."""
        self._checkups.end_all()
        self._tell_counts()

    def _tell_counts(self) -> None:
        """Report what was counted since the last time."""
        try:
            for observation in self._tallies.taken(self._standing.now()):
                self._report("observations", observation)
        except Exception:  # noqa: BLE001 nothing is raised into a bot
            _LOG.exception("a defect of the client: what was counted is told later")

    def _of_heartbeat(self, policy: str, follows: Callable[[str], None]) -> None:
        try:
            said = {"policy": policy, "at": self._standing.now()}
            try:
                follows(str(read("heartbeats", said)["policy"]))
            except Refusal as refusal:
                self._refuse("heartbeats", said, refusal.faults)
        except Exception:  # noqa: BLE001 nothing is raised into a bot
            _LOG.exception("a defect of the client: a heartbeat is lost")

    @abstractmethod
    def _report(self, kind: Kind, said: Mapping[str, object]) -> None:
        """Put by what is to be delivered."""

    @abstractmethod
    def _refuse(self, kind: Said, said: Mapping[str, object], faults: tuple[Fault, ...]) -> None:
        """Put by what is refused."""

    @abstractmethod
    def _nudge(self) -> None:
        """There is something to deliver."""


class Deciding:
    """One decision, from its beginning to its end.

    Args:
        steady: The bot's clock for durations.
        decided: Is told how long it took.
        policy: Which decides.
    """

    __slots__ = ("_began", "_decided", "_policy", "_steady")

    def __init__(
        self, steady: Callable[[], float], decided: Callable[[str, float], None], policy: str
    ) -> None:
        self._steady = steady
        self._decided = decided
        self._policy = policy
        self._began = 0.0

    def __enter__(self) -> None:
        self._began = self._steady()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._decided(self._policy, self._steady() - self._began)


def _no_room(most: int) -> Refusal:
    return Refusal((Fault("policy", f"there is room for {most} of them"),))
