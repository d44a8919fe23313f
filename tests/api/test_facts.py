"""What bots report over HTTP: taken whole or not at all, and taken once."""

from typing import Any

import pytest

from served import NOON, Served, trade
from tiltyard.shell.store.ledger import Ledger


def counts(**said: int) -> dict[str, int]:
    return {"new": 0, "corrected": 0, "unchanged": 0, "quarantined": 0, **said}


def test_a_batch_again_changes_nothing_and_another_content_corrects(served: Served) -> None:
    with served.asking("ingest", name="again") as bot:
        batch = {"trades": [trade(1), trade(2)]}
        assert bot.post("/v1/trades", json=batch).json() == counts(new=2)
        assert bot.post("/v1/trades", json=batch).json() == counts(unchanged=2)
        batch = {"trades": [trade(1, pnl="0.5"), trade(2), trade(3)]}
        assert bot.post("/v1/trades", json=batch).json() == counts(new=1, corrected=1, unchanged=1)


def test_money_is_exact_as_text_and_as_a_number(served: Served) -> None:
    with served.asking("ingest", name="exact") as bot, Ledger.open(served.database) as ledger:
        amounts: list[float | str] = ["0.00000001", 0.1, -7]
        for number, pnl in enumerate(amounts):
            said = {"trades": [trade(number, "bot1", pnl, fees="0.1")]}
            assert bot.post("/v1/trades", json=said).json() == counts(new=1)
        kept = [one.pnl for one in ledger.trades("bot1") if one.source == "exact"]
        assert kept == [1, 10_000_000, -700_000_000]


def test_a_fault_tells_its_item_and_field_and_nothing_is_written(served: Served) -> None:
    with served.asking("ingest", name="faulty") as bot, Ledger.open(served.database) as ledger:
        batch = {"trades": [trade(1), trade(2, pnl="nan", side="up"), trade(3, "nobody")]}
        answer = bot.post("/v1/trades", json=batch)
        assert answer.status_code == 422
        error = answer.json()["error"]
        assert error["code"] == "ITEMS_REFUSED"
        assert [(one["item"], one["place"]) for one in error["faults"]] == [(1, "side"), (1, "pnl")]
        batch = {"trades": [trade(1), trade(3, "nobody")]}
        (fault,) = bot.post("/v1/trades", json=batch).json()["error"]["faults"]
        assert (fault["item"], fault["place"]) == (1, "policy")
        assert "POLICY_UNKNOWN" in fault["message"]
        assert not [one for one in ledger.trades() if one.source == "faulty"]


def test_a_trade_twice_in_a_batch_is_refused(served: Served) -> None:
    with served.asking("ingest", name="twice") as bot:
        answer = bot.post("/v1/trades", json={"trades": [trade(1), trade(1, pnl=2)]})
        assert answer.status_code == 422
        assert {one["item"] for one in answer.json()["error"]["faults"]} == {1}


def test_the_same_trade_twice_in_a_batch_is_one(served: Served) -> None:
    with served.asking("ingest", name="stutters") as bot:
        batch = {"trades": [trade(1), trade(2), trade(1)]}
        assert bot.post("/v1/trades", json=batch).json() == counts(new=2, unchanged=1)


def test_a_fault_is_in_the_item_as_it_was_sent(served: Served) -> None:
    with served.asking("ingest", name="counts") as bot:
        batch = {"trades": [trade(1), trade(1), trade(2, "nobody"), trade(3)]}
        (fault,) = bot.post("/v1/trades", json=batch).json()["error"]["faults"]
        assert fault["item"] == 2
        beat = {"policy": "bot4", "at": AT}
        assert bot.post("/v1/heartbeats", json={"heartbeats": [beat]}).status_code == 200
        beats = {"heartbeats": [beat, {**beat, "policy": "nobody"}]}
        (fault,) = bot.post("/v1/heartbeats", json=beats).json()["error"]["faults"]
        assert fault["item"] == 1


def test_a_trade_of_another_policy_under_its_name_is_refused(served: Served) -> None:
    with served.asking("ingest", name="moved") as bot:
        assert bot.post("/v1/trades", json={"trades": [trade(1)]}).status_code == 200
        answer = bot.post("/v1/trades", json={"trades": [trade(1, "bot2")]})
        assert answer.status_code == 422


def test_a_source_may_be_named_and_is_the_token_otherwise(served: Served) -> None:
    with served.asking("ingest", name="sourced") as bot, Ledger.open(served.database) as ledger:
        said = {"source": "venue-7", "trades": [trade(1)]}
        assert bot.post("/v1/trades", json=said).json() == counts(new=1)
        assert bot.post("/v1/trades", json={"trades": [trade(1)]}).json() == counts(new=1)
        sources = {one.source for one in ledger.trades("bot0")}
        assert {"sourced/venue-7", "sourced"} <= sources


def test_the_future_is_kept_apart(served: Served) -> None:
    late = {"opened_at": "2999-01-01T00:00:00Z", "closed_at": "2999-01-01T00:00:00Z"}
    mark = {"policy": "bot0", "marked_at": "2999-01-01T00:00:00Z", "unrealised": 0,
            "open_positions": 0}  # fmt: skip
    with served.asking("ingest", name="ahead") as bot:
        said = {"trades": [{**trade(1), **late}, trade(2)]}
        assert bot.post("/v1/trades", json=said).json() == counts(new=1, quarantined=1)
        assert bot.post("/v1/marks", json={"marks": [mark]}).json() == counts(quarantined=1)


