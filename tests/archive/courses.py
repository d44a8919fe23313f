"""Several who are at work in one place, one request at a time, in an order drawn by chance."""

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tiltyard.shell.archive.place import Place

Actor = Callable[[Place, Callable[[], None]], None]
"""Is given its place, and what it calls where others may go on."""


class _Halting(Place):
    """A place of one actor, that lets others go on before each request."""

    def __init__(self, place: Place, halt: Callable[[], None]) -> None:
        super().__init__(place._store, place.name, place._folder)
        self._halt = halt

    @contextmanager
    def _speaking_plainly(self, key: str) -> Iterator[None]:
        self._halt()
        with super()._speaking_plainly(key):
            yield


class _Acting:
    def __init__(self, actor: Actor, place: Place) -> None:
        self._go, self._has_halted = threading.Semaphore(0), threading.Semaphore(0)
        self.has_ended, self.failed = False, list[BaseException]()
        self._thread = threading.Thread(target=self._run, args=(actor, place), daemon=True)
        self._thread.start()

    def go_on(self) -> None:
        """Until its next request, or its end."""
        self._go.release()
        self._has_halted.acquire()

    def _run(self, actor: Actor, place: Place) -> None:
        self._go.acquire()
        try:
            actor(_Halting(place, self._halt), self._halt)
        except BaseException as error:  # noqa: BLE001 it is raised where somebody looks
            self.failed.append(error)
        self.has_ended = True
        self._has_halted.release()

    def _halt(self) -> None:
        self._has_halted.release()
        self._go.acquire()


def run_in_some_order(actors: Sequence[Actor], place: Place, rng: random.Random) -> None:
    """Let all of them come to their end; what one raises is raised."""
    acting = [_Acting(actor, place) for actor in actors]
    while still := [one for one in acting if not one.has_ended]:
        one = rng.choice(still)
        for _ in range(rng.choice((1, 1, 2, 5, 20))):
            if not one.has_ended:
                one.go_on()
    for one in acting:
        for error in one.failed:
            raise error
