"""The learner as the desk knows it: observed once a minute, and restarted when it is to be.

It is a target of the outbox. A restart is sent to it once for each episode of a guard, and is
carried out once, whoever is killed meanwhile: it is noted under the effect's key, and one that
was asked for before the present run began is done by that. One that has no job cannot be
stuck, and is left alone by guards. First the learner is asked to save
its work; when it has, or does not in time, it is ended and begins anew. After three restarts in
24 hours by failures and guards together it is given up, until a person wants it restarted.
"""

import json
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from tiltyard.facts.action import PERSON
from tiltyard.facts.observation import Observation
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.outbox import LEARNER, RESTART, Effect
from tiltyard.shell.supervise.contract import Progress, Status, read_status
from tiltyard.shell.supervise.journal import MOST_RESTARTS, Journal
from tiltyard.shell.supervise.supervisor import Standing, Supervisor
from tiltyard.shell.targets.target import refused, unreachable

OBSERVED_EVERY = 60.0
OVERDUE = timedelta(days=1)
"""A restart that was asked for longer ago is not wanted any more."""
_LOOK_EVERY = 0.1
_WHOLE_SECONDS = timedelta(seconds=1)
"""In which supervisord tells when something began."""


def journal_unreachable(error: OSError) -> TiltyardError:
    """What is known of a learner cannot be read or written: ``TARGET_UNREACHABLE``."""
    where = f"{error.filename}: " if error.filename else ""
    return unreachable(LEARNER, f"{where}{error.strerror or type(error).__name__}")


