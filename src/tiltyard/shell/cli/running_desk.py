"""The running desk on the command line: what it is made of, and what it says of itself.

It is loaded when a desk runs: what trades and serves takes longer to load than most commands
take altogether.
"""

import gc
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from socket import socket

from tiltyard.actions.record import Event
from tiltyard.shell.api.held_shares import HeldShares
from tiltyard.shell.api.listening import listen
from tiltyard.shell.api.vital import Vital
from tiltyard.shell.beside import Beside
from tiltyard.shell.cli.asking import holder_name, waking_times
from tiltyard.shell.cli.options import open_ledger
from tiltyard.shell.cli.saying import (
    about,
    say,
    say_alone,
    say_on_what,
    say_trouble,
    say_waiting,
    show,
)
from tiltyard.shell.clock import steady_seconds, system_now
from tiltyard.shell.commanding import Times
from tiltyard.shell.drift.watched import drift_watched
from tiltyard.shell.effects.announce import Announcing
from tiltyard.shell.effects.telling import RENEW_AFTER
from tiltyard.shell.exporter.painter import Painter
from tiltyard.shell.floor.opening import Opening, interval_to_trade, trader_on
from tiltyard.shell.gpu.readings import GpuReadings
from tiltyard.shell.gpu.watched import gpus_watched
from tiltyard.shell.jobs.beside import jobs_hosted
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.models.beside import models_kept
from tiltyard.shell.models.stable import Stable
from tiltyard.shell.notify.people import People
from tiltyard.shell.rehearsal import rehearse_halt
from tiltyard.shell.replaying.closed_record import refuse_record
from tiltyard.shell.running import Rounds, go_round, hold_lease, let_go
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.answer_limit import AnswerLimit
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.waking import Bell
from tiltyard.shell.supervise.learner import Learner
from tiltyard.shell.supervise.supervised import learner_from, learner_supervised
from tiltyard.shell.targets import Target, targets_from
from tiltyard.shell.targets.person_target import refuse_unusable

SHORT_BUSY_MS = 1000
"""A desk does not wait long for a locked database: it goes on in memory, and tries again."""
ONE_ANSWER = 0.5
"""How much of ``run.deadman`` a desk waits for one answer of the database.

A desk at which nothing can be judged loses its challengers their traffic when all of it has
passed; by then it must know that it is the database that is silent.
"""
LEFT_TO_THE_JOB = timedelta(hours=1)
"""So long a desk that hosts jobs leaves a night to the nightly one, which observes first."""
ONE_LOOK = 0.05
"""As much, for what is only shown."""


def be_the_desk(
    settings: Settings,
    config: Path | None,
    database: str | None,
    *,
    interval: float,
    wait: bool,
    once: bool,
    observe: bool,
    only: str | None,
    as_json: bool,
) -> None:
    """Wait for the lease, and be the desk until told to stop.

    Args:
        settings: As the command line amends them.
        config: The file that they are from; None for the usual one.
        database: As the command line says.
        interval: Seconds between two looks when nothing comes in.
        wait: While another desk holds the lease.
        once: Do what is due now, and end.
        observe: Judge and record; change nothing.
        only: Whom to print events of; of everybody when None.
        as_json: Print them as JSON.
    """
    refuse_unusable(settings)
    interval = min(interval, settings.run.deadman / 3, RENEW_AFTER.total_seconds())
    answers, bell = AnswerLimit(), Bell()
    with (
        open_ledger(database, settings, busy_timeout_ms=SHORT_BUSY_MS, answers=answers) as ledger,
        waking_times(ledger, bell.pause) as times,
        _until_told() as stopping,
        ExitStack() as afterwards,
    ):
        refuse_record(ledger, "a desk would go on from", "run it on a ledger of its own: --db FILE")
        bars_last = interval_to_trade(ledger, settings)
        concerns = about(only, list(ledger.roster().arms))
        token = hold_lease(ledger, holder_name(), times, checklist=settings.checklist.digest,
                           wait=wait, stopping=stopping, on_wait=say_waiting)  # fmt: skip
        if token is None:
            return
        try:
            with _listening(settings) as listening:
                running = _Running(
                    ledger, settings, config, token, times, bell, answers, listening, bars_last,
                    stopping, afterwards, once=once, observe=observe, interval=interval,
                    on_event=lambda event: show(event, concerns, as_json=as_json),
                )  # fmt: skip
                running.go()
        finally:
            let_go(ledger, token)
        running.say_how_it_ended()


