"""What a trading desk must still know after it was killed, as one JSON text.

The text is canonical: the same state is the same text. Money and quantities are whole numbers,
prices are written so that reading them gives the same number again, to the last bit.

>>> from datetime import UTC
>>> noon = datetime(2025, 7, 7, 12, tzinfo=UTC)
>>> played = Played(noon, timedelta(hours=1), FloorState())
>>> played_from(text_of(played)) == played
True
"""

import json
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from tiltyard.kernel.clock import moment, time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import Money
from tiltyard.market.paper import Entry, Holdings, Lane, Position
from tiltyard.router.floor import FloorState

VERSION = 2
READS = frozenset({1, VERSION})
"""The first did not say what capital an order was sized by."""
_SECOND = timedelta(seconds=1)


class Played(NamedTuple):
    """How far the bars have been played, and what stands then.

    Attributes:
        until: When the last interval that was played had closed.
        interval: How long it was.
        floor: What is held, ordered and told.
        has_decided: The arms have decided by that interval.
        seated: The arms that it trades for; empty where an earlier version has not said it.
    """

    until: datetime
    interval: timedelta
    floor: FloorState
    has_decided: bool = False
    seated: tuple[str, ...] = ()


def text_of(played: Played) -> str:
    """The one text of a state."""
    floor = played.floor
    plain = {
        "version": VERSION,
        "until": time_text(played.until),
        "interval_s": played.interval // _SECOND,
        "has_decided": played.has_decided,
        "live": _holdings(floor.live),
        "paper": _holdings(floor.paper),
        "lived": [[*lane, episode] for lane, episode in floor.lived],
        "marked": list(floor.marked),
        "seated": list(played.seated),
    }
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def played_from(text: str) -> Played:
    """The state of a text.

    Raises:
        TiltyardError: ``FLOOR_UNREADABLE`` when another version has written it, or somebody else.
    """
    try:
        plain = json.loads(text)
        if (version := plain["version"]) not in READS:
            raise _unreadable(f"written as version {version}, expected {VERSION}")  # noqa: TRY003 as everywhere
        floor = FloorState(
            _read_holdings(plain["live"]),
            _read_holdings(plain["paper"]),
            tuple((Lane(policy, symbol), episode) for policy, symbol, episode in plain["lived"]),
            tuple(plain["marked"]),
        )
        interval, seated = plain["interval_s"] * _SECOND, tuple(plain.get("seated", ()))
        return Played(moment(plain["until"]), interval, floor, plain["has_decided"], seated)
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(f"{type(error).__name__}: {error}") from None  # noqa: TRY003 as above


def _unreadable(facts: str) -> TiltyardError:
    return TiltyardError(
        "FLOOR_UNREADABLE", "floor_state", facts, "go on with the version that wrote it; the desk "
        "judges meanwhile, and nobody trades",
    )  # fmt: skip


def _holdings(holdings: Holdings) -> dict[str, Any]:
    return {
        "entries": [_entry(entry) for entry in holdings.entries],
        "exits": [[*lane, why] for lane, why in holdings.exits],
        "positions": [_position(position) for position in holdings.positions],
    }


def _read_holdings(plain: dict[str, Any]) -> Holdings:
    return Holdings(
        tuple(_read_entry(one) for one in plain["entries"]),
        tuple((Lane(policy, symbol), why) for policy, symbol, why in plain["exits"]),
        tuple(_read_position(one) for one in plain["positions"]),
    )


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "policy": entry.lane.policy,
        "symbol": entry.lane.symbol,
        "episode": entry.episode_id,
        "direction": entry.direction,
        "notional": entry.notional,
        "stop": entry.stop,
        "capital": entry.capital,
    }


def _read_entry(plain: dict[str, Any]) -> Entry:
    lane = Lane(plain["policy"], plain["symbol"])
    notional, capital = Money(plain["notional"]), plain.get("capital")
    return Entry(
        lane, plain["episode"], plain["direction"], notional, plain["stop"],
        None if capital is None else Money(capital),
    )  # fmt: skip


def _position(position: Position) -> dict[str, Any]:
    return {
        "entry": _entry(position.entry),
        "opened_at": time_text(position.opened_at),
        "quantity": position.quantity,
        "price": position.price,
        "fee": position.fee,
        "risk": position.risk,
    }


def _read_position(plain: dict[str, Any]) -> Position:
    risk = plain["risk"]
    return Position(
        _read_entry(plain["entry"]), moment(plain["opened_at"]), plain["quantity"], plain["price"],
        Money(plain["fee"]), None if risk is None else Money(risk),
    )  # fmt: skip
