"""What a bot says, as a desk reads it, or everything that is wrong with it."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.desks import NOON
from tiltyard.client.reports import FIELDS, KINDS, Kind, Refusal, read, written
from tiltyard.facts.intake import Intake

TRADE: dict[str, Any] = {
    "trade_id": 1,
    "policy": "prod",
    "symbol": "SOL/USDT",
    "side": "long",
    "opened_at": NOON,
    "closed_at": NOON + timedelta(hours=1),
    "pnl": Decimal("12.34"),
}
VIENNA = timezone(timedelta(hours=1))
anything: st.SearchStrategy[object] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.decimals(),
    st.datetimes(), st.datetimes(timezones=st.just(UTC)), st.lists(st.integers()),
    st.complex_numbers(), st.builds(object), st.just(np.float32(0.5)), st.just(np.int64(3)),
    st.just(np.array([1, 2])), st.just(10**5000),
)  # fmt: skip


def faults(kind: Kind, said: dict[str, object]) -> list[str]:
    with pytest.raises(Refusal) as refused:
        read(kind, said)
    return [str(fault) for fault in refused.value.faults]


def test_a_trade_is_read_by_the_desk_as_it_was_meant() -> None:
    full = TRADE | {
        "side": "SHORT", "opened_at": datetime(2026, 3, 2, 13, tzinfo=VIENNA), "revision": 2,
        "book": "shadow", "account": "a", "currency": "USD", "capital": 1000, "risk": "10.5",
        "notional": -5.25, "fees": 0.1, "funding": -0.2, "quantity": Decimal("0.001"),
        "entry_price": 100.5, "exit_price": "101", "policy_digest": "abc", "episode_id": "e",
    }  # fmt: skip
    there = Intake("bot").reader().read(1, json.loads(written("trades", full)))
    here = Intake("bot").reader().read(1, full)
    assert there == here


def test_everything_that_is_wrong_is_said_at_once() -> None:
    wrong = TRADE | {"pnl": float("nan"), "side": "up", "opened_at": NOON.replace(tzinfo=None)}
    del wrong["symbol"]
    wrong["sybmol"] = "SOL"
    advice = "say which, such as 2026-03-02T12:00Z (ingest, replay and train: or pass --assume-utc)"
    assert faults("trades", wrong) == [
        "no such field. did you mean 'symbol'? @ sybmol",
        "required, but missing or empty @ symbol",
        "expected long or short, found 'up' @ side",
        f"no UTC offset, found '2026-03-02 12:00:00'; {advice} @ opened_at",
        "expected a finite decimal number, found nan @ pnl",
    ]


def test_a_trade_does_not_close_before_it_opens() -> None:
    backwards = TRADE | {"opened_at": "2026-03-02T14:00:00+01:00", "closed_at": NOON}
    assert faults("trades", backwards) == [
        "closed 2026-03-02T12:00:00Z before it opened 2026-03-02T13:00:00Z @ closed_at"
    ]


@pytest.mark.parametrize(
    ("kind", "said", "field"),
    [
        ("decisions", {"episode_id": "e", "symbol": "S", "volatility_tercile": 3}, "volatility"),
        ("decisions", {"episode_id": "e", "symbol": "S", "volatility_tercile": True}, "volatility"),
        ("decisions", {"episode_id": "e" * 201, "symbol": "S", "volatility_tercile": 1}, "episode"),
        ("decisions", {"episode_id": "\udc80", "symbol": "S", "volatility_tercile": 1}, "episode"),
        ("marks", {"policy": "p", "marked_at": 0, "unrealised": 1, "open_positions": 1}, "marked"),
        ("marks", {"policy": "p", "marked_at": NOON, "unrealised": 1, "open_positions": -1}, "op"),
        ("marks", {"policy": "p", "marked_at": NOON, "unrealised": 1, "open_positions": 2**31 + 1},
         "open_positions"),
        ("observations", {"name": "n", "number": float("inf"), "observed_at": NOON}, "number"),
        ("observations", {"name": "n", "number": 10**400, "observed_at": NOON}, "number"),
        ("observations", {"name": "n", "number": "1", "observed_at": NOON}, "number"),
        ("observations", {"name": "n", "number": 1, "observed_at": NOON, "samples": 0}, "samples"),
        ("observations", {"name": "n", "number": 1, "observed_at": NOON, "samples": 2**31 + 1},
         "samples"),
        ("heartbeats", {"policy": " ", "at": NOON}, "policy"),
    ],
)  # fmt: skip
def test_one_wrong_value_is_one_fault_at_its_place(
    kind: Kind, said: dict[str, object], field: str
) -> None:
    (fault,) = faults(kind, said)
    assert f"@ {field}" in fault


def test_numbers_of_numpy_are_numbers() -> None:
    mark = {"policy": "p", "marked_at": NOON, "unrealised": np.float64(1.5)}
    item = read("marks", mark | {"open_positions": np.int64(2), "capital": np.float32(0.5)})
    assert item["unrealised"] == "1.5"
    assert item["open_positions"] == 2
    assert item["capital"] == "0.5"


@given(st.sampled_from(KINDS), st.data())
def test_whatever_a_bot_says_is_json_or_refused_with_a_reason(kind: Kind, data: Any) -> None:  # noqa: ANN401 hypothesis gives it no public type
    names = st.one_of(st.sampled_from(list(FIELDS[kind])), st.text())
    said = data.draw(st.dictionaries(names, anything))
    if kind == "trades" and data.draw(st.booleans()):
        said = TRADE | said
    reasons: tuple[object, ...] = ()
    try:
        assert json.loads(written(kind, said)) == read(kind, said)
    except Refusal as refusal:
        reasons = refusal.faults
    complete = {name for name, (_, is_required) in FIELDS[kind].items() if is_required}
    assert reasons or complete <= set(said) <= set(FIELDS[kind])
