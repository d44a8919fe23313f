"""Who is seated on the floor of a running desk, looked at anew before each thing it does.

The roster says who there is, the stable which models are loaded, the folder whom its bars suit.
Who joins is claimed for this account first, so that nobody else's trade says another. Who leaves
gives up what it held on paper, unless its model is only away. Whoever holds something for real
has to have a seat: while its model is being loaded everybody waits, and when it can have none,
nobody trades.

People are told whom a model trades for, and who is not traded and why, once each; the stable is
told whose models do not suit, or have failed.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from tiltyard.facts.arm import Roster
from tiltyard.kernel.errors import TiltyardError
from tiltyard.policies.policy import Policy
from tiltyard.router.floor import Floor
from tiltyard.shell.feeds.folder import BarFolder
from tiltyard.shell.floor.facts import SOURCE
from tiltyard.shell.floor.fitting import Fitting, underpriced
from tiltyard.shell.floor.readings import Readings
from tiltyard.shell.floor.seating import (
    Seating,
    perhaps_trained,
    refuse_homeless,
    registered_as_snapshots,
    seating,
)
from tiltyard.shell.models.stable import Model, Stable
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.floor_table import claim, last_source, scopes
from tiltyard.shell.store.lease import check_lease
from tiltyard.shell.store.ledger import Ledger

if TYPE_CHECKING:
    from tiltyard.learners.served import Served

_LOG = logging.getLogger(__name__)


class Seats:
    """The seats of one floor.

    Args:
        ledger: Knows whose trades are of which account.
        settings: The market, the account, and what capital a policy has that names none.
        token: Of the desk's lease.
        bars: On which they are to trade.
        floor: Where they sit.
        readings: Told what those who are seated have to be told.
        models: What was trained, and arms are traded by; None where nobody is.
        say: Told, for people, who trades and who does not.

    Attributes:
        foreign: Arms whose trades are of another account or currency, with those.
        is_waiting: A model is being loaded without which nobody trades.
    """

    def __init__(
        self,
        ledger: Ledger,
        settings: Settings,
        token: int,
        bars: BarFolder,
        floor: Floor,
        readings: Readings,
        *,
        models: Stable | None,
        say: Callable[[str], object],
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._token = token
        self._fitting = Fitting(bars)
        self._floor = floor
        self._readings = readings
        self._models = models
        self._say = say
        self._taken: set[str] = set()
        self._taken_by: object = None
        self._failed: dict[str, str] = {}
        self._had_traded: dict[str, bool] = {}
        self._misfits: Mapping[str, str] = {}
        self.foreign: Mapping[str, tuple[str, str]] = {}
        self.is_waiting = False

    @property
    def taken(self) -> Sequence[str]:
        """The arms that have one, in the order of their names."""
        return sorted(self._taken)

    def begin_again(self) -> None:
        """The floor has gone back to what is written: everybody is seated there anew."""
        self._taken_by = None

    def take(self, roster: Roster) -> bool:
        """Seat whom the roster has now; False while a model is waited for.

        Raises:
            TiltyardError: ``MODEL_LATE``, ``SEAT_MISSING``, ``LEASE_LOST``; ``FEATURE_UNKNOWN``
                when somebody has to be told what nobody can tell.
        """
        holding = self._floor.holding
        models = self._asked(roster, holding)
        ordering = self._floor.ordering
        self.is_waiting = self._has_to_wait(models, holding | ordering)
        if self.is_waiting:
            return False
        loaded = {name: one.policy for name, one in models.items() if one.policy is not None}
        unfit = self._unfit(loaded)
        keeping = holding | ordering | self._floor.holding_on_paper
        trained = {
            name: one for name, one in loaded.items() if name not in unfit or name in keeping
        }
        by = [(arm.name, arm.capital, arm.state == "retired") for arm in roster.arms.values()]
        if self._taken_by == (by, holding, trained, unfit):
            return True
        seats, foreign = self._claimed(roster, holding, trained)
        absent = {name for name, one in models.items() if one.policy is None}
        troubles = {name: one.why for name, one in models.items() if one.why is not None}
        refuse_homeless(roster, seats, holding, troubles)
        self._tell_foreign(foreign, seats)
        self._tell_misfits(unfit, seats)
        for name in (self._taken | self._floor.snapshot().names) - seats.keys():
            self._floor.unseat(name, returns=name in absent)
        for name, seat in seats.items():
            self._floor.seat(name, seat)
            if name in trained and name not in self._taken:
                self._tell_joined(name, trained)
        self._readings.tell(seat.policy for seat in seats.values())
        self._taken, self.foreign = set(seats), foreign
        self._taken_by = (by, holding, trained, unfit)
        return True

    def tell_failed(self) -> None:
        """Who could not decide, once until it can; who was trained is unhealthy meanwhile."""
        failed = self._floor.failed
        for name, error in failed.items():
            if name not in self._failed:
                _LOG.error("%s could not decide", name, exc_info=error)
                self._failed[name] = f"its decision failed: {type(error).__name__}: {error}"[:200]
                self._say(
                    f"{name} stays with what it holds until it can decide: {self._failed[name]}"
                )
        for name in self._failed.keys() - failed.keys():
            del self._failed[name]
            if name in self._taken:
                self._say(f"{name} decides again")
        self._blame()

    def _asked(self, roster: Roster, holding: Collection[str]) -> Mapping[str, Model]:
        """The models of arms that were trained; who has traded here by one has one."""
        if self._models is None:
            return {}
        arms = perhaps_trained(roster, holding)
        pinned = {name for name, digest in arms.items() if digest}
        floor = self._floor
        here = floor.holding_on_paper.union(holding, floor.ordering, self._traded(pinned))
        ours = pinned & here
        return self._models.ask(arms, ours, registered_as_snapshots(roster))

    def _traded(self, names: set[str]) -> set[str]:
        """Of whom the floor had told the last trade when it saw them first; then no bot has."""
        if unknown := names - self._had_traded.keys():
            with self._ledger.snapshot() as still:
                for name in unknown:
                    self._had_traded[name] = last_source(still.connection, name) == SOURCE
        return {name for name in names if self._had_traded[name]}

    def _has_to_wait(self, models: Mapping[str, Model], busy: Collection[str]) -> bool:
        """Whether a model is being loaded without which nobody trades.

        Whoever is loading is waited for, and whoever is busy for as long as it takes: who holds
        something for real, or has ordered it.

        Raises:
            TiltyardError: ``MODEL_LATE``.
        """
        if self._models is None:
            return False
        steady = self._models.steady()
        loading = {name: one.is_late(steady) for name, one in models.items() if one.is_loading}
        for name in sorted(loading):
            if loading[name] and name in busy:
                raise TiltyardError(
                    "MODEL_LATE", name, "it holds positions on the floor, or has ordered them, and "
                    "its model is still being loaded", "wait; or stop what keeps this machine busy",
                )  # fmt: skip
        return not all(loading.values())

    def _unfit(self, loaded: Mapping[str, "Served"]) -> Mapping[str, str]:
        """Whose models cannot trade on these bars, and why."""
        if self._models is None:
            return {}
        return self._fitting.misfits(loaded, self._models.steady())

    def _claimed(
        self, roster: Roster, holding: Collection[str], trained: Mapping[str, Policy]
    ) -> Seating:
        """Who trades; from now on in this account, so that nobody else's trade says another."""
        with self._ledger.snapshot() as still:
            known = scopes(still.connection)
        found = seating(roster, self._settings, known, holding, trained)
        if not (unclaimed := found.seats.keys() - known.keys()):
            return found
        account = self._settings.account
        with self._ledger.transaction() as inside:
            check_lease(inside.connection, self._token)
            claim(inside.connection, unclaimed, account.name, account.currency)
            known = scopes(inside.connection)
        return seating(roster, self._settings, known, holding, trained)

    def _tell_joined(self, name: str, trained: Mapping[str, "Served"]) -> None:
        self._say(f"{name} is traded by its model")
        if told := underpriced(trained[name], self._settings.market):
            self._say(f"{name} {told}")

    def _tell_foreign(self, foreign: Mapping[str, tuple[str, str]], seats: Collection[str]) -> None:
        for name, (account, currency) in foreign.items():
            if name not in self.foreign or (name in self._taken) != (name in seats):
                said = f"its trades are of account {account!r} and currency {currency!r}"
                only = "only leaves what it holds" if name in seats else "is not traded"
                self._say(f"{name} {only} on the floor: {said}")

    def _tell_misfits(self, unfit: Mapping[str, str], seats: Collection[str]) -> None:
        for name, why in unfit.items():
            if self._misfits.get(name) != why:
                what = "stays with what it holds" if name in seats else "is not traded"
                self._say(f"{name} {what}: {why}")
        self._misfits = unfit
        self._blame()

    def _blame(self) -> None:
        if self._models is not None:
            self._models.blame({**self._misfits, **self._failed})