AT = NOON.isoformat()
GOOD: dict[str, dict[str, Any]] = {
    "marks": {"policy": "bot0", "marked_at": AT, "unrealised": "-3.5", "open_positions": 1},
    "observations": {"name": "account_balance", "number": 12.5, "observed_at": AT},
    "decisions": {"episode_id": "e", "symbol": "SOL", "policy": "bot0", "propensity": 0.1,
                  "share_revision": 3, "decided_at": AT},
}  # fmt: skip


@pytest.mark.parametrize("kind", GOOD)
def test_other_facts_are_taken_once_and_never_changed(served: Served, kind: str) -> None:
    changed: dict[str, dict[str, Any]] = {
        "marks": {"unrealised": 4}, "observations": {"number": 1.5},
               "decisions": {"policy": "bot1"}}  # fmt: skip
    with served.asking("ingest") as bot:
        assert bot.post(f"/v1/{kind}", json={kind: [GOOD[kind]]}).json() == counts(new=1)
        assert bot.post(f"/v1/{kind}", json={kind: [GOOD[kind]]}).json() == counts(unchanged=1)
        answer = bot.post(f"/v1/{kind}", json={kind: [GOOD[kind] | changed[kind]]})
        assert answer.status_code == 422
        (fault,) = answer.json()["error"]["faults"]
        assert (fault["item"], fault["message"][:12]) == (0, "FACT_DIFFERS")


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("marks", {"open_positions": -1}, "open_positions"),
    ("marks", {"capital": 0}, "capital"),
    ("marks", {"marked_at": "2026-03-02T12:00:00"}, "marked_at"),
    ("observations", {"name": "pf_150"}, "name"),
    ("observations", {"number": "many"}, "number"),
    ("observations", {"samples": 0}, "samples"),
    ("decisions", {"propensity": 0}, "propensity"),
    ("decisions", {"propensity": 1.5}, "propensity"),
    ("decisions", {"volatility_tercile": 3}, "volatility_tercile"),
    ("decisions", {"symbol": "\u0000"}, "symbol"),
    ("decisions", {"unheard": 1}, "unheard"),
]


@pytest.mark.parametrize(("kind", "wrong", "place"), BAD)
def test_a_bad_value_is_refused_with_its_place(
    served: Served, kind: str, wrong: dict[str, Any], place: str
) -> None:
    with served.asking("ingest") as bot:
        answer = bot.post(f"/v1/{kind}", json={kind: [GOOD[kind], GOOD[kind] | wrong]})
        assert answer.status_code == 422, answer.text
        assert [(f["item"], f["place"]) for f in answer.json()["error"]["faults"]] == [(1, place)]


def test_a_heartbeat_a_minute_is_kept_of_each_bot(served: Served) -> None:
    with served.asking("ingest") as bot, Ledger.open(served.database) as ledger:
        beats = [{"policy": "bot3", "at": f"2026-03-02T12:{minute:02}:{second:02}Z"}
                 for minute in range(2) for second in (0, 20, 40)]  # fmt: skip
        for beat in beats:
            assert bot.post("/v1/heartbeats", json={"heartbeats": [beat]}).status_code == 200
        kept = [one.observed_at.minute for one in ledger.observations() if one.policy == "bot3"]
        assert kept == [0, 1]
        wrong = {"heartbeats": [beats[0], {"policy": "bot3", "at": "noon"}]}
        (fault,) = bot.post("/v1/heartbeats", json=wrong).json()["error"]["faults"]
        assert (fault["item"], fault["place"]) == (1, "at")


def test_an_empty_batch_is_nothing(served: Served) -> None:
    with served.asking("ingest") as bot:
        for kind in (*GOOD, "trades", "heartbeats"):
            assert bot.post(f"/v1/{kind}", json={kind: []}).json() == counts()


def test_a_heartbeat_from_the_future_silences_nobody(served: Served) -> None:
    with served.asking("ingest") as bot, Ledger.open(served.database) as ledger:
        ahead = {"policy": "bot2", "at": "2999-01-01T00:00:00Z"}
        beat = {"policy": "bot2", "at": "2026-03-02T12:00:00Z"}
        assert bot.post("/v1/heartbeats", json={"heartbeats": [ahead, beat]}).json() == counts(
            new=1, quarantined=1
        )
        later = {"policy": "bot2", "at": "2026-03-02T12:05:00Z"}
        assert bot.post("/v1/heartbeats", json={"heartbeats": [later]}).json() == counts(new=1)
        kept = [one.observed_at.minute for one in ledger.observations() if one.policy == "bot2"]
        assert kept == [0, 5]


def test_a_heartbeat_of_nobody_is_refused(served: Served) -> None:
    with served.asking("ingest") as bot:
        beats = [{"policy": "nobody", "at": AT}]
        (fault,) = bot.post("/v1/heartbeats", json={"heartbeats": beats}).json()["error"]["faults"]
        assert (fault["item"], fault["place"]) == (0, "policy")


def test_what_a_trade_is_does_not_change_unless_its_revision_says_so(served: Served) -> None:
    with served.asking("ingest", name="another run") as bot:
        assert bot.post("/v1/trades", json={"trades": [trade(1)]}).json() == counts(new=1)
        another = trade(1, symbol="BTC/USDT")
        assert bot.post("/v1/trades", json={"trades": [another]}).status_code == 422
        said = {"trades": [{**another, "revision": 2}]}
        assert bot.post("/v1/trades", json=said).json() == counts(corrected=1)


@pytest.mark.parametrize("wrong", [{"pnl": True}, {"trade_id": True}, {"opened_at": True}])
def test_true_is_no_number(served: Served, wrong: dict[str, Any]) -> None:
    with served.asking("ingest") as bot:
        answer = bot.post("/v1/trades", json={"trades": [{**trade(1), **wrong}]})
        assert answer.status_code == 422, answer.text