@dataclass(slots=True)
class _Running:
    """A desk that has its lease, and those beside it.

    Attributes:
        listening: Where the API listens; None where it does not serve.
        bars_last: How long the bars last that it trades on; None where on none, or not known yet.
        afterwards: Closed when the lease is given back.
        models: What was trained, and arms are traded by; None where it trades on no bars.
        gpus: How busy they are.
        learner: That it supervises; None where it supervises none.
    """

    ledger: Ledger
    settings: Settings
    config: Path | None
    token: int
    times: Times
    bell: Bell
    answers: AnswerLimit
    listening: socket | None
    bars_last: timedelta | None
    stopping: Callable[[], bool]
    afterwards: ExitStack
    once: bool
    observe: bool
    interval: float
    on_event: Callable[[Event], object]
    desk: LiveDesk | None = None
    trader: Opening | None = None
    models: Stable | None = None
    gpus: GpuReadings = field(default_factory=GpuReadings)
    learner: Learner | None = None

    def go(self) -> None:
        """Begin, and go round until told to stop."""
        settings, ledger = self._with_marks_every_bar(), self.ledger
        shares, targets = HeldShares(), targets_from(settings)
        if not (self.once or self.observe):
            addresses = {one.address_env for one in settings.notify.recipient}
            self.learner = learner_from(settings.learner, addresses=addresses, say=say)
        if self.learner is not None:
            self.afterwards.callback(self.learner.end)
        told = targets if self.learner is None else {**targets, self.learner.name: self.learner}
        if settings.market.feed:
            self.models = Stable(settings.models.path, steady_seconds, at_once=self.once)
        desk = self.desk = self._begun(settings, told)
        trader = self.trader = self._trading(settings, desk)
        vital = Vital(desk, settings.run.deadman, trader)
        with (
            self._painter(desk, settings) as painter,
            ledger.beside(answers=self.answers) as door,
            Beside(
                desk, door, settings, self.token, told, now=system_now, say=say, shares=shares
            ) as beside,
            self._api(vital, settings, shares, targets, painter),
            self._kept(settings),
            self._observers(settings),
        ):

            def beat() -> None:
                beside.beat()
                vital.beat()
                if painter is not None:
                    painter.beat(system_now())

            rounds = Rounds(
                deliver=beside.deliver, stand=beside.stand, beat=beat,
                on_event=self.on_event, on_alone=say_alone, on_trouble=say_trouble,
                between=_nothing if painter is None else painter.go_on,
                follow=lambda: trader is not None and trader.follow(desk, system_now()),
                stopping=self.stopping, once=self.once, interval=self.interval,
            )  # fmt: skip
            gc.freeze()  # what is there by now stays: no search for garbage holds up a halt
            go_round(desk, self.times, rounds)

    def say_how_it_ended(self) -> None:
        """What is open, and what is not written."""
        if self.desk is not None and self.desk.decided_alone:
            say("what stood in memory alone is not written: the next desk judges the same facts, "
                 "and carries out the same commands")  # fmt: skip
        for line in () if self.trader is None else self.trader.left_open:
            say(line)
        say("stopped; the lease is given back")

    def _with_marks_every_bar(self) -> Settings:
        """The settings, where a mark is as old as a bar before the next is due."""
        last = self.bars_last
        return self.settings if last is None else self.settings.marked_every(last)

    def _begun(self, settings: Settings, targets: Mapping[str, Target]) -> LiveDesk:
        takes = {name: target.takes for name, target in targets.items()}
        people = People.of(settings)
        desk = LiveDesk(self.ledger, settings, self.token, clock=system_now,
                        announcing=Announcing(takes, people=people), observe=self.observe,
                        night_after=LEFT_TO_THE_JOB if self._hosts else timedelta(),
                        tick=timedelta(seconds=self.interval))  # fmt: skip
        desk.start()
        digest = settings.checklist.digest
        rehearse_halt(self.ledger, desk.roster, takes, digest, system_now(), people)
        self.answers.seconds = settings.run.deadman * ONE_ANSWER
        say_on_what(desk, self.ledger, once=self.once)
        return desk

    def _trading(self, settings: Settings, desk: LiveDesk) -> Opening | None:
        trader = trader_on(
            self.ledger, settings, self.token, self.bars_last, models=self.models, say=say
        )
        if trader is not None:
            trader.begin(desk.roster)
            say(trader.story)
        return trader

    @contextmanager
    def _painter(self, desk: LiveDesk, settings: Settings) -> Iterator[Painter | None]:
        """Who shows the desk to whoever scrapes it; nobody does where it does not serve."""
        if self.listening is None:
            yield None
            return
        learner, limit = self.learner, AnswerLimit(settings.run.deadman * ONE_LOOK)
        with self.ledger.beside(answers=limit) as window:
            painter = Painter(
                desk, window, settings.checklist, steady=steady_seconds,
                gpus=lambda: self.gpus.now,
                restarts=None if learner is None else lambda: learner.restarts_ever,
            )  # fmt: skip
            painter.begin()
            yield painter

    def _kept(self, settings: Settings) -> AbstractContextManager[None]:
        """Who looks after the models."""
        if self.models is None:
            return nullcontext()
        return models_kept(self.models, settings, self.ledger, say=say, once=self.once)

    @contextmanager
    def _observers(self, settings: Settings) -> Iterator[None]:
        """Who looks at the machine and at encoders, for as long as a desk goes round."""
        if self.once:
            yield
            return
        with (
            gpus_watched(settings.gpu, self.ledger, self.gpus, say=say),
            drift_watched(settings, self.ledger, say=say),
            learner_supervised(self.learner, self.ledger),
            self._jobs(),
        ):
            yield

    def _jobs(self) -> AbstractContextManager[None]:
        """Who does by the clock what is to be done."""
        if not self._hosts:
            return nullcontext()
        return jobs_hosted(self.ledger.url, self.config, say=say)

    @property
    def _hosts(self) -> bool:
        """Whether jobs are done by the clock beside it."""
        return self.settings.jobs.hosted and not (self.once or self.observe)

    @contextmanager
    def _api(
        self,
        vital: Vital,
        settings: Settings,
        shares: HeldShares,
        targets: Mapping[str, Target],
        painter: Painter | None,
    ) -> Iterator[None]:
        """What serves it takes a second to import, so a desk that does not serve does not."""
        if self.listening is None or painter is None:
            yield
            return
        from tiltyard.shell.api.serving import Doors, Serving, inside_of  # noqa: PLC0415 slow
        from tiltyard.shell.exporter.exposition import Exposition  # noqa: PLC0415 slow

        with ExitStack() as opened:
            doors = Doors(
                *(opened.enter_context(self.ledger.beside(answers=self.answers)) for _ in range(3))
            )
            inside = inside_of(
                vital, doors, settings, shares, targets, self.bell, holder=holder_name(),
                exposition=Exposition(lambda: painter.picture),
            )  # fmt: skip
            server = opened.enter_context(Serving(inside, self.listening))
            say(f"the API is at {server.address}")
            yield


@contextmanager
def _listening(settings: Settings) -> Iterator[socket | None]:
    """A socket for the API of whoever has the lease; None where it does not serve."""
    if not settings.api.serve:
        yield None
        return
    with closing(listen(settings.api.host, settings.api.port)) as listening:
        yield listening


@contextmanager
def _until_told() -> Iterator[Callable[[], bool]]:
    told: list[int] = []

    def note(number: int, _: object) -> None:
        told.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(told)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _nothing() -> None:
    """Nobody is shown the desk."""
