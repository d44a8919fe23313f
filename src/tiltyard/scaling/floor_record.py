"""A record of the floor: who was there when, with what share, and what everybody made.

Comes in: the roster after each change and the trades as they close, at the same cost each. Goes
out: what every other rule would have made of it. The record begins when somebody else than
``flat`` is champion; what began earlier does not count. An arm is on the floor from when it was
registered until it is retired, and again once it is anything else than retired. Nobody says what
an arm that has never traded would make, so it is left out.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, time, tzinfo

from tiltyard.facts.allotment import sized
from tiltyard.facts.arm import FLAT, Arm, Roster
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import Money
from tiltyard.kernel.undefined import Undefined
from tiltyard.scaling.counterfactual import Parts, Setting, Stay
from tiltyard.scaling.ladder import ShareRules
from tiltyard.scaling.opportunities import Opportunities, Opportunity
from tiltyard.scaling.other_rules import OtherRules, weigh
from tiltyard.scaling.trading_day import nights_between

_GONE = "retired"


class FloorRecord:
    """What there was.

    Args:
        nightly: When a trading day begins.
        zone: In which time zone.
        capital: Of arms that were allotted none; None when nobody said.
        bounds: Of shares.
    """

    def __init__(
        self,
        nightly: time,
        zone: tzinfo,
        capital: Money | None = None,
        bounds: ShareRules = ShareRules(),  # noqa: B008 it never changes
    ) -> None:
        self._nightly = nightly, zone
        self._capital, self._bounds = capital, bounds
        self._opportunities = Opportunities()
        self._stays: dict[str, list[Stay]] = defaultdict(list)
        self._times: list[datetime] = []
        self._shares: list[Parts] = []
        self._champion = ""
        self._roster: Roster | None = None

    def stand(self, roster: Roster, at: datetime) -> None:
        """The roster stands so from now on; one that is older than the last counts from then."""
        if roster is self._roster:
            return
        self._roster = roster
        champions = [arm.name for arm in roster.arms.values() if _leads(arm)]
        if not self._champion and not champions:
            return
        self._champion = self._champion or champions[0]
        at = max([at, *self._times[-1:]])
        for name, arm in roster.arms.items():
            if FLAT not in (name, arm.kind):
                self._stay(arm, at)
        shares = {name: arm.share for name, arm in roster.arms.items() if arm.share}
        self._times.append(at)
        self._shares.append({} if roster.entries_stopped_by else shares)

    def see(self, trade: Trade) -> None:
        """A trade has closed; one that says no capital was sized on what its arm was allotted."""
        self._opportunities.see(sized(trade, self._roster or Roster(), self._capital))

    def other_rules(
        self,
        now: datetime,
        enforced: str,
        *,
        progress: Callable[[int], object] = lambda _: None,
    ) -> OtherRules | Undefined:
        """What the other rules would have made by ``now``.

        Args:
            now: UTC.
            enforced: The rule that is in force.
            progress: Told the number of plays that are over.
        """
        if not self._champion:
            return Undefined("no_champion", "nobody who trades was champion")
        found = self._opportunities.read(self._champion, now, self._times[0])
        if isinstance(found, Undefined):
            return found
        each = found.each
        nights = list(nights_between(each[0].began, each[-1].began, *self._nightly))
        traders = self._opportunities.arms - {self._champion}
        stays = {name: its for name, its in self._stays.items() if name in traders}
        if not stays:
            return Undefined("unobserved", "no challenger has traded")
        since, bounds = found.scaled_since, self._bounds
        setting = Setting(each, nights, self._champion, stays, since, bounds)
        return weigh(found, setting, list(self._parts(each)), enforced, progress=progress)

    def _stay(self, arm: Arm, at: datetime) -> None:
        stays = self._stays[arm.name]
        is_here = bool(stays) and stays[-1].until is None
        if arm.state == _GONE and is_here:
            stays[-1] = stays[-1]._replace(until=at)
        elif arm.state != _GONE and not is_here:
            stays.append(Stay(at))

    def _parts(self, each: Sequence[Opportunity]) -> Iterator[Parts]:
        for one in each:
            yield self._shares[bisect_right(self._times, one.began) - 1]


def _leads(arm: Arm) -> bool:
    return arm.role == "champion" and FLAT not in (arm.name, arm.kind)
