"""What a bot may ask and report, the same for both clients.

Nothing here waits, and nothing is raised: who may enter is decided from what is held in
memory, and what is reported is put by, for a courier. What a bot says wrongly is refused
with the reason, among what the desk refuses.
"""

import asyncio
import logging
from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from random import Random
from threading import RLock
from typing import TypeGuard, Unpack

import httpx

from tiltyard.client.clocks import steady_seconds, system_now
from tiltyard.client.courier import USUAL, Courier, Desk, Pace
from tiltyard.client.keeping import Keeping
from tiltyard.client.outbox import Refused
from tiltyard.client.reports import (
    Kind,
    MarkReport,
    ObservationReport,
    Refusal,
    Said,
    TradeReport,
    as_json,
    read,
    written,
)
from tiltyard.client.shares import INVALID, Route, entering
from tiltyard.client.standing import Standing
from tiltyard.client.telling import Telling
from tiltyard.facts import cells
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import Fault, TiltyardError
from tiltyard.kernel.text import storable

_LOG = logging.getLogger("tiltyard.client")
_LONGEST_WAIT = 1e6
REMEMBERED = 10_000
"""Episodes, the last ones: asked again, they have the owner that they had."""


class Asking(Telling):
    """A bot's side of a desk.

    Args:
        url: Of the desk: ``http://127.0.0.1:8420``.
        token: With the scope ``ingest``. It is not logged and not shown.
        champion: Trades alone, until the desk has told who the champion is.
        source: Who reports the trades; None leaves it to the desk.
        spool: A file that keeps what is not delivered when the bot crashes.
        now: The time of day, UTC.
        steady: Seconds on a clock that nobody sets.
        transport: Carries the exchanges; None for the network. No proxy is taken from the
            environment.
        pace: How often the desk is asked, and how long things are waited for.
        rng: Chooses which durations are kept of a minute with very many; None for one of its own.

    Raises:
        TiltyardError: ``CLIENT_INVALID`` or ``SPOOL_UNUSABLE``.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        champion: str,
        source: str | None = None,
        spool: Path | str | None = None,
        now: Callable[[], datetime] = system_now,
        steady: Callable[[], float] = steady_seconds,
        transport: httpx.AsyncBaseTransport | None = None,
        pace: Pace = USUAL,
        rng: Random | None = None,
    ) -> None:
        source = None if source is None else _name("source", source)
        self._desk = Desk(_checked(url), _secret(token), source, transport)
        standing = Standing(_name("champion", champion), now, steady)
        super().__init__(standing, rng or Random())  # noqa: S311 no secret
        self._pace = pace
        self._episodes: OrderedDict[str, Route] = OrderedDict()
        self._lock = RLock()  # who handles a signal may ask, too
        self._keeping = Keeping(None if spool is None else Path(spool))
        self._start()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._desk.url!r}, pending={self.pending})"

    def route(self, episode_id: str, symbol: str, volatility_tercile: int | None = None) -> Route:
        """Who may enter with this episode. Ask before every entry.

        An episode never changes its owner: asked again, it has the one that it had, or
        nobody, when that one may not enter any more.

        Args:
            episode_id: From entry to exit; another for each.
            symbol: As the venue writes it.
            volatility_tercile: 0 calm, 1 usual, 2 wild; None when you do not know.
        """
        said = {
            "episode_id": episode_id,
            "symbol": symbol,
            "volatility_tercile": volatility_tercile,
        }
        try:
            item = read("decisions", said)
            return entering(self._decided(item))
        except Refusal as refusal:
            self._refuse("decisions", said, refusal.faults)
        except Exception:  # noqa: BLE001 nothing is raised into a bot
            _LOG.exception("a defect of the client: nobody enters")
        return INVALID

    def may_enter(self, policy: str) -> bool:
        """Whether it has any share of entries now."""
        return self.share_of(policy) > 0

    def share_of(self, policy: str) -> float:
        """The share of entries that it has now, 0..1."""
        return self._standing.share_of(policy) if _is_text(policy) else 0.0

    def only_leaves(self, policy: str) -> bool:
        """Whether its positions may only shrink, by the last that the desk told."""
        return _is_text(policy) and self._standing.held.only_leaves(policy)

    def trade(self, **said: Unpack[TradeReport]) -> None:
        """Report a closed trade, or correct it with a higher ``revision``."""
        self._report("trades", said)

    def mark(self, **said: Unpack[MarkReport]) -> None:
        """Report what a policy's open positions are worth; 0 of them says that it is flat."""
        self._report("marks", {"marked_at": self._standing.now(), **said})

    def observe(self, **said: Unpack[ObservationReport]) -> None:
        """Report one reading of a gauge."""
        self._report("observations", {"observed_at": self._standing.now(), **said})

    @property
    def pending(self) -> int:
        """How many reports the desk does not have yet, first heartbeats among them."""
        return len(self._keeping) + len(self._beats.unsaid)

    @property
    def refused(self) -> tuple[Refused, ...]:
        """What was refused for good, the last 1,000, oldest first."""
        return self._keeping.refused

    @property
    def dropped(self) -> Mapping[Kind, int]:
        """For how many reports of each kind there was no room."""
        return self._keeping.dropped

    def _decided(self, item: dict[str, object]) -> Route:
        episode_id = str(item["episode_id"])
        with self._lock:
            known = self._episodes.get(episode_id)
            route = self._standing.route(episode_id)
            if known is not None:
                return self._as_it_was(known, route)
            if route.policy is None:
                return route
            self._episodes[episode_id] = route
            if len(self._episodes) > REMEMBERED:
                self._episodes.popitem(last=False)
        decision = {
            "episode_id": episode_id,
            "symbol": item["symbol"],
            "policy": route.policy,
            "propensity": route.propensity,
            "share_revision": route.share_revision,
            "decided_at": time_text(self._standing.now()),
            "volatility_tercile": item.get("volatility_tercile"),
        }
        self._put("decisions", as_json(decision))
        return route

    def _as_it_was(self, known: Route, route: Route) -> Route:
        if known.policy is not None and self.may_enter(known.policy):
            return known
        return Route(None, 0.0, route.share_revision, route.why)

    def _report(self, kind: Kind, said: Mapping[str, object]) -> None:
        try:
            self._put(kind, written(kind, said))
        except Refusal as refusal:
            self._refuse(kind, said, refusal.faults)
        except Exception:  # noqa: BLE001 nothing is raised into a bot
            _LOG.exception("a defect of the client: one of %s is lost", kind)

    def _refuse(self, kind: Said, said: Mapping[str, object], faults: tuple[Fault, ...]) -> None:
        self._keeping.refuse(kind, {name: _shown(value) for name, value in said.items()}, faults)

    def _put(self, kind: Kind, text: str) -> None:
        self._keeping.put(kind, text)
        self._nudge()

    def _new_courier(self, loop: asyncio.AbstractEventLoop) -> Courier:
        return Courier(
            loop, self._desk, self._keeping, self._beats, self._standing, self._pace,
            self._tell_counts, self._checkups,
        )  # fmt: skip

    @abstractmethod
    def _start(self) -> None:
        """Begin to ask and to deliver."""


