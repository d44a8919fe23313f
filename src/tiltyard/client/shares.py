"""What a desk has told of the shares, and who gets an episode by that.

Shares are a promise with an end. Until they expire every arm has its own; from then on the
champion trades alone, with all of the traffic, and so it does before anything was told. Who
stopped entries, and who only leaves, is no promise: that holds on until something newer is
told.

The end is kept by two clocks. By the time of day shares end when they say. By a clock that
nobody sets they end so long after they were asked for as they had left then, and never later
than 120 s; and telling the same end again does not put it off. So a wrong clock on either
side may end shares early, and lets them last 120 s too long at most.

>>> from datetime import UTC
>>> noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
>>> held = Held("prod")
>>> held.route("SOL 1", now=noon, steady=0.0)
Route(policy='prod', propensity=1.0, share_revision=0, why='never told')
>>> told = read_shares(b'''{"champion": "prod", "shares": {"prod": 0.5, "bot": 0.5}, "salt": "a",
... "entries_stopped_by": [], "reduce_only": [], "revision": 7,
... "decided_at": "2026-03-02T11:59:00Z", "expires_at": "2026-03-02T12:01:00Z"}''')
>>> held = held.taking(told, now=noon, steady=0.0)
>>> held.route("SOL 1", now=noon, steady=1.0)
Route(policy='prod', propensity=0.5, share_revision=7, why='shares')
>>> held.route("SOL 1", now=noon, steady=60.0)
Route(policy='prod', propensity=1.0, share_revision=0, why='expired')
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, NamedTuple, Self

from tiltyard.facts import cells
from tiltyard.facts.arm import FLAT
from tiltyard.kernel.clock import EPOCH
from tiltyard.kernel.errors import TiltyardError
from tiltyard.router.split import Split

LONGEST = 120.0
"""Seconds after they were asked for in which shares expire, whatever they say."""
_LARGEST_REVISION = 2**63 - 1

Why = Literal["shares", "expired", "never told", "entries stopped", "invalid"]


class Route(NamedTuple):
    """Who may enter with an episode.

    Attributes:
        policy: Whose it is; None when nobody may enter, or when it is ``flat``'s, which trades
            nothing.
        propensity: Probability with which that was chosen; 0 when nobody may enter.
        share_revision: Of the shares it was chosen from; 0 for the champion alone.
        why: ``shares``, by the shares; ``expired`` or ``never told``, the champion alone;
            ``entries stopped``, by the desk; ``invalid``, the bot's question was not understood.
    """

    policy: str | None
    propensity: float
    share_revision: int
    why: Why


INVALID = Route(None, 0.0, 0, "invalid")


@dataclass(frozen=True, slots=True)
class Told:
    """One answer of a desk.

    Attributes:
        champion: Its name; None when there is none.
        split: The shares; None when nobody has any.
        shares: The same, by policy.
        entries_stopped_by: Because of whom nobody may enter.
        reduce_only: Who only leaves.
        revision: Of the shares.
        expires_at: Until then challengers have theirs.
    """

    champion: str | None
    split: Split | None
    shares: Mapping[str, float]
    entries_stopped_by: frozenset[str]
    reduce_only: frozenset[str]
    revision: int
    expires_at: datetime


def read_shares(raw: bytes) -> Told:
    """The shares that a desk's answer tells.

    Raises:
        ValueError: They make no sense; it says why.
    """
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):
        cells.refuse("JSON", raw[:40])
    if not isinstance(said, dict):
        cells.refuse("an object", said)
    champion, revision, shares = said.get("champion"), said.get("revision"), said.get("shares")
    if type(revision) is not int or not 0 <= revision <= _LARGEST_REVISION:
        cells.refuse("a revision from 0", revision)
    if champion is not None or "champion" not in said:
        champion = _name(champion)
    if not isinstance(shares, dict) or not all(map(_is_share, shares.values())):
        cells.refuse("shares from 0 to 1", shares)
    salt, expires_at = said.get("salt"), said.get("expires_at")
    if not isinstance(salt, str) or not salt.isprintable():
        cells.refuse("a salt", salt)
    if not isinstance(expires_at, str) or not isinstance(said.get("decided_at"), str):
        cells.refuse("times as text", expires_at)
    return Told(
        champion,
        _split({_name(name): float(share) for name, share in shares.items()}, revision, salt)
        if shares or champion is not None
        else None,
        shares,
        _names(said.get("entries_stopped_by")),
        _names(said.get("reduce_only")),
        revision,
        cells.time(expires_at),
    )


def _split(shares: dict[str, float], revision: int, salt: str) -> Split:
    try:
        return Split(shares, revision=revision, salt=salt)
    except TiltyardError as error:
        raise ValueError(error.facts) from None


def _is_share(share: object) -> bool:
    return type(share) in {int, float} and 0 <= share <= 1  # type: ignore[operator] # numbers are


def _name(name: object) -> str:
    if not isinstance(name, str) or not name:
        cells.refuse("a name", name)
    return cells.text(name)


def _names(names: object) -> frozenset[str]:
    if not isinstance(names, list):
        cells.refuse("a list of names", names)
    return frozenset(map(_name, names))


@dataclass(frozen=True, slots=True)
class Held:
    """What a bot goes by: the last that it was told, and until when.

    Attributes:
        configured: The champion before anything was told.
        told: The last answer; None before the first.
        until: By the steady clock, when the shares end at the latest.
        latest: The latest ``expires_at`` that was told of this revision.
    """

    configured: str
    told: Told | None = None
    until: float = 0.0
    latest: datetime = EPOCH

    def taking(self, told: Told, *, now: datetime, steady: float) -> Self:
        """The same after an answer.

        Args:
            told: The answer.
            now: When it was asked for, by the time of day.
            steady: The same by the steady clock, seconds.

        Raises:
            ValueError: It is older than what is held.
        """
        if self.told is not None and told.revision < self.told.revision:
            cells.refuse(f"shares of revision {self.told.revision} or later", told.revision)
        until = steady + min((told.expires_at - now).total_seconds(), LONGEST)
        latest = told.expires_at
        if self.told is not None and told.revision == self.told.revision:
            if told.expires_at <= self.latest:
                until = min(until, self.until)
            latest = max(latest, self.latest)
        return replace(self, told=told, until=until, latest=latest)

    @property
    def champion(self) -> str | None:
        """Who trades alone when the shares have expired."""
        return self.configured if self.told is None else self.told.champion

    def is_current(self, now: datetime, steady: float) -> bool:
        """Whether shares were told and have not expired."""
        return self.told is not None and steady < self.until and now < self.told.expires_at

    def route(self, episode_id: str, *, now: datetime, steady: float) -> Route:
        """Who may enter with this episode; ``flat`` is named, too."""
        told = self.told
        if told is None:
            return Route(self.configured, 1.0, 0, "never told")
        if told.entries_stopped_by:
            return Route(None, 0.0, told.revision, "entries stopped")
        if not self.is_current(now, steady):
            route = Route(told.champion, 1.0 if told.champion else 0.0, 0, "expired")
        elif told.split is None:
            return Route(None, 0.0, told.revision, "shares")
        else:
            route = Route(*told.split.choose(episode_id), "shares")
        if route.policy in told.reduce_only:
            return Route(None, 0.0, route.share_revision, "entries stopped")
        return route

    def share_of(self, policy: str, *, now: datetime, steady: float) -> float:
        """The share of entries that a policy has now, 0..1."""
        told = self.told
        if told is not None and (told.entries_stopped_by or policy in told.reduce_only):
            return 0.0
        if told is not None and self.is_current(now, steady):
            return float(told.shares.get(policy, 0.0))
        return 1.0 if policy == self.champion else 0.0

    def only_leaves(self, policy: str) -> bool:
        """Whether its positions may only shrink."""
        return self.told is not None and policy in self.told.reduce_only


def entering(route: Route) -> Route:
    """The same for who trades: ``flat`` enters nothing."""
    return route._replace(policy=None) if route.policy == FLAT else route