class Learner:
    """A learner and whoever runs it.

    Args:
        supervisor: Who runs it.
        journal: What is known beyond this desk.
        status: The file in which it says how it is.
        progress_within: So long ago the last progress may be.
        checkpoint_within: So long it may take to save its work.
        now: The time of day.
        steady: Seconds on a clock that is never set.
    """

    name = LEARNER
    takes = frozenset({RESTART})

    def __init__(
        self,
        supervisor: Supervisor,
        journal: Journal,
        status: Path,
        *,
        progress_within: timedelta,
        checkpoint_within: float,
        now: Callable[[], datetime],
        steady: Callable[[], float],
    ) -> None:
        self._supervisor = supervisor
        self._journal = journal
        self._status = status
        self._progress = Progress(progress_within)
        self._checkpoint_within = checkpoint_within
        self._now = now
        self._steady = steady
        self._due_at = steady()
        self._restarting = threading.Lock()
        self._ended = threading.Event()
        self._began_at: datetime | None = None

    @property
    def restarts_ever(self) -> int | None:
        """How often it was restarted in all, by failures, guards and people; None before a look.

        Any thread may ask, and none waits for the learner's disk.
        """
        known = self._journal.known_so_far
        return None if known is None else known.restarts_ever

    def look(self) -> Sequence[Observation]:
        """See to it, if no restart is under way; what is observed, once a minute.

        Raises:
            TiltyardError: ``TARGET_UNREACHABLE`` when what is known of it cannot be read or
                written.
        """
        trouble: OSError | None = None
        if self._restarting.acquire(blocking=False):
            try:
                self._supervisor.look()
            except OSError as error:
                trouble = error
            finally:
                self._restarting.release()
        steady = self._steady()
        if steady >= self._due_at:
            self._due_at = steady + OBSERVED_EVERY
            try:
                return self._observed(steady)
            except OSError as error:
                trouble = error
        if trouble is not None:
            raise journal_unreachable(trouble)
        return []

    def leave(self) -> None:
        """The desk stops judging: a restart that waits for a checkpoint is left to the next.

        One that is under way with others is waited for: the next desk would do it again.
        """
        self._ended.set()
        if not self._supervisor.is_apart:
            with self._restarting:
                pass

    def end(self) -> None:
        """The desk has ended: end what is its own."""
        self._ended.set()
        with self._restarting:
            self._supervisor.end()

    def send(self, effect: Effect) -> None:
        """Restart it, unless that was done."""
        with self._restarting:
            if self.has(effect):
                return
            try:
                self._restart(effect)
            except OSError as error:
                raise journal_unreachable(error) from None

    def has(self, effect: Effect) -> bool | None:
        """Whether it was restarted for this, or has begun anew since it was asked for."""
        try:
            is_carried = effect.key in self._journal.known.carried
            return is_carried or self._supervisor.has_begun_since(effect.requested_at)
        except OSError as error:
            raise journal_unreachable(error) from None

    def _restart(self, effect: Effect) -> None:
        by_person = _is_by_person(effect)
        if not by_person:
            if self._is_pointless(effect):
                self._journal.carry(effect.key)
                return
            self._refuse_more()
        self._wait_for_checkpoint()
        if self._ended.is_set():
            raise unreachable(self.name, "this desk is ending")
        self._supervisor.restart(
            effect.key,
            lambda: self._journal.count_restart(self._now(), effect.key, by_person=by_person),
        )

    def _observed(self, steady: float) -> Sequence[Observation]:
        now, said = self._now(), read_status(self._status, self._now())
        if self._journal.known.began_at != self._began_at:
            self._began_at = self._journal.known.began_at
            self._progress.begin()
        try:
            standing = self._supervisor.standing()
            is_idle = self._is_idle(standing, said)
        except TiltyardError:
            return []  # nobody knows how it is
        is_up = self._journal.known.fate != "given_up" and standing != "given_up"
        moves = standing == "running" and self._progress.is_made(said, now, steady)
        return [
            Observation("learner_progress", float(moves or is_idle), now),
            Observation("learner_running", float(is_up), now),
        ]

    def _is_idle(self, standing: Standing, said: Status | str) -> bool:
        """Whether it has no job that could be stuck: whoever makes a GPU busy, it is another.

        Who has no job need not say so again and again; one that has begun since has said nothing.
        """
        if standing in {"done", "stopped"}:
            return True
        if standing != "running" or isinstance(said, str) or said.job:
            return False
        return not self._supervisor.has_begun_since(said.at)

    def _is_pointless(self, effect: Effect) -> bool:
        """Whether there is nothing that could be stuck, or it was asked for too long ago."""
        said = read_status(self._status, self._now())
        is_idle = self._is_idle(self._supervisor.standing(), said)
        return is_idle or self._now() - effect.requested_at > OVERDUE

    def _refuse_more(self) -> None:
        known = self._journal.known
        if known.fate == "given_up" or not known.restarts_left(self._now()):
            self._supervisor.give_up()
            self._journal.note(fate="given_up")
            raise refused(
                self.name, f"it was restarted {MOST_RESTARTS} times in 24 hours, and is given up",
                "see its log, and then: tiltyard learner restart",
            )  # fmt: skip

    def _wait_for_checkpoint(self) -> None:
        """Ask for one, and wait until it is made, the time is up, or nobody is there to make it."""
        before = read_status(self._status, self._now())
        if not isinstance(before, Status):
            return  # who says nothing of itself does not know what the signal means
        with suppress(TiltyardError):
            if self._supervisor.has_begun_since(before.at - _WHOLE_SECONDS):
                return  # nor does one yet that has just begun: the run before has said this
            if not self._supervisor.ask_to_checkpoint():
                return
            until = self._steady() + self._checkpoint_within
            while self._steady() < until and not self._ended.wait(_LOOK_EVERY):
                said = read_status(self._status, self._now())
                if isinstance(said, Status) and _has_saved(said, before):
                    return
                if not self._supervisor.is_up():
                    return


def _has_saved(said: Status, before: Status) -> bool:
    """Whether it has saved its work since; by its own clock, which may differ from ours."""
    return said.checkpoint_at not in {None, before.checkpoint_at}


def _is_by_person(effect: Effect) -> bool:
    return bool(json.loads(effect.body).get("cause") == PERSON)