def seconds(timeout: object) -> float:
    """How long a bot wants to wait; what is no number of seconds is no wait."""
    if isinstance(timeout, int | float) and timeout > 0:
        return float(min(timeout, _LONGEST_WAIT))
    return 0.0


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str)


def _shown(value: object) -> str:
    try:
        return storable(str(value)[:200])
    except Exception as error:  # noqa: BLE001 whatever a bot hands in, it is not raised into it
        return f"<{type(error).__name__}>"


def _checked(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        raise _invalid("url", "it is no address") from None
    if parsed.userinfo:
        raise _invalid("url", "leave out user and password: the token is all that is needed")
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise _invalid("url", f"expected http://host:port, found {str(url)[:80]!r}")
    if parsed.query or parsed.fragment:
        raise _invalid("url", "leave out what begins with ? or #")
    return str(parsed)


def _secret(token: str) -> str:
    if not _is_text(token) or not (token and token.isascii() and token.isprintable()):
        raise _invalid("token", "expected printable ASCII")
    if " " in token:
        raise _invalid("token", "there is a space in it")
    return token


def _name(what: str, name: str) -> str:
    try:
        read_name = cells.text(name).strip()
    except ValueError as refusal:
        raise _invalid(what, str(refusal)) from None
    if not read_name:
        raise _invalid(what, "it is empty")
    return read_name


def _invalid(what: str, facts: str) -> TiltyardError:
    return TiltyardError("CLIENT_INVALID", what, facts)
