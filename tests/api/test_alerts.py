"""What Alertmanager tells the desk is written down, and done once as any verb is."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest

from served import PROD, Served
from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
from tiltyard.facts.arm import Roster
from tiltyard.shell.clock import system_now
from tiltyard.shell.store.command_table import every_command
from tiltyard.shell.store.ledger import Ledger
from waiting import until

SUMMARY = "drawdown 12.4 % > 4 %"


def item(  # as Alertmanager 0.25 writes one
    guard: str,
    policy: str = "",
    status: str = "firing",
    **said: Any,  # noqa: ANN401 any field
) -> dict[str, Any]:
    named = (one.alert for one in DEFAULT_CHECKLIST.guards if one.name == guard)
    labels = {"alertname": next(named, "Name"), "guard": guard, "severity": "critical"}
    labels |= {"policy": policy} if policy else {}
    ends = "0001-01-01T00:00:00Z" if status == "firing" else system_now().isoformat()
    return {
        "status": status, "labels": {**labels, **said.pop("labels", {})},
        "annotations": {"summary": SUMMARY}, "startsAt": "2026-03-02T12:00:00.123456789Z",
        "endsAt": ends, "generatorURL": "http://prometheus/graph", "fingerprint": guard + policy,
        **said,
    }  # fmt: skip


def batch(*items: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": "firing",
        "receiver": "desk", "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {},
        "externalURL": "http://alertmanager", "alerts": list(items),
    }  # fmt: skip


def told(asking: httpx.Client, *items: Mapping[str, Any]) -> list[str]:
    answer = asking.post("/v1/alerts", json=batch(*items))
    assert answer.status_code == 200, answer.text
    return [one["said"] for one in answer.json()["alerts"]]


def roster(served: Served) -> Roster:
    with Ledger.open(served.database) as ledger:
        return ledger.roster()


def commands(served: Served) -> int:
    with Ledger.open(served.database) as ledger, ledger.snapshot() as still:
        return len(every_command(still.connection))


def test_an_alert_of_a_hard_guard_takes_the_traffic_by_the_other_chain(served: Served) -> None:
    now = system_now().isoformat()
    with served.asking("operate", name="alertmanager") as other:
        (said,) = told(other, item("challenger_profit_factor_low", "bot0", startsAt=now))
    assert "bot0: throttled, traffic 10.0 % to 0 %" in said
    assert (roster(served).arms["bot0"].state, roster(served).arms["bot0"].share) == (
        "throttled",
        0,
    )
    with Ledger.open(served.database) as ledger, ledger.snapshot() as still:
        command, _ = every_command(still.connection)[-1]
    assert (command.actor, command.reason) == (
        "alertmanager",
        f"ChallengerProfitFactorLow: {SUMMARY}",
    )


def test_told_again_it_is_the_same_command_and_when_it_ends_nothing_comes_back(
    served: Served,
) -> None:
    now = system_now().isoformat()
    halted = item("challenger_drawdown_high", "bot1", startsAt=now)
    with served.asking("operate", "read") as other:
        told(other, halted)
        after = commands(served)
        for _ in range(3):
            assert "halted already" in told(other, halted)[0]
        assert "is over" in told(other, {**halted, "status": "resolved"})[0]
        (state,) = [one for one in other.get("/v1/alerts").json()["alerts"]
                    if one["policy"] == "bot1"]  # fmt: skip
    assert commands(served) == after
    assert roster(served).arms["bot1"].state == "halted"
    assert (state["times"], state["status"]) == (5, "resolved")
    assert "traffic 10.0 % to 0 %" in state["said"], "what followed stays to be read"


def test_who_came_back_since_is_not_halted_by_an_alert_from_before(served: Served) -> None:
    began = system_now()
    with served.asking("operate", "approve") as ann:
        assert ann.post("/v1/policies/bot2/throttle", json={}).status_code == 200
    with Ledger.open(served.database) as ledger:
        (review,) = ledger.roster().open_reviews("bot2")
    with served.asking("operate", "approve") as ann:
        assert ann.post(f"/v1/reviews/{review.number}/acknowledge", json={}).status_code == 200
        assert ann.post("/v1/policies/bot2/rearm", json={}).status_code == 200
        (said,) = told(ann, item("challenger_drawdown_high", "bot2", startsAt=began.isoformat()))
        assert "trial began anew since" in said
        assert roster(served).arms["bot2"].state == "probation"
        after = (system_now() + timedelta(seconds=1)).isoformat()
        (said,) = told(ann, item("challenger_drawdown_high", "bot2", startsAt=after))
        assert "halted" in said


def test_what_means_nothing_here_is_written_down_beside_what_does(served: Served) -> None:
    now = system_now().isoformat()
    with served.asking("operate", "read") as other:
        said = told(
            other,
            item("of_another_desk", "bot3", startsAt=now),
            item("challenger_drawdown_high", "nobody", startsAt=now),
            item("challenger_drawdown_high", PROD, startsAt=now),
            item("challenger_drawdown_high", "bot3", startsAt=now, labels={"test": "true"}),
            item("challenger_profit_factor_low", "bot3", startsAt=now),
            {"status": "firing", "labels": {}, "startsAt": now, "new": {"field": 1}},
        )
        assert len(said) == 6
        assert sum("bot3: throttled" in one for one in said) == 1
        names = {(one["guard"], one["policy"]) for one in other.get("/v1/alerts").json()["alerts"]}
    assert ("of_another_desk", "bot3") in names
    assert ("", "") in names
    assert roster(served).arms[PROD].state == "champion"


def later() -> str:
    """When an alert begins anew that a failed scrape has ended."""
    return system_now().isoformat()


def observed(asking: httpx.Client, name: str, number: float, policy: str = "") -> None:
    said = {"name": name, "number": number, "observed_at": later()}
    body = {"observations": [{**said, "policy": policy} if policy else said]}
    assert asking.post("/v1/observations", json=body).status_code == 200


def resume(asking: httpx.Client, hold: str) -> None:
    assert asking.post("/v1/resume", json={"hold": hold}).status_code == 200


def test_what_the_desk_does_not_see_is_frozen_once_for_each_time_that_the_alert_begins(
    served: Served,
) -> None:
    low = item("account_balance_low", startsAt=later())
    with served.asking("operate", "approve") as ann:
        assert "every challenger" in told(ann, low)[0]
        assert roster(served).challengers_frozen_by
        resume(ann, "freeze")
        assert "this key was asked before" in told(ann, low)[0]
        assert not roster(served).challengers_frozen_by
        assert "every challenger" in told(ann, {**low, "startsAt": later()})[0]
        resume(ann, "freeze")
    assert not roster(served).challengers_frozen_by


def test_an_idle_resume_and_one_of_something_else_say_nothing_of_an_alert(served: Served) -> None:
    low = item("account_balance_low", startsAt=later())
    with served.asking("operate", "approve") as ann:
        assert ann.post("/v1/stop-all", json={}).status_code == 200
        for hold in ("stop-all", "freeze", "deadman"):
            resume(ann, hold)
        assert "every challenger" in told(ann, low)[0]
        resume(ann, "freeze")


def test_what_a_person_gave_back_in_sight_of_the_breach_stays_given_after_a_gap(
    served: Served,
) -> None:
    with served.asking("operate", "approve", "ingest") as ann:
        observed(ann, "account_balance", 5)
        until(lambda: "account_balance_low" in roster(served).challengers_frozen_by)
        first = item("account_balance_low", startsAt=later())
        assert "so already, by account_balance_low" in told(ann, first)[0]
        resume(ann, "account_balance_low")
        asked = commands(served)
        for _ in range(2):
            again = told(ann, item("account_balance_low", startsAt=later()))[0]
            assert "the desk has known this breach since" in again
            assert "a person has ended that hold after that" in again
        assert commands(served) == asked
        assert not roster(served).challengers_frozen_by
        observed(ann, "account_balance", 1000)


def test_who_was_rearmed_in_sight_of_the_breach_keeps_its_traffic_after_a_gap(
    served: Served,
) -> None:
    with served.asking("operate", "approve", "ingest") as ann:
        observed(ann, "model_healthy", 0, "bot4")
        until(lambda: roster(served).arms["bot4"].state == "halted")
        (review,) = roster(served).open_reviews("bot4")
        assert ann.post(f"/v1/reviews/{review.number}/acknowledge", json={}).status_code == 200
        assert ann.post("/v1/policies/bot4/rearm", json={}).status_code == 200
        again = told(ann, item("model_unhealthy", "bot4", startsAt=later()))[0]
        assert "the desk has known this breach since" in again
        assert "its trial began anew after that" in again
    assert roster(served).arms["bot4"].state == "probation"


@pytest.mark.parametrize("scope", ["read", "ingest", "approve"])
def test_only_who_may_operate_may_tell_alerts(served: Served, scope: Any) -> None:  # noqa: ANN401
    with served.asking(scope) as other:
        answer = other.post("/v1/alerts", json=batch(item("challenger_drawdown_high", "bot4")))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "SCOPE_MISSING")
    assert roster(served).arms["bot4"].state == "probation"


@pytest.mark.parametrize(
    "body",
    [
        {"version": "3", "alerts": []},
        {"version": "4"},
        {"version": "4", "alerts": [{"status": "firing", "labels": {}}]},
        {"version": "4", "alerts": [item("x", status="odd")]},
        {"version": "4", "alerts": [item("x", startsAt="2026-03-02T12:00:00")]},
        {"version": "4", "alerts": [item("x")] * 1001},
        [],
    ],
)  # fmt: skip
def test_what_is_no_batch_of_alerts_is_refused_whole(served: Served, body: object) -> None:
    before = commands(served)
    with served.asking("operate") as other:
        answer = other.post("/v1/alerts", json=body)
    assert answer.status_code in (413, 422)
    assert commands(served) == before
